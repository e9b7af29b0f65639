"""Words in a language that a model does not read are translated before their job waits its turn."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import shutil
import threading

import pytest
import torch

from engine import (
    Cancelled,
    CatalogueError,
    DrawnWords,
    Engine,
    EngineClosed,
    Finished,
    Look,
    Started,
    Translating,
    WeightedText,
    load_catalogue,
)
from engine.errors import BrokenModelError, JobError, Sentence
from engine.families import FAMILIES
from engine.models import loading, translator
from engine.translation import MOST_PIECES, translated
from tests.engine import tiny_models
from tests.engine.tiny_translators import SENTENCES

KEPT = "The words could not be translated, so they were drawn as they are."


def translator_spec(place, **fields):
    spec = tiny_models.spec("translator", place)
    return dataclasses.replace(
        spec, info=dataclasses.replace(spec.info, languages=("ja",), **fields)
    )


@pytest.fixture
async def start(weights):
    """A function: a directory → a started engine that draws, and translates with what is there."""
    engines = []

    async def started(place=None):
        specs = [
            tiny_models.spec("sd", weights("sd")),
            translator_spec(place or weights("translator")),
        ]
        engine = Engine(specs, device="cpu")
        engines.append(engine)
        await engine.start()
        return engine

    yield started
    for engine in engines:
        await engine.close()


async def events_of(stream):
    return [event async for event in stream]


def parts(*texts):
    return tuple(WeightedText(text=text, weight=0.5) for text in texts)


def asked(draw, *texts, negative="", **fields):
    return draw(prompt=parts(*texts), negative=negative, translate="ja", **fields)


# Which words are translated, and what is done where that fails.


@pytest.mark.parametrize(
    ("texts", "negative", "drawn", "without"),
    [
        (["赤い猫"], "", ["RED CAT"], ""),
        (["赤い猫", "a boat"], "", ["RED CAT", "a boat"], ""),
        (["anime, 赤い猫, best quality"], "", ["anime, RED CAT, best quality"], ""),
        (["赤い猫，赤い猫"], "", ["RED CAT，RED CAT"], ""),
        (["a cat"], "赤い猫, blurry", ["a cat"], "RED CAT, blurry"),
        (["café, naïve, ａ ｃａｔ 🐈 ①"], "", ["café, naïve, ａ ｃａｔ 🐈 ①"], ""),
        ([], "", [], ""),
    ],
)
def test_pieces_between_commas_in_other_scripts_are_translated(
    draw, texts, negative, drawn, without
):
    found = translated(
        asked(draw, *texts, negative=negative), lambda texts: ["RED CAT" for _ in texts]
    )
    assert found.drawn == DrawnWords(prompt=parts(*drawn), negative=without)
    assert found.note is None


def test_the_words_of_looks_are_translated_like_those_of_the_prompt(draw):
    look = Look(prompt=parts("赤い猫, neon"), weight=1.5)
    job = asked(draw, "赤い猫", looks=(look,))
    done = translated(job, lambda texts: ["RED CAT" for _ in texts]).job(job)
    assert done.prompt == parts("RED CAT")
    assert done.looks == (Look(prompt=parts("RED CAT, neon"), weight=1.5),)
    kept = translated(job, lambda texts: ["" for _ in texts])
    assert kept.note is not None
    assert kept.job(job).looks == job.looks


@pytest.mark.parametrize(
    ("said", "drawn"),
    [
        ("A red cat.", "A red cat"),
        ("  a\nred\u202e\x00 cat ", "a red cat"),
        ("a cat of the 80s — nice", "a cat of the 80s — nice"),
        ("a very very very very old cat", "a very very very very old cat"),
    ],
)
def test_a_translation_is_one_line_of_what_can_be_seen(draw, said, drawn):
    assert translated(asked(draw, "赤い猫"), lambda _: [said]).drawn.prompt == parts(drawn)


@pytest.mark.parametrize(
    "said",
    [
        "",
        "   ",
        "...",
        "123",
        "赤い猫",
        "a 猫",
        "the the the the the",
        "Cat, cat, CAT! cat cat",
        "a" * 501,
    ],
)
def test_nonsense_is_not_drawn(draw, said):
    found = translated(asked(draw, "赤い猫", "a boat"), lambda _: [said])
    assert found.drawn.prompt == parts("赤い猫", "a boat")
    assert found.note == f"{KEPT} The translation made no sense."


def test_a_translation_of_too_many_or_too_few_texts_is_not_drawn(draw):
    found = translated(asked(draw, "赤い猫"), lambda _: ["a", "b"])
    assert found.note == f"{KEPT} The translation made no sense."
    many = ", ".join(f"猫{'い' * count}" for count in range(MOST_PIECES + 1))
    found = translated(asked(draw, many), lambda texts: ["a cat"] * len(texts))
    assert found.note == f"{KEPT} They are 25 pieces between commas; at most 24 are translated."


class Panic(BaseException):
    """As Rust libraries raise them."""


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (
            JobError(Sentence("The files of {title} are gone.", title="It")),
            "The files of It are gone.",
        ),
        (RuntimeError("secret /path"), "The operator's log says why."),
        (Panic(), "The operator's log says why."),
        (torch.OutOfMemoryError(), "The operator's log says why."),
    ],
)
def test_whatever_goes_wrong_the_words_are_drawn_as_they_are(draw, error, why):
    def broken(_):
        raise error

    found = translated(asked(draw, "赤い猫", negative="花"), broken)
    assert found.drawn == DrawnWords(prompt=parts("赤い猫"), negative="花")
    assert found.note == f"{KEPT} {why}"


# With a real model on its own thread.


async def test_a_job_is_translated_and_draws_the_same_bytes_as_its_english(start, draw):
    engine = await start()
    job = asked(draw, "赤い猫", "a sea", negative="城, blurry", seed=7)
    events = await events_of(engine.run(job))
    kinds = [type(event) for event in events]
    assert kinds[0] is Translating
    assert kinds.index(Translating) < kinds.index(Started)
    end = events[-1]
    assert end.drawn == DrawnWords(prompt=parts("a red cat", "a sea"), negative="a castle, blurry")
    assert end.notes == ()

    english = draw(prompt=parts("a red cat", "a sea"), negative="a castle, blurry", seed=7)
    plain = (await events_of(engine.run(english)))[-1]
    assert plain.drawn is None
    assert plain.pictures == end.pictures


async def test_every_sentence_of_the_tiny_model_is_translated_at_once(weights):
    model = loading.load(translator_spec(weights("translator")), torch.device("cpu"), torch.float32)
    assert model.translate(list(SENTENCES), "ja") == list(SENTENCES.values())


@pytest.mark.parametrize("kind", ["translator-m2m100", "translator-t5"])
def test_other_kinds_load_and_write_a_text_for_each(weights, kind):
    spec = translator_spec(weights(kind), prompt_prefix="translate Japanese to English:")
    model = loading.load(spec, torch.device("cpu"), torch.float32)
    said = model.translate(["赤い猫", "夜の青い舟"], "ja")
    assert len(said) == 2
    assert model.translate(["赤い猫", "夜の青い舟"], "ja") == said


def test_m2m100_is_told_both_languages_and_t5_its_task(weights, monkeypatch):
    given = {}
    model = loading.load(
        translator_spec(weights("translator-m2m100")), torch.device("cpu"), torch.float32
    )
    words, generate = model._tokenizer, model.model.generate
    monkeypatch.setattr(
        model.model, "generate", lambda **options: given.update(options) or generate(**options)
    )
    model.translate(["城"], "ja")
    assert given["input_ids"][0, 0] == words.get_lang_id("ja")
    assert given["forced_bos_token_id"] == words.get_lang_id("en")

    spec = translator_spec(weights("translator-t5"), prompt_prefix="to english:")
    model = loading.load(spec, torch.device("cpu"), torch.float32)
    generate = model.model.generate
    monkeypatch.setattr(
        model.model, "generate", lambda **options: given.update(options) or generate(**options)
    )
    model.translate(["赤い猫"], "ja")
    assert "to english" in model._tokenizer.decode(given["input_ids"][0])


async def test_nonsense_of_a_real_model_is_drawn_as_the_words_were(start, draw, weights):
    engine = await start(weights("translator-m2m100"))
    end = (await events_of(engine.run(asked(draw, "赤い猫"))))[-1]
    assert isinstance(end, Finished)
    assert end.drawn.prompt == parts("赤い猫")
    assert end.notes == (f"{KEPT} The translation made no sense.",)


async def test_a_long_text_is_cut_and_not_refused(start, draw):
    engine = await start()
    end = (await events_of(engine.run(asked(draw, "赤い猫" * 1300))))[-1]
    assert isinstance(end, Finished)


async def test_files_that_are_gone_are_said_so_without_their_folder(start, draw, tmp_path, caplog):
    with caplog.at_level(logging.CRITICAL):
        engine = await start(tmp_path / "gone")
        end = (await events_of(engine.run(asked(draw, "赤い猫"))))[-1]
    assert end.drawn.prompt == parts("赤い猫")
    assert end.notes == (f"{KEPT} The files of Tiny translator are not at gone.",)
    assert end.pictures


async def test_a_language_without_a_model_is_said_so(start, draw):
    engine = await start()
    job = dataclasses.replace(asked(draw, "кот"), translate="ru")
    end = (await events_of(engine.run(job)))[-1]
    assert end.notes == (f"{KEPT} No translation model for their language is installed.",)


def pickled(place):
    (place / "model.safetensors").unlink()
    torch.save({}, place / "pytorch_model.bin")


def cut(place):
    weights = place / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])


def without_words(place):
    (place / "source.spm").unlink()


def with_code(place):
    (place / "config.json").write_text(
        '{"model_type": "strange", "auto_map": {"AutoConfig": "evil.Config", '
        '"AutoModelForSeq2SeqLM": "evil.Model"}}'
    )
    (place / "evil.py").write_text("raise SystemExit('this code was run')")


@pytest.mark.parametrize("spoil", [pickled, cut, without_words, with_code])
def test_broken_or_hostile_files_are_one_sentence(weights, tmp_path, spoil):
    place = tmp_path / "copy"
    shutil.copytree(weights("translator"), place)
    spoil(place)
    with pytest.raises(BrokenModelError, match="Tiny translator cannot be loaded from copy"):
        loading.load(translator_spec(place), torch.device("cpu"), torch.float32)


# What others notice of it: nothing.


@pytest.fixture
def gate(monkeypatch):
    """While it is not set, no translation ends; `begun` is set by the first."""
    open_, begun = threading.Event(), threading.Event()

    def waits(_self, texts, _language):
        begun.set()
        assert open_.wait(60)
        return ["a red cat" for _ in texts]

    monkeypatch.setattr(translator.Translator, "translate", waits)
    open_.begun = begun
    yield open_
    open_.set()


async def test_others_are_drawn_while_a_translation_takes_its_time(start, draw, gate):
    engine = await start()
    first = engine.run(asked(draw, "赤い猫"))
    assert isinstance(await anext(first), Translating)
    for _ in range(2):
        end = (await events_of(engine.run(draw())))[-1]
        assert isinstance(end, Finished)
    gate.set()
    assert (await events_of(first))[-1].drawn.prompt == parts("a red cat")


async def test_a_job_is_cancelled_while_it_is_translated(start, draw, gate):
    engine = await start()
    job = asked(draw, "赤い猫")
    stream = engine.run(job)
    assert isinstance(await anext(stream), Translating)
    assert engine.cancel(job.id)
    assert [type(event) for event in await events_of(stream)] == [Cancelled]
    again = engine.run(job)  # under the same id, while the first translation still runs
    gate.set()
    end = (await events_of(again))[-1]
    assert isinstance(end, Finished)
    assert end.drawn.prompt == parts("a red cat")


async def test_cancelled_jobs_are_not_translated_and_owners_take_turns(start, draw, gate):
    engine = await start()
    began = []

    async def ask(name, owner):
        job = dataclasses.replace(asked(draw, "赤い猫"), id=name, owner=owner)
        stream = engine.run(job)
        async for event in stream:
            if isinstance(event, Translating):
                began.append(name)
        return type(event)

    first = asyncio.create_task(ask("first", "mallory"))
    await asyncio.to_thread(gate.begun.wait, 60)
    many = [asyncio.create_task(ask(f"many{count}", "mallory")) for count in range(4)]
    last = asyncio.create_task(ask("last", "bob"))
    await asyncio.sleep(0)  # each has asked
    for name in ("many1", "many2"):
        assert engine.cancel(name)
    gate.set()
    ends = await asyncio.gather(first, *many, last)
    assert ends == [Finished, Finished, Cancelled, Cancelled, Finished, Finished]
    assert began == ["first", "many0", "last", "many3"]


async def test_a_text_is_translated_once(start, draw, monkeypatch):
    asked_for = []
    once = translator.Translator.translate

    def counted(model, texts, language):
        asked_for.append(list(texts))
        return once(model, texts, language)

    monkeypatch.setattr(translator.Translator, "translate", counted)
    engine = await start()
    for texts in (["赤い猫"], ["赤い猫", "城"], ["城"]):
        end = (await events_of(engine.run(asked(draw, *texts))))[-1]
        assert end.notes == ()
    assert asked_for == [["赤い猫"], ["城"]]
    assert end.drawn.prompt == parts("a castle")


async def test_a_translation_that_made_no_sense_is_tried_again(start, draw, monkeypatch):
    answers = iter([[""], ["a red cat"]])
    monkeypatch.setattr(translator.Translator, "translate", lambda *_: next(answers))
    engine = await start()
    ends = [(await events_of(engine.run(asked(draw, "赤い猫"))))[-1] for _ in range(2)]
    assert [end.drawn.prompt for end in ends] == [parts("赤い猫"), parts("a red cat")]


async def test_a_stop_leaves_jobs_open_whose_words_are_translated(start, draw, gate):
    engine = await start()
    streams = [engine.run(asked(draw, "赤い猫")) for _ in range(3)]
    assert await asyncio.to_thread(gate.begun.wait, 60)
    closing = asyncio.create_task(engine.close(drain_s=60))
    await asyncio.sleep(0)
    gate.set()
    await closing
    for stream in streams:
        with pytest.raises(EngineClosed):
            await events_of(stream)


# The catalogue.

ENTRIES = """
[m]
path = "m"
family = "sd"
[both]
path = "m"
family = "sd"
languages = ["en", "ja"]
[chinese]
path = "m"
family = "sd"
languages = ["zh"]
[ja]
path = "ja"
family = "translator"
languages = ["ja", "ko"]
"""


def test_installed_translators_serve_every_model_that_reads_english(tmp_path):
    catalogue = tmp_path / "models.toml"
    catalogue.write_text(ENTRIES)
    assert all(not spec.info.translates for spec in load_catalogue(catalogue))
    (tmp_path / "ja").mkdir()
    (tmp_path / "ja" / "config.json").write_text("{}")
    found = {spec.info.name: spec.info.translates for spec in load_catalogue(catalogue)}
    assert found == {"m": ("ja", "ko"), "both": ("ko",), "chinese": (), "ja": ()}


def test_a_translator_must_say_what_it_translates(tmp_path):
    catalogue = tmp_path / "models.toml"
    catalogue.write_text(ENTRIES.replace('languages = ["ja", "ko"]', ""))
    with pytest.raises(CatalogueError, match=r"\[ja\], languages: must name what it translates"):
        load_catalogue(catalogue)


def test_no_prompt_can_choose_a_translator():
    assert not FAMILIES["translator"].draws
