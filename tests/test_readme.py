"""What newcomers are told to type can be typed, what is named is there, and the film shows it."""

import importlib.util
import re
import shlex
import tomllib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageSequence

from bot.__main__ import _parser as bot_parser
from doodle.__main__ import _parser as doodle_parser
from engine.__main__ import _parser as engine_parser
from playground.__main__ import _parser as playground_parser

ROOT = Path(__file__).parents[1]
PAGES = (
    *("README.md", "README.ja.md", "CONTRIBUTING.md", "docs/benchmarks.md"),
    *("doodle/README.md", "doodle/training/README.md"),
)
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
PARSERS = {
    "bot": bot_parser,
    "doodle": doodle_parser,
    "engine": engine_parser,
    "playground": playground_parser,
}
FOLDERS = ("bot", "engine", "playground", "doodle", "tests", "migrations", "docs")
BEGINNINGS = ("make", ".venv/", "docker", "python", "pipx", "uv", "git", "pip", "darkroom ")
OTHERS = (
    *(
        "git clone ",
        "git pull",
        "cd ",
        "docker stop",
        "docker compose up",
        "docker compose restart",
    ),
    *("python -m venv .venv", ".venv/bin/alembic revision"),
)
"""What others are asked to do, as written."""
BLACK, LARGEST_SHARE = 10, 0.15
"""A pixel's brightness of 255, and how much of a frame may be darker."""


def commands(page):
    """Everything in a page that is there to be typed, a line each."""
    text = (ROOT / page).read_text(encoding="utf-8")
    blocks = re.findall(r"^```console\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    spans = [span for span in re.findall(r"`([^`\n]+)`", prose) if span.startswith(BEGINNINGS)]
    parts = [part.strip() for line in (*lines, *spans) for part in line.split(" && ")]
    return [part for part in parts if " " in part]


def test_there_are_commands_to_look_at():
    assert len(commands("README.md")) > 15
    assert commands("README.md")[:3] == [
        "git clone <this repository> darkroom",
        "cd darkroom",
        "make run",
    ]


@pytest.mark.parametrize(
    ("page", "line"), [(page, line) for page in PAGES for line in dict.fromkeys(commands(page))]
)
def test_every_command_can_be_typed(page, line):
    if " | " in line:  # names several, as `darkroom bot | playground`
        return
    match shlex.split(line):
        case ["make", target, *variables]:
            makefile = (ROOT / "Makefile").read_text()
            assert re.search(rf"^{target}:", makefile, re.MULTILINE)
            for each in variables:
                name = re.escape(each.partition("=")[0])
                assert re.search(rf"^{name} \?=", makefile, re.MULTILINE)
        case [".venv/bin/darkroom" | "darkroom", program, *arguments]:
            PARSERS[program]().parse_args(arguments)
        case [".venv/bin/python" | ".venv\\Scripts\\python", "-m", "pip", "install", *arguments]:
            can_be_installed(arguments)
        case [".venv/bin/python", "-m", module, *_]:
            assert importlib.util.find_spec(module) is not None
        case ["pipx", "install", *arguments] | ["uv", "tool", "install", *arguments]:
            can_be_installed(arguments)
        case ["docker", "compose", "exec", service, "darkroom", program, *arguments]:
            assert f"  {service}:\n" in (ROOT / "compose.yaml").read_text()
            PARSERS[program]().parse_args(arguments)
        case _:
            assert line.startswith(OTHERS), "Nobody knows whether this can be typed."


def can_be_installed(arguments):
    words = " ".join(arguments)
    assert "constraints.txt" in words and (ROOT / "constraints.txt").is_file()
    assert re.search(r"\.\[(\w+)\]", words)[1] in EXTRAS


@pytest.mark.parametrize("page", ["README.md", "README.ja.md", "CONTRIBUTING.md"])
def test_every_path_that_is_named_exists(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    spans = re.findall(r"`((?:bot|engine|playground|doodle|tests|migrations|docs)/[\w./-]+)`", text)
    files = re.findall(r"`([\w.-]+\.(?:toml|txt|yaml|example|md|py))`", text)
    assert len(files) > 1
    known = {path.name for folder in FOLDERS for path in (ROOT / folder).rglob("*")}
    known |= {path.name for path in ROOT.iterdir()}
    missing = [name for name in spans if not (ROOT / name).exists()]
    missing += [name for name in files if name not in known]
    assert missing == []


def test_no_sentence_tells_people_to_type_what_only_works_in_one_installation():
    catalogue = (ROOT / "bot" / "locale" / "ja.po").read_text(encoding="utf-8")
    assert "python -m" not in catalogue


def film():
    """(brightness of each pixel, milliseconds) of each frame of the README's film."""
    with Image.open(ROOT / "docs" / "playground.webp") as moving:
        for frame in ImageSequence.Iterator(moving):
            brightness = np.asarray(frame.convert("L"))
            yield brightness, frame.info["duration"]


def test_no_frame_of_the_film_is_black():
    shares = [float((brightness < BLACK).mean()) for brightness, _ in film()]
    assert len(shares) > 30
    assert max(shares) < LARGEST_SHARE


def test_the_film_is_short_and_most_of_it_shows_a_picture():
    frames = list(film())
    total_ms = sum(shown_ms for _, shown_ms in frames)
    # The part of the channel that is empty before the first preview.
    with_picture_ms = sum(
        shown_ms for brightness, shown_ms in frames if brightness[250:400, 350:550].std() > 25
    )
    assert 8_000 < total_ms < 20_000
    assert with_picture_ms > total_ms / 2
    assert (ROOT / "docs" / "playground.webp").stat().st_size < 1_500_000
