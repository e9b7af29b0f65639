"""/vary"""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord
from discord import app_commands

from bot.errors import UserError
from bot.jobs.kinds import STRONG, SUBTLE
from bot.ui.commands.completion import own_jobs
from bot.ui.interactions import given
from engine import Sentence

if TYPE_CHECKING:
    from bot.ui.client import Darkroom


@app_commands.command(description=Sentence("Draw four variations of a picture."))
@app_commands.describe(
    image=Sentence("Which picture of the grid, 1 to 4."),
    strength=Sentence("How far to go from it."),
    prompt=Sentence("New words for it; without them its own."),
    job_id=Sentence("Its id or a link to its message; without it your newest in this channel."),
    picture=Sentence("Or a picture of your own."),
    link=Sentence("Or a link to one."),
)
@app_commands.choices(
    strength=[
        app_commands.Choice(name=Sentence("subtle"), value="subtle"),
        app_commands.Choice(name=Sentence("strong"), value="strong"),
    ]
)
@app_commands.guild_install()
@app_commands.allowed_contexts(guilds=True, dms=True, private_channels=False)
async def vary(
    interaction: discord.Interaction[Darkroom],
    image: app_commands.Range[int, 1, 4] | None = None,
    strength: str = "strong",
    prompt: str | None = None,
    job_id: str | None = None,
    picture: discord.Attachment | None = None,
    link: str | None = None,
) -> None:
    client = interaction.client
    assert interaction.channel_id is not None  # commands are used in channels
    variation = SUBTLE if strength == "subtle" else STRONG
    if picture is not None or link is not None:
        if job_id is not None:
            raise UserError("Choose a job or send a picture; one of the two.")
        read = given(client.fetcher.of(interaction.user.id), picture, link)
        await client.edits.vary_sent(interaction, read, variation, prompt)
        return
    position: int | None = None
    if job_id is None:
        row = await client.lookup.last_job(
            user_id=interaction.user.id, channel_id=interaction.channel_id
        )
    else:
        row, position = await client.lookup.own_job(interaction.user.id, job_id)
    await client.edits.vary(
        interaction,
        row,
        image or position or 1,
        variation,
        text=prompt,
        tells=True,
    )


vary.autocomplete("job_id")(own_jobs)


def add(tree: app_commands.CommandTree) -> None:
    tree.add_command(vary)
