"""/info"""

from __future__ import annotations

import importlib.metadata
from typing import TYPE_CHECKING

import discord
from discord import app_commands

from bot.credits.pricing import credits_text
from bot.jobs.records import JobRow

if TYPE_CHECKING:
    from bot.ui.client import Darkroom

_LISTED = 10
_FIELD_CHARACTERS = 1024


@app_commands.command(description="Your credits, your running and waiting jobs, the models here.")
@app_commands.guild_install()
@app_commands.allowed_contexts(guilds=True, dms=True, private_channels=False)
async def info(interaction: discord.Interaction[Darkroom]) -> None:
    client = interaction.client
    member = await client.studio.member(
        guild_id=interaction.guild_id or 0, user_id=interaction.user.id
    )
    status, models = client.drawer.status(), client.drawer.models()
    shown = discord.Embed(title="Your info", colour=discord.Colour.blurple())
    credits_ = credits_text(member.balance.available)
    if member.balance.held:
        credits_ += f", and {credits_text(member.balance.held)} set aside for open jobs"
    shown.add_field(name="Credits", value=credits_, inline=False)
    running = [row for row in member.open if row.id in status.running]
    waiting = [row for row in member.open if row.id not in status.running]
    shown.add_field(name="Running jobs", value=_ids(running))
    shown.add_field(name="Waiting jobs", value=_ids(waiting))
    offers = [
        f"{model.title} (--v {model.aliases[0]})" if model.aliases else model.title
        for model in models
        if model.installed
    ]
    shown.add_field(name="Models", value=_fitting(offers) or "none", inline=False)
    if hint := client.model_hint():
        shown.add_field(name="A bigger model", value=hint, inline=False)
    version = importlib.metadata.version("darkroom")
    shown.set_footer(text=f"Darkroom {version} · {status.device}")
    await interaction.response.send_message(embed=shown, ephemeral=True)


def _fitting(offers: list[str]) -> str:
    """As many of them as an embed's field holds, and how many more there are."""
    text = ", ".join(offers)
    kept = len(offers)
    while len(text) > _FIELD_CHARACTERS:
        kept -= 1
        text = f"{', '.join(offers[:kept])} and {len(offers) - kept} more"
    return text


def _ids(rows: list[JobRow]) -> str:
    if not rows:
        return "none"
    listed = [f"`{row.id}`" for row in rows[:_LISTED]]
    more = f" and {len(rows) - _LISTED} more" if len(rows) > _LISTED else ""
    return ", ".join(listed) + more


def add(tree: app_commands.CommandTree) -> None:
    tree.add_command(info)
