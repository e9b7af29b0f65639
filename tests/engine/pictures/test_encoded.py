from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from engine import DescribeJob, DrawJob, InitUse, InputPicture
from engine.pictures.encoded import prepare, to_png


def photo(width, height):
    ramp = np.add.outer(3 * np.arange(height), 5 * np.arange(width)) % 256
    buffer = io.BytesIO()
    Image.fromarray(ramp.astype(np.uint8)).convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()


def drawing(*sizes, **fields):
    inputs = tuple(InputPicture(data=photo(*size)) for size in sizes)
    defaults = {"width_px": 64, "height_px": 64, "images": 1, "inputs": inputs}
    return DrawJob(id="j", owner="ann", model="sd", prompt=(), **(defaults | fields))


def seen(*sizes):
    return prepare(drawing(*sizes, init_use=InitUse.PROMPT), guides=True)


@pytest.mark.parametrize(
    ("size", "kept"),
    [
        ((1, 20_000), (1, 4)),
        ((20_000, 1), (4, 1)),
        ((16, 25_000), (16, 64)),
        ((6000, 1000), (1024, 256)),
        ((160, 40), (160, 40)),
        ((3000, 2000), (1024, 683)),
    ],
)
def test_a_picture_as_prompt_is_never_thinner_nor_larger_than_a_tower_can_use(size, kept):
    given = seen(size)
    assert given.prompts[0].size == kept
    assert len(given.notes) == (max(size) > 4 * min(size))


def test_the_middle_of_a_thin_picture_stays_and_that_is_said():
    given = seen((9, 101), (9, 101), (8, 8))
    whole = Image.open(io.BytesIO(photo(9, 101)))
    assert given.prompts[0].tobytes() == whole.crop((0, 32, 9, 68)).tobytes()
    note = (
        "Only the middle 9 × 36 px of the picture of 9 × 101 px are looked at: one side may be at"
        " most 4 times the other."
    )
    assert given.notes == (note,)


def test_a_thin_picture_to_describe_is_cropped_too():
    given = prepare(DescribeJob(id="d", owner="ann", picture=photo(1, 2048)))
    assert given.pictures[0].size == (1, 4)
    assert "Only the middle 1 × 4 px" in given.notes[0]


def test_of_a_picture_of_the_same_shape_nothing_is_said_to_be_cropped():
    given = prepare(drawing((40, 40)))
    assert given.notes == ("The picture of 40 × 40 px was scaled to 64 × 64.",)


@pytest.mark.parametrize(
    ("size", "notes"),
    [
        ((64, 64), ()),
        ((40, 40), ()),
        (
            (200, 64),
            ("The picture of 200 × 64 px was scaled and cropped about its middle to 128 × 128.",),
        ),
    ],
)
def test_a_picture_that_is_drawn_anew_larger_is_not_cropped_in_silence(size, notes):
    given = prepare(drawing(size, enlarge=2))
    assert given.notes == notes
    assert all(crop.size == (64, 64) for crop in given.pictures)


def test_a_mask_of_another_size_is_fitted_and_said():
    given = prepare(drawing((64, 64), mask=photo(90, 50)))
    assert given.mask.size == (64, 64)
    assert given.notes == (
        "The mask of 90 × 50 px was scaled and cropped about its middle to 64 × 64.",
    )
    assert prepare(drawing((64, 64), mask=photo(64, 64))).notes == ()


def scene(noise):
    """(256, 256, 3): a disc on a gradient, with so many levels of noise."""
    y, x = np.mgrid[:256, :256].astype(float)
    disc = np.hypot(x - 120, y - 140) < 80
    base = np.stack([x / 2, y, 255 - y / 2], -1)
    base[disc] = (200, 30, 60)
    drawn = base + noise * np.random.default_rng(0).normal(size=base.shape)
    return drawn.clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("noise", [1, 2, 8])
def test_a_png_keeps_every_pixel_and_is_about_as_small_as_a_slower_one(noise):
    pixels = scene(noise)
    file, slower = to_png(pixels), io.BytesIO()
    Image.fromarray(pixels).save(slower, "PNG", compress_level=4)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(file))), pixels)
    assert len(file) <= 1.02 * len(slower.getvalue())
