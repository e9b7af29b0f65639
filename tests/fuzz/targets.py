"""What is read of strangers: each target takes any bytes, and raises nothing but a defect.

`test_targets.py` tries them with hypothesis in every run of the tests; `python -m tests.fuzz`,
which is `make fuzz`, for as long as it is let, with Atheris, which sees which lines are reached.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import re
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import engine
from bot.errors import PromptError, UserError
from bot.pictures import a1111, comfyui, metadata
from bot.pictures.decoder import STORED_SIDE_PX, UnreadableError, decoded, png_of
from bot.pictures.making import Making
from bot.prompt import grammar, permutations
from bot.prompt.canonical import canonical
from bot.prompt.markdown import as_words, harmless, harmless_line
from bot.ui import (
    actions,
    answer_buttons,
    appeals,
    confirmations,
    favourite_pages,
    line_pages,
    plan_pages,
    rules,
    settings_panel,
    statements,
)

_MACROS = {"mine": "--ar 3:2 --s 50", "loop": "--mine", "look": "--sref 5"}
_SUFFIX = "--ar 16:9 --c 5"
_BUTTONS = (
    actions.JobButton,
    answer_buttons.AnswerButton,
    appeals.AppealButton,
    confirmations.SureButton,
    favourite_pages.PageButton,
    line_pages.LinesButton,
    plan_pages.PlanButton,
    rules.ExampleButton,
    rules.RulesButton,
    settings_panel.SettingButton,
    statements.StatementButton,
)

TEMPLATES = tuple(kind.__discord_ui_compiled_template__ for kind in _BUTTONS)
"""Of all custom_ids."""


def prompt(data: bytes) -> None:
    """Any text is a prompt or a PromptError whose place lies in it; its printing reads the same."""
    text = data.decode("utf-8", "surrogateescape")
    for read in (
        lambda: [grammar.parse(text)],
        lambda: [grammar.parse(text, beside=1, macros=_MACROS, suffix=_SUFFIX)],
        lambda: list(permutations.parse_all(text, 10)),
    ):
        try:
            found = read()
        except PromptError as error:
            assert 0 <= error.start <= error.end <= len(error.source) + 1
            str(error.sentence).encode()
            continue
        for each in found:
            again = grammar.parse(canonical(each), beside=1)
            assert again.text == each.text
            assert again.images == each.images
    for shown in (harmless(text), harmless_line(text, 100)):
        outside = re.sub(r"<https?://[^<>\s]+>", "", shown, flags=re.IGNORECASE)
        assert not re.search(r"(?<!\\)(?:\\\\)*[\[*_~|`]", outside), "no Markdown of theirs acts"
    grammar.parse(as_words(text) or "a cat", beside=1)


def custom_id(data: bytes) -> None:
    """A forged custom_id gets a sentence, or reaches the look-up of who may do it."""
    text = data.decode("utf-8", "replace")[:100]
    for kind, template in zip(_BUTTONS, TEMPLATES, strict=True):
        match = template.fullmatch(text)
        if match is None:
            continue
        item = SimpleNamespace(template=template, custom_id=text)
        try:
            asyncio.run(_press(kind, item, match))
        except (_Reached, UserError):
            continue
    try:
        actions._read(text)
    except UserError:
        return


def picture(data: bytes) -> None:
    """Any bytes are a small RGB picture, or refused in a word."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow says what it skips
            image = decoded(data)
    except UnreadableError as error:
        assert error.why in {"strange", "huge", "large", "small", "scans", "damaged"}
        return
    assert image.mode == "RGB"
    assert max(image.size) <= STORED_SIDE_PX
    png_of(image)


def made_by(data: bytes) -> None:
    """Any file, and any text in it, says how it was made, or nothing."""
    text = data.decode("utf-8", "replace")
    first, _, second = text.partition("\0")
    for found in (
        metadata.read(data),
        a1111.read(text),
        comfyui.read(first, second),
        metadata._from_json(text),
        metadata._from_xmp(text),
    ):
        assert found is None or isinstance(found, Making)
        if found is not None:
            json.dumps(dataclasses.asdict(found))


def catalogue(data: bytes) -> None:
    """Any file is a catalogue, or one sentence that names it."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "models.toml"
        file.write_bytes(data)
        try:
            engine.load_catalogue(file)
        except engine.CatalogueError as error:
            assert str(file) in str(error)


TARGETS: dict[str, Callable[[bytes], None]] = {
    "prompt": prompt,
    "custom_id": custom_id,
    "picture": picture,
    "made_by": made_by,
    "catalogue": catalogue,
}


class _Reached(Exception):
    """The parser let it through: from here on it is looked up who may do what."""


class _Client:
    def __getattr__(self, name: str) -> Any:
        raise _Reached(name)


async def _press(kind: Any, item: Any, match: Any) -> None:
    interaction = SimpleNamespace(
        client=_Client(),
        user=SimpleNamespace(id=1, roles=(), guild_permissions=SimpleNamespace(manage_guild=True)),
        guild=_Client(),
        guild_id=1,
        channel_id=1,
        channel=None,
        locale=SimpleNamespace(value="ja"),
        guild_locale=None,
        response=SimpleNamespace(defer=_nothing, send_message=_nothing, is_done=lambda: False),
        permissions=SimpleNamespace(manage_guild=True),
    )
    await kind.pressed(item, interaction, match)


async def _nothing(*_: Any, **__: Any) -> None:
    """Discord takes whatever it is told."""
