"""/verify"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import discord
from discord import app_commands

from bot.jobs.provenance import Origin
from bot.jobs.records import JobRow
from bot.pictures import metadata
from bot.pictures.making import Making
from bot.prompt.characters import shortened
from bot.prompt.markdown import harmless
from bot.ui.interactions import Fetch, given
from bot.ui.language import to_member
from bot.ui.replies import before_reply, may_see
from engine import Sentence

if TYPE_CHECKING:
    from bot.ui.client import Darkroom


@app_commands.command(description=Sentence("Whether a picture was made here."))
@app_commands.describe(
    picture=Sentence("The picture."),
    link=Sentence("Or a link to it."),
)
@app_commands.guild_install()
@app_commands.allowed_contexts(guilds=True, dms=True, private_channels=False)
async def verify(
    interaction: discord.Interaction[Darkroom],
    picture: discord.Attachment | None = None,
    link: str | None = None,
) -> None:
    read = given(interaction.client.fetcher.of(interaction.user.id), picture, link)
    said = await before_reply(interaction, _answer(interaction, read), slow=True, ephemeral=True)
    if interaction.response.is_done():
        await interaction.edit_original_response(content=said)
    else:
        await interaction.response.send_message(said, ephemeral=True)


async def _answer(interaction: discord.Interaction[Darkroom], read: Fetch) -> str:
    client = interaction.client
    data = await read()
    origin = await client.provenance.origin(data, interaction.user.id)
    if origin:
        lines = _made_here(interaction, origin)
    else:
        lines = _unknown(await asyncio.to_thread(metadata.read, data))
    return "\n".join(to_member(interaction, line) for line in lines)


def _made_here(interaction: discord.Interaction[Darkroom], origin: Origin) -> list[Sentence]:
    """Of a job that this member may not see, no more than the day."""
    row = origin.row
    date = f"<t:{(row.ended_ms or row.created_ms) // 1000}:D>"
    if origin.unchanged:
        first = Sentence("**Made here** on {date}. This file is unchanged.", date=date)
    else:
        first = Sentence(
            "**Made here** on {date}, to all appearances: it looks like a picture of that day, and "
            "was saved anew since.",
            date=date,
        )
    if not may_see(interaction, row):
        return [first]
    told = [first, Sentence("Job: `{job}`", job=row.id)]
    if origin.position is not None:
        told.append(Sentence("Picture: {number}", number=origin.position))
    if model := _model_of(interaction.client, row):
        told.append(Sentence("Model: {model}", model=model))
    return told


def _unknown(claimed: Making | None) -> list[Sentence]:
    first = Sentence(
        "**Unknown**: no picture that was made here has these bytes or looks like this one."
    )
    if claimed is None:
        return [first]
    parts = [claimed.program.value, claimed.model, claimed.job_id, claimed.prompt]
    claims = ", ".join(_quoted(part) for part in parts if part)
    return [
        first,
        Sentence(
            "Its metadata claims: {claims}. That proves nothing, as anybody can write metadata.",
            claims=claims,
        ),
    ]


def _quoted(text: str) -> str:
    """Somebody's text on one line, cut short and without Markdown."""
    return harmless(shortened(" ".join(text.split())))


def _model_of(client: Darkroom, row: JobRow) -> str:
    """The title of the model that drew the job; empty where none did."""
    name = str(client.lookup.resolved(row).get("model", ""))
    titles = {model.name: model.title for model in client.engine_client.models()}
    return titles.get(name, name)


def add(tree: app_commands.CommandTree) -> None:
    tree.add_command(verify)
