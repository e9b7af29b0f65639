"""What an order's words are taken for."""

import pytest

from bot.jobs import orders


@pytest.mark.parametrize(
    ("text", "suggestion", "only_adds"),
    [
        ("a red cat", "a red cat", True),
        ("a red cat --ar 3:2", "a red cat", True),
        ("a red cat and worse", "a red cat", False),
        ("a red cats", "a red cat", False),
        ("worse, a red cat", "a red cat", False),
        ("worse", "", False),
    ],
)
def test_words_that_follow_a_suggestion_are_its_members_own(text, suggestion, only_adds):
    assert orders._only_adds(text, suggestion) is only_adds
