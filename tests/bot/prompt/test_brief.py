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
from engine import Sentence, scheduler_table

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
    operations=frozenset({"text", "image", "mix", "tile", "negative", "vary"}),
    schedulers=("euler", "euler-a"),
)
PLAIN = dataclasses.replace(
    MODEL, name="plain", title="Plain", aliases=("p",), operations=frozenset({"text"})
)


def write(text, model=MODEL, **options):
    return brief.write(
        prompt.parse(text, beside=len(options.get("inputs", ()))),
        model,
        **{"job_id": "j", "owner": "o", "seed": 5, **options},
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


def test_a_shape_that_few_sizes_come_near_to_is_said_with_what_is_drawn():
    few = dataclasses.replace(MODEL, few_sizes=True, size_step_px=8)
    written = write("a cat --ar 7:5", few)
    size = (written.job.width_px, written.job.height_px)
    assert size == (168, 128)
    (note,) = written.notes
    assert "168×128" in note and "7:5" in note
    assert write("a cat --ar 3:2", few).notes == ()
    assert write("a cat --ar 7:5", dataclasses.replace(few, few_sizes=False)).notes == ()


def test_a_shape_beyond_the_model_is_said():
    written = write("a cat --ar 14:1")
    assert any("256×128" in note for note in written.notes)


def test_parameters_that_do_nothing_here_are_named_on_one_line_each_reason_once():
    written = write("a cat --video --chaos 20 --motion low --p abc --s 300", PLAIN)
    [note] = written.notes
    assert note == (
        "Without effect on Plain: --video, --motion (no kind of model here makes films yet), "
        "--chaos (it draws by itself; choose another model), "
        "--p (nobody's taste is learnt here; a code after sref keeps a look), "
        "--s (it takes a style whole or not at all)."
    )


def test_a_prompt_pasted_from_midjourney_draws_with_one_line_of_what_was_left_out():
    text = "a cat --v 6.1 --niji 6 --p abc --sref 123 --style raw"
    not_here = dataclasses.replace(PLAIN, name="flux", aliases=("6.1",), installed=False)
    read = prompt.parse(text)
    model = brief.choose_model(read, (not_here, MODEL), default="doodle")
    assert model is MODEL
    written = brief.write(read, model, job_id="j", owner="o", seed=5)
    [note] = written.notes
    assert note == (
        "Without effect on Doodle: --v 6.1, --niji 6 (no model of that name is installed; "
        "Doodle draws instead), --p (nobody's taste is learnt "
        "here; a code after sref keeps a look)."
    )
    [code] = written.job.style_codes
    assert code == engine.StyleCode(code=123)


@given(
    st.lists(st.sampled_from(flags.FLAGS), unique_by=lambda flag: flag.name),
    st.sampled_from([MODEL, PLAIN]),
)
def test_every_note_is_made_of_sentences_that_can_be_translated(chosen, model):
    model = dataclasses.replace(
        model,
        loras=("NAME",),
        styles=(engine.Preset(name="NAME"),),
        schedulers=("euler-a",),
    )
    typed = " ".join(f"--{flag.name} {flag.example}" for flag in chosen)
    for note in write(f"https://a.example/1.png a cat {typed}", model).notes:
        assert isinstance(note, Sentence)
        assert note == note.said(gettext.NullTranslations())
        assert "--" not in note.template.replace("--no", "")
        assert "{title}" in note.template


def test_what_the_model_cannot_do_is_named():
    notes = write("a cat --no fog --tile", PLAIN).notes
    assert any("--no is without effect" in note for note in notes)
    assert any("--tile (it cannot; choose another model)" in note for note in notes)
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


def test_steps_guidance_and_sampler_are_taken_as_they_are_said():
    job = write("a cat --steps 33 --cfg 9.5 --sampler Euler a --q 2 --draft").job
    assert (job.steps, job.guidance, job.scheduler) == (33, 9.5, "euler-a")
    [note] = write("a cat --steps 33 --q 2 --draft").notes
    assert "--q, --draft (the number of steps is given)" in note


def test_parameters_of_a_suffix_are_named_as_they_stand_there():
    read = prompt.parse("a cat --v 5", suffix="--p --s 50 --v 7")
    notes = brief.write(read, MODEL, job_id="j", owner="o", seed=1).notes
    assert any("--v 5" in note and "--p (" in note for note in notes), notes
    assert [segment.typed for segment in read.added] == ["p", "s"]


def test_a_sampler_of_another_kind_of_model_is_refused_where_it_was_typed():
    with pytest.raises(
        PromptError, match=r"flow-euler does not suit Doodle.*euler, euler-a\."
    ) as e:
        write("a cat --sampler flow euler")
    assert e.value.token == "--sampler flow euler"


def test_hd_draws_as_large_as_the_model_can_in_the_same_shape():
    assert write("a cat --hd --ar 2:1").job.width_px == 256
    square = write("a cat --hd").job
    assert 128 * 128 < square.width_px * square.height_px <= MODEL.max_pixels
    small = dataclasses.replace(MODEL, max_pixels=128 * 128)
    written = write("a cat --hd", small)
    assert (written.job.width_px, written.job.height_px) == (128, 128)
    assert written.notes == ("Without effect on Doodle: --hd (it draws no larger).",)


def test_relax_waits_in_the_relaxed_lane_and_costs_the_same():
    job = write("a cat --relax").job
    assert job.lane is engine.Lane.RELAX
    assert pricing.price(job, MODEL) == pricing.price(write("a cat").job, MODEL)


DRAFTING = dataclasses.replace(
    MODEL,
    loras=("fast", "ink"),
    draft=engine.Preset(
        name="draft", steps=6, guidance=1.5, scheduler="lcm", loras=(("fast", 1.0),)
    ),
)


def test_a_draft_is_drawn_as_the_operator_set_it_at_the_price_of_its_steps():
    job = write("a cat --draft --lora ink:.5", DRAFTING).job
    assert (job.steps, job.guidance, job.scheduler) == (6, 1.5, "lcm")
    assert job.loras == (("ink", 0.5), ("fast", 1.0))
    assert pricing.price(job, DRAFTING) == 30
    said = write("a cat --draft --steps 9 --cfg 3 --sampler euler", DRAFTING).job
    assert (said.steps, said.guidance, said.scheduler) == (9, 3.0, "euler")


STYLED = dataclasses.replace(
    MODEL,
    prompt_prefix="a picture of",
    styles=(
        engine.Preset(
            name="Film",
            suffix="35mm film",
            negative="drawing",
            steps=30,
            guidance=5.5,
            scheduler="euler-a",
        ),
        engine.Preset(name="neon", prefix="neon"),
    ),
)


def test_a_named_style_takes_the_place_of_the_models_own():
    job = write("a cat --no fog --style FILM", STYLED).job
    assert job.prompt[0].text == "a cat, 35mm film"
    assert job.negative == "fog, drawing, blurry"
    assert (job.steps, job.guidance, job.scheduler) == (30, 5.5, "euler-a")
    assert write("a cat --style neon", STYLED).job.prompt[0].text == "neon, a cat"
    assert write("a cat", STYLED).job.prompt[0].text == "a picture of, a cat, best quality"


@pytest.mark.parametrize("flags", ["", " --stylize 300", " --sref 7 --raw", " --sref 7 --sw 40"])
def test_a_style_goes_to_the_first_part_that_is_wanted(flags):
    job = write(f"dog::-.3 cat{flags}").job
    for texts in (job.prompt, *(look.prompt for look in job.looks)):
        assert [part.text for part in texts if part.weight < 0] == ["dog"]
        assert texts[1].text.startswith("cat")
    assert any(texts[1].text != "cat" for texts in (job.prompt, *(k.prompt for k in job.looks)))


def test_a_style_that_the_model_does_not_have_is_refused_with_its_own():
    with pytest.raises(
        PromptError, match=r"no style “flim”\. Choose one of: Film, neon, raw\."
    ) as e:
        write("a cat --style flim", STYLED)
    assert e.value.token == "--style flim"
    with pytest.raises(PromptError, match="has no named styles"):
        write("a cat --style film")


@pytest.mark.parametrize("name", ["cute", "4b", "7gK2xQ"])
def test_styles_of_midjourneys_are_named_and_drawn_without(name):
    written = write(f"a cat --style {name}", STYLED)
    assert written.job == write("a cat", STYLED).job
    assert written.notes == ("Without effect on Doodle: --style (its styles: Film, neon, raw).",)


@pytest.mark.parametrize(("value", "weight"), [(50, 0.5), (550, 1.5), (1000, 2.0)])
def test_a_weaker_or_stronger_style_is_a_look_beside_the_plain_words(value, weight):
    job = write(f"a cat::2 a hat --s {value}").job
    assert [part.text for part in job.prompt] == ["a cat", "a hat"]
    [look] = job.looks
    assert look.weight == pytest.approx(weight)
    assert look.prompt == write("a cat::2 a hat").job.prompt


def test_style_100_is_typed_words_and_0_or_raw_none_at_all():
    assert write("a cat --s 100").job == write("a cat").job
    for flag in ("--s 0", "--raw", "--style raw", "--raw --s 500"):
        job = write(f"a cat {flag}").job
        assert (job.prompt[0].text, job.looks) == ("a cat", ())


def test_a_style_code_is_the_same_words_and_the_same_number_every_time():
    jobs = [write(f"a {thing} --sref 77 --raw").job for thing in ("cat", "dog")]
    words = {job.prompt[0].text.split(", ", 1)[1] for job in jobs}
    assert len(words) == 1
    assert {job.style_codes for job in jobs} == {(engine.StyleCode(code=77),)}
    other = write("a cat --sref 78 --raw").job
    assert other.prompt != jobs[0].prompt


def test_a_code_takes_a_word_of_each_of_the_models_own_lists():
    own = dataclasses.replace(MODEL, code_words=(("ink", "oil"), ("blue",)))
    words = write("a cat --sref 5 --raw", own).job.prompt[0].text
    assert words in {"a cat, ink, blue", "a cat, oil, blue"}


def test_codes_share_by_weight_and_sw_says_how_much_they_count():
    job = write("a cat --sref 1::3 2 --sw 50 --raw").job
    assert job.style_codes == (
        engine.StyleCode(code=1, weight=0.375),
        engine.StyleCode(code=2, weight=0.125),
    )
    assert job.prompt[0].text == "a cat"
    [look] = job.looks
    assert look.weight == 0.5
    off = write("a cat --sref 1 --sw 0").job
    assert dataclasses.replace(off, style_scale=0.6) == write("a cat").job


def test_a_random_style_is_said_so_that_it_can_be_typed_again():
    written = write("a cat --sref random --seed 9", seed=1)
    [code] = written.job.style_codes
    assert written.notes == (f"The style drawn for it: --sref {code.code}.",)
    again = write(f"a cat --sref {code.code} --seed 9")
    assert again.job == written.job
    assert write("a cat --sref random --seed 9", seed=2).job == written.job
    assert write("a cat --sref random --seed 8", seed=1).job.style_codes != (code,)
    assert write("a cat --sref random", seed=9).job.style_codes == (code,)


@pytest.mark.parametrize("model", [MODEL, PLAIN], ids=lambda model: model.name)
def test_the_random_style_that_is_said_draws_the_same_with_its_weights(model):
    written = write("a cat --sref random::3 5::1 --seed 9", model)
    [said] = [note for note in written.notes if "drawn for it" in note]
    flags_again = said.removeprefix("The style drawn for it: ").removesuffix(".")
    assert "::3 5::1" in flags_again
    assert write(f"a cat {flags_again} --seed 9", model).job == written.job
    assert not any("drawn for" in each for each in write("a cat --sref random --sw 0").notes)


def test_links_beside_a_random_style_are_said_too_without_a_preview():
    text = "a cat --sref <https://a.example/1.png>::2 random"
    [note] = [note for note in write(text).notes if "drawn for it" in note]
    assert "--sref <https://a.example/1.png>::2 " in note
    again = prompt.parse(f"a cat {note.removeprefix('The style drawn for it: ')[:-1]}")
    assert again.parameters.sref[0] == "https://a.example/1.png::2"


def test_chaos_weird_and_exp_reach_the_job_as_shares():
    job = write("a cat --c 50 --w 1500 --exp 25").job
    assert (job.chaos, job.weird, job.experiment) == (0.5, 0.5, 0.25)


def test_a_model_that_draws_by_itself_takes_a_style_whole_or_not_at_all():
    styled = dataclasses.replace(PLAIN, prompt_suffix="oil")
    written = write("a cat --s 300 --sref 5 --sw 20 --chaos 9 --weird 9 --exp 9", styled)
    job = written.job
    assert job.prompt[0].text.startswith("a cat, oil, ")
    assert (job.looks, job.style_codes, job.chaos, job.weird, job.experiment) == ((), (), 0, 0, 0)
    [note] = written.notes
    assert "--chaos, --weird, --exp (it draws by itself; choose another model)" in note


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


REFERRED = "https://a.example/1.png"


def test_linked_pictures_of_a_style_take_the_adapter_and_others_are_drawn_over():
    text = f"a cat --sref {REFERRED}::3 7 --cref {REFERRED} --sw 200"
    read = prompt.parse(text, beside=1)
    assert brief.reference_links(read, SEEING) == (REFERRED,)
    written = write(text, SEEING, inputs=(b"x",), references=(b"style",))
    job = written.job
    assert job.style_inputs == (engine.InputPicture(data=b"style", weight=3.0),)
    assert job.style_scale == pytest.approx(0.84)
    assert (job.init_use, job.inputs[0].data) == (engine.InitUse.IMG2IMG, b"x")
    assert [code.code for code in job.style_codes] == [7]
    [note] = written.notes
    assert "--cref (its adapter follows the style already)" in note


def test_pictures_of_characters_and_things_are_prompts_by_their_weight():
    text = f"a cat --cref {REFERRED} --cw 50 --oref {REFERRED}"
    assert brief.reference_links(prompt.parse(text), SEEING) == (REFERRED, REFERRED)
    job = write(text, SEEING, references=(b"who", b"what")).job
    assert job.init_use is engine.InitUse.PROMPT
    assert job.image_scale == pytest.approx(0.6)
    who, what = job.inputs
    assert (who.data, what.data, what.weight) == (b"who", b"what", 1.0)
    assert 0 < who.weight < 1


def test_of_links_that_a_model_cannot_follow_nothing_is_fetched_and_that_is_said():
    text = f"a cat --sref {REFERRED} --oref {REFERRED} --sw 50 --ow 7"
    assert brief.reference_links(prompt.parse(text), MODEL) == ()
    [note] = write(text).notes
    assert note == (
        "Without effect on Doodle: --sref, --oref (it has no image adapter; the operator names "
        "one as ip_adapter), --sw (no style to weigh), --ow (no picture to weigh)."
    )


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
        brief.choose_model(prompt.parse("a --v seven"), (MODEL, PLAIN))


def test_of_a_model_that_is_not_fetched_the_member_is_told_who_can_help():
    missing = dataclasses.replace(PLAIN, installed=False)
    with pytest.raises(PromptError, match="ask this bot's operator"):
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
    assert brief.choose_model(prompt.parse("a --niji 7 --v h"), models) is niji
    with pytest.raises(PromptError, match="no model “niji best” here") as caught:
        brief.choose_model(prompt.parse("a --niji best"), (HEAVY,))
    assert caught.value.token == "--niji best"


@pytest.mark.parametrize("typed", ["--v 6", "--v 6.1", "--niji", "--niji 6", "--niji 5 --v 7"])
def test_versions_of_midjourneys_draw_on_the_default_model_unless_a_model_has_that_name(typed):
    gone = dataclasses.replace(
        MODEL, name="flux", aliases=("6", "6.1", "7", "niji"), installed=False
    )
    read = prompt.parse(f"a {typed}")
    assert brief.choose_model(read, (HEAVY, gone, LIGHT), default="light") is LIGHT
    here = dataclasses.replace(gone, installed=True)
    assert brief.choose_model(read, (HEAVY, here, LIGHT), default="light") is here
    assert not brief.write(read, here, job_id="j", owner="o", seed=5).notes


def test_a_model_without_aliases_is_offered_by_its_name():
    nameless = dataclasses.replace(PLAIN, aliases=())
    with pytest.raises(PromptError, match=r"--v doodle, --v plain\."):
        brief.choose_model(prompt.parse("a --v x"), (MODEL, nameless))


def test_a_refused_model_is_marked_where_it_was_typed():
    text = "a picture x --seed 7 --v x"
    with pytest.raises(PromptError) as caught:
        brief.choose_model(prompt.parse(text), (MODEL,))
    error = caught.value
    assert (error.token, error.start, error.command) == ("--v x", text.index("--v"), text)
    assert isinstance(error.sentence, Sentence)


def test_a_wish_that_was_not_typed_marks_nothing():
    wish = dataclasses.replace(prompt.parse("a"), parameters=flags.Parameters(version="x"))
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


TYPED = {
    "version": "--version h",
    "niji": "--niji",
    "lora": "--lora ink:0.8",
    "iw": "--iw 0.5",
    "style": "--style film",
    "cw": "--cref https://a.example/2.png --cw 50",
    "ow": "--oref https://a.example/2.png --ow 200",
    "sw": "--sref 5 --sw 50",
}
"""What is typed instead of a flag's example where the example names nothing here."""
AS_WITHOUT = {"sd", "fast", "public", "stealth"}
"""What says only what is so anyhow, or acts where the result is shown (`jobs.modes`)."""
FILM = engine.Preset(name="film", suffix="35mm film", negative="drawing", steps=30)


@pytest.mark.parametrize(
    "flag",
    [flag for flag in flags.FLAGS if flag.name != "repeat"],  # it acts before, in `repeats`
    ids=lambda flag: flag.name,
)
def test_what_the_table_says_acts_does_and_the_rest_is_named(flag):
    able = dataclasses.replace(
        INKED, name="light", styles=(FILM,), operations=INKED.operations | {"image_prompt"}
    )
    models = (able, HEAVY, dataclasses.replace(INKED, name="anime", aliases=("niji",)))
    typed = TYPED.get(flag.name, f"--{flag.name} {flag.example}")

    def drawn(text):
        read = prompt.parse(text)
        model = brief.choose_model(read, models, default="light")
        links = brief.reference_links(read, model)
        return brief.write(
            read,
            model,
            job_id="j",
            owner="o",
            seed=5,
            inputs=(b"x",),
            references=(b"y",) * len(links),
        )

    plain, asked = (drawn(f"https://a.example/1.png a cat {end}") for end in ("", typed))
    if flag.name not in AS_WITHOUT:
        assert (asked.job != plain.job) is flag.acts
    assert any(f"--{flag.name}" in note for note in asked.notes) is not flag.acts


def test_without_any_model_the_member_is_told_who_can_help():
    missing = dataclasses.replace(MODEL, installed=False)
    with pytest.raises(NotFound, match="ask this bot's operator") as caught:
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


NEON = engine.Preset(name="neon", suffix="neon lights")
NEONED = dataclasses.replace(MODEL, styles=(NEON,))
BARE = dataclasses.replace(MODEL, prompt_suffix="", styles=(NEON,))
FLUX = dataclasses.replace(PLAIN, family="flux", guidance=1.0, steps=1)
ONE_STEP = dataclasses.replace(MODEL, steps=1)
LONG = dataclasses.replace(MODEL, steps=engine.MAX_STEPS)
NO_LARGER = dataclasses.replace(MODEL, max_pixels=128 * 128)


@pytest.mark.parametrize(
    ("typed", "model", "said"),
    [
        ("--cfg 7", FLUX, "--cfg (it draws without guidance)"),
        ("--style neon --raw", NEONED, "--style (a raw picture has no style)"),
        ("--style neon --stylize 0", NEONED, "--style (--stylize 0 leaves styles out)"),
        ("--raw", BARE, "--raw (it has no style of its own)"),
        ("--style raw", BARE, "--style (it has no style of its own)"),
        ("--raw --stylize 0", NEONED, "--raw (--stylize 0 leaves styles out)"),
        ("--sref 5 --sw 50", PLAIN, "--sw (it takes a style whole or not at all)"),
        ("--sref 5::3 7", PLAIN, "--sref 5::3 (it takes a style whole or not at all)"),
        ("--sd --hd", MODEL, "--sd (--hd goes before it)"),
        ("--fast --relax", MODEL, "--fast (--relax goes before it)"),
        ("--draft", ONE_STEP, "--draft (it stays at 1 step)"),
        ("--quality .25", ONE_STEP, "--quality (it stays at 1 step)"),
        ("--quality 4", LONG, "--quality (it stays at 150 steps)"),
        ("--hd --ar 14:1", MODEL, "--hd (the picture is the same without it)"),
        ("--ar 101:100", MODEL, "--ar (the picture is the same without it)"),
    ],
)
def test_a_parameter_that_does_nothing_is_said_with_why(typed, model, said):
    assert any(said in note for note in write(f"a cat {typed}", model).notes)


@pytest.mark.parametrize(
    "typed", ["--style neon", "--style neon --stylize 50", "--cfg 7", "--sref 5::3 7", "--sd"]
)
def test_a_parameter_that_does_something_is_not_said_to_do_nothing(typed):
    assert not write(f"a cat {typed}", NEONED).notes


@pytest.mark.parametrize(
    "model",
    [MODEL, NEONED, BARE, PLAIN, FLUX, ONE_STEP, LONG, NO_LARGER],
    ids=["able", "styled", "bare", "plain", "flux", "one step", "long", "no larger"],
)
@pytest.mark.parametrize("flag", [each for each in flags.FLAGS if each.name != "version"])
def test_of_every_parameter_on_every_kind_of_model_the_job_differs_or_a_note_names_it(flag, model):
    model = dataclasses.replace(model, loras=("ink",), styles=model.styles or (FILM,))
    typed = {"lora": "--lora ink", "style": f"--style {model.styles[0].name}"}
    plain = write("a cat", model)
    asked = write(f"a cat {typed.get(flag.name, f'--{flag.name} {flag.example}')}", model)
    # What weighs pictures, and there are none, is no difference.
    seen = dataclasses.replace(
        asked.job, style_scale=plain.job.style_scale, strength=plain.job.strength, image_scale=0.6
    )
    if seen == plain.job and flag.name not in AS_WITHOUT:
        assert any(f"--{flag.name}" in note for note in asked.notes)


def test_the_loras_of_a_draft_stay_and_those_without_room_are_named():
    draft = engine.Preset(name="draft", steps=4, loras=(("lcm", 1.0),))
    model = dataclasses.replace(MODEL, loras=("a", "b", "c", "d", "lcm"), draft=draft)
    written = write("a cat --draft --lora a, b:.5, c, d", model)
    assert written.job.loras == (("a", 1.0), ("b", 0.5), ("c", 1.0), ("lcm", 1.0))
    assert any("--lora d (4 at most, with those of a style or draft)" in n for n in written.notes)
    own = write("a cat --draft --lora a, lcm:.5, c, d", model)
    assert own.job.loras == (("a", 1.0), ("lcm", 0.5), ("c", 1.0), ("d", 1.0))
    assert not own.notes


@pytest.mark.parametrize("steps", [1, 2, 4, 7, 49, 150])
@pytest.mark.parametrize("strength", [None, 0.05, 0.45, 0.75])
@pytest.mark.parametrize("weight", [0, 1, 3])
def test_at_least_one_step_is_drawn_over_a_picture(steps, strength, weight):
    text = f"https://a.example/1.png a cat --iw {weight} --steps {steps}"
    job = write(text, inputs=(b"x",), strength=strength).job
    assert int(job.steps * job.strength) >= 1
    assert job.strength <= 1
    plenty = write(f"a cat --iw {weight} --steps 60", inputs=(b"x",), strength=strength).job
    assert plenty.strength == ({0: 0.95, 1: 0.7, 3: 0.2}[weight] if strength is None else strength)


def test_a_sampler_that_cannot_begin_from_a_picture_is_refused_with_one():
    model = dataclasses.replace(MODEL, schedulers=("ipndm", "euler"))
    assert write("a cat --sampler ipndm", model).job.scheduler == "ipndm"
    text = "https://a.example/1.png a cat --sampler ipndm --seed 7"
    with pytest.raises(PromptError, match=r"cannot begin from a picture.*such as euler") as caught:
        write(text, model, inputs=(b"x",))
    assert caught.value.token == "--sampler ipndm"
    follows = dataclasses.replace(model, operations=model.operations | {"image_prompt"})
    assert write(text, follows, inputs=(b"x",)).job.scheduler == "ipndm"


def test_those_samplers_are_the_ones_of_diffusers_that_cannot_noise_a_picture():
    diffusers = pytest.importorskip("diffusers")
    cannot = {
        name
        for name, spec in scheduler_table.SPECS.items()
        if not hasattr(getattr(diffusers, spec.class_name), "add_noise")
        and not hasattr(getattr(diffusers, spec.class_name), "scale_noise")
    }
    assert cannot == brief.FROM_NOISE_ONLY
