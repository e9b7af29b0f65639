"""Buttons that work after a restart: what one does stands in its custom_id alone."""

from __future__ import annotations

import re
from typing import Any, Self

import discord

from bot.errors import NotFound
from bot.ui.refusals import answer


class PersistentButton(
    discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]],
    template=r"(?!)",  # that of a subclass says which custom_ids are its own
):
    """discord.py keeps nothing of it: each press makes one anew and calls `pressed`."""

    def __init__(self, button: discord.ui.Button[discord.ui.View]) -> None:
        super().__init__(button, row=button.row)

    @classmethod
    async def from_custom_id(
        cls,
        interaction: discord.Interaction,  # noqa: ARG003 - discord.py's signature
        item: discord.ui.Item[discord.ui.View],
        match: re.Match[str],  # noqa: ARG003 - as above
        /,
    ) -> Self:
        assert isinstance(item, discord.ui.Button)
        return cls(item)

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Whatever goes wrong is answered here: discord.py would only log it."""
        try:
            await self.pressed(interaction, matched(self.template, self.custom_id))
        except Exception as error:  # noqa: BLE001 - answered and logged in one place
            await answer(interaction, error)

    async def pressed(self, interaction: discord.Interaction[Any], match: re.Match[str]) -> None:
        """Do what the button is for; match: of the subclass's template. An error is answered."""
        raise NotImplementedError


def matched(pattern: re.Pattern[str], text: str) -> re.Match[str]:
    """The match of all of a custom_id, or of its part; NotFound where a member forged it."""
    match = pattern.fullmatch(text)
    if match is None:
        raise NotFound("This button is not one of Darkroom's; send the command again.")
    return match


def custom_id_of(item: discord.ui.Item[Any]) -> str:
    """Of a button of a view that was made here."""
    assert isinstance(item, PersistentButton)
    return item.custom_id
