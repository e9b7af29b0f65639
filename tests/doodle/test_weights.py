import json

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline
from safetensors.torch import load_file
from transformers import (
    AutoProcessor,
    CLIPModel,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
)

from doodle import evaluation, judge, pair, recipe, weights

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation"  # of diffusers' schedulers, with numpy 2
)

MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def pipeline():
    return weights.load()


@pytest.fixture(scope="module")
def shipped_judge():
    vocabulary = recipe.read(weights.WEIGHTS / "recipe.toml").vocabulary
    return judge.load(vocabulary, weights.WEIGHTS / "judge.safetensors")


def test_a_pickle_is_not_read(tmp_path):
    for each in weights.WEIGHTS.iterdir():
        (tmp_path / each.name).symlink_to(each)
    index = json.loads((tmp_path / "model_index.json").read_text())
    index["image_encoder"] = ["transformers", "CLIPVisionModelWithProjection"]
    (tmp_path / "model_index.json").unlink()
    (tmp_path / "model_index.json").write_text(json.dumps(index))
    encoder = CLIPVisionModelWithProjection(
        CLIPVisionConfig(hidden_size=8, intermediate_size=8, num_hidden_layers=1,
                         num_attention_heads=1, image_size=8, patch_size=8)
    )  # fmt: skip
    encoder.config.save_pretrained(tmp_path / "image_encoder")
    torch.save(encoder.state_dict(), tmp_path / "image_encoder" / "pytorch_model.bin")
    with pytest.raises(OSError, match=r"safetensors"):
        weights.load(tmp_path)


def test_all_weights_together_are_small():
    files = [file for file in weights.WEIGHTS.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) <= 40 * MEGABYTE
    clip = [file for file in files if file.is_relative_to(weights.WEIGHTS / "clip")]
    assert sum(file.stat().st_size for file in clip) <= 8 * MEGABYTE


@pytest.mark.parametrize("part", weights.PARTS)
def test_weights_are_half_precision_on_disk(part):
    tensors = load_file(weights.WEIGHTS / part).values()
    assert {tensor.dtype for tensor in tensors if tensor.is_floating_point()} == {torch.float16}


def test_diffusers_own_loader_reads_them_with_no_safety_checker():
    loaded = StableDiffusionPipeline.from_pretrained(weights.WEIGHTS, local_files_only=True)
    assert loaded.safety_checker is None
    assert loaded.tokenizer.model_max_length == 77


def test_the_shipped_model_follows_prompts(pipeline, shipped_judge):
    wanted = {
        "a red cat in the snow": ("cat", "red", "snow", "flat"),
        "an orange fox in a forest, pencil sketch": ("fox", "orange", "forest", "sketch"),
        "a purple castle at sunset": ("castle", "purple", "sunset", "flat"),
        "夜の青い梟、ネオン": ("owl", "blue", "night", "neon"),
    }
    draw = evaluation.Drawing(pipeline, seed=0, say=lambda _: None)
    pictures = draw.prompts(list(wanted))
    seen = judge.answers(shipped_judge, pictures)
    right = sum(
        answer[part] == word
        for words, answer in zip(wanted.values(), seen, strict=True)
        for part, word in zip(evaluation.FOUR, words, strict=True)
    )
    assert right >= 13, seen


def test_unknown_words_and_the_empty_prompt_do_no_harm(pipeline):
    draw = evaluation.Drawing(pipeline, seed=0, say=lambda _: None)
    pictures = draw.prompts(["", "🦊 qzxv a red cat, 8k"])
    assert pictures.shape == (2, 3, 256, 256)
    assert pictures.std() > 10


def test_clips_own_loaders_read_the_pair():
    folder = weights.WEIGHTS / "clip"
    model = CLIPModel.from_pretrained(folder, local_files_only=True)
    assert sum(p.numel() for p in model.parameters()) == sum(
        p.numel() for p in pair.load(folder).parameters()
    )
    processor = AutoProcessor.from_pretrained(folder, local_files_only=True)
    picture = np.zeros((128, 128, 3), dtype=np.uint8)
    given = processor(text=["a red cat"], images=[picture], return_tensors="pt", padding=True)
    assert given["pixel_values"].shape == (1, 3, pair.SEEN_PX, pair.SEEN_PX)
