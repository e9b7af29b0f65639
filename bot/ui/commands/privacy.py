"""/privacy: what is kept of oneself, as files or erased."""

from __future__ import annotations

import asyncio
import io
import logging
from typing import TYPE_CHECKING, Any

import aiohttp
import discord
from discord import app_commands

from bot.errors import NotFound, UserError
from bot.locale import translated
from bot.ui.deferrals import think
from bot.ui.language import member_locale, to_member
from engine import Sentence

if TYPE_CHECKING:
    from bot.ui.client import Darkroom

log = logging.getLogger(__name__)

_BETWEEN_MS = 10 * 60 * 1000
"""From one export of a member to the next."""
_BETWEEN_DELETIONS_S = 1.0
_SHARE = 0.9
"""Of what Discord takes: it counts more than the file."""


@app_commands.guild_install()
@app_commands.allowed_contexts(guilds=True, dms=True, private_channels=False)
class Privacy(
    app_commands.Group, name="privacy", description=Sentence("What is kept of you here.")
):
    """For everybody, and about themselves alone: no option names another member."""

    def __init__(self) -> None:
        super().__init__()
        self._exported_ms: dict[int, int] = {}

    @app_commands.command(
        description=Sentence("Your jobs, credits and pictures, by direct message.")
    )
    async def export(self, interaction: discord.Interaction[Darkroom]) -> None:
        client, user = interaction.client, interaction.user
        now_ms, before_ms = client.now_ms(), self._exported_ms.get(user.id)
        if before_ms is not None and now_ms - before_ms < _BETWEEN_MS:
            raise UserError("You had this a moment ago; it can be had every ten minutes.")
        self._exported_ms = {
            id_: at for id_, at in self._exported_ms.items() if now_ms - at < _BETWEEN_MS
        }
        self._exported_ms[user.id] = now_ms
        await think(interaction, ephemeral=True)
        language = member_locale(interaction)
        limit_bytes = int(discord.utils.DEFAULT_FILE_SIZE_LIMIT_BYTES * _SHARE)
        number = pictures = 0
        left_out = False
        try:
            async for part in client.privacy.export(user.id, limit_bytes):
                number += 1
                said = translated(Sentence("Your data, part {number}.", number=number), language)
                await user.send(
                    said, file=discord.File(io.BytesIO(part.data), f"darkroom-{number}.zip")
                )
                pictures, left_out = pictures + part.pictures, part.left_out
        except discord.Forbidden:
            del self._exported_ms[user.id]
            raise UserError(
                "I cannot send you a direct message; allow those of this server's members in your "
                "privacy settings."
            ) from None
        done = Sentence.plural(
            "Sent to your direct messages: {pictures} pictures, in {count} file.",
            "Sent to your direct messages: {pictures} pictures, in {count} files.",
            count=number,
            pictures=pictures,
        )
        lines = [done]
        if left_out:
            lines.append(Sentence("Older pictures did not fit; `/show` brings them one by one."))
        await interaction.edit_original_response(
            content="\n".join(to_member(interaction, line) for line in lines)
        )

    @app_commands.command(description=Sentence("Erase your prompts and pictures, for good."))
    async def erase(self, interaction: discord.Interaction[Darkroom]) -> None:
        will = [
            Sentence("**Erased for good**, in all servers of this bot, once you confirm:"),
            Sentence("• all your prompts and pictures, and my messages that show them"),
            Sentence("• your settings, macros and favourites; your running jobs are cancelled"),
            Sentence("• your credits: what is left of them is lost"),
            Sentence(
                "**Kept:** the lines of the ledger, without your name; that you were here and "
                "what you spent this month, so that nobody gets trial credits or a quota twice; "
                "blocks and strikes, without words."
            ),
            Sentence(
                "What others made from your pictures is theirs and stays. `/privacy export` "
                "gives you everything first."
            ),
        ]
        await interaction.client.confirmations.ask(interaction, will, _erase)


async def _erase(interaction: discord.Interaction[Any]) -> Sentence:
    client: Darkroom = interaction.client
    user_id = interaction.user.id
    for row in await client.privacy.open_jobs(user_id):
        try:
            await client.runner.cancel(row)
        except NotFound:
            continue  # it has just ended
    erased = await client.privacy.erase(user_id)
    client.preferences.forget(user_id)
    client.in_background(delete_messages(client), "erased messages")
    log.info("a member's %d jobs were erased", erased)
    return Sentence.plural(
        "{count} job is erased. My messages that show it are deleted as far as Discord lets me.",
        "{count} jobs are erased. My messages that show them are deleted as far as Discord lets "
        "me.",
        count=erased,
    )


async def delete_messages(client: Darkroom) -> None:
    """Those that `Deletions` knows of; where Discord has a fault, the next time."""

    async def delete(channel_id: int, message_id: int) -> bool:
        message = client.get_partial_messageable(channel_id).get_partial_message(message_id)
        try:
            await message.delete()
        except (discord.NotFound, discord.Forbidden):
            return True  # it is gone, or the bot may not any more
        except (discord.DiscordException, aiohttp.ClientError, OSError) as error:
            log.info("a message is deleted later: %s", error)
            return False
        await asyncio.sleep(_BETWEEN_DELETIONS_S)
        return True

    await client.privacy.deletions.delete_messages(delete)


def add(tree: app_commands.CommandTree) -> None:
    tree.add_command(Privacy())
