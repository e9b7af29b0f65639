from __future__ import annotations

import json

import pytest

from engine import EngineError
from engine.fetch import fetch, needed
from tests.engine import tiny_models

INDEX = {"_class_name": "StableDiffusionPipeline", "unet": ["d", "U"], "vae": ["d", "V"]}
FILES = {
    "model_index.json": json.dumps(INDEX),
    "README.md": "hello",
    "v1-5-pruned.safetensors": "x" * 900,
    "unet/config.json": "{}",
    "unet/diffusion_pytorch_model.bin": "x" * 90,
    "unet/diffusion_pytorch_model.safetensors": "x" * 80,
    "unet/diffusion_pytorch_model.fp16.safetensors": "x" * 40,
    "unet/diffusion_pytorch_model.non_ema.safetensors": "x" * 80,
    "vae/config.json": "{}",
    "vae/diffusion_pytorch_model.safetensors": "x" * 20,
    "vae/diffusion_pytorch_model.fp16.safetensors": "x" * 10,
    "safety_checker/model.safetensors": "x" * 60,
}


class FakeHub:
    def __init__(self, files=FILES, *, breaks_at=None):
        self._files, self._breaks_at = files, breaks_at
        self.got = []

    def sizes(self, hub_id):
        return {name: len(text) for name, text in self._files.items()}

    def text(self, hub_id, file):
        return self._files[file]

    def download(self, hub_id, file, folder):
        if file == self._breaks_at:
            raise EngineError("The line is down.")
        self.got.append(file)
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self._files[file])


def entry(tmp_path, **fields):
    return tiny_models.spec("sd", tmp_path / "sd", hub_id="house/model", **fields)


def test_only_the_half_precision_safetensors_of_the_parts_are_needed():
    assert needed(list(FILES), ["unet", "vae"]) == [
        "unet/config.json",
        "unet/diffusion_pytorch_model.fp16.safetensors",
        "vae/config.json",
        "vae/diffusion_pytorch_model.fp16.safetensors",
        "model_index.json",
    ]


def test_full_precision_is_taken_where_one_part_has_no_half():
    names = [name for name in FILES if name != "vae/diffusion_pytorch_model.fp16.safetensors"]
    assert "unet/diffusion_pytorch_model.safetensors" in needed(names, ["unet", "vae"])
    assert not any("fp16" in name for name in needed(names, ["unet", "vae"]))


def test_a_broken_fetch_goes_on_where_it_stopped_and_the_index_comes_last(tmp_path):
    broken = FakeHub(breaks_at="vae/config.json")
    with pytest.raises(EngineError, match="line is down"):
        fetch(entry(tmp_path), agreed=True, hub=broken, say=lambda _: None)
    assert not (tmp_path / "sd" / "model_index.json").exists()

    hub = FakeHub()
    assert fetch(entry(tmp_path), agreed=True, hub=hub, say=lambda _: None) == 0
    assert "unet/config.json" not in hub.got
    assert hub.got[-1] == "model_index.json"


def test_size_licence_and_gate_are_said_before_anything_is_asked(tmp_path):
    said = []
    hub = FakeHub()

    code = fetch(entry(tmp_path), agreed=False, hub=hub, ask=lambda _: "no", say=said.append)

    assert code == 1 and hub.got == []
    assert "5 files" in said[0] and "Licence" in said[1]


def test_an_entry_without_a_hub_id_is_one_sentence(tmp_path):
    with pytest.raises(EngineError, match="has no hub_id"):
        fetch(tiny_models.spec("sd", tmp_path), agreed=True, hub=FakeHub(), say=print)
