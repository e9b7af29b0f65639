from __future__ import annotations

import pytest
import torch

from engine import EngineError
from engine.device import device


@pytest.fixture
def one_card(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    monkeypatch.setattr("torch.cuda.get_device_name", lambda _: "A card")
    monkeypatch.setattr("torch.version.cuda", "13.0")
    monkeypatch.setattr("torch.cuda.get_device_capability", lambda _: (9, 0))


@pytest.mark.parametrize("name", ["auto", "cuda", "cuda:0"])
def test_a_card_is_named_with_its_number(one_card, name):
    """torch refuses to make a device current that has none."""
    chosen = device.choose(name, "auto", 8.0)
    assert chosen.where == torch.device("cuda:0")
    assert chosen.dtype is torch.bfloat16
    assert chosen.title == "cuda:0 A card"


@pytest.mark.parametrize(
    ("capability", "dtype"), [((7, 5), torch.float16), ((8, 0), torch.bfloat16)]
)
def test_a_card_that_only_emulates_bfloat16_draws_in_float16(
    one_card, monkeypatch, capability, dtype
):
    monkeypatch.setattr("torch.cuda.get_device_capability", lambda _: capability)
    assert device.choose("cuda", "auto", 8.0).dtype is dtype


def test_of_two_cards_the_chosen_one_is_asked_for_its_format(one_card, monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    of_card = {0: (7, 5), 1: (9, 0)}
    monkeypatch.setattr("torch.cuda.get_device_capability", lambda card: of_card[card.index])
    assert device.choose("cuda:0", "auto", 8.0).dtype is torch.float16
    assert device.choose("cuda:1", "auto", 8.0).dtype is torch.bfloat16


def test_a_card_that_is_not_there_is_one_sentence(one_card):
    with pytest.raises(EngineError, match="there are only 1 CUDA cards"):
        device.choose("cuda:3", "auto", 8.0)


@pytest.mark.parametrize(("name", "dtype"), [("gpu", "auto"), ("xla", "auto"), ("cpu", "int8")])
def test_what_is_no_device_and_no_format_is_one_sentence(name, dtype):
    with pytest.raises(EngineError, match="it can be auto") as raised:
        device.choose(name, dtype, 8.0)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(("dtype", "tuned"), [("auto", True), ("float32", False)])
def test_a_card_multiplies_in_tf32_only_where_float32_was_not_asked_for(
    one_card, untuned, dtype, tuned
):
    device.tune(device.choose("cuda", dtype, 8.0))
    assert (torch.get_float32_matmul_precision() == "high") is tuned
    assert torch.backends.cudnn.allow_tf32 is tuned


@pytest.mark.parametrize("wanted", [False, True])
def test_cudnn_tries_its_convolutions_only_where_an_entry_asks_for_it(one_card, untuned, wanted):
    device.tune(device.choose("cuda", "auto", 8.0), try_convolutions=wanted)
    assert torch.backends.cudnn.benchmark is wanted


def test_a_cpu_is_not_tuned(untuned):
    device.tune(device.choose("cpu", "auto", 8.0))
    assert torch.get_float32_matmul_precision() == "highest"
