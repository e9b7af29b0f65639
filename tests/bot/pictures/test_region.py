"""Masks of parts of a picture: rectangles, and what members painted over with their editors."""

import io
import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from bot.errors import InvalidPicture, UserError
from bot.pictures.region import mask_of, painted_mask

SHEET = Path(__file__).parents[3] / "doodle" / "samples.jpg"
PITCH_PX, MARGIN_PX = 260, 4
LOUD = ["#ff00ff", "#00ff00", "#ff0000", "#000000", "#ffffff"]


def drawn(number=0, size=(256, 256)):
    """A picture that doodle drew."""
    row, column = divmod(number, 8)
    left, top = MARGIN_PX + column * PITCH_PX, MARGIN_PX + row * PITCH_PX
    return Image.open(SHEET).crop((left, top, left + 256, top + 256)).resize(size)


def encoded(picture, form="PNG", **options):
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


def mask_array(data):
    with Image.open(io.BytesIO(data)) as mask:
        assert mask.mode == "L"
        return np.asarray(mask) > 128


def scribbled(picture, colour="#ff00ff", box=(0.3, 0.3, 0.6, 0.55)):
    painted = picture.copy()
    width, height = picture.size
    x0, y0, x1, y1 = box
    ImageDraw.Draw(painted).rectangle((x0 * width, y0 * height, x1 * width, y1 * height), colour)
    return painted


def overlap(mask, box):
    """Intersection over union with the box."""
    height, width = mask.shape
    wanted = np.zeros_like(mask)
    x0, y0, x1, y1 = box
    wanted[
        round(y0 * height) : round(y1 * height) + 1, round(x0 * width) : round(x1 * width) + 1
    ] = 1
    return (mask & wanted).sum() / (mask | wanted).sum()


BOX = (0.3, 0.3, 0.6, 0.55)


@pytest.mark.parametrize("number", range(0, 40, 5))
@pytest.mark.parametrize(
    "saved",
    [
        encoded,
        lambda p: encoded(p, "JPEG", quality=60),
        lambda p: encoded(p.resize((1080, 1080), Image.Resampling.BICUBIC), "JPEG", quality=80),
        lambda p: encoded(p.resize((192, 192), Image.Resampling.LANCZOS), "WEBP", quality=75),
    ],
    ids=["png", "jpeg", "larger", "smaller"],
)
def test_what_is_painted_is_the_mask_however_the_copy_was_saved(number, saved):
    original = drawn(number)
    mask = mask_array(painted_mask(encoded(original), saved(scribbled(original))))
    assert mask.shape == (256, 256)
    assert overlap(mask, BOX) > 0.8


def test_a_copy_that_its_exif_turns_is_turned():
    original = drawn(3, (384, 256))
    turned = scribbled(original).transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 270 degrees to see it upright
    copy = encoded(turned, "JPEG", quality=90, exif=exif)
    assert overlap(mask_array(painted_mask(encoded(original), copy)), BOX) > 0.8


def test_what_a_line_goes_round_is_meant_too():
    original = drawn(3)
    ringed = original.copy()
    ImageDraw.Draw(ringed).ellipse((60, 60, 180, 180), outline="#00ff00", width=10)
    mask = mask_array(painted_mask(encoded(original), encoded(ringed)))
    assert mask[120, 120]
    assert not mask[20, 20]


def test_a_translucent_marker_is_seen():
    original = drawn(6)
    layer = Image.new("RGB", original.size, "#ff00ff")
    marked = Image.composite(
        Image.blend(original, layer, 0.6),
        original,
        Image.fromarray(
            (mask_array(mask_of([(30, 30, 30, 25)], (256, 256))) * 255).astype("uint8")
        ),
    )
    mask = mask_array(painted_mask(encoded(original), encoded(marked, "JPEG", quality=80)))
    assert overlap(mask, BOX) > 0.7


@pytest.mark.parametrize("colour", LOUD[:3])
def test_most_of_the_picture_may_be_painted(colour):
    original = drawn(9)
    mask = painted_mask(encoded(original), encoded(scribbled(original, colour, (0, 0, 0.8, 1))))
    assert 0.7 < mask_array(mask).mean() < 1


