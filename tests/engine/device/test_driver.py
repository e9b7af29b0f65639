"""What is said where torch cannot use the card that the driver sees."""

import pytest

from engine.device import driver
from engine.device.driver import SELECTOR, Driver, Torch, trouble

DRIVER = Driver(cards=(("NVIDIA RTX 4090", "8.9"),), version="550.54", cuda=(12, 4))
TORCH = Torch(version="2.11", cuda=(12, 4), available=True, architectures=("sm_80", "sm_90"))


def changed(base, **values):
    fields = {name: getattr(base, name) for name in base.__slots__}
    return type(base)(**fields | values)


@pytest.mark.parametrize(
    ("seen", "torch", "said"),
    [
        ({}, {}, ""),
        ({"cards": ()}, {}, "sees no card"),
        ({}, {"cuda": None, "available": False}, "draws on CPUs alone"),
        ({}, {"cuda": (13, 0), "available": False}, "CUDA up to 12.4, this torch needs 13.0"),
        ({}, {"available": False}, "CUDA_VISIBLE_DEVICES"),
        ({"cuda": None}, {"available": False}, "CUDA_VISIBLE_DEVICES"),
        ({"cards": (("GTX 1080", "6.1"),)}, {}, "compute capability 6.1"),
        ({"cards": (("New", "12.0"),)}, {}, "compute capability 12.0"),
        ({"cards": (("New", "12.0"),)}, {"architectures": ("sm_80", "compute_90")}, ""),
        ({"cards": (("H100", "9.0"),)}, {"architectures": ("sm_90a",)}, ""),
        ({"cards": (("Odd", "[N/A]"),)}, {}, ""),
    ],
)
def test_each_trouble_has_its_sentence_and_remedy(seen, torch, said):
    sentence = trouble(changed(DRIVER, **seen), changed(TORCH, **torch))
    assert said in sentence
    assert bool(sentence) == bool(said)
    if "torch needs" in sentence or "CPUs alone" in sentence or "capability" in sentence:
        assert SELECTOR in sentence


def test_what_nvidia_smi_says_is_read(monkeypatch):
    monkeypatch.setattr(driver.shutil, "which", lambda _: "/bin/nvidia-smi")

    def asked(program, *options):
        if options:
            return "NVIDIA H100, 9.0, 550.54.15\nNVIDIA H100, 9.0, 550.54.15\n"
        return "| NVIDIA-SMI 550.54.15   Driver Version: 550.54.15   CUDA Version: 12.4 |"

    monkeypatch.setattr(driver, "_asked", asked)
    found = driver._driver()
    assert found == Driver(cards=(("NVIDIA H100", "9.0"),) * 2, version="550.54.15", cuda=(12, 4))


@pytest.mark.parametrize("path", [None, "/bin/false", "/no/such/program"])
def test_no_driver_or_a_broken_one_is_no_error(monkeypatch, path):
    monkeypatch.setattr(driver.shutil, "which", lambda _: path)
    seen, wrong = driver.card_report()
    assert bool(seen) == bool(wrong) == (path is not None)
