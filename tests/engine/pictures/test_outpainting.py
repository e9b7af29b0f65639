"""Where a placed picture keeps its own pixels, and what the model is given around it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from engine.errors import JobError
from engine.messages import Place
from engine.pictures.outpainting import FEATHER_PX, canvas
from tests.engine.samples import photo

SIDE = 96


def inside(place, size):
    """Where the placed picture lies, (H, W) bool."""
    known = np.zeros((size[1], size[0]), bool)
    rows = slice(max(place.top_px, 0), max(place.top_px + place.height_px, 0))
    columns = slice(max(place.left_px, 0), max(place.left_px + place.width_px, 0))
    known[rows, columns] = True
    return known


def test_the_picture_is_scaled_to_its_place_and_kept_but_for_a_band():
    place = Place(left_px=16, top_px=16, width_px=64, height_px=64)
    laid = canvas(photo(128, 128), place, (SIDE, SIDE), None)
    scaled = np.asarray(photo(128, 128).resize((64, 64), Image.Resampling.LANCZOS))
    assert np.array_equal(laid.kept.pixels[16:80, 16:80], scaled)
    band = 64 // 8
    share = laid.kept.share[..., 0]
    assert (share[16 + band : 80 - band, 16 + band : 80 - band] == 1).all()
    assert (share[~inside(place, (SIDE, SIDE))] == 0).all()
    edge = share[48, 16 : 16 + band]
    assert (np.diff(edge) > 0).all(), "it is blended more and more"
    assert edge[0] < 0.2
    assert np.array_equal(np.asarray(laid.mask) > 0, ~inside(place, (SIDE, SIDE)))


def test_new_parts_have_the_colours_that_are_nearest():
    picture = Image.new("RGB", (64, 64), "red")
    picture.paste("blue", (32, 0, 64, 64))
    place = Place(left_px=16, top_px=16, width_px=64, height_px=64)
    filled = np.asarray(canvas(picture, place, (SIDE, SIDE), None).picture).astype(int)
    assert (filled[48, 4] - filled[48, 92] > [150, -1, -256]).all(), "red on the left"
    assert filled[48, 92][2] - filled[48, 4][2] > 150, "blue on the right"


def test_what_is_painted_is_drawn_anew_too():
    painted = Image.new("L", (SIDE, SIDE))
    painted.paste(255, (40, 40, 50, 50))
    place = Place(left_px=0, top_px=0, width_px=SIDE, height_px=SIDE)
    laid = canvas(photo(SIDE, SIDE), place, (SIDE, SIDE), painted)
    assert (laid.kept.share[40:50, 40:50] == 0).all()
    mask = np.asarray(laid.mask)
    assert (mask[40:56, 40:56] == 255).all(), "whole cells of the model"
    assert mask[:40].max() == mask[56:].max() == 0


@given(
    left=st.integers(-120, 90),
    top=st.integers(-120, 90),
    width=st.integers(1, 200),
    height=st.integers(1, 200),
)
def test_wherever_it_stands_its_pixels_are_kept_outside_of_the_band(left, top, width, height):
    place = Place(left_px=left, top_px=top, width_px=width, height_px=height)
    known = inside(place, (SIDE, SIDE))
    if known.all() or not known.any():
        with pytest.raises(JobError):
            canvas(photo(), place, (SIDE, SIDE), None)
        return
    laid = canvas(photo(), place, (SIDE, SIDE), None)
    drawn = np.full((SIDE, SIDE, 3), 255, np.uint8)
    shown = laid.kept.over(drawn)
    new = np.pad(~known, FEATHER_PX)
    near = np.zeros_like(known)
    for y in range(2 * FEATHER_PX + 1):  # a square of 16 px around everything new
        for x in range(2 * FEATHER_PX + 1):
            near |= new[y : y + SIDE, x : x + SIDE]
    assert np.array_equal(shown[~near], laid.kept.pixels[~near])
    assert (shown[~known] == 255).all(), "what is new is the model's alone"
    assert (np.asarray(laid.mask)[~known] == 255).all()
