"""How large pictures are drawn."""

import dataclasses
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

import engine
from bot.prompt import sizes

MODEL = engine.ModelInfo(
    name="sd15",
    title="Stable Diffusion 1.5",
    aliases=(),
    family="sd",
    width_px=512,
    height_px=512,
    size_step_px=64,
    min_side_px=256,
    max_side_px=1024,
    max_pixels=512 * 512 * 2,
    steps=30,
    guidance=7.5,
    scheduler="",
    few_sizes=True,
)
LARGE = dataclasses.replace(
    MODEL,
    width_px=1024,
    height_px=1024,
    min_side_px=512,
    max_side_px=2048,
    max_pixels=1024 * 1024 * 2,
)
ASPECTS = list(itertools.product(range(1, 22), repeat=2))
USUAL = [(1, 1), (6, 5), (5, 4), (4, 3), (7, 5), (3, 2), (8, 5), (5, 3), (16, 9), (2, 1)]
USUAL += [(height, width) for width, height in USUAL]


@given(
    st.integers(1, 14),
    st.integers(1, 14),
    st.sampled_from([8, 16, 32, 64]),
    st.sampled_from([(128, 256), (256, 1024), (512, 2048)]),
)
def test_every_shape_is_within_what_the_model_takes(width, height, step, sides):
    low, high = sides
    model = dataclasses.replace(
        MODEL,
        width_px=low * 2,
        height_px=low * 2,
        size_step_px=step,
        min_side_px=low,
        max_side_px=high,
        max_pixels=low * low * 4,
    )
    width_px, height_px = sizes.fit(model, (width, height))
    assert width_px % step == height_px % step == 0
    assert low <= width_px <= high
    assert low <= height_px <= high
    assert width_px * height_px <= model.max_pixels


@pytest.mark.parametrize(
    ("aspect", "size"), [((1, 1), (1408, 1408)), ((3, 2), (1792, 1152)), ((2, 3), (1152, 1792))]
)
def test_the_largest_size_keeps_the_shape(aspect, size):
    model = dataclasses.replace(
        MODEL,
        width_px=1024,
        height_px=1024,
        size_step_px=64,
        min_side_px=512,
        max_side_px=2048,
        max_pixels=2 * 1024 * 1024,
    )
    assert sizes.fit(model, aspect, large=True) == size


@pytest.mark.parametrize(("model", "count", "otherwise"), [(MODEL, 7, 9), (LARGE, 9, 13)])
def test_what_members_ask_for_comes_in_few_sizes(model, count, otherwise):
    few = {sizes.drawn(model, aspect) for aspect in USUAL}
    assert len(few) == count
    assert few == {size[::-1] for size in few}
    assert len({sizes.fit(model, aspect) for aspect in USUAL}) == otherwise


@pytest.mark.parametrize("model", [MODEL, LARGE])
@pytest.mark.parametrize("large", [False, True])
def test_a_picture_in_one_of_few_sizes_is_at_most_an_eighth_wider_or_narrower_than_asked(
    model, large
):
    for aspect in ASPECTS:
        drawn, exact = (of(model, aspect, large=large) for of in (sizes.drawn, sizes.fit))
        difference = drawn[0] / drawn[1] / (aspect[0] / aspect[1])
        assert drawn == exact or 1 / 1.12 <= difference <= 1.12


def test_a_shape_far_from_the_usual_ones_is_drawn_as_it_is():
    assert sizes.drawn(MODEL, (4, 1)) == sizes.fit(MODEL, (4, 1))


def test_a_model_that_is_fast_in_all_sizes_draws_what_fits_best():
    free = dataclasses.replace(MODEL, few_sizes=False)
    exact = {aspect: sizes.fit(MODEL, aspect) for aspect in ASPECTS}
    assert {aspect: sizes.drawn(free, aspect) for aspect in ASPECTS} == exact
    assert any(sizes.drawn(MODEL, aspect) != size for aspect, size in exact.items())
