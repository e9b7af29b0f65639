from __future__ import annotations

import json

import pytest
from huggingface_hub import errors

from engine import EngineError
from engine.fetch import HuggingFace, fetch, needed
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


def test_without_a_terminal_to_answer_at_the_flag_is_named(tmp_path):
    def nobody(_):
        raise EOFError

    with pytest.raises(EngineError, match="agree with --yes"):
        fetch(entry(tmp_path), agreed=False, hub=FakeHub(), ask=nobody, say=lambda _: None)


def test_a_model_that_is_here_says_how_members_get_it(tmp_path):
    said = []
    fetch(entry(tmp_path), agreed=True, hub=FakeHub(), say=said.append)
    assert "Restart the bot" in said[-1]
    assert "--v sd" in said[-1]


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            errors.HfHubHTTPError.__bases__[0]("[Errno -2] Name or service not known\nmore"),
            "house/sd cannot be reached: [Errno -2] Name or service not known. Look at the network",
        ),
        (ConnectionResetError(104, "reset"), "house/sd cannot be reached: [Errno 104] reset. "),
        (OSError(), "house/sd cannot be reached: OSError. "),
    ],
)
def test_whatever_the_network_refuses_is_one_sentence(monkeypatch, error, sentence):
    def broken(*_, **__):
        raise error

    monkeypatch.setattr("huggingface_hub.HfApi.model_info", broken)
    with pytest.raises(EngineError) as caught:
        HuggingFace().sizes("house/sd")
    assert str(caught.value).startswith(sentence)
    assert "\n" not in str(caught.value)


def test_a_download_that_breaks_is_one_sentence(monkeypatch, tmp_path):
    def broken(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", broken)
    with pytest.raises(EngineError, match=r"No space left on device\. Run it again to go on\."):
        HuggingFace().download("house/sd", "a.json", tmp_path)


def test_an_entry_without_a_hub_id_is_one_sentence(tmp_path):
    with pytest.raises(EngineError, match="has no hub_id"):
        fetch(tiny_models.spec("sd", tmp_path), agreed=True, hub=FakeHub(), say=print)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HF_ENDPOINT", "http://[::1"),
        ("HF_ENDPOINT", "hub.example"),
        ("HF_TOKEN", "hf_SECRETü"),
        ("HF_TOKEN", "hf_SECRET\x07"),
        ("HTTPS_PROXY", "socks9://u:SECRET@x"),
        ("https_proxy", "http://u:SECRET@x:99999"),
        ("ALL_PROXY", "http://"),
    ],
)
def test_a_variable_that_the_hub_s_client_cannot_use_is_named(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(EngineError, match=rf"^{name} ") as caught:
        HuggingFace()
    assert "SECRET" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HF_ENDPOINT", ""),
        ("HF_ENDPOINT", "https://hub.example:8443/mirror"),
        ("HF_TOKEN", "hf_abc\n"),
        ("HTTPS_PROXY", "proxy.example:3128"),
        ("HTTPS_PROXY", "socks5://proxy.example"),
    ],
)
def test_a_variable_that_the_hub_s_client_can_use_is_left_to_it(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    HuggingFace()
