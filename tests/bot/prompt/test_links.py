"""A link counts as where it leads, however Discord has it written."""

import contextlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import PromptError
from bot.prompt import grammar
from bot.prompt.links import unmasked
from bot.prompt.markdown import harmless, harmless_line

A, B = "https://a.example/1.png", "https://b.example/2_(3).png?x=1&y=2"


@pytest.mark.parametrize(
    "written",
    [
        "{}", "<{}>", "[]({})", "[my cat]({})", "[my cat](<{}>)", '[my cat]({} "a title")',
        "[my cat](<{}> 'a title')", "[my cat]( {} )", "[x y <z> :smile:]({})", "[a::2]({})",
    ],
)  # fmt: skip
@pytest.mark.parametrize("link", [A, B])
def test_a_masked_link_is_read_as_its_link(written, link):
    prompt = grammar.parse(f"{written.format(link)} a red cat --ar 3:2")
    assert prompt.images == (link,)
    assert prompt.text == "a red cat"


def test_several_follow_each_other():
    prompt = grammar.parse(f"[one](<{A}>) <{B}> [three]({B})[four](<{A}>) words")
    assert prompt.images == (A, B, B, A)


@pytest.mark.parametrize(
    ("text", "images"),
    [
        # What the < > hold is one link, and nothing inside it is another.
        (f"<{A}](https://evil.example/b.png)> words", (f"{A}](https://evil.example/b.png)",)),
        # The words of a mask lead nowhere.
        (f"[https://evil.example/b.png](<{A}>) words", (A,)),
        (f"[<https://evil.example/b.png>](<{A}>) words", (A,)),
    ],
)
def test_what_a_link_seems_to_be_is_not_where_it_leads(text, images):
    assert grammar.parse(text).images == images


@pytest.mark.parametrize(
    "text",
    [
        f"a cat [here](<{A}>)",
        f"[half](<{A}) words",
        f"[no link](example) {A}",
        f"\\[x\\](<{A}>) words",
        f"[[x]](<{A}>) words",
    ],
)
def test_what_is_no_whole_masked_link_at_the_beginning_is_refused_with_its_place(text):
    with pytest.raises(PromptError, match="Links of pictures come first") as refused:
        grammar.parse(text)
    assert A in refused.value.token


@pytest.mark.parametrize("written", ["{}", "<{}>", "[x]({})", "[x](<{}>)"])
def test_references_take_them_too(written):
    prompt = grammar.parse(f"a cat --sref {written.format(A)} {written.format(B)}::2 7")
    assert prompt.parameters.sref == (A, f"{B}::2", "7")


def test_an_echo_shows_no_masked_link():
    assert harmless(f"[free credits](<{A}>)") == f"\\[free credits\\](<{A}>)"


@pytest.mark.parametrize("most", range(10, 60))
def test_a_line_that_is_cut_has_no_half_of_a_link(most):
    shown = harmless_line(f"a cat {A} {B} and more words", most)
    assert len(shown) <= most
    assert shown.count("<") == shown.count(">")
    assert all(link in (A, B) for link in re.findall(r"https?://[^\s<>…]+", shown))


@given(st.text(alphabet="[]()<>\\\"' \nhttps://a.b", max_size=80))
def test_reading_links_ends_and_leaves_other_text_alone(text):
    assert "http" in text.lower() or unmasked(text) == text
    with contextlib.suppress(PromptError):
        grammar.parse(text)
