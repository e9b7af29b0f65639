"""Which words of a prompt a model does not know, or cannot read."""

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import engine
from bot.prompt import grammar, words

ROOT = Path(__file__).parents[3]
CATALOGUE = tuple(spec.info for spec in engine.load_catalogue(ROOT / "models.toml") if spec.draws)
DOODLE = next(info for info in CATALOGUE if info.name == "doodle")
"""The shipped model with its shipped vocabulary."""
LARGE = dataclasses.replace(
    DOODLE, name="large", title="Large", aliases=("l",), vocabulary=None, languages=("en",)
)


def said(text, model=DOODLE, models=CATALOGUE):
    return words.notes(grammar.parse(text), model, models)


def test_a_dragon_fighting_a_knight_is_told_what_doodle_draws_and_what_to_install():
    assert said("a dragon fighting a knight") == (
        (
            "Doodle does not know: dragon, fighting, knight. It draws: cat, dog, fox, rabbit, "
            "bear, horse, elephant, pig, sheep, deer, lion, bird and more."
        ),
        (
            "Stable Diffusion 1.5 knows more words; it is not installed here, so ask this bot's "
            "operator for it."
        ),
    )


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        # What it knows.
        ("a red cat at night", []),
        ("The CATS, under the Trees!", []),
        ("two of my cats' houses", []),
        ("butterflies and foxes beside a bunny's cottage", []),
        ("an owlet—or a vixen? (golden)", []),
        ("a picture of a hot-air balloon by the sea, pencil sketch", []),
        ("a snow-white, jet-black kitten", []),
        ("cute cat, highly detailed, masterpiece, 4k", []),
        # What it does not.
        ("Gandalf and Gandalf and GANDALF", ["Gandalf"]),
        ("a cat on a skateboard in Paris", ["skateboard", "Paris"]),
        ("a sun-drenched cat", ["sun-drenched"]),
        ("naïve café cat", ["naïve", "café"]),
        ("a cat reading; it doesn't care, it's fine", ["reading", "care", "fine"]),
        ("un gato rojo", ["un", "gato", "rojo"]),
        # What is no word.
        ("a cat 🐉🔥 ♥ 😀", []),
        ("3 cats, 16:9, 50mm, 1girl, f/1.4, a x b", []),
        ("a cat <:dragon:123456789012345678> <@123456789012345678>", []),
        ("https://example.com/dragon.png a cat", []),
        ("*a* __cat__ ~~dragon~~ |knight|", ["dragon", "knight"]),
        ("@everyone @here a cat", ["everyone"]),
        # Weights and --no.
        ("a cat::2 dragon::1 sea::-.5 knight::-.1", ["dragon", "knight"]),
        ("a cat --no dragons, red flowers", ["dragons"]),
        ("a cat --seed 5 --ar 3:2", []),
        # Japanese.
        ("赤い猫、夜の森", []),
        ("ドラゴンと戦う騎士", ["ドラゴン", "戦う", "騎士"]),
        ("ﾄﾞﾗｺﾞﾝ", ["ドラゴン"]),
        ("赤猫と花火", ["花火"]),
        ("静かな湖のそばを走るうさぎ", ["静かな", "湖", "走る"]),
        ("三匹の子猫の写真", []),
        ("戦っている狐", ["戦っている"]),
        ("きつね", []),
        # Both.
        ("a red 猫 and a ドラゴン, dragon", ["ドラゴン", "dragon"]),
        ("ａ ｃａｔ　ａｎｄ　ａ　ｄｒａｇｏｎ", ["dragon"]),
        # What it cannot read at all is said in another way.
        ("кот и дракон, a dragon", ["dragon"]),
        ("고양이", []),
    ],
)
def test_unknown_words_are_those_of_the_prompt_that_name_something(text, unknown):
    prompt = grammar.parse(text)
    given_text = "\n".join((*(part.text for part in prompt.parts), *prompt.parameters.no))
    assert list(words.unknown(given_text, DOODLE)) == unknown


def test_every_word_that_doodle_was_trained_on_is_known():
    assert words.unknown(", ".join(sorted(DOODLE.vocabulary.knows)), DOODLE) == ()
    assert all(words.unknown(word, DOODLE) == () for word in DOODLE.vocabulary.knows)


def test_a_model_without_vocabulary_says_nothing():
    assert said("a dragon fighting a knight", LARGE) == ()


def test_a_prompt_of_known_words_says_nothing():
    assert said("a red cat at night") == said("夜の赤い猫") == ()


def test_a_larger_model_that_is_installed_is_named_instead():
    _, more = said("a dragon", models=(DOODLE, LARGE))
    assert more == "Large knows more words: add --v l."


def test_nothing_is_suggested_that_does_not_read_the_language():
    only = said("ドラゴン", models=(DOODLE, LARGE))
    assert only == (
        (
            "Doodle does not know: ドラゴン. It draws: 猫, 犬, 狐, 兎, 熊, 馬, 象, 豚, 羊, 鹿, "
            "獅子, 鳥 and more."
        ),
    )


def test_many_and_long_unknown_words_are_counted_and_cut():
    many = " ".join(f"q{chr(97 + index) * 50}" for index in range(20))
    first, _ = said(many)
    assert "and 12 more. It draws" in first
    assert f"q{'a' * 28}…, q{'b' * 28}…" in first
    assert len(first) < 500


