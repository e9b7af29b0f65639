"""What each parameter does on an open model."""

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

import engine
from bot.credits import pricing
from bot.errors import NotFound, PromptError
from bot.prompt import brief
from bot.prompt import grammar as prompt

MODEL = engine.ModelInfo(
    name="doodle",
    title="Doodle",
    aliases=("doodle",),
    family="sd",
    width_px=128,
    height_px=128,
    size_step_px=32,
    min_side_px=128,
    max_side_px=256,
    max_pixels=256 * 128,
    steps=20,
    guidance=4.0,
    scheduler="",
    prompt_suffix="best quality",
    negative="blurry",
    operations=frozenset({"text", "image", "mix", "tile", "negative"}),
)
PLAIN = dataclasses.replace(
    MODEL, name="plain", title="Plain", aliases=("p",), operations=frozenset({"text"})
)


def write(text, model=MODEL, **options):
    return brief.write(
        prompt.parse(text, beside=len(options.get("inputs", ()))),
        model,
        job_id="j",
        owner="o",
        seed=5,
        **options,
    )


def test_a_plain_prompt_takes_the_models_defaults():
    job = write("a cat").job
    assert (job.width_px, job.height_px, job.steps, job.guidance) == (128, 128, 20, 4.0)
    assert job.prompt == (engine.WeightedText(text="a cat, best quality", weight=1.0),)
    assert job.negative == "blurry"
    assert job.seed == 5
    assert job.images == 4


def test_the_catalogues_scheduler_draws():
    karras = dataclasses.replace(MODEL, scheduler="dpm++2m-karras")
    assert write("a cat", karras).job.scheduler == "dpm++2m-karras"


def test_a_named_seed_wins_over_the_drawn_one():
    assert write("a cat --seed 9").job.seed == 9


@pytest.mark.parametrize(
    ("aspect", "size"),
    [("3:2", (192, 128)), ("2:3", (128, 192)), ("16:9", (224, 128)), ("1:1", (128, 128))],
)
def test_the_shape_is_the_nearest_the_model_draws(aspect, size):
    job = write(f"a cat --ar {aspect}").job
    assert (job.width_px, job.height_px) == size


def test_a_shape_beyond_the_model_is_said():
    written = write("a cat --ar 14:1")
    assert any("256×128" in note for note in written.notes)


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
    width_px, height_px = brief.fit(model, (width, height))
    assert width_px % step == height_px % step == 0
    assert low <= width_px <= high
    assert low <= height_px <= high
    assert width_px * height_px <= model.max_pixels


def test_parameters_that_do_nothing_yet_are_named():
    written = write("a cat --chaos 20 --weird 5 --s 300")
    assert len(written.notes) == 1
    for name in ("--chaos", "--weird", "--stylize"):
        assert name in written.notes[0]


def test_what_the_model_cannot_do_is_named():
    notes = write("a cat --no fog --tile", PLAIN).notes
    assert any("--no is without effect" in note for note in notes)
    assert any("--tile" in note for note in notes)
    assert not write("a cat --no fog --tile").notes


def test_what_becomes_of_linked_pictures_is_said():
    [note] = write("https://a.example/1.png a cat").notes
    assert "draws over linked pictures" in note


def test_no_goes_before_the_models_own_negative():
    assert write("a cat --no fog, rain").job.negative == "fog, rain, blurry"


@pytest.mark.parametrize("flag", ["--raw", "--s 0"])
def test_the_house_style_can_be_turned_off(flag):
    assert write(f"a cat {flag}").job.prompt[0].text == "a cat"


def test_quality_draft_stop_and_tile_reach_the_job():
    job = write("a cat --q .5 --stop 40 --tile").job
    assert (job.steps, job.stop, job.tile) == (10, 0.4, True)
    assert write("a cat --draft").job.steps == 10


def test_more_image_weight_is_less_strength():
    inputs = (b"x",)
    low, high = (write(f"a cat --iw {weight}", inputs=inputs).job.strength for weight in (0.5, 3))
    assert high < low
    assert write("a cat", inputs=inputs, strength=0.33).job.strength == 0.33


