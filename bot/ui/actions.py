"""Buttons under pictures, keyed by job id, so that they work for ever.

A custom_id is `job:<id>:<action>[:<number>]` and says nothing else: who may do what is looked up.
"""

from __future__ import annotations

import asyncio
import io
import re
from typing import TYPE_CHECKING, Any, Self

import discord

from bot.errors import NotFound
from bot.jobs.records import JobRow
from bot.pictures import grid
from bot.prompt import brief
from bot.ui.message_text import quoted
from bot.ui.refusals import answer

if TYPE_CHECKING:
    from bot.ui.client import Darkroom

PREFIX = "job"

_ID = re.compile(r"(?P<id>[a-z2-7]{16}):(?P<action>[urv]|vs|vg)(?::(?P<number>[1-9]))?")


class JobButton(
    discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]],
    template=rf"{PREFIX}:(?P<rest>.+)",
):
    """Any button of a job. The template is wide, so that a forged id gets a sentence too."""

    def __init__(self, item: discord.ui.Button[discord.ui.View], rest: str) -> None:
        super().__init__(item)
        self._rest = rest

    @classmethod
    async def from_custom_id(
        cls,
        interaction: discord.Interaction,  # noqa: ARG003 - discord.py's signature
        item: discord.ui.Item[discord.ui.View],
        match: re.Match[str],
        /,
    ) -> Self:
        assert isinstance(item, discord.ui.Button)
        return cls(item, match["rest"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Whatever goes wrong is answered here: discord.py would only log it."""
        try:
            await _press(interaction, self._rest)
        except Exception as error:  # noqa: BLE001 - answered and logged in one place
            await answer(interaction, error)


async def _press(interaction: discord.Interaction[Darkroom], rest: str) -> None:
    match = _ID.fullmatch(rest)
    if match is None:
        raise NotFound("This button is not one of Darkroom's; use one under a picture.")
    client = interaction.client
    row = await client.studio.job(match["id"])
    if interaction.channel_id != row.channel_id and interaction.user.id != row.user_id:
        raise NotFound("This picture is from another channel; use its buttons where it was made.")
    number = int(match["number"] or 0)
    match match["action"]:
        case "u":
            await _show_one(interaction, row, number)
        case "r":
            await client.reception.again(interaction, row)
        case "v" | "vg":
            await client.reception.vary(interaction, row, number, brief.STRONG)
        case "vs":
            await client.reception.vary(interaction, row, number, brief.SUBTLE)


async def _show_one(interaction: discord.Interaction[Darkroom], row: JobRow, number: int) -> None:
    """One stored picture at full size, at no charge."""
    client = interaction.client
    client.reception.check_permissions(interaction)
    picture, png = await client.studio.picture(row.id, number)
    await interaction.response.defer(thinking=True)  # the upload may take longer than a reply may
    extension, data = "png", png
    if len(png) > interaction.filesize_limit:
        extension, data = await asyncio.to_thread(
            lambda: grid.within(grid.grid([png]), interaction.filesize_limit)
        )
    image = f"Image #{number} {interaction.user.mention}\n-# Seed {picture.seed} · Job {row.id}"
    await interaction.edit_original_response(
        content=f"{words} - {image}" if (words := quoted(row)) else image,
        attachments=[discord.File(io.BytesIO(data), f"{row.id}_{number}.{extension}")],
        view=single_view(row.id, number),
        allowed_mentions=discord.AllowedMentions.none(),
    )


def grid_view(job_id: str, images: int) -> discord.ui.View:
    """U1–U4 🔄 / V1–V4, for as many pictures as there are."""
    view = discord.ui.View(timeout=None)
    for number in range(1, images + 1):
        view.add_item(_button(job_id, f"u:{number}", label=f"U{number}", row=0))
    view.add_item(_button(job_id, "r", emoji="🔄", row=0))
    for number in range(1, images + 1):
        view.add_item(_button(job_id, f"v:{number}", label=f"V{number}", row=1))
    return view


def single_view(job_id: str, number: int) -> discord.ui.View:
    """What one may do with one picture."""
    view = discord.ui.View(timeout=None)
    view.add_item(_button(job_id, f"vs:{number}", label="Vary (Subtle)", emoji="🪄", row=0))
    view.add_item(_button(job_id, f"vg:{number}", label="Vary (Strong)", emoji="🪄", row=0))
    return view


def retry_view(job_id: str) -> discord.ui.View:
    """🔄 alone, under what failed or was cancelled."""
    view = discord.ui.View(timeout=None)
    view.add_item(_button(job_id, "r", emoji="🔄", row=0))
    return view


def _button(
    job_id: str, action: str, *, row: int, label: str | None = None, emoji: str | None = None
) -> discord.ui.Button[discord.ui.View]:
    return discord.ui.Button(
        style=discord.ButtonStyle.secondary,
        custom_id=f"{PREFIX}:{job_id}:{action}",
        label=label,
        emoji=emoji,
        row=row,
    )
