"""What each parameter does on an open model."""

import dataclasses
import gettext
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import engine
from bot.credits import pricing
from bot.errors import NotFound, PromptError
from bot.prompt import brief, flags, values
from bot.prompt import grammar as prompt
from engine import Sentence

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
    [note] = written.notes
    assert note == (
        "Without effect on Doodle so far: --chaos, --weird, "
        "--stylize (only 0, no house style, acts here)."
    )


@given(
    st.lists(st.sampled_from(flags.FLAGS), unique_by=lambda flag: flag.name),
    st.sampled_from([MODEL, PLAIN]),
)
def test_every_note_is_made_of_sentences_that_can_be_translated(chosen, model):
    model = dataclasses.replace(model, loras=("NAME",))
    typed = " ".join(f"--{flag.name} {flag.example}" for flag in chosen)
    for note in write(f"https://a.example/1.png a cat {typed}", model).notes:
        assert isinstance(note, Sentence)
        assert note == note.said(gettext.NullTranslations())
        assert "--" not in note.template.replace("--no", "")
        assert "{title}" in note.template


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
    job = write("", SEEING, inputs=(b"x", b"y"), strength=0.7).job
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
    with pytest.raises(PromptError, match="engine fetch plain"):
        brief.choose_model(prompt.parse("a --v p"), (MODEL, missing))
    assert brief.choose_model(prompt.parse("a"), (missing, MODEL)) is MODEL


HEAVY = dataclasses.replace(MODEL, name="heavy", aliases=("h",), weight_bytes=7_000)
LIGHT = dataclasses.replace(MODEL, name="light", aliases=("l",), weight_bytes=300)


def test_without_a_wish_the_largest_installed_model_draws():
    plain = prompt.parse("a")
    assert brief.choose_model(plain, (LIGHT, HEAVY, MODEL)) is HEAVY
    gone = dataclasses.replace(HEAVY, installed=False)
    assert brief.choose_model(plain, (gone, LIGHT)) is LIGHT


def test_of_models_of_one_size_the_catalogues_first_draws():
    twin = dataclasses.replace(HEAVY, name="twin")
    assert brief.choose_model(prompt.parse("a"), (LIGHT, twin, HEAVY)) is twin
    assert brief.choose_model(prompt.parse("a"), (LIGHT, HEAVY, twin)) is HEAVY


@pytest.mark.parametrize("default", ["light", "LIGHT", "l"])
def test_the_default_model_goes_before_the_largest(default):
    models = (HEAVY, LIGHT)
    assert brief.choose_model(prompt.parse("a"), models, default=default) is LIGHT
    assert brief.choose_model(prompt.parse("a --v h"), models, default=default) is HEAVY


def test_a_default_model_that_is_not_there_gives_way_to_the_largest():
    gone = dataclasses.replace(LIGHT, installed=False)
    for default in ("nothing", "light", ""):
        assert brief.choose_model(prompt.parse("a"), (gone, HEAVY), default=default) is HEAVY


def test_niji_chooses_by_its_aliases_and_goes_before_version():
    niji = dataclasses.replace(MODEL, name="anime", aliases=("niji", "niji 6"))
    models = (HEAVY, niji)
    for text in ("a --niji", "a --niji 6", "a --v h --NIJI 6"):
        assert brief.choose_model(prompt.parse(text), models) is niji
    with pytest.raises(PromptError, match="no model “niji 7” here") as caught:
        brief.choose_model(prompt.parse("a --niji 7 --v h"), models)
    assert caught.value.token == "--niji 7"


def test_a_model_without_aliases_is_offered_by_its_name():
    nameless = dataclasses.replace(PLAIN, aliases=())
    with pytest.raises(PromptError, match=r"--v doodle, --v plain\."):
        brief.choose_model(prompt.parse("a --v 7"), (MODEL, nameless))


def test_a_refused_model_is_marked_where_it_was_typed():
    text = "a picture 7 --seed 7 --v 7"
    with pytest.raises(PromptError) as caught:
        brief.choose_model(prompt.parse(text), (MODEL,))
    error = caught.value
    assert (error.token, error.start, error.command) == ("--v 7", text.index("--v"), text)
    assert isinstance(error.sentence, Sentence)