@pytest.mark.parametrize(
    ("copy", "said"),
    [
        (encoded, "Nothing is painted"),
        (lambda p: encoded(p, "JPEG", quality=40), "Nothing is painted"),
        (lambda p: encoded(p.resize((300, 300)), "JPEG", quality=70), "Nothing is painted"),
        (lambda p: encoded(Image.new("RGB", p.size, "#ff00ff")), "whole picture is painted"),
        (lambda p: encoded(scribbled(p, "#00ff00", (0, 0, 1, 0.97))), "whole picture is painted"),
        (lambda p: encoded(p.crop((0, 0, 256, 200))), "another shape"),
        (lambda p: encoded(p.resize((384, 256))), "another shape"),
        (lambda _: encoded(drawn(21)), "another picture"),
        (lambda p: encoded(p.transpose(Image.Transpose.ROTATE_180)), "another picture"),
        (lambda _: b"no picture", "not a picture"),
    ],
)
def test_other_copies_are_refused_in_one_sentence(copy, said):
    original = drawn(3)
    with pytest.raises(InvalidPicture, match=said):
        painted_mask(encoded(original), copy(original))


def test_hardly_any_other_picture_is_taken_for_a_painted_copy():
    """Pictures with wide skies in one colour differ mostly by one colour, too."""
    pictures = [encoded(drawn(number)) for number in range(0, 40, 3)]
    taken = []
    for one, other in itertools.permutations(range(len(pictures)), 2):
        try:
            painted_mask(pictures[one], pictures[other])
        except InvalidPicture:
            continue
        taken.append((one, other))
    assert len(taken) <= 9, taken  # of 182; all that look alike


def test_of_an_animated_copy_the_first_frame_counts():
    original = drawn(3)
    frames = [scribbled(original), original]
    copy = encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    assert overlap(mask_array(painted_mask(encoded(original), copy)), BOX) > 0.8


@settings(max_examples=40, deadline=None)
@given(
    number=st.integers(0, 39),
    colour=st.sampled_from(LOUD[:2]),
    left=st.floats(0, 0.8),
    top=st.floats(0, 0.8),
    side=st.floats(0.1, 0.5),
    quality=st.integers(50, 95),
    scale=st.floats(0.6, 4),
)
def test_no_painted_copy_breaks_it_and_its_mask_is_what_was_painted(
    number, colour, left, top, side, quality, scale
):
    original = drawn(number)
    box = (left, top, min(left + side, 1), min(top + side, 1))
    small = scribbled(original, colour, box)
    copy = small.resize((round(256 * scale), round(256 * scale)), Image.Resampling.BICUBIC)
    mask = mask_array(painted_mask(encoded(original), encoded(copy, "JPEG", quality=quality)))
    columns, rows = (
        slice(round(256 * box[axis]), round(256 * box[axis + 2]) + 1) for axis in range(2)
    )
    assert mask[rows, columns].mean() > 0.8
    around = mask.copy()
    around[
        max(rows.start - 16, 0) : rows.stop + 16, max(columns.start - 16, 0) : columns.stop + 16
    ] = 0
    assert around.sum() < 160, "hardly anything else"


def test_boxes_are_rectangles_on_the_mask():
    mask = mask_array(mask_of([(0, 0, 50, 50), (90, 90, 0.001, 0.001)], (64, 32)))
    assert mask[:16, :32].all()
    assert mask.sum() == 16 * 32 + 1
    assert mask[29, 58]


def test_boxes_that_are_the_whole_picture_are_refused():
    with pytest.raises(UserError, match="whole picture"):
        mask_of([(0, 0, 100, 50), (0, 50, 100, 50)], (64, 64))


@pytest.mark.parametrize(
    "box",
    [(99.999, 0, 0.001, 100), (0, 99.999, 100, 0.001), (99.9, 99.9, 0.1, 0.1), (100, 0, 0, 9)],
)
def test_a_sliver_at_the_last_edge_is_some_of_the_picture(box):
    assert mask_array(mask_of([box], (128, 96)))[:, 127].any() or (
        mask_array(mask_of([box], (128, 96)))[95].any()
    )
