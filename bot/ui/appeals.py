"""Appeals against refused words: sent to the moderators' channel, decided there once.

A custom_id is `apl:<verdict id>:<code>` and says nothing else: whose verdict it is, and who may
decide it, is looked up at every press, so that the buttons work after a restart.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any

import aiohttp
import discord

from bot import locale
from bot.errors import NotAllowed, NotFound, UserError
from bot.locale import translated
from bot.moderation.moderation import Moderation
from bot.moderation.verdicts import Appeal, Verdict
from bot.moderation.words import NAMES
from bot.preferences import APPEAL_CHANNEL, Preferences
from bot.storage.audit import Action
from bot.ui import refusal_buttons
from bot.ui.deferrals import think
from bot.ui.language import to_member
from bot.ui.persistent_buttons import PersistentButton, matched
from bot.ui.refusal_buttons import APPEAL, APPROVE, ASK, DENY
from engine import Sentence

if TYPE_CHECKING:
    from bot.ui.client import Darkroom

log = logging.getLogger(__name__)

_REST = re.compile(rf"(?P<id>[a-z2-7]{{16}}):(?P<code>[{ASK}{APPROVE}{DENY}])")
_PROMPT_CHARACTERS = 3500
"""Shown to the moderators."""
_PENDING_AT_MOST = 3
"""Appeals of one member in a server that wait for an answer."""
_NOBODY = discord.AllowedMentions.none()


class Appeals:
    """Sends and decides them."""

    def __init__(
        self, *, client: Darkroom, moderation: Moderation, preferences: Preferences
    ) -> None:
        self._client = client
        self._moderation = moderation
        self._preferences = preferences

    async def ask(self, interaction: discord.Interaction[Darkroom], verdict: Verdict) -> None:
        """Send the member's own refusal to the moderators, once."""
        if interaction.user.id != verdict.user_id:
            raise NotAllowed("This is another member's; only they can appeal.")
        channel_id = (await self._preferences.of(verdict.guild_id)).get(APPEAL_CHANNEL)
        if not channel_id:
            raise NotFound("This server has no channel for appeals; ask who manages it.")
        if await self._moderation.pending(verdict) >= _PENDING_AT_MOST:
            raise NotAllowed("The moderators have several texts of yours; wait for their answers.")
        await think(interaction, ephemeral=True)
        if not await self._moderation.appeal(verdict, Appeal.NONE, Appeal.PENDING):
            raise NotAllowed("This was sent to the moderators already; they answer once.")
        try:
            posted = await self._post(verdict, int(channel_id))
        except (discord.DiscordException, aiohttp.ClientError, OSError) as error:
            log.warning("appeal %s could not be posted: %s", verdict.id, error)
            await self._moderation.appeal(verdict, Appeal.PENDING, Appeal.NONE)
            raise UserError(
                "I could not post this to the moderators' channel; tell who manages this server."
            ) from None
        await self._moderation.appeal_posted(verdict, int(channel_id), posted.id)
        said = Sentence("The moderators have it. You get a direct message when they decide.")
        await interaction.edit_original_response(content=to_member(interaction, said))

    async def decide(
        self, interaction: discord.Interaction[Darkroom], verdict: Verdict, *, approve: bool
    ) -> None:
        """Let the member have these words, or not; for moderators of the verdict's server alone."""
        if interaction.guild_id != verdict.guild_id or not (
            interaction.permissions.manage_guild
            or interaction.permissions.moderate_members
            or interaction.client.is_owner(interaction.user.id)
        ):
            raise NotAllowed("Only moderators of the server in question decide this.")
        if interaction.user.id == verdict.user_id and not interaction.permissions.manage_guild:
            raise NotAllowed("This is your own appeal; another moderator decides it.")
        action = Action(
            guild_id=verdict.guild_id,
            actor_id=interaction.user.id,
            name="appeal approve" if approve else "appeal deny",
            subject=f"<@{verdict.user_id}>",
        )
        if not await self._moderation.decide(verdict, approve=approve, action=action):
            raise NotFound("This appeal is decided already.")
        values = {"moderator": interaction.user.mention}
        said = (
            Sentence("Approved by {moderator}.", **values)
            if approve
            else Sentence("Denied by {moderator}.", **values)
        )
        language = self._language(verdict.guild_id)
        await interaction.response.edit_message(
            content=translated(said, language), view=None, allowed_mentions=_NOBODY
        )
        await self._tell(verdict, approve=approve)

    async def _post(self, verdict: Verdict, channel_id: int) -> discord.Message:
        language = self._language(verdict.guild_id)

        def say(text: str) -> str:
            return translated(text, language)

        prompt = verdict.prompt[:_PROMPT_CHARACTERS].replace("`" * 3, "'''")
        shown = discord.Embed(
            title=say(Sentence("Appeal")),
            description=f"```\n{prompt}\n```",
            colour=discord.Colour.gold(),
        )
        shown.add_field(name=say(Sentence("Member")), value=f"<@{verdict.user_id}>")
        shown.add_field(name=say(Sentence("Rule")), value=say(NAMES[verdict.category]))
        shown.add_field(name=say(Sentence("Phrase")), value=f"`{verdict.phrase.replace('`', '')}`")
        channel = self._client.get_partial_messageable(channel_id, guild_id=verdict.guild_id)
        return await channel.send(
            embed=shown,
            view=refusal_buttons.deciding(verdict.id, language),
            allowed_mentions=_NOBODY,
        )

    async def _tell(self, verdict: Verdict, *, approve: bool) -> None:
        said = (
            Sentence("The moderators approved your text: send it again as it was, and it is taken.")
            if approve
            else Sentence("The moderators looked at your text and keep it refused.")
        )
        prompt = verdict.prompt[: _PROMPT_CHARACTERS // 2].replace("`" * 3, "'''")
        text = f"{translated(said, verdict.locale)}\n```\n{prompt}\n```"
        try:
            user = await self._client.fetch_user(verdict.user_id)
            await user.send(text, allowed_mentions=_NOBODY)
        except discord.HTTPException as error:
            log.info("appeal %s: the member cannot be told: %s", verdict.id, error)

    def _language(self, guild_id: int) -> str:
        chosen = self._preferences.language(guild_id)
        guild = self._client.get_guild(guild_id)
        return chosen or locale.supported(guild.preferred_locale.value if guild else "en")


class AppealButton(PersistentButton, template=rf"{APPEAL}:(?P<rest>.+)"):
    """Any button of an appeal. The template is wide, so that a forged id gets a sentence too."""

    async def pressed(self, interaction: discord.Interaction[Any], match: re.Match[str]) -> None:
        said = matched(_REST, match["rest"])
        appeals = interaction.client.appeals
        verdict = await interaction.client.moderation.verdict(said["id"])
        if said["code"] == ASK:
            await appeals.ask(interaction, verdict)
        else:
            await appeals.decide(interaction, verdict, approve=said["code"] == APPROVE)
