"""What holds before any reply: may the bot post here, and Discord's three seconds."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, TypeVar

import aiohttp
import discord

from bot.errors import MissingPermission, NotFound
from bot.jobs.provenance import is_stealthy
from bot.jobs.records import JobRow, MessageRow, Outcome
from bot.jobs.seen import is_nsfw
from bot.ui.deferrals import lost_an_answer, think
from bot.ui.language import to_member
from engine import Sentence

log = logging.getLogger(__name__)

DEFER_AFTER_S = 0.3
"""Discord gives up on a first reply after three, and who waits sees by a deferral that it works. An
order takes some 50 ms as a rule."""
NEEDED: Mapping[str, Sentence] = MappingProxyType(
    {
        "view_channel": Sentence("View Channels"),
        "send_messages": Sentence("Send Messages"),
        "send_messages_in_threads": Sentence("Send Messages in Threads"),
        "attach_files": Sentence("Attach Files"),
        "embed_links": Sentence("Embed Links"),
        "read_message_history": Sentence("Read Message History"),
    }
)
"""What the bot must be allowed in a channel, or in a thread of one, and how Discord calls it."""
PERMISSIONS = discord.Permissions(**dict.fromkeys(NEEDED, True))
"""What it asks for when it is invited."""

T = TypeVar("T")


def check_permissions(interaction: discord.Interaction) -> None:
    """Name what the bot lacks here, before anything is drawn."""
    if interaction.guild_id is None:
        return
    missing = lacking(interaction.app_permissions, interaction.channel)
    if missing:
        raise MissingPermission(
            Sentence(
                "Darkroom lacks a permission in this channel: {names}. Ask who manages this "
                "server to allow it, or use another channel. Nothing was drawn or charged.",
                names=Sentence.listed(missing),
            )
        )


def lacking(permissions: discord.Permissions, channel: object) -> list[Sentence]:
    """What the bot's permissions in a channel or thread do not have, as Discord calls it."""
    thread = isinstance(channel, discord.Thread)
    return [
        called
        for name, called in NEEDED.items()
        if name != ("send_messages" if thread else "send_messages_in_threads")
        and not getattr(permissions, name)
    ]


def check_finished(row: JobRow) -> None:
    """NotFound where the job has nothing to be shown or to go on from, and what to do then."""
    if row.outcome is Outcome.FINISHED:
        return
    if row.outcome is Outcome.OPEN:
        raise NotFound("This is not drawn yet; do that once its result is here.")
    if row.batch_id is not None:  # of those that ended so, there is no message
        raise NotFound("This job ended without a result; send its prompt again with /imagine.")
    raise NotFound("This job ended without a result; press 🔄 under its message to try again.")


def parent_of(channel: object) -> int:
    """The id of the channel that a thread is in; 0 for all that is no thread."""
    return channel.parent_id if isinstance(channel, discord.Thread) else 0


def is_age_restricted(channel: object) -> bool:
    """Whether Discord shows the channel to adults alone. Direct messages: nobody knows."""
    if isinstance(channel, discord.Thread):
        channel = channel.parent
    return bool(getattr(channel, "nsfw", False))


def is_for_member_alone(interaction: discord.Interaction, row: JobRow) -> bool:
    """Whether what the job drew may be shown here to its member alone."""
    if interaction.guild_id is None:
        return False
    return is_stealthy(row) or (is_nsfw(row) and not is_age_restricted(interaction.channel))


def may_see(interaction: discord.Interaction, row: JobRow) -> bool:
    """Whether the member could have read about the job where it was shown."""
    if row.user_id == interaction.user.id:
        return True
    guild = interaction.guild
    if is_stealthy(row) or guild is None or guild.id != row.guild_id:
        return False
    return _may_read(interaction, row.channel_id)


def _may_read(interaction: discord.Interaction, channel_id: int) -> bool:
    """Whether the member may read that channel of the server in which the interaction is."""
    guild, member = interaction.guild, interaction.user
    if guild is None:
        return False
    if channel_id == interaction.channel_id:
        return True
    channel = guild.get_channel_or_thread(channel_id)
    if channel is None or not isinstance(member, discord.Member):
        return False
    if isinstance(channel, discord.Thread) and channel.is_private():
        return False
    return channel.permissions_for(member).read_messages


