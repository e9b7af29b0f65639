"""Each catalogue has every sentence of the code, translated, and no other."""

import shutil
import tomllib

import pytest
from babel.messages.catalog import Catalog

from bot.locale import catalogue, extraction
from bot.locale.__main__ import main

HINT = "run: python -m bot.locale update, then fill in what it lists"


@pytest.fixture(scope="module")
def found():
    return extraction.sentences()


def test_japanese_is_there():
    assert "ja" in catalogue.LOCALES


@pytest.mark.parametrize("locale", catalogue.LOCALES)
def test_a_catalogue_has_all_that_is_said_and_nothing_else(locale, found):
    assert extraction.problems(catalogue.read(locale), found) == [], HINT


@pytest.mark.parametrize("locale", catalogue.LOCALES)
def test_a_catalogue_is_written_as_the_command_writes_it(locale):
    """A merge of two branches may leave entries in another order, but nothing else."""
    text = (catalogue.FOLDER / f"{locale}.po").read_text(encoding="utf-8")
    written = catalogue.text(catalogue.read(locale))
    assert sorted(filter(None, text.splitlines())) == sorted(filter(None, written.splitlines())), (
        HINT
    )


def test_an_installed_bot_has_its_catalogues():
    project = tomllib.loads((extraction.ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = project["tool"]["setuptools"]["package-data"]["bot"]
    packed = {file for pattern in patterns for file in (extraction.ROOT / "bot").glob(pattern)}
    assert {catalogue.FOLDER / f"{locale}.po" for locale in catalogue.LOCALES} <= packed


def test_sentences_of_every_floor_are_found(found):
    wanted = {
        "This job has no picture {position}.",  # the bot
        "The seed {seed} is outside 0 to {most}.",  # the engine
        "This picture is not being drawn any more.",  # a refusal raised with a constant
        "Queue full",  # its title
        "Draw four pictures from your words.",  # a command
        "Vary (Subtle)",  # a button
        "Leaves the model's house style out.",  # a parameter
    }
    assert wanted <= {message.id for message in found}
    assert found.get("{number} credit").id == ("{number} credit", "{number} credits")


ENGLISH, PLURAL = "{count} of {what:g}", ("{count} picture", "{count} pictures")


def of(*entries):
    """A catalogue of (sentence, translation, flags…)."""
    catalog = Catalog(locale="ja")
    for key, string, *flags in entries:
        catalog.add(key, string, flags=flags)
    return catalog


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ((ENGLISH, "{count}の {what:g}"), None),
        ((ENGLISH, "{what:g} {count} {count}"), None),
        ((ENGLISH, ""), "not translated"),
        ((ENGLISH, "{count}の {what:g}", "fuzzy"), "fuzzy"),
        ((ENGLISH, "{count}の {what}"), "other values"),
        ((ENGLISH, "{zahl}の {what:g}"), "other values"),
        ((ENGLISH, "{count}の {what!r:g}"), "other values"),
        ((ENGLISH, "{count}の {what:g} {"), "other values"),
        ((ENGLISH, "{count}の"), "other values"),
        (("No.", "いいえ {count}"), "other values"),
        (("See `/info`.", "`/help` を見てください"), "other code"),
        (("Leave --no out.", "外してください"), "other code"),
        (("No.", "いいえ "), "other spaces"),
        ((PLURAL, ("{count}枚",)), None),
        ((PLURAL, ("枚",)), "other values"),
        ((PLURAL, ("",)), "not translated"),
        (("Between { and }: {red, blue}", "{ と } の間： {red, blue}"), None),
        (("Type \\{ for a brace", "波かっこは \\{ と書きます"), None),
    ],
)
def test_what_is_wrong_with_a_translation_is_found(entry, problem):
    key, _, *_ = entry
    wrong = extraction.problems(of(entry), of((key, None)))
    if problem is None:
        assert wrong == []
    else:
        assert wrong[0].startswith(problem)


def test_missing_and_unused_sentences_are_found():
    wrong = extraction.problems(of(("Old.", "古い。")), of(("New.", None), (PLURAL, None)))
    assert [line.split(" (")[0] for line in wrong] == [
        "missing: 'New.'",
        "missing: '{count} picture'",
        "unused: 'Old.'",
    ]


def test_a_sentence_that_became_plural_is_missing():
    [wrong] = extraction.problems(of((PLURAL[0], "{count}枚")), of((PLURAL, None)))
    assert wrong.startswith("missing: '{count} picture'")


def test_an_update_keeps_what_is_translated_and_adds_what_is_new():
    kept = of(
        ("Kept.", "そのまま。"),
        ("Gone.", "なし。"),
        (PLURAL, ("{count}枚",)),
        ("Unsure.", "たぶん。", "fuzzy"),
    )
    found = of(("Kept.", None), ("Added.", None), (PLURAL, None), ("Unsure.", None))
    new = extraction.updated(kept, found)
    assert catalogue.text(new).split("\n\n", 1)[1] == (
        'msgid "Added."\nmsgstr ""\n\n'
        'msgid "Kept."\nmsgstr "そのまま。"\n\n'
        '#, fuzzy\nmsgid "Unsure."\nmsgstr "たぶん。"\n\n'
        'msgid "{count} picture"\nmsgid_plural "{count} pictures"\nmsgstr[0] "{count}枚"\n'
    )


def test_the_command_brings_the_catalogues_up_to_the_code(tmp_path, monkeypatch, capsys):
    file = tmp_path / "ja.po"
    shutil.copy(catalogue.FOLDER / "ja.po", file)
    whole = file.read_text(encoding="utf-8")
    monkeypatch.setattr(catalogue, "FOLDER", tmp_path)
    read = catalogue.read
    monkeypatch.setattr(catalogue, "read", lambda locale: read(locale, tmp_path))
    translation = "順番待ちがいっぱいです"
    entry = f'msgid "Queue full"\nmsgstr "{translation}"\n\n'
    file.write_text(whole.replace(entry, ""), encoding="utf-8")
    for command, said in (("check", "missing"), ("update", "not translated")):
        with pytest.raises(SystemExit) as ended:
            main([command])
        assert ended.value.code == 1
        assert capsys.readouterr().out.startswith(f"ja: {said}: 'Queue full' (bot/errors.py:")
    assert file.read_text(encoding="utf-8") == whole.replace(translation, "")
    file.write_text(whole, encoding="utf-8")
    with pytest.raises(SystemExit) as ended:
        main(["check"])
    assert ended.value.code == 0


@pytest.mark.parametrize("first", ['Sentence("{count} cat")', 'plural("{count} cat", "cats")'])
def test_one_sentence_with_two_plurals_is_refused(tmp_path, first):
    (tmp_path / "bot").mkdir()
    (tmp_path / "engine").mkdir()
    source = f'{first}\nSentence.plural("{{count}} cat", "{{count}} cats", count=2)\n'
    (tmp_path / "bot" / "cats.py").write_text(source, encoding="utf-8")
    with pytest.raises(ValueError, match=r"cats.py:2: '\{count\} cat' stands elsewhere"):
        extraction.sentences(tmp_path)
