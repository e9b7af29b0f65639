"""Plans, without a database: the best of several, and what they refuse."""

import dataclasses

import pytest

import engine
from bot.credits.plans import ALL_MODELS, SELLABLE, Plan, best, check, fitted, speed
from bot.errors import NotAllowed
from engine.fake import FAKE_MODEL

MODEL = dataclasses.replace(FAKE_MODEL.info, steps=20, may_sell=False)
GRID = engine.DrawJob(
    id="a",
    owner="b",
    model=MODEL.name,
    prompt=(engine.WeightedText(text="a cat"),),
    guidance=MODEL.guidance,
    width_px=MODEL.width_px,
    height_px=MODEL.height_px,
    steps=20,
)
SMALL = Plan(
    monthly=100,
    running=1,
    queued=2,
    batch=4,
    turbo=False,
    models=("doodle",),
    price_percent=150,
    side_px=512,
    steps=10,
)
LARGE = Plan(
    monthly=50,
    running=2,
    queued=0,
    batch=None,
    fast=False,
    relax_free=True,
    models=(SELLABLE,),
    price_percent=200,
    side_px=1024,
    steps=None,
)


def test_the_best_of_several_plans_counts_field_by_field():
    assert best([SMALL, LARGE]) == Plan(
        monthly=100,
        running=2,
        queued=2,
        batch=None,
        relax_free=True,
        models=("doodle", SELLABLE),
        price_percent=150,
        side_px=1024,
        steps=None,
    )
    assert best([LARGE, SMALL]) == dataclasses.replace(
        best([SMALL, LARGE]), models=(SELLABLE, "doodle")
    )


def test_one_plan_counts_as_it_is_and_none_is_as_before_there_were_plans():
    assert best([SMALL]) == SMALL
    assert best([]) == Plan()
    assert Plan().price(GRID, MODEL) == 100


def test_the_price_follows_the_plan():
    relaxed = dataclasses.replace(GRID, lane=engine.Lane.RELAX)
    assert SMALL.price(GRID, MODEL) == 150
    assert LARGE.price(GRID, MODEL) == 200
    assert LARGE.price(relaxed, MODEL) == 0
    tiny = dataclasses.replace(GRID, images=1, steps=1, width_px=16, height_px=16)
    assert Plan(price_percent=1).price(tiny, MODEL) == 1, "nothing is free but relaxed jobs"


def test_a_mode_that_was_asked_for_is_refused_and_one_that_was_set_gives_way():
    with pytest.raises(
        NotAllowed, match=r"not include turbo mode\. Use one that it has: --fast, --relax\."
    ):
        speed(SMALL, "turbo", asked=True)
    assert speed(SMALL, "turbo", asked=False) == "fast"
    assert speed(LARGE, "fast", asked=False) == "relax"
    assert speed(Plan(relax=False), "relax", asked=False) == "turbo"
    assert speed(SMALL, "relax", asked=True) == "relax"


def test_more_steps_than_the_plan_has_are_not_drawn_and_it_is_said():
    job, notes = fitted(SMALL, GRID)
    assert (job.steps, job.running_cap) == (10, 1)
    assert notes == ("Your plan in this server draws 10 steps, not 20.",)
    assert fitted(Plan(), GRID) == (GRID, ())


@pytest.mark.parametrize(
    ("models", "may_sell", "chosen", "allowed"),
    [
        ((ALL_MODELS,), False, "", True),
        (("doodle",), False, "", True),
        (("other",), False, "", False),
        (("other",), False, "other", True),
        ((SELLABLE,), True, "", True),
        ((SELLABLE,), False, "", False),
        ((SELLABLE, "doodle"), False, "", True),
    ],
)
def test_models_are_allowed_by_name_or_where_pictures_may_be_sold(
    models, may_sell, chosen, allowed
):
    model = dataclasses.replace(MODEL, may_sell=may_sell)
    plan = Plan(models=models)
    if allowed:
        check(plan, GRID, model, chosen=chosen)
        return
    with pytest.raises(NotAllowed, match="does not include the model Doodle"):
        check(plan, GRID, model, chosen=chosen)


def test_a_size_is_counted_in_pixels_whatever_its_shape():
    plan = Plan(side_px=128)
    check(plan, dataclasses.replace(GRID, width_px=256, height_px=64), MODEL, chosen="")
    with pytest.raises(NotAllowed, match="would have 256 × 80 px"):
        check(plan, dataclasses.replace(GRID, width_px=256, height_px=80), MODEL, chosen="")


def test_what_needs_no_model_is_allowed():
    job = engine.DescribeJob(id="a", owner="b", picture=b"")
    check(Plan(models=("other",), side_px=64), job, None, chosen="")