def link_to(
    interaction: discord.Interaction[discord.Client], row: JobRow, shown: MessageRow
) -> str:
    """To a message that shows the job; empty where the member cannot follow it, or that is unsure.

    An address names the server, or `@me` for direct messages: with the wrong one it leads nowhere.
    """
    place, theirs = shown.channel_id, row.user_id == interaction.user.id
    guild = interaction.client.get_guild(row.guild_id)
    if place in _direct_channels(interaction, row):
        where = "@me"
    elif _may_read(interaction, place):
        where = str(interaction.guild_id)
    elif theirs and place == row.channel_id and guild and guild.get_channel_or_thread(place):
        where = str(row.guild_id)
    else:
        return ""
    return f"https://discord.com/channels/{where}/{place}/{shown.message_id}"


def _direct_channels(interaction: discord.Interaction, row: JobRow) -> set[int]:
    """Channels that are known to be the member's direct messages."""
    found = set()
    if interaction.guild_id is None and interaction.channel_id is not None:
        found.add(interaction.channel_id)
    if interaction.user.dm_channel is not None:
        found.add(interaction.user.dm_channel.id)
    if row.user_id == interaction.user.id and (is_stealthy(row) or not row.guild_id):
        found.add(row.channel_id)
    return found


def may_show(interaction: discord.Interaction, row: JobRow) -> bool:
    """Whether what the member does here may tell of the job: another's only where it was shown."""
    if row.user_id == interaction.user.id:
        return True
    return row.channel_id == interaction.channel_id and may_see(interaction, row)


async def before_reply(
    interaction: discord.Interaction,
    work: Coroutine[None, None, T],
    *,
    slow: bool = False,
    ephemeral: bool = False,
    job_id: str = "",
) -> T:
    """What `work` returns, before the first reply, which Discord awaits for 3 seconds.

    The reply is deferred where the work is slow, or turns out to be; if it then fails, the
    deferral is taken back, and the UserError is the caller's to answer. job_id: of the job that
    the work accepts, where it is an order.
    """
    defer = partial(think, interaction, ephemeral=ephemeral, job_id=job_id)
    try:
        return await _in_time(work, defer, interaction.response.is_done, slow=slow)
    except Exception:
        if interaction.response.is_done():
            await attempt(interaction.delete_original_response(), "taking the deferral back")
        raise


async def before_update(
    interaction: discord.Interaction, work: Coroutine[None, None, T], *, slow: bool = False
) -> T:
    """As `before_reply`, where the reply is a change of the message whose button was pressed."""
    response = interaction.response
    return await _in_time(work, response.defer, response.is_done, slow=slow)


async def replace_question(interaction: discord.Interaction, said: Sentence) -> None:
    """Let a private question say what became of it, without its buttons."""
    text = to_member(interaction, said)
    changing: Coroutine[Any, Any, object]
    if interaction.response.is_done():
        changing = interaction.edit_original_response(content=text, embed=None, view=None)
    else:
        changing = interaction.response.edit_message(content=text, embed=None, view=None)
    await attempt(changing, "the answer to a confirmation")


async def tell(interaction: discord.Interaction, *said: Sentence) -> None:
    """Reply with these lines to who asked alone; nobody is pinged."""
    await interaction.response.send_message(
        "\n".join(to_member(interaction, line) for line in said),
        ephemeral=True,
        allowed_mentions=discord.AllowedMentions.none(),
    )


async def warn(interaction: discord.Interaction, warnings: Iterable[Sentence]) -> None:
    """Tell the member alone, after the reply, what the words of their order are known for."""
    text = "\n".join(to_member(interaction, each) for each in dict.fromkeys(warnings))
    if text:
        await attempt(interaction.followup.send(text, ephemeral=True), "a warning")


async def attempt(call: Awaitable[T], what: str) -> T | None:
    """The call's result, or None where Discord did not take it: results go by the channel."""
    try:
        return await call
    except (discord.DiscordException, aiohttp.ClientError, OSError) as error:
        log.warning("%s was lost: %s", what, error)
        lost_an_answer()
        return None


async def _in_time(
    work: Coroutine[None, None, T],
    defer: Callable[[], Awaitable[object]],
    is_done: Callable[[], bool],
    *,
    slow: bool,
) -> T:
    working = asyncio.create_task(work)
    done, _ = await asyncio.wait({working}, timeout=0 if slow else DEFER_AFTER_S)
    if not done and not is_done():
        await attempt(defer(), "the deferral")
    return await working
