"""Parts of a picture, named in words or percent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import UserError
from bot.prompt.areas import MOST_BOXES, Box, boxes_of

THIRD = 100 / 3
LEFT = Box(0, 0, 50, 100)


@pytest.mark.parametrize(
    ("text", "boxes"),
    [
        ("top left", [Box(0, 0, 50, 50)]),
        ("Bottom Right corner", [Box(50, 50, 50, 50)]),
        ("bottom half", [Box(0, 50, 100, 50)]),
        ("left", [Box(0, 0, 50, 100)]),
        ("upper third of the picture", [Box(0, 0, 100, THIRD)]),
        ("right 1/4", [Box(75, 0, 25, 100)]),
        ("centre", [Box(25, 25, 50, 50)]),
        ("top centre", [Box(25, 0, 50, 50)]),
        ("middle left third", [Box(0, THIRD, THIRD, THIRD)]),
        ("top left quarter", [Box(0, 0, 50, 50)]),
        ("40,40,20,20", [Box(40, 40, 20, 20)]),
        ("40% 40% 20% 20%", [Box(40, 40, 20, 20)]),
        ("(0, 0.5, 100, 12.25)", [Box(0, 0.5, 100, 12.25)]),
        ("left; 40,40,20,20 and top", [LEFT, Box(40, 40, 20, 20), Box(0, 0, 100, 50)]),
        ("top, left", [Box(0, 0, 100, 50), Box(0, 0, 50, 100)]),
        ("左上", [Box(0, 0, 50, 50)]),
        ("画像の下半分", [Box(0, 50, 100, 50)]),
        ("上の方", [Box(0, 0, 100, 50)]),
        ("右側の三分の一", [Box(100 - THIRD, 0, THIRD, 100)]),
        ("真ん中", [Box(25, 25, 50, 50)]),
        ("中央と右下の隅", [Box(25, 25, 50, 50), Box(50, 50, 50, 50)]),
        ("４０、４０、２０、２０", [Box(40, 40, 20, 20)]),
        ("４０，４０，２０，２０％", [Box(40, 40, 20, 20)]),
    ],
)  # fmt: skip
def test_areas_are_read(text, boxes):
    assert [*boxes_of(text)] == [pytest.approx(box) for box in boxes]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "names no area"),
        ("; ;", "names no area"),
        ("the cat's hat", "names no area"),
        ("left right", "names no area"),
        ("half", "names no area"),
        ("the picture", "names no area"),
        ("10,10,20", "names no area"),
        ("80,80,50,50", "is not on the picture"),
        ("-5,0,10,10", "is not on the picture"),
        ("10,10,0,5", "is not on the picture"),
        ("0,0,999999,1", "is not on the picture"),
        ("top left; " * (MOST_BOXES + 1), "at most 20 areas"),
        ("x" * 401, "at most 400 characters"),
    ],
)
def test_what_names_no_area_is_refused_in_one_sentence(text, said):
    with pytest.raises(UserError, match=said):
        boxes_of(text)


PIECES = [
    "top",
    "左",
    "half",
    "third",
    ",",
    "、",
    ";",
    " and ",
    "40",
    "%",
    "-",
    ".",
    "(",
    "🙂",
    "１",
]


@given(st.one_of(st.text(max_size=450), st.lists(st.sampled_from(PIECES)).map("".join)))
def test_any_text_is_read_or_refused(text):
    try:
        boxes = boxes_of(text)
    except UserError:
        return
    for box in boxes:
        assert 0 <= box.left < 100
        assert 0 <= box.top < 100
        assert box.width > 0
        assert box.height > 0
        assert box.left + box.width <= 100 + 1e-9
        assert box.top + box.height <= 100 + 1e-9
