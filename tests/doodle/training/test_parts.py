import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from doodle.recipe import RecipeError
from doodle.training import parts as parts_
from doodle.training.flat import Flat
from doodle.training.parts import Parts
from doodle.weights import WeightsError


def model(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))


@pytest.fixture
def kept(tmp_path):
    """A folder with the weights of `model()` as the part `judge`."""
    Parts(tmp_path).keep("judge", (own := model()), Flat(own, torch.float32, rate=1e-3))
    return tmp_path


def test_a_part_is_given_as_it_was_kept(kept):
    parts, other = Parts(kept), model(1)
    parts.read()
    parts.give("judge", other)
    for mine, theirs in zip(model().parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-3, rtol=1e-3)


def test_what_is_not_there_leaves_a_model_as_it_is(tmp_path):
    other = model(1)
    Parts(tmp_path).give("judge", other)
    assert torch.equal(other[0].weight, model(1)[0].weight)


def test_a_part_that_is_not_whole_is_refused(kept):
    states = load_file(kept / "small.safetensors")
    del states["judge.1.weight"]
    save_file(states, kept / "small.safetensors")
    parts = Parts(kept)
    parts.read()
    with pytest.raises(RecipeError, match="judge are not whole"):
        parts.give("judge", model())


def test_files_of_another_kind_and_damaged_ones_are_refused(kept):
    save_file({"body.weight": torch.ones(1)}, kept / "more.safetensors")
    with pytest.raises(RecipeError, match=r"more\.safetensors is none of a training's files"):
        Parts(kept).read()
    (kept / "more.safetensors").write_bytes((kept / "small.safetensors").read_bytes()[:40])
    with pytest.raises(WeightsError, match=r"more\.safetensors is damaged"):
        Parts(kept).read()


def test_what_was_not_trained_stays_to_the_last_digit(kept):
    parts, other = Parts(kept), model(1)
    parts.read()
    parts.give("judge", other)
    before = load_file(kept / "small.safetensors")
    other[0].requires_grad_(requires_grad=False)
    other.bfloat16()
    flat = Flat(other, torch.bfloat16, rate=1e-1, warm=1)
    other(torch.ones(1, 2).bfloat16()).sum().backward()
    flat.step(0.0, 0.5)
    parts.keep("judge", other, flat)
    after = load_file(kept / "small.safetensors")
    same = {key for key in before if torch.equal(before[key], after[key])}
    assert same == {"judge.0.weight", "judge.0.bias"}


def test_a_save_that_ends_early_changes_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(parts_, "LARGEST", 1)  # so that the part takes two files

    def save(seed):
        Parts(tmp_path).keep("unet", (own := model(seed)), Flat(own, torch.float32, rate=1e-3))

    def full(tensors, file):
        if file.name == "unet-1.partial":
            raise OSError
        save_file(tensors, file)

    save(0)
    before = {each.name: each.read_bytes() for each in tmp_path.glob("*.safetensors")}
    assert len(before) == 2
    monkeypatch.setattr(parts_, "save_file", full)
    with pytest.raises(OSError):
        save(1)
    assert {each.name: each.read_bytes() for each in tmp_path.glob("*.safetensors")} == before


@pytest.mark.parametrize("config", [None, "no JSON", "{}", json.dumps({"scaling_factor": "much"})])
def test_a_pipeline_whose_latents_have_no_scale_is_refused(tmp_path, config):
    (tmp_path / "model_index.json").write_text("{}")
    for name in parts_.SHIPPED.values():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        save_file({"weight": torch.ones(1)}, tmp_path / name)
    if config is not None:
        (tmp_path / "vae" / "config.json").write_text(config)
    with pytest.raises(RecipeError, match=r"config\.json names no scaling_factor"):
        Parts(tmp_path).read()


def test_a_pipeline_without_an_autoencoder_gives_what_it_has(tmp_path):
    (tmp_path / "model_index.json").write_text("{}")
    (tmp_path / "unet").mkdir()
    save_file({"weight": torch.ones(1)}, tmp_path / parts_.SHIPPED["unet"])
    parts = Parts(tmp_path)
    parts.read()
    assert "unet" in parts
    assert "vae" not in parts
