"""/server: what a server's managers set for all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord
from discord import app_commands

from bot.errors import MissingPermission
from bot.preferences import (
    APPEAL_CHANNEL,
    AUDIT_CHANNEL,
    BUTTONS,
    FORBIDDEN,
    LANGUAGE,
    OWNERS,
    REMIX,
    STEALTH,
)
from bot.ui.commands.managing import managed_guild, set_for_server
from bot.ui.replies import lacking, tell
from engine import Sentence

if TYPE_CHECKING:
    from bot.ui.client import Darkroom

_EVERYBODY = "everybody"
_AS_DISCORD = "discord"


@app_commands.guild_install()
@app_commands.allowed_contexts(guilds=True, dms=False, private_channels=False)
@app_commands.default_permissions(manage_guild=True)
class Server(app_commands.Group, name="server", description=Sentence("Rules of this server.")):
    """Hidden from members without Manage Server, and checked again: a server may change that."""

    @app_commands.command(
        description=Sentence("Who may use the buttons under a picture; who presses pays.")
    )
    @app_commands.describe(who=Sentence("Everybody who sees them, or whose picture it is."))
    @app_commands.choices(
        who=[
            app_commands.Choice(name=Sentence("everybody"), value=_EVERYBODY),
            app_commands.Choice(name=Sentence("only whose picture it is"), value=OWNERS),
        ]
    )
    async def buttons(self, interaction: discord.Interaction[Darkroom], who: str) -> None:
        owners = who == OWNERS
        await set_for_server(interaction, {BUTTONS: OWNERS if owners else ""}, f"who: {who}")
        said = (
            Sentence("Only whose picture it is may use its buttons and reactions here now.")
            if owners
            else Sentence("Everybody may use the buttons here now; who presses pays.")
        )
        await tell(interaction, said)

    @app_commands.command(
        description=Sentence("The language of what stands in channels, whatever Discord says.")
    )
    @app_commands.describe(language=Sentence("Which; the server's own is set in Discord."))
    @app_commands.choices(
        language=[
            app_commands.Choice(name=Sentence("as the server's settings say"), value=_AS_DISCORD),
            app_commands.Choice(name=Sentence("English"), value="en"),
            app_commands.Choice(name=Sentence("Japanese"), value="ja"),
        ]
    )
    async def language(self, interaction: discord.Interaction[Darkroom], language: str) -> None:
        chosen = "" if language == _AS_DISCORD else language
        await set_for_server(interaction, {LANGUAGE: chosen}, f"language: {language}")
        said = (
            Sentence("What stands in channels is in the language chosen here now.")
            if chosen
            else Sentence("What stands in channels is in the server's language again.")
        )
        await tell(interaction, said)

    @app_commands.command(
        description=Sentence("Whether remix mode works here: editing the words of a picture.")
    )
    @app_commands.describe(allowed=Sentence("False: buttons draw at once, for everybody."))
    async def remix(
        self,
        interaction: discord.Interaction[Darkroom],
        allowed: bool,  # noqa: FBT001 - a command's option
    ) -> None:
        await set_for_server(
            interaction, {REMIX: "" if allowed else FORBIDDEN}, f"allowed: {allowed}"
        )
        said = (
            Sentence("Remix mode works here, for members who have set it.")
            if allowed
            else Sentence("Buttons draw at once here now, whatever members have set.")
        )
        await tell(interaction, said)

    @app_commands.command(
        description=Sentence("Whether members may hide what they draw here from all others.")
    )
    @app_commands.describe(allowed=Sentence("False: an order that is to be hidden is refused."))
    async def stealth(
        self,
        interaction: discord.Interaction[Darkroom],
        allowed: bool,  # noqa: FBT001 - a command's option
    ) -> None:
        await set_for_server(
            interaction, {STEALTH: "" if allowed else FORBIDDEN}, f"allowed: {allowed}"
        )
        said = (
            Sentence("Members may hide here what they draw.")
            if allowed
            else Sentence("Orders that are to be hidden are refused here now.")
        )
        await tell(interaction, said)

    @app_commands.command(
        description=Sentence("The channel where what managers do with Darkroom is posted.")
    )
    @app_commands.describe(channel=Sentence("Which; without it none."))
    async def audit(
        self,
        interaction: discord.Interaction[Darkroom],
        channel: discord.TextChannel | None = None,
    ) -> None:
        await _set_channel(interaction, AUDIT_CHANNEL, channel)
        said = (
            Sentence("What managers do with Darkroom is posted in no channel now.")
            if channel is None
            else Sentence(
                "What managers do with Darkroom is posted in {channel} now.",
                channel=channel.mention,
            )
        )
        await tell(interaction, said)

    @app_commands.command(description=Sentence("The channel where moderators decide on appeals."))
    @app_commands.describe(channel=Sentence("Which; without it there are no appeals."))
    async def appeals(
        self,
        interaction: discord.Interaction[Darkroom],
        channel: discord.TextChannel | None = None,
    ) -> None:
        await _set_channel(interaction, APPEAL_CHANNEL, channel)
        said = (
            Sentence("There are no appeals in this server now.")
            if channel is None
            else Sentence("Appeals are posted in {channel} now.", channel=channel.mention)
        )
        await tell(interaction, said)


async def _set_channel(
    interaction: discord.Interaction[Darkroom], name: str, channel: discord.TextChannel | None
) -> None:
    """Set a channel of the server; MissingPermission where the bot may not post in it."""
    managed_guild(interaction)
    if channel is None:
        await set_for_server(interaction, {name: ""}, "")
        return
    missing = lacking(channel.permissions_for(channel.guild.me), channel)
    if missing:
        raise MissingPermission(
            Sentence(
                "Darkroom lacks a permission in {channel}: {names}. Allow it there, or choose "
                "another channel. Nothing was changed.",
                channel=channel.mention,
                names=Sentence.listed(missing),
            )
        )
    await set_for_server(interaction, {name: str(channel.id)}, f"channel: #{channel.name}")


def add(tree: app_commands.CommandTree) -> None:
    tree.add_command(Server())
