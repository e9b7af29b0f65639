"""/stats: what a server has drawn, by day and member, for who manages it."""

from __future__ import annotations

import asyncio
import datetime as dt
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import discord
from discord import app_commands

from bot.credits.pricing import CENTS, credits_text
from bot.jobs import usage
from bot.jobs.usage import Usage, Used
from bot.locale import translated
from bot.pictures import charts
from bot.pictures.charts import Panel
from bot.ui.commands.managing import managed_guild
from bot.ui.deferrals import think
from bot.ui.language import member_locale
from engine import Sentence

if TYPE_CHECKING:
    from bot.ui.client import Darkroom

_FILE = "stats.png"
_Days = app_commands.Range[int, 1, usage.MOST_DAYS]


@app_commands.command(
    name="stats", description=Sentence("Jobs, GPU time and credits of this server, as a picture.")
)
@app_commands.describe(days=Sentence("How many days, today among them; without it 30."))
@app_commands.guild_install()
@app_commands.allowed_contexts(guilds=True, dms=False, private_channels=False)
@app_commands.default_permissions(manage_guild=True)
async def stats(interaction: discord.Interaction[Darkroom], days: _Days = 30) -> None:
    client, guild_id = interaction.client, managed_guild(interaction)
    await think(interaction, ephemeral=True)
    async with client.database.read() as connection:
        used = await usage.of_guild(connection, guild_id, days=days, now_ms=client.now_ms())
    language = member_locale(interaction)
    png = await asyncio.to_thread(_picture, used, language)
    lines = [_said(used.total, Sentence("All members")), *_members(used)]
    shown = discord.Embed(
        title=translated(
            Sentence.plural(
                "The last day (UTC)", "The last {count} days (UTC)", count=len(used.days)
            ),
            language,
        ),
        description="\n".join(translated(line, language) for line in lines),
        colour=discord.Colour.blurple(),
    )
    shown.set_image(url=f"attachment://{_FILE}")
    await interaction.edit_original_response(
        embed=shown,
        attachments=[discord.File(io.BytesIO(png), _FILE, description=_alt_text(used, language))],
    )


def _members(used: Usage) -> list[Sentence]:
    return [_said(each, f"<@{user_id}>") for user_id, each in used.members]


def _said(used: Used, who: str) -> Sentence:
    return Sentence(
        "{who}: {jobs} drawn, {others} failed or cancelled, {seconds} s of GPU time, {credits}",
        who=who,
        jobs=used.finished,
        others=used.ended_otherwise,
        seconds=f"{used.gpu_ms / 1000:.1f}",
        credits=credits_text(used.spent),
    )


def _picture(used: Usage, language: str) -> bytes:
    """A PNG: three rows of bars, a bar a day."""

    def panel(
        title: Sentence, colour: str, values: Sequence[float], more: Sequence[float]
    ) -> Panel:
        return Panel(
            title=translated(title, language),
            other_title=str(title),
            colour=colour,
            values=values,
            more=more,
        )

    each = [day for _, day in used.days]
    return charts.bars(
        [_date(day) for day, _ in used.days],
        [
            panel(
                Sentence("Jobs: drawn, and failed or cancelled (red)"),
                "#5865f2",
                [day.finished for day in each],
                [day.ended_otherwise for day in each],
            ),
            panel(Sentence("GPU seconds"), "#f0b232", [day.gpu_ms / 1000 for day in each], []),
            panel(Sentence("Credits spent"), "#23a55a", [day.spent / CENTS for day in each], []),
        ],
    )


def _date(day: int) -> str:
    when = dt.datetime.fromtimestamp(day * usage.DAY_MS / 1000, tz=dt.UTC)
    return f"{when:%m-%d}"


def _alt_text(used: Usage, language: str) -> str:
    most = max(used.days, key=lambda day: day[1].finished)
    said = Sentence(
        "Bars by day: jobs, GPU seconds, credits. Most jobs, {count}, were drawn on {day}.",
        count=most[1].finished,
        day=_date(most[0]),
    )
    return translated(said, language)


def add(tree: app_commands.CommandTree) -> None:
    tree.add_command(stats)
