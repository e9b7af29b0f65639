"""The READMEs say the same in every language, as far as a machine can tell."""

import re

import pytest

from bot import readme

SPAN = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)]+)\)")
LANGUAGES = {"README.md", "README.ja.md"}


def sections(name):
    """The README's parts, one a heading, without the table of parameters."""
    text = (readme.ROOT / name).read_text(encoding="utf-8")
    text = re.sub(f"{readme.BEGIN}.*{readme.END}", "", text, flags=re.DOTALL)
    return re.split(r"^(?=#+ )", text, flags=re.MULTILINE)[1:]


def structure(section):
    """What is the same in every language: code, links, the rows of tables, steps."""
    blocks = re.findall(r"^```.*?^```$", section, flags=re.MULTILINE | re.DOTALL)
    prose = re.sub(r"^```.*?^```$", "", section, flags=re.MULTILINE | re.DOTALL)
    return {
        "level": len(section) - len(section.lstrip("#")),
        "blocks": blocks,
        "code": set(SPAN.findall(prose)),
        "links": sorted(set(LINK.findall(prose)) - LANGUAGES),
        "rows": len(re.findall(r"^\|", prose, flags=re.MULTILINE)),
        "steps": len(re.findall(r"^\d+\. ", prose, flags=re.MULTILINE)),
        "topics": len(re.findall(r"\n\n\*\*", prose)),
    }


@pytest.mark.parametrize("name", sorted(set(readme.READMES) - {"README.md"}))
def test_the_readmes_have_the_same_parts_code_and_links(name):
    """A change of README.md needs the same in the others: this finds what a machine can find."""
    english, other = sections("README.md"), sections(name)
    assert len(english) == len(other)
    for ours, theirs in zip(english, other, strict=True):
        assert structure(theirs) == structure(ours), ours.splitlines()[0]


@pytest.mark.parametrize("name", readme.READMES)
def test_every_file_that_a_readme_links_to_is_there(name):
    text = (readme.ROOT / name).read_text(encoding="utf-8")
    links = [link for link in LINK.findall(text) if "://" not in link]
    assert LANGUAGES.intersection(links)
    assert [link for link in links if not (readme.ROOT / link.partition("#")[0]).exists()] == []


@pytest.mark.parametrize(("name", "locale"), readme.READMES.items())
def test_each_readme_has_the_table_as_it_is_now(name, locale):
    text = (readme.ROOT / name).read_text(encoding="utf-8")
    assert readme.put_into(text, locale) == text, "run: python -m bot.readme"
