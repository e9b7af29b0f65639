"""Where a picture stands when it is zoomed out, panned or made square."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.pictures.framing import Direction, panned, squared, whole, zoomed
from engine import Place
from engine.fake import FAKE_MODEL

DOODLE = dataclasses.replace(
    FAKE_MODEL.info, size_step_px=16, min_side_px=64, max_side_px=256, max_pixels=32768
)
XL = dataclasses.replace(
    DOODLE,
    width_px=1024,
    height_px=1024,
    size_step_px=64,
    min_side_px=512,
    max_side_px=2048,
    max_pixels=1024 * 1536,
)
SIZES = st.tuples(st.integers(16, 4096), st.integers(16, 4096))
MODELS = st.sampled_from([DOODLE, XL])


def drawable(frame, model):
    for side in (frame.width_px, frame.height_px):
        assert side % model.size_step_px == 0
        assert model.min_side_px <= side <= model.max_side_px
    assert frame.width_px * frame.height_px <= model.max_pixels
    place = frame.place
    assert place.left_px + place.width_px > 0, "some of it is on the drawing"
    assert place.left_px < frame.width_px
    assert place.top_px + place.height_px > 0
    assert place.top_px < frame.height_px
    assert frame.scale <= 1.04 or min(frame.width_px, frame.height_px) == model.min_side_px


def test_a_zoom_is_drawn_as_large_as_the_model_draws_with_the_picture_in_its_middle():
    frame = zoomed((128, 128), 2.0, DOODLE)
    assert (frame.width_px, frame.height_px) == (176, 176)
    assert frame.place == Place(left_px=44, top_px=44, width_px=88, height_px=88)
    frame = zoomed((128, 128), 1.5, XL)
    assert (frame.width_px, frame.height_px) == (512, 512), "no smaller than the model draws"


def test_a_square_holds_the_whole_picture():
    frame = squared((192, 128), DOODLE)
    assert (frame.width_px, frame.height_px) == (176, 176)
    assert (frame.place.width_px, frame.place.height_px) == (176, 117)
    assert frame.place.top_px == 29
    assert squared((128, 128), DOODLE).is_full


def test_a_zoom_into_another_shape_holds_the_whole_picture():
    frame = zoomed((128, 128), 1.0, DOODLE, ratio=2.0)
    assert (frame.width_px, frame.height_px) == (256, 128)
    assert frame.place == Place(left_px=64, top_px=0, width_px=128, height_px=128)


def test_pans_make_a_picture_longer_until_the_model_draws_no_longer_one():
    first = panned((128, 128), Direction.RIGHT, DOODLE)
    assert (first.width_px, first.height_px) == (192, 128)
    assert first.place == Place(left_px=0, top_px=0, width_px=128, height_px=128)
    second = panned((192, 128), Direction.LEFT, DOODLE)
    assert (second.width_px, second.place.left_px) == (256, 64)
    third = panned((256, 128), Direction.RIGHT, DOODLE)
    assert third.scale < 1, "2.5 by 1 is shrunk to fit"
    assert third.place.left_px == 0
    long = panned((256, 96), Direction.RIGHT, DOODLE)
    assert (long.width_px, long.cut) == (256, True)
    assert long.place == Place(left_px=-64, top_px=0, width_px=256, height_px=96)
    long = panned((96, 256), Direction.UP, DOODLE)
    assert long.place.top_px == 64


def test_a_long_picture_is_shrunk_when_it_grows_the_other_way():
    frame = panned((256, 128), Direction.UP, DOODLE)
    assert not frame.cut
    assert frame.scale < 1
    assert frame.place.top_px + frame.place.height_px == frame.height_px


@given(size=SIZES, factor=st.floats(1, 2), model=MODELS)
def test_every_zoom_can_be_drawn(size, factor, model):
    drawable(zoomed(size, factor, model), model)
    drawable(squared(size, model), model)
    drawable(whole(size, model), model)


@given(size=SIZES, direction=st.sampled_from(Direction), model=MODELS)
def test_every_pan_can_be_drawn_and_has_something_new(size, direction, model):
    frame = panned(size, direction, model)
    drawable(frame, model)
    assert not frame.is_full


@pytest.mark.parametrize("direction", Direction)
def test_one_may_pan_for_ever(direction):
    size = (128, 128)
    for _ in range(12):
        frame = panned(size, direction, DOODLE)
        drawable(frame, DOODLE)
        assert not frame.is_full
        size = (frame.width_px, frame.height_px)