def test_a_wish_that_was_not_typed_marks_nothing():
    wish = dataclasses.replace(prompt.parse("a"), parameters=flags.Parameters(version="7"))
    with pytest.raises(PromptError) as caught:
        brief.choose_model(wish, (MODEL,))
    assert (caught.value.token, caught.value.start, caught.value.end) == ("", 0, 0)


INKED = dataclasses.replace(MODEL, loras=("Ink", "film grain"))


def test_loras_reach_the_job_by_the_catalogues_names():
    job = write("a cat --lora INK:0.8 --lora Film Grain", INKED).job
    assert job.loras == (("Ink", 0.8), ("film grain", 1.0))
    assert write("a cat", INKED).job.loras == ()


def test_an_unknown_lora_is_refused_with_the_models_own():
    text = "a cat --lora ink --lora oil, ink wash:2"
    with pytest.raises(PromptError) as caught:
        write(text, INKED)
    error = caught.value
    assert error.sentence == "Doodle has no LoRA “oil”. Choose one of: Ink, film grain."
    assert (error.token, error.command) == ("--lora oil, ink wash:2", text)
    assert text[error.start : error.end] == error.token


def test_a_model_without_loras_says_so():
    with pytest.raises(PromptError, match="Doodle has no LoRAs; leave --lora out"):
        write("a cat --lora ink")


async def test_the_engine_takes_every_lora_that_the_grammar_takes_and_no_more():
    names = ("a", "b", "c", "d", "e")
    spec = engine.ModelSpec(
        info=dataclasses.replace(MODEL, loras=names),
        place=Path("nowhere"),
        loras=tuple(engine.LoraSpec(name=name, path=Path("nowhere")) for name in names),
    )
    fake_engine = engine.FakeEngine((spec,))
    most, heaviest = values.MAX_LORAS, values.MAX_LORA_WEIGHT
    text = ", ".join(
        f"{name}:{sign}{heaviest:g}" for name, sign in zip("abcd", "+-+-", strict=True)
    )
    job = write(f"a cat --lora {text}", spec.info).job
    assert len(job.loras) == most
    fake_engine.run(job)
    for loras in ((*job.loras, ("e", 1.0)), (("a", heaviest + 0.01),)):
        with pytest.raises(ValueError, match="LoRAs can be taken"):
            fake_engine.run(dataclasses.replace(job, id="other", loras=loras))


TYPED = {"version": "h", "niji": "", "lora": "ink:0.8", "iw": "0.5"}
"""What is typed instead of a flag's example where the example names nothing here."""


@pytest.mark.parametrize(
    "flag",
    [flag for flag in flags.FLAGS if flag.name != "repeat"],  # it acts before, in `repeats`
    ids=lambda flag: flag.name,
)
def test_what_the_table_says_acts_does_and_the_rest_is_named(flag):
    models = (
        dataclasses.replace(INKED, name="light"),
        HEAVY,
        dataclasses.replace(INKED, name="anime", aliases=("niji",)),
    )
    typed = f"--{flag.name} {TYPED.get(flag.name, flag.example)}"

    def drawn(text):
        read = prompt.parse(text)
        model = brief.choose_model(read, models, default="light")
        return brief.write(read, model, job_id="j", owner="o", seed=5, inputs=(b"x",))

    plain, asked = (drawn(f"https://a.example/1.png a cat {end}") for end in ("", typed))
    assert (asked.job != plain.job) is flag.acts
    assert any(f"--{flag.name}" in note for note in asked.notes) is not flag.acts


def test_without_any_model_the_member_is_told_who_can_help():
    missing = dataclasses.replace(MODEL, installed=False)
    with pytest.raises(NotFound, match="operator gets one") as caught:
        brief.choose_model(prompt.parse("a"), (missing,), default="doodle")
    assert isinstance(caught.value.sentence, Sentence)
    assert caught.value.command == "a"


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