@pytest.mark.parametrize(
    ("text", "model", "sentence"),
    [
        (
            "赤い猫 cat",
            LARGE,
            (
                "Large does not read Japanese, so it cannot follow those words. Doodle reads them: "
                "add --v doodle."
            ),
        ),
        (
            "龍",
            LARGE,
            (
                "Large does not read Chinese or Japanese, so it cannot follow those words. Doodle "
                "reads them: add --v doodle."
            ),
        ),
        (
            "рыжий кот",
            DOODLE,
            (
                "Doodle does not read Cyrillic letters, so it cannot follow those words. It reads: "
                "English, Japanese."
            ),
        ),
        (
            "빨간 고양이",
            dataclasses.replace(LARGE, languages=("en", "xx")),
            "Large does not read Korean, so it cannot follow those words. It reads: English, xx.",
        ),
    ],
)
def test_words_that_a_model_cannot_read_are_said_so(text, model, sentence):
    assert said(text, model, (DOODLE, LARGE)) == (sentence,)


@pytest.mark.parametrize(
    ("text", "languages", "names"),
    [
        ("a cat", ["en"], []),
        ("ein Käfer, œuvre, ñandú", ["en"], []),
        ("赤い猫", ["en", "ja"], []),
        ("赤い猫", ["zh"], ["Japanese"]),
        ("紅貓", ["zh"], []),
        ("紅貓", ["ja"], []),
        ("紅貓", ["en"], ["Chinese or Japanese"]),
        ("猫 カメ", ["en"], ["Japanese"]),
        ("кот", ["uk"], []),
        ("γάτα", ["en"], ["Greek"]),
        ("قطة", ["en"], ["Arabic letters"]),
        ("חתול", ["en"], ["Hebrew"]),
        ("แมว", ["en"], ["Thai"]),
        ("बिल्ली", ["en"], ["Hindi"]),
        ("고양이 кот", ["en"], ["Korean", "Cyrillic letters"]),
        ("🐈 1234 ¥€ 「」。", ["en"], []),
    ],
)
def test_languages_are_told_by_their_script(text, languages, names):
    assert [script.name for script in words.unread(text, languages)] == names


@given(st.text(max_size=300))
def test_no_text_breaks_it_and_what_is_listed_cannot_be_markdown(text):
    found = words.unknown(text, DOODLE)
    assert not set("".join(found)) & set("\\*_~|`[]<>()@#:/ \n")
    assert len(set(found)) == len(found)


def test_long_texts_without_spaces_take_time_in_proportion(monkeypatch):
    calls = 0
    inside = words._inside_a_word

    def counted(run, place):
        nonlocal calls
        calls += 1
        return inside(run, place)

    monkeypatch.setattr(words, "_inside_a_word", counted)
    for text in ("木" * 4000 + "火", "猫ネ" * 2000, "ねこ" * 2000 + "火", "赤い" * 2000):
        calls = 0
        words.unknown(text, DOODLE)
        assert calls < 5 * len(text), text[:4]


# Words that are translated.

SERVED = dataclasses.replace(LARGE, translates=("ja", "ru"))


@pytest.mark.parametrize(
    ("text", "model", "language"),
    [
        ("赤い猫", SERVED, "ja"),
        ("猫", SERVED, "ja"),
        ("a red cat --no 犬", SERVED, "ja"),
        ("рыжий кот, a boat", SERVED, "ru"),
        ("a red cat", SERVED, ""),
        ("고양이", SERVED, ""),
        ("고양이 ねこ", SERVED, ""),
        ("赤い猫", LARGE, ""),
        ("赤い猫", dataclasses.replace(DOODLE, translates=("zh",)), ""),
        ("赤い猫", dataclasses.replace(LARGE, translates=("zh",)), ""),
        ("紅貓", dataclasses.replace(LARGE, translates=("zh", "ja")), "zh"),
    ],
)
def test_words_are_translated_where_the_catalogue_can(text, model, language):
    assert words.translated_from(grammar.parse(text), model) == language


def test_a_translation_to_come_is_announced_and_nothing_else_is_suggested():
    assert said("赤い猫", SERVED, (SERVED, DOODLE)) == (
        "Large does not read Japanese: your words are translated into English first.",
    )


def drawn_as(prompt, negative="blurry"):
    asked = engine.DrawJob(
        id="j",
        owner="o",
        model="large",
        prompt=(engine.WeightedText(text="赤い猫"),),
        negative="blurry",
    )
    parts = tuple(engine.WeightedText(text=text) for text in prompt)
    return words.drawn_as(asked, engine.DrawnWords(prompt=parts, negative=negative))


def test_a_translation_is_shown_harmless_on_one_line_and_cut():
    assert drawn_as(["a red cat"]) == "Drawn as: a red cat"
    assert drawn_as(["a red cat", "a sea"], "dogs, blurry") == (
        "Drawn as: a red cat a sea --no dogs, blurry"
    )
    assert drawn_as(["a *b* <@1>\n# c"]) == r"Drawn as: a \*b\* \<\@1\> \# c"
    assert len(drawn_as(["cat " * 500])) < 400
    assert drawn_as(["赤い猫"]) is None
