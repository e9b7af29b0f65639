"""What several grids have in common is said once."""

from bot.ui.joined_notes import joined
from engine import Sentence


def unknown(words):
    return Sentence("{title} does not know: {words}.", title="D", words=words)


def test_notes_that_differ_in_one_list_become_one_with_each_thing_once():
    notes = [unknown(Sentence.listed(words)) for words in (["a", "b", "c"], ["b", "d"], ["e"])]
    assert joined([*notes, Sentence("Other.")]) == ["D does not know: a, b, c, d, e.", "Other."]


def test_long_lists_end_in_and_more():
    [note] = joined(unknown(str(number)) for number in range(9))
    assert note == "D does not know: 0, 1, 2, 3, 4, 5, 6, 7 and more."
    cut = Sentence("{words} and {count} more", words=Sentence.listed(["a", "b"]), count=3)
    assert joined([unknown(cut), unknown("c")]) == ["D does not know: a, b, c and more."]


def test_notes_that_differ_elsewhere_stay_apart():
    apart = [Sentence("{width}×{height}", width=width, height=2) for width in (3, 4)]
    assert joined([*apart, apart[0]]) == apart
    both = [unknown("a"), Sentence("{title} does not know: {words}.", title="E", words="b")]
    assert joined(both) == both
