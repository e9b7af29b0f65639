"""/verify"""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord
from discord import app_commands

from bot.errors import UserError
from bot.jobs.provenance import Origin, is_stealthy
from bot.jobs.records import JobRow
from bot.pictures import metadata
from bot.pictures.making import Making
from bot.prompt.characters import shortened
from bot.ui.interactions import attached
from bot.ui.language import to_member
from bot.ui.message_text import harmless
from bot.ui.replies import before_reply
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
    if (picture is None) == (link is None):
        raise UserError("Give a picture or a link to one; one of the two.")
    said = await before_reply(
        interaction, _answer(interaction, picture, link), slow=True, ephemeral=True
    )
    if interaction.response.is_done():
        await interaction.edit_original_response(content=said)
    else:
        await interaction.response.send_message(said, ephemeral=True)


async def _answer(
    interaction: discord.Interaction[Darkroom],
    picture: discord.Attachment | None,
    link: str | None,
) -> str:
    client = interaction.client
    if picture is not None:
        data = await attached(client.fetcher, picture)
    else:
        data = await client.fetcher.linked((link or "").strip())
    origin = await client.provenance.origin(data)
    lines = _made_here(interaction, origin) if origin else _unknown(metadata.read(data))
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
    if not _may_see(interaction, row):
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


def _may_see(interaction: discord.Interaction[Darkroom], row: JobRow) -> bool:
    """Whether the member could have read about the job where it was shown."""
    if row.user_id == interaction.user.id:
        return True
    guild, member = interaction.guild, interaction.user
    if is_stealthy(row) or guild is None or guild.id != row.guild_id:
        return False
    if row.channel_id == interaction.channel_id:
        return True
    channel = guild.get_channel_or_thread(row.channel_id)
    if channel is None or not isinstance(member, discord.Member):
        return False
    if isinstance(channel, discord.Thread) and channel.is_private():
        return False
    return channel.permissions_for(member).read_messages


def _model_of(client: Darkroom, row: JobRow) -> str:
    """The title of the model that drew the job; empty where none did."""
    name = str(client.lookup.resolved(row).get("model", ""))
    titles = {model.name: model.title for model in client.engine_client.models()}
    return titles.get(name, name)


def add(tree: app_commands.CommandTree) -> None:
    tree.add_command(verify)
