"""The forms that a model's weights may come in: one file, quantised, damaged."""

from __future__ import annotations

import importlib.util
import io
import json
import shutil
import threading

import diffusers
import numpy as np
import pytest
import torch
from PIL import Image
from transformers import T5Tokenizer

from engine import Engine, Failed, FailureKind, Finished
from engine.errors import BrokenModelError
from engine.models import loading
from engine.models.pipelines import check_tokenizer
from tests.engine import tiny_models


@pytest.fixture
async def end_of():
    """A function: catalogue entry, job → how the job ends."""
    engines = []

    async def drawn(spec, job):
        engines.append(Engine([spec], device="cpu"))
        await engines[-1].start()
        return [event async for event in engines[-1].run(job)][-1]

    yield drawn
    for engine in engines:
        await engine.close()


def pixels(end):
    assert isinstance(end, Finished), end
    return np.asarray(Image.open(io.BytesIO(end.pictures[0].png))).astype(int)


def sentence(end):
    assert isinstance(end, Failed)
    assert end.kind is FailureKind.BROKEN_MODEL
    assert "\n" not in end.reason
    assert " /" not in end.reason  # members read it: no folders of the server
    return end.reason


@pytest.fixture(scope="module")
def single(tmp_path_factory):
    path = tmp_path_factory.mktemp("single") / "tiny.safetensors"
    tiny_models.save_single_file(path, tiny_models.stable_diffusion())
    return path


@pytest.fixture(scope="module")
def gguf_of(tmp_path_factory):
    """A function: family → its denoiser as a GGUF."""
    folder = tmp_path_factory.mktemp("gguf")

    def file(family):
        path = folder / f"{family}.gguf"
        if not path.exists():
            pipeline = tiny_models.BUILDERS[family]()
            tiny_models.save_gguf(path, getattr(pipeline, "unet", None) or pipeline.transformer)
        return path

    return file


async def test_a_single_file_draws_what_its_directory_draws(end_of, draw, weights, single):
    whole = tiny_models.spec("sd", weights("sd"))
    file = tiny_models.spec("sd", single, config=weights("sd"))
    assert np.array_equal(
        pixels(await end_of(whole, draw(seed=3))), pixels(await end_of(file, draw(seed=3)))
    )


async def test_a_single_file_of_sdxl_draws_what_its_directory_draws_but_for_rounding(
    end_of, draw, weights, tmp_path
):
    # Its encoders are told apart by their widths, so they differ.
    model, path = "sdxl-single", tmp_path / "tiny.safetensors"
    tiny_models.save_single_file(path, tiny_models.BUILDERS[model]())
    whole = tiny_models.spec(model, weights(model))
    file = tiny_models.spec(model, path, config=weights(model))
    job = draw(model, seed=3, negative="a dog")
    ours, theirs = pixels(await end_of(file, job)), pixels(await end_of(whole, job))
    # Mapped from one file, weights lie at odd addresses, for which kernels round otherwise.
    assert np.abs(ours - theirs).max() <= 1


async def test_a_single_file_without_configs_asks_for_them(end_of, draw, single):
    assert "set `config`" in sentence(await end_of(tiny_models.spec("sd", single), draw()))


async def test_a_single_file_cut_short_is_one_sentence(end_of, draw, weights, single, tmp_path):
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(single.read_bytes()[:4000])
    spec = tiny_models.spec("sd", cut, config=weights("sd"))
    assert "cut.safetensors" in sentence(await end_of(spec, draw()))


@pytest.mark.parametrize("family", tiny_models.SHARING)
async def test_a_quantised_denoiser_draws_nearly_what_the_whole_one_draws(
    end_of, draw, weights, gguf_of, family
):
    place = weights(family)
    job = draw(family, seed=3, steps=8)
    whole = pixels(await end_of(tiny_models.spec(family, place), job))
    quantised = pixels(await end_of(tiny_models.spec(family, place, denoiser=gguf_of(family)), job))
    assert 0 < np.abs(whole - quantised).mean() < 2


