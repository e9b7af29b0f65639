"""Long lists that managers read, twenty lines a page.

A custom_id is `lin:<list>:<scope>:<page>`. Each list checks at every press who may read it. Every
button is a `DynamicItem`: discord.py keeps nothing of it.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import discord

from bot.errors import NotFound
from bot.locale import translated
from bot.ui.language import member_locale
from bot.ui.persistent_buttons import PersistentButton
from engine import Sentence

PREFIX = "lin"
LINES = 20
_LINE_CHARACTERS = 190


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """What a list has to say."""

    title: Sentence
    lines: Sequence[str]
    """Sentences, or what is the same in every language."""
    empty: Sentence
    """What is said where there are no lines."""


Lister = Callable[[discord.Interaction[Any], str], Awaitable[Listed]]
"""Makes a list anew for who asks, of a scope that is its own to read; a UserError says why not."""


async def show(interaction: discord.Interaction[Any], name: str, scope: str = "") -> None:
    """The first page, for the eyes of who asked alone. name: of `client.lists`."""
    shown, view = await _page(interaction, name, scope, 0)
    await interaction.response.send_message(embed=shown, view=view, ephemeral=True)


async def _page(
    interaction: discord.Interaction[Any], name: str, scope: str, page: int
) -> tuple[discord.Embed, discord.ui.View]:
    lister: Lister | None = interaction.client.lists.get(name)
    if lister is None:
        raise NotFound("This button is not one of Darkroom's; send the command again.")
    listed, language = await lister(interaction, scope), member_locale(interaction)
    pages = max(-(-len(listed.lines) // LINES), 1)
    page = min(max(page, 0), pages - 1)
    lines = [translated(line, language) for line in listed.lines[page * LINES :][:LINES]]
    cut = [
        line if len(line) <= _LINE_CHARACTERS else f"{line[: _LINE_CHARACTERS - 1]}…"
        for line in lines
    ]
    shown = discord.Embed(
        title=translated(listed.title, language),
        description="\n".join(cut) or translated(listed.empty, language),
        colour=discord.Colour.blurple(),
    )
    view = discord.ui.View(timeout=None)
    if pages > 1:
        number = Sentence("Page {number} of {count}", number=page + 1, count=pages)
        shown.set_footer(text=translated(number, language))
        for step, emoji in ((-1, "⬅️"), (1, "➡️")):
            view.add_item(LinesButton.of(name, scope, page + step, pages, emoji))
    return shown, view


class LinesButton(
    PersistentButton,
    template=rf"{PREFIX}:(?P<name>[a-z]{{1,20}}):(?P<scope>[a-z0-9]{{0,30}}):(?P<page>-?\d{{1,6}})",
):
    """Turns to a page."""

    @classmethod
    def of(cls, name: str, scope: str, page: int, pages: int, emoji: str) -> Self:
        """page: from 0, of so many pages."""
        return cls(
            discord.ui.Button(
                custom_id=f"{PREFIX}:{name}:{scope}:{page}",
                emoji=emoji,
                disabled=not 0 <= page < pages,
            )
        )

    async def pressed(self, interaction: discord.Interaction[Any], match: re.Match[str]) -> None:
        shown, view = await _page(interaction, match["name"], match["scope"], int(match["page"]))
        await interaction.response.edit_message(embed=shown, view=view)
