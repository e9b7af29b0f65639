"""Hostile bytes do nothing but what is listed: some examples here, many more in `make fuzz`."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import engine
from bot.pictures import a1111, comfyui, uploads
from bot.prompt import permutations
from tests.fuzz.seeds import A1111, CATALOGUE, COMFYUI, CUSTOM_IDS, PICTURES, PROMPTS, SEEDS
from tests.fuzz.targets import TARGETS, TEMPLATES

LEAST_EXAMPLES = 600
PIECES = {
    "prompt": (
        *" \n::--{}\\,，、—<>[]()\"'“”　-＋.0123456789é猫ー\u202e\u200d\ufe0f\x00",
        *(
            "::2",
            "::-.5",
            "--ar ",
            "--no ",
            "--s ",
            "--mine",
            "--loop",
            "https://a.b/c.png",
            "--r 3",
        ),
    ),
    "catalogue": (
        *"[]{}=\"'\n.,#-_ 019é\x00",
        *("[tiny]\n", "path", "family", "size", "steps", "sdxl", "stable-diffusion", "true"),
        *("1e400", "-inf", "9" * 400, "[[x]]", "styles", "\ufeff", "\n[tiny.styles.a]\n", "title"),
        *("licence", "guidance", "inf", "nan", "2026-01-01", "loras"),
    ),
}


def written(target):
    """Texts that look like what the target reads, and its seeds with bytes of theirs changed."""
    seeds = st.sampled_from(SEEDS[target])
    damaged = st.builds(
        _damaged,
        seeds,
        st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 255)), max_size=8),
        st.integers(0, 5000),
        st.binary(max_size=20),
    )
    ways = [st.binary(max_size=300), damaged]
    if target == "custom_id":
        other = st.text(max_size=5) | st.sampled_from(["9" * 20, "-1", "²", "٣", "a2" * 8, "0"])
        ways.append(st.builds(_with_another_part, seeds, st.integers(0, 5), other))
    if target in PIECES:
        pieces = st.lists(st.sampled_from(PIECES[target]) | st.text(max_size=3), max_size=30)
        ways.append(pieces.map(lambda found: "".join(found).encode("utf-8", "replace")))
    return st.one_of(*ways)


def _with_another_part(seed, place, other):
    parts = seed.decode().split(":")
    parts[place % len(parts)] = other
    return ":".join(parts).encode("utf-8", "replace")


def _damaged(seed, changes, cut, more):
    data = bytearray(seed)
    for place, value in changes:
        data[place % len(data)] = value
    keep = len(data) - cut % (len(data) + 1)
    return bytes(data[:keep]) + more


def test_what_it_begins_with_is_read(tmp_path):
    for text in PROMPTS:
        assert permutations.parse_all(text, 10, macros={"mine": "--s 50"})
    for custom_id in CUSTOM_IDS:
        assert any(template.fullmatch(custom_id) for template in TEMPLATES), custom_id
    for data in PICTURES:
        assert uploads.clean(data)
    file = tmp_path / "models.toml"
    file.write_text(CATALOGUE)
    assert [each.info.name for each in engine.load_catalogue(file)] == ["tiny"]
    assert a1111.read(A1111) and comfyui.read(COMFYUI)


@pytest.mark.parametrize("target", TARGETS)
def test_any_bytes_do_nothing_but_what_is_listed(target):
    examples = max(settings().max_examples, LEAST_EXAMPLES)
    settings(max_examples=examples, deadline=None)(given(written(target))(TARGETS[target]))()