def test_one_picture_is_drawn_over_and_several_are_mixed():
    assert write("a cat", inputs=(b"x",)).job.init_use is engine.InitUse.IMG2IMG
    assert write("", inputs=(b"x", b"y")).job.init_use is engine.InitUse.MIX


SEEING = dataclasses.replace(MODEL, operations=MODEL.operations | {"image_prompt"})


def test_linked_pictures_are_prompts_where_the_model_can_take_them():
    job = write("a cat --iw 2", SEEING, inputs=(b"x",)).job
    assert job.init_use is engine.InitUse.PROMPT
    assert job.image_scale == pytest.approx(0.84)
    assert not write("https://a.example/1.png a cat", SEEING).notes


def test_a_variation_is_drawn_over_its_picture_even_so():
    job = write("a cat", SEEING, inputs=(b"x",), strength=0.45).job
    assert (job.init_use, job.strength) == (engine.InitUse.IMG2IMG, 0.45)


def test_a_blend_without_words_follows_its_pictures_wholly():
    job = write("", SEEING, inputs=(b"x", b"y"), strength=brief.BLEND_STRENGTH).job
    assert (job.init_use, job.image_scale) == (engine.InitUse.PROMPT, 1.0)


def test_pictures_that_are_prompts_cost_every_step():
    drawn, guided = (write("a cat", model, inputs=(b"x",)).job for model in (MODEL, SEEING))
    assert pricing.price(guided, MODEL) == pricing.price(write("a cat").job, MODEL)
    assert pricing.price(drawn, MODEL) < pricing.price(guided, MODEL)


def test_the_model_is_chosen_by_any_of_its_aliases():
    models = (MODEL, PLAIN)
    assert brief.choose_model(prompt.parse("a"), models) is MODEL
    assert brief.choose_model(prompt.parse("a --v p"), models) is PLAIN
    assert brief.choose_model(prompt.parse("a --v PLAIN"), models) is PLAIN


def test_an_unknown_model_is_refused_with_the_list():
    with pytest.raises(PromptError, match=r"--v doodle, --v p"):
        brief.choose_model(prompt.parse("a --v 7"), (MODEL, PLAIN))


def test_a_model_that_is_not_fetched_says_how_to_fetch_it():
    missing = dataclasses.replace(PLAIN, installed=False)
    with pytest.raises(PromptError, match="python -m engine fetch plain"):
        brief.choose_model(prompt.parse("a --v p"), (MODEL, missing))
    assert brief.choose_model(prompt.parse("a"), (missing, MODEL)) is MODEL


def test_without_any_model_the_member_is_told_who_can_help():
    missing = dataclasses.replace(MODEL, installed=False)
    with pytest.raises(NotFound, match="operator gets one"):
        brief.choose_model(prompt.parse("a"), (missing,))


def test_a_default_grid_costs_one_credit():
    assert pricing.price(write("a cat").job, MODEL) == pricing.CENTS


@pytest.mark.parametrize(
    ("text", "cents"),
    [("a cat --ar 3:2", 150), ("a cat --draft", 50), ("a cat --q 2", 200), ("a cat --stop 50", 50)],
)
def test_the_price_is_in_proportion_to_the_work(text, cents):
    assert pricing.price(write(text).job, MODEL) == cents


def test_a_variation_costs_its_share_of_the_steps():
    job = write("a cat", inputs=(b"x",), strength=0.75).job
    assert pricing.price(job, MODEL) == 75


@given(st.floats(0.01, 5, allow_nan=False))
def test_no_job_is_free_or_fractional(factor):
    price = pricing.price(write("a cat").job, dataclasses.replace(MODEL, price_factor=factor))
    assert isinstance(price, int)
    assert price >= 1
    assert math.isclose(price, 100 * factor, abs_tol=1)


@pytest.mark.parametrize(
    ("cents", "text"),
    [(100, "1 credit"), (150, "1.5 credits"), (0, "0 credits"), (5, "0.05 credits")],
)
def test_amounts_read_naturally(cents, text):
    assert pricing.credits_text(cents) == text
