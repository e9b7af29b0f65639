"""The price rule, for every kind of job."""

import dataclasses
import math

import pytest
from tests_support import png

import engine
from bot.credits.pricing import CENTS, DESCRIBE, WORD_WEIGHTS, credits_text, price
from engine.fake import FAKE_MODEL

MODEL = dataclasses.replace(FAKE_MODEL.info, steps=20)
GRID = engine.DrawJob(
    id="a",
    owner="b",
    model=MODEL.name,
    prompt=(engine.WeightedText(text="a cat"),),
    guidance=MODEL.guidance,
    scheduler=MODEL.scheduler,
    width_px=MODEL.width_px,
    height_px=MODEL.height_px,
    steps=MODEL.steps,
)


def test_a_model_that_draws_to_its_end_is_paid_to_its_end():
    alone = dataclasses.replace(MODEL, operations=frozenset({"text"}))
    assert price(dataclasses.replace(GRID, stop=0.1), alone) == price(GRID, alone)


def test_a_grid_at_the_models_own_size_and_steps_costs_its_factor():
    assert price(GRID, MODEL) == CENTS
    assert price(GRID, dataclasses.replace(MODEL, price_factor=0.25)) == CENTS // 4


@pytest.mark.parametrize(
    ("changes", "cents"),
    [
        ({"images": 1}, 25),
        ({"steps": 2 * MODEL.steps}, 200),
        ({"width_px": 2 * MODEL.width_px}, 200),
        ({"stop": 0.5}, 50),
        ({"lane": engine.Lane.TURBO}, 200),
        ({"lane": engine.Lane.RELAX}, 100),
        ({"inputs": (engine.InputPicture(data=b"x"),), "strength": 0.75}, 75),
        (
            {
                "inputs": (engine.InputPicture(data=b"x"),),
                "strength": 0.75,
                "init_use": engine.InitUse.PROMPT,
            },
            100,
        ),
        ({"images": 1, "enlarge": 2}, 100),
        ({"images": 1, "steps": 1, "width_px": 16, "height_px": 16}, 1),
        ({"steps": 1, "stop": 0.1}, 5),
        ({"steps": 4, "stop": 0.1}, 5),
        ({"steps": 4, "stop": 0.4}, 10),
        ({"inputs": (engine.InputPicture(data=b"x"),), "steps": 2, "strength": 0.1}, 5),
    ],
)
def test_other_drawings_cost_in_proportion_to_their_work(changes, cents):
    assert price(dataclasses.replace(GRID, **changes), MODEL) == cents


AVOIDING = (engine.WeightedText(text="cat"), engine.WeightedText(text="dog", weight=-0.5))
TWICE_A_STEP = math.ceil(CENTS * (2 * MODEL.steps - 1) / MODEL.steps)


@pytest.mark.parametrize(
    ("changes", "cents"),
    [
        ({"scheduler": "heun"}, TWICE_A_STEP),
        ({"scheduler": "dpm2-a"}, TWICE_A_STEP),
        ({"prompt": AVOIDING}, 150),
        ({"prompt": (*AVOIDING, AVOIDING[1])}, 150),
        ({"negative": "dog"}, 100),
        ({"guidance": 1.0}, 50),
        ({"guidance": 1.0, "prompt": AVOIDING}, 50),
    ],
)
def test_evaluations_and_samples_are_paid_for(changes, cents):
    assert MODEL.guidance > 1
    assert price(dataclasses.replace(GRID, **changes), MODEL) == cents


def test_guidance_costs_double_where_a_model_is_usually_drawn_without():
    fast = dataclasses.replace(MODEL, guidance=1.0, price_factor=0.5)
    assert price(dataclasses.replace(GRID, guidance=1.0), fast) == 50
    assert price(dataclasses.replace(GRID, guidance=7.0), fast) == 100
    flux = dataclasses.replace(fast, operations=fast.operations - {"negative"})
    assert price(dataclasses.replace(GRID, guidance=7.0), flux) == 50, "one sample, in any case"


def test_the_usual_grid_costs_its_factor_with_any_sampler_of_its_models_own():
    for sampler in engine.SCHEDULERS:
        own = dataclasses.replace(MODEL, scheduler=sampler)
        assert price(dataclasses.replace(GRID, scheduler=sampler), own) == CENTS


@pytest.mark.parametrize(("size", "factor", "cents"), [((1024, 512), 2, 50), ((16, 16), 2, 1)])
def test_enlarging_costs_by_the_pixels_it_makes(size, factor, cents):
    job = engine.UpscaleJob(id="a", owner="b", picture=png(size), factor=factor)
    assert price(job, None) == cents


def test_what_makes_text_has_a_fixed_price():
    described = engine.DescribeJob(id="a", owner="b", picture=b"")
    assert price(described, None) == DESCRIBE
    weighed = engine.WordWeightsJob(id="a", owner="b", model=MODEL.name, text="a cat")
    assert price(weighed, MODEL) == WORD_WEIGHTS


@pytest.mark.parametrize(
    ("cents", "text"), [(100, "1 credit"), (150, "1.5 credits"), (1, "0.01 credits")]
)
def test_amounts_are_said_without_needless_zeros(cents, text):
    assert credits_text(cents) == text
