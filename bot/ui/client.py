"""The Discord client: wiring in `setup_hook`, the one error handler of the command tree."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable

import discord
import yarl
from discord import app_commands
from sqlalchemy import delete, insert, select

from bot.credits.pricing import CENTS
from bot.jobs.runner import Drawer, Limits, Studio
from bot.pictures import store as gallery
from bot.pictures.fetch import Fetcher
from bot.settings import Settings
from bot.storage.database import Database
from bot.storage.tables import facts
from bot.ui import commands, refusals
from bot.ui.actions import JobButton
from bot.ui.interactions import Reception
from bot.ui.outbox import DiscordOutbox

log = logging.getLogger(__name__)

INTENTS = discord.Intents(guilds=True)
"""None of them privileged."""
PERMISSIONS = discord.Permissions(
    view_channel=True,
    send_messages=True,
    send_messages_in_threads=True,
    attach_files=True,
    embed_links=True,
    read_message_history=True,
)
_SMALL_MODEL = "doodle"


class Tree(app_commands.CommandTree["Darkroom"]):
    async def on_error(
        self,
        interaction: discord.Interaction[Darkroom],
        error: app_commands.AppCommandError,
        /,
    ) -> None:
        await refusals.answer(interaction, error)


class Darkroom(discord.AutoShardedClient):
    """The bot. `database` is started and `drawer` runs before the client does."""

    def __init__(
        self,
        *,
        settings: Settings,
        database: Database,
        drawer: Drawer,
        serving: bool = True,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        """serving: take up earlier jobs and sync commands by itself once logged in."""
        super().__init__(
            intents=INTENTS,
            allowed_mentions=discord.AllowedMentions.none(),
            max_messages=None,
            chunk_guilds_at_startup=False,
        )
        self.settings = settings
        self.serving = serving
        self.database = database
        self.drawer = drawer
        self.tree = Tree(self)
        pictures = gallery.Gallery(settings.data_dir / "pictures")
        self.outbox = DiscordOutbox(
            client=self,
            database=database,
            pictures=pictures,
            interval_s=settings.preview_interval_s,
        )
        self.studio = Studio(
            database=database,
            drawer=drawer,
            pictures=pictures,
            outbox=self.outbox,
            limits=Limits(
                running=settings.max_running,
                queued=settings.max_queued,
                trial=round(settings.trial_credits * CENTS),
                allotment=round(settings.guild_allotment_credits * CENTS),
            ),
            now_s=now_s,
        )
        self.reception = Reception(studio=self.studio, fetcher=Fetcher(settings.discord_api_url))

    def is_owner(self, user_id: int) -> bool:
        return user_id in self.settings.owner_ids

    def model_hint(self) -> str:
        """How to get a bigger model, while only the small one is installed; else nothing."""
        models = self.drawer.models()
        if any(model.installed and model.name != _SMALL_MODEL for model in models):
            return ""
        return (
            "Only the small Doodle model is installed. See what there is with "
            "`python -m engine models` and get one with `python -m engine fetch NAME`."
        )

    async def setup_hook(self) -> None:
        self.add_dynamic_items(JobButton)
        commands.add_all(self.tree)
        if not self.serving:
            return
        await self.sync_commands()
        await self.studio.recover()  # before the gateway brings this process its first own job

    async def launch_shard(
        self, gateway: yarl.URL, shard_id: int, *, initial: bool = False
    ) -> None:
        """As discord.py does, at DISCORD_GATEWAY_URL where that is set."""
        ours = self.settings.discord_gateway_url
        await super().launch_shard(yarl.URL(ours) if ours else gateway, shard_id, initial=initial)

    async def on_ready(self) -> None:
        """Connected: say where the bot is."""
        assert self.user is not None
        log.info("connected as %s in %d servers", self.user, len(self.guilds))
        log.info("invite: %s", discord.utils.oauth_url(self.user.id, permissions=PERMISSIONS))
        for guild in self.guilds:
            await self.on_guild_join(guild)

    async def on_guild_join(self, guild: discord.Guild) -> None:
        """Leave servers that the operator did not allow, with one sentence."""
        allowed = self.settings.allowed_guilds
        if not allowed or guild.id in allowed:
            return
        if guild.system_channel is not None:
            try:
                await guild.system_channel.send(
                    "This Darkroom only works in the servers its operator chose; it leaves now."
                )
            except discord.HTTPException as error:
                log.info("guild %d was not told: %s", guild.id, error)
        log.warning("leaving guild %d, which is not in ALLOWED_GUILDS", guild.id)
        await guild.leave()

    async def sync_commands(self, *, force: bool = False) -> bool:
        """Tell Discord the commands, if they changed since the last time; whether it was done."""
        home = discord.Object(self.settings.guild_id) if self.settings.guild_id else None
        if home is not None:
            self.tree.copy_global_to(guild=home)
        payload = [command.to_dict(self.tree) for command in self.tree.get_commands(guild=home)]
        where = f"{self.application_id}/{self.settings.guild_id}/{self.settings.discord_api_url}"
        digest = hashlib.sha256((json.dumps(payload) + where).encode()).hexdigest()
        async with self.database.read() as connection:
            known = await connection.scalar(
                select(facts.c.value).where(facts.c.name == "commands_hash")
            )
        if known == digest and not force:
            return False
        await self.tree.sync(guild=home)
        async with self.database.write() as connection:
            await connection.execute(delete(facts).where(facts.c.name == "commands_hash"))
            await connection.execute(insert(facts).values(name="commands_hash", value=digest))
        return True

    async def close(self) -> None:
        await self.outbox.close()
        await super().close()
