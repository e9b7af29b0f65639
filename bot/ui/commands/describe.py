"""/describe, and Describe among the message menus."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import discord
from discord import app_commands

from bot.errors import NotFound, UserError
from bot.jobs.kinds import KINDS
from bot.jobs.provenance import Origin, is_stealthy
from bot.jobs.records import JobRow, MessageRow, Role
from bot.locale import translated
from bot.ui.actions import view
from bot.ui.commands.completion import own_jobs
from bot.ui.interactions import Fetch, attached, given
from bot.ui.language import channel_locale
from bot.ui.message_text import quoted
from bot.ui.replies import (
    before_reply,
    check_finished,
    check_permissions,
    is_for_member_alone,
    may_see,
)
from engine import Sentence

if TYPE_CHECKING:
    from bot.ui.client import Darkroom


@app_commands.command(
    description=Sentence("Four prompts that could have made a picture, each to be drawn.")
)
@app_commands.describe(
    picture=Sentence("The picture."),
    link=Sentence("Or a link to it."),
    job_id=Sentence("Or one of your jobs: its id or a link to its message."),
    image=Sentence("Which picture of the job's grid, 1 to 4."),
)
@app_commands.guild_install()
@app_commands.allowed_contexts(guilds=True, dms=True, private_channels=False)
async def describe(
    interaction: discord.Interaction[Darkroom],
    picture: discord.Attachment | None = None,
    link: str | None = None,
    job_id: app_commands.Range[str, 1, 200] | None = None,
    image: app_commands.Range[int, 1, 4] | None = None,
) -> None:
    if job_id is None:
        await _describe(
            interaction, given(interaction.client.fetcher.of(interaction.user.id), picture, link)
        )
        return
    if picture is not None or link is not None:
        raise UserError("Choose a job or send a picture; one of the two.")
    await _describe_job(interaction, job_id, image)


describe.autocomplete("job_id")(own_jobs)


async def _describe_job(
    interaction: discord.Interaction[Darkroom], reference: str, image: int | None
) -> None:
    """As `_describe`, of a picture of one of the member's own jobs; image: which, from 1."""
    client = interaction.client
    check_permissions(interaction)
    row, position = await client.lookup.own_job(interaction.user.id, reference)
    check_finished(row)
    position = image or position
    if not _has_words(row):
        _, data = await client.lookup.picture(row.id, position or 1)
        await client.interactions.describe(interaction, data, after=row)
        return
    if position:
        await client.lookup.picture(row.id, position)
    await _tell_own(interaction, row, position)


def _has_words(row: JobRow) -> bool:
    """Whether the job has words for a picture: those of a description are no such words."""
    return bool(quoted(row)) and Role.TEXT not in KINDS[row.kind].follow_ups


@app_commands.guild_install()
@app_commands.allowed_contexts(guilds=True, dms=True, private_channels=False)
async def _describe_message(
    interaction: discord.Interaction[Darkroom], message: discord.Message
) -> None:
    try:
        row, shown = await interaction.client.lookup.shown_by(message.id)
    except NotFound:
        pass
    else:
        if shown.role is Role.PROGRESS:
            check_finished(row)
        if _has_words(row) and shown.role is not Role.REFUSAL:
            check_permissions(interaction)
            await _tell_own(interaction, row, shown.position)
            return
    await _describe(interaction, _picture_of(interaction, message))


async def _describe(interaction: discord.Interaction[Darkroom], read: Fetch) -> None:
    """A picture made here knows its own prompt; of any other a model says what it could be."""
    client = interaction.client
    check_permissions(interaction)
    data, origin = await before_reply(interaction, _known(interaction, read), slow=True)
    if origin is not None and quoted(origin.row) and may_see(interaction, origin.row):
        await _tell_own(interaction, origin.row, origin.position)
        return
    own = origin is not None and origin.row.user_id == interaction.user.id
    await client.interactions.describe(
        interaction, data, after=origin.row if origin is not None and own else None
    )


async def _known(
    interaction: discord.Interaction[Darkroom], read: Fetch
) -> tuple[bytes, Origin | None]:
    """A picture, and where it was made."""
    data = await read()
    return data, await interaction.client.provenance.origin(data, interaction.user.id)


def _picture_of(interaction: discord.Interaction[Darkroom], message: discord.Message) -> Fetch:
    """What reads the first picture of a message; UserError where it has none."""
    fetcher = interaction.client.fetcher.of(interaction.user.id)
    for attachment in message.attachments:
        if (attachment.content_type or "image/").startswith("image/"):
            return partial(attached, fetcher, attachment)
    for embed in message.embeds:
        if link := embed.image.url or embed.thumbnail.url:
            return partial(fetcher.linked, link)
    raise UserError("This message has no picture to describe.")


async def _tell_own(
    interaction: discord.Interaction[Darkroom], row: JobRow, position: int | None
) -> None:
    """The prompt of a picture that was made here, with its buttons, at no charge.

    For all to see only where the picture itself was, or by its member.
    """
    theirs, here = row.user_id == interaction.user.id, row.channel_id == interaction.channel_id
    said = Sentence("{words} - Made here\n-# Job {job}", words=quoted(row), job=row.id)
    content = translated(said, channel_locale(interaction))
    shown = discord.ui.View(timeout=None)
    if theirs or here:  # elsewhere nobody may press them
        pictures = await interaction.client.lookup.pictures(row.id)
        wanted = 1 if position is None and len(pictures) == 1 else position
        single = next((each for each in pictures if each.position == wanted), None)
        role = Role.GRID if single is None else Role.SINGLE
        names = KINDS[row.kind].follow_ups.get(role, ())
        shown = view(names, row, len(pictures), single=single)
    nobody = discord.AllowedMentions.none()
    private = is_for_member_alone(interaction, row) or is_stealthy(row) or not (theirs or here)
    if not interaction.response.is_done():
        response = await interaction.response.send_message(
            content, view=shown, allowed_mentions=nobody, ephemeral=private
        )
        message_id = response.message_id
    elif private:
        await interaction.delete_original_response()
        await interaction.followup.send(
            content, view=shown, allowed_mentions=nobody, ephemeral=True
        )
        return
    else:
        message = await interaction.edit_original_response(
            content=content, view=shown, allowed_mentions=nobody
        )
        message_id = message.id
    if not private and message_id is not None and position is not None:
        await interaction.client.lookup.showing(
            MessageRow(
                message_id=message_id,
                channel_id=interaction.channel_id or 0,
                job_id=row.id,
                role=Role.TEXT,  # it shows the picture's words, not the picture
                position=position,
            )
        )


def add(tree: app_commands.CommandTree) -> None:
    tree.add_command(describe)
    tree.add_command(
        app_commands.ContextMenu(name=Sentence("Describe"), callback=_describe_message)
    )
