import time

import pytest

from bot.pictures import a1111
from bot.pictures.making import Program

WRITTEN = """masterpiece, a (red:1.2) cat,
on a mat
Negative prompt: blurry, <lora:bad:1>
Steps: 28, Sampler: DPM++ 2M Karras, CFG scale: 6.5, Seed: 1234567890123456789, Size: 512x768, \
Model hash: abc123, Model: dream_8, Denoising strength: 0.4, \
Lora hashes: "ink: 12ab, wash: 34cd", Version: v1.9.4"""


def test_what_automatic1111_writes_is_read():
    read = a1111.read(WRITTEN)
    assert read.program is Program.A1111
    assert read.prompt == "masterpiece, a (red:1.2) cat,\non a mat"
    assert read.negative == "blurry, <lora:bad:1>"
    assert (read.steps, read.guidance, read.seed) == (28, 6.5, 1234567890123456789)
    assert (read.model, read.scheduler) == ("dream_8", "DPM++ 2M Karras")
    assert (read.width_px, read.height_px, read.job_id) == (512, 768, "")
    assert read.parameters["Lora hashes"] == "ink: 12ab, wash: 34cd"
    assert read.parameters["Denoising strength"] == "0.4"


def test_there_may_be_no_prompt_and_no_negative():
    read = a1111.read("Steps: 20, Seed: 7, Size: 8x8")
    assert (read.prompt, read.negative, read.seed) == ("", "", 7)


@pytest.mark.parametrize("text", ["", "a cat", "Steps", "a cat\nwhose Size: 8x8 it is"])
def test_other_texts_are_not_of_its_form(text):
    assert a1111.read(text) is None


@pytest.mark.parametrize(
    "line", ['a:"' * 5000, "a " * 8000, "a: " * 5000, '"\\' * 8000, "a:," * 5000]
)
def test_a_hostile_line_is_read_in_time(line):
    start = time.process_time()
    a1111.read(f"Steps: 1, {line}")
    assert time.process_time() - start < 5, "backtracking would take minutes"
