"""`python -m bot.bench describe`: what it orders, what it makes of what is said."""

import io

import pytest
from PIL import Image, PngImagePlugin

from bot.bench import describe
from bot.bench.flags import COLOURS, SUBJECTS


def test_prompts_take_every_subject_and_colour_with_seeds_of_their_own():
    asked = describe.prompts(200)
    assert {each.subject for each in asked} == set(SUBJECTS)
    assert {each.colour for each in asked} == set(COLOURS)
    assert len({(each.colour, each.subject) for each in asked}) == len(SUBJECTS) * len(COLOURS)
    assert len({each.seed for each in asked}) == 200
    assert all(f"{each.colour} {each.subject} " in each.text for each in asked)


def test_a_picture_is_described_without_what_its_file_says():
    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", "a red cat")
    saved = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(saved, "PNG", pnginfo=info)
    with Image.open(io.BytesIO(describe.bare(saved.getvalue()))) as picture:
        assert picture.format == "JPEG"
        assert "red cat" not in str(picture.info)
        assert not picture.getexif()


@pytest.mark.parametrize(
    ("text", "word", "named"),
    [
        ("a red cat, sketch", "cat", True),
        ("a red kitten", "cat", True),
        ("a catalogue", "cat", False),
    ],
)
def test_a_description_names_a_word_or_another_for_the_same(text, word, named):
    assert describe.names(text, word) is named


def test_the_first_description_counts_and_the_four_beside_it():
    cat = describe.Asked(subject="cat", colour="red", text="a red cat", seed=1)
    found = describe.figures(
        [
            describe.Described(asked=cat, texts=("a red cat", "a red fox", "a cat", "a red dog")),
            describe.Described(asked=cat, texts=("a red fox", "a blue cat", "a fox", "a fox")),
        ]
    )
    assert found == {
        "subject": 0.5,
        "colour": 1.0,
        "any_subject": 1.0,
        "any_colour": 1.0,
        "different": 0.5,
    }