def test_a_quantised_denoiser_stays_quantised_in_memory(weights, gguf_of):
    spec = tiny_models.spec("flux", weights("flux"), denoiser=gguf_of("flux"))
    model = loading.load(spec, torch.device("cpu"), torch.float32)
    assert torch.uint8 in {each.dtype for each in model.denoiser.parameters()}


@pytest.mark.filterwarnings("ignore")  # torchao's own, of kernels for cards
@pytest.mark.parametrize(("form", "most"), [("int8", 1.0), ("fp8", 4.0)])
@pytest.mark.parametrize("family", ["sd", "sd3"])
async def test_weights_in_8_bits_draw_nearly_what_the_whole_ones_draw(
    end_of, weights, draw, family, form, most
):
    pytest.importorskip("torchao", reason="NOT TESTED: torchao is missing (the extra `int8`).")
    small = tiny_models.spec(family, weights(family), quantise=form, compiled="off")
    job = draw(family, seed=3)
    ours = pixels(await end_of(small, job))
    theirs = pixels(await end_of(tiny_models.spec(family, weights(family)), job))
    assert 0 < np.abs(ours - theirs).mean() < most


@pytest.mark.filterwarnings("ignore")
async def test_weights_in_8_bits_without_their_extra_are_one_sentence(
    end_of, weights, draw, monkeypatch
):
    monkeypatch.setattr("engine.models.small_weights.importlib.util.find_spec", lambda _: None)
    spec = tiny_models.spec("sd", weights("sd"), quantise="int8")
    assert "needs the extra `int8`" in sentence(await end_of(spec, draw()))


async def test_a_missing_a_cut_and_a_foreign_quantised_denoiser_are_one_sentence(
    end_of, draw, weights, gguf_of, tmp_path
):
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(gguf_of("flux").read_bytes()[:600])
    for denoiser, said in (
        (tmp_path / "gone.gguf", "put the GGUF file there"),
        (cut, "cannot be loaded"),
        (gguf_of("sd3"), "cannot be loaded"),
    ):
        spec = tiny_models.spec("flux", weights("flux"), denoiser=denoiser)
        assert said in sentence(await end_of(spec, draw("flux")))


async def test_what_an_extra_brings_is_named_where_it_is_missing(
    end_of, draw, weights, gguf_of, monkeypatch
):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    spec = tiny_models.spec("flux", weights("flux"), denoiser=gguf_of("flux"))
    assert "pip install -c constraints.txt -e '.[small]'" in sentence(
        await end_of(spec, draw("flux"))
    )


async def test_four_bits_without_a_cuda_card_are_refused_with_a_way_out(end_of, draw, weights):
    spec = tiny_models.spec("sd", weights("sd"), quantise="4bit")
    assert "leave out `quantise`" in sentence(await end_of(spec, draw()))


async def test_a_denoiser_that_an_index_calls_something_hostile_is_one_sentence(
    end_of, draw, weights, gguf_of, tmp_path
):
    place = tmp_path / "model"
    shutil.copytree(weights("flux"), place)
    index = place / "model_index.json"
    index.write_text(index.read_text().replace("FluxTransformer2DModel", "logging"))
    spec = tiny_models.spec("flux", place, denoiser=gguf_of("flux"))
    assert "cannot be loaded" in sentence(await end_of(spec, draw("flux")))


@pytest.fixture
def with_index(tmp_path, weights):
    """A function: family, changes of its model_index.json → a directory with nothing else."""

    def place(family, **changes):
        index = json.loads((weights(family) / "model_index.json").read_text())
        (tmp_path / "model_index.json").write_text(json.dumps(index | changes))
        return tmp_path

    return place


