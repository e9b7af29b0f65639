"""/show"""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord
from discord import app_commands

from bot.ui import favourite_pages
from bot.ui.actions import repost
from bot.ui.commands.completion import own_jobs
from bot.ui.copies import Copy
from bot.ui.language import member_locale
from bot.ui.replies import before_reply, check_permissions, is_for_member_alone
from bot.ui.reposts import Repost, covered
from engine import Sentence

if TYPE_CHECKING:
    from bot.jobs.records import JobRow
    from bot.ui.client import Darkroom

_FAVOURITES = "favourites"


@app_commands.command(
    description=Sentence("Post one of your jobs again, with live buttons; or your favourites.")
)
@app_commands.describe(
    job=Sentence("Its id, a link to its message, or favourites; without it the newest.")
)
@app_commands.guild_install()
@app_commands.allowed_contexts(guilds=True, dms=True, private_channels=False)
async def show(
    interaction: discord.Interaction[Darkroom],
    job: app_commands.Range[str, 1, 200] | None = None,
) -> None:
    client, user_id = interaction.client, interaction.user.id
    if job is not None and job.strip().casefold() in {_FAVOURITES, "favorites"}:
        await favourite_pages.show(interaction)
        return
    if job is None:
        row = await client.lookup.newest_job(user_id=user_id, guild_id=interaction.guild_id or 0)
        position = None
    else:
        row, position = await client.lookup.own_job(user_id, job)
    hidden, cover = is_for_member_alone(interaction, row), False
    if not hidden:
        check_permissions(interaction)
        cover = await Repost.of(interaction, row, member_locale(interaction)).check(client)
    client.pace.take(user_id)
    copy = await before_reply(interaction, _copy(interaction, row, position), ephemeral=hidden)
    await repost(interaction, covered(copy, also=cover), hidden=hidden)


async def _copy(
    interaction: discord.Interaction[Darkroom], row: JobRow, position: int | None
) -> Copy:
    copies, limit_bytes = interaction.client.copies, interaction.filesize_limit
    if position:
        return await copies.one(row, position, limit_bytes, interaction.user.mention)
    return await copies.whole(row, limit_bytes)


@show.autocomplete("job")
async def _jobs(
    interaction: discord.Interaction[Darkroom], typed: str
) -> list[app_commands.Choice[str]]:
    found = await own_jobs(interaction, typed)
    if typed.strip().casefold() and _FAVOURITES.startswith(typed.strip().casefold()):
        found = [app_commands.Choice(name=_FAVOURITES, value=_FAVOURITES), *found[:-1]]
    return found


def add(tree: app_commands.CommandTree) -> None:
    tree.add_command(show)