@pytest.mark.parametrize(
    ("family", "found", "right"),
    [
        ("sd", "StableDiffusionInstructPix2PixPipeline", "pipeline"),
        ("sd", "StableDiffusionXLPipeline", "sdxl"),
        ("sdxl", "StableDiffusionXLInstructPix2PixPipeline", "pipeline"),
        ("sd3", "StableDiffusion3ControlNetPipeline", "pipeline"),
        ("flux", "FluxFillPipeline", "pipeline"),
        ("flux", "FluxKontextPipeline", "pipeline"),
        ("flux", "FluxControlPipeline", "pipeline"),
        ("flux", "Flux2Pipeline", "pipeline"),
        ("z-image", "ZImageOmniPipeline", "pipeline"),
        ("z-image", "FluxInpaintPipeline", "flux"),
    ],
)
async def test_a_pipeline_of_another_kind_is_one_sentence_that_names_the_right_family(
    end_of, draw, with_index, family, found, right
):
    spec = tiny_models.spec(family, with_index(family, _class_name=found))
    said = sentence(await end_of(spec, draw(family)))
    assert f"holds a {found}, which is not of the family {family!r}" in said
    assert f'set `family = "{right}"`' in said


async def test_a_refiner_is_told_from_a_base_model(end_of, draw, with_index):
    lacks = {key: [None, None] for key in ("tokenizer", "text_encoder")}
    index = with_index("sdxl", _class_name="StableDiffusionXLImg2ImgPipeline", **lacks)
    said = sentence(await end_of(tiny_models.spec("sdxl", index), draw("sdxl")))
    assert "lacks text_encoder, tokenizer (it may be a refiner)" in said


@pytest.mark.parametrize(
    ("channels", "options", "said"),
    [(8, {}, "8 input channels"), (4, {"time_cond_proj_dim": 16}, "given its guidance")],
)
async def test_a_denoiser_that_wants_more_than_passes_bring_is_one_sentence(
    end_of, draw, tmp_path, channels, options, said
):
    pipeline = tiny_models.stable_diffusion()
    pipeline.register_modules(unet=tiny_models.unet(channels, **options))
    pipeline.save_pretrained(tmp_path)
    assert said in sentence(await end_of(tiny_models.spec("sd", tmp_path), draw()))


async def test_sd3_without_its_t5_draws_what_the_pipeline_draws(end_of, draw, tmp_path):
    pipeline = tiny_models.sd3()
    pipeline.register_modules(text_encoder_3=None, tokenizer_3=None)
    pipeline.save_pretrained(tmp_path)
    pipeline = diffusers.StableDiffusion3Pipeline.from_pretrained(
        tmp_path, text_encoder_3=None, tokenizer_3=None
    )
    pipeline.set_progress_bar_config(disable=True)

    ours = await end_of(tiny_models.spec("sd3", tmp_path), draw("sd3", seed=9))
    (theirs,) = pipeline(
        prompt="a red cat at night",
        num_inference_steps=4,
        guidance_scale=5.0,
        width=64,
        height=64,
        generator=torch.Generator("cpu").manual_seed(9),
    ).images

    assert np.array_equal(pixels(ours), np.asarray(theirs))


@pytest.mark.parametrize(
    ("family", "gone"),
    [
        ("sdxl", "tokenizer_2/tokenizer.json"),
        ("sdxl", "tokenizer_2/tokenizer_config.json"),
        ("z-image", "tokenizer/tokenizer.json"),
    ],
)
async def test_a_tokenizer_without_its_files_is_one_sentence(
    end_of, draw, weights, tmp_path, family, gone
):
    place = tmp_path / "model"
    shutil.copytree(weights(family), place)
    (place / gone).unlink()
    said = sentence(await end_of(tiny_models.spec(family, place), draw(family)))
    assert "A tokenizer's files are missing" in said


def test_a_t5_tokenizer_that_knows_the_space_alone_misses_its_files(tmp_path):
    with pytest.raises(BrokenModelError, match="tokenizer's files are missing"):
        check_tokenizer(T5Tokenizer(), tmp_path)


async def test_a_load_that_fails_leaves_nothing_to_compile(end_of, draw, weights, tmp_path):
    before = set(threading.enumerate())
    spec = tiny_models.spec("sd", weights("sd"), compiled="blocks", preview_vae=tmp_path / "gone")
    assert "cannot be loaded" in sentence(await end_of(spec, draw()))
    assert "compile" not in {thread.name for thread in set(threading.enumerate()) - before}
