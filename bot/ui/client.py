"""The Discord client: wiring in `setup_hook`, the one error handler of the command tree."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass

import discord
import yarl
from discord import app_commands
from discord.gateway import DiscordWebSocket
from discord.http import Route

import darkroom
from bot import locale
from bot.credits.accounts import Accounts
from bot.credits.quotas import Quotas
from bot.credits.server_plans import ServerPlans
from bot.credits.trust import Trust
from bot.jobs.begun import Begun
from bot.jobs.engine_client import EngineClient
from bot.jobs.favourites import Favourites
from bot.jobs.halts import Halts
from bot.jobs.lookup import Lookup
from bot.jobs.orders import Orders
from bot.jobs.pace import Pace
from bot.jobs.privacy import Privacy
from bot.jobs.provenance import Provenance
from bot.jobs.runner import Runner
from bot.moderation.moderation import Moderation
from bot.moderation.policy import Policy
from bot.pictures.fetch import Fetcher
from bot.pictures.store import PictureStore
from bot.preferences import Preferences
from bot.storage import facts
from bot.storage.audit import Audit
from bot.storage.database import Database
from bot.ui import actions, commands, refusals
from bot.ui.actions import JobButton
from bot.ui.answer_buttons import AnswerButton
from bot.ui.appeals import AppealButton, Appeals
from bot.ui.audit_posts import AuditPosts
from bot.ui.batch_messages import BatchMessages
from bot.ui.batches import Batches
from bot.ui.commands import audit_, credits_, model, queue_, quota
from bot.ui.confirmations import Confirmations, SureButton
from bot.ui.copies import Copies
from bot.ui.deferrals import Deferrals
from bot.ui.edits import Edits
from bot.ui.enlargements import Enlargements
from bot.ui.favourite_pages import PageButton
from bot.ui.films import Films
from bot.ui.global_limit import GlobalLimit
from bot.ui.interactions import Interactions
from bot.ui.language import Translator
from bot.ui.line_pages import LinesButton, Lister
from bot.ui.message_text import note_clock
from bot.ui.outbox import Ended, Outbox
from bot.ui.plan_pages import PlanButton
from bot.ui.progress import Progress
from bot.ui.questions import Questions
from bot.ui.reactions import Reactions, sign_of
from bot.ui.replies import PERMISSIONS
from bot.ui.rules import ExampleButton, RulesButton
from bot.ui.sent_pictures import SentPictures
from bot.ui.settings_panel import ModelMenu, SettingButton
from bot.ui.statements import StatementButton
from engine import ModelInfo, Sentence

log = logging.getLogger(__name__)

INTENTS = discord.Intents(guilds=True, guild_reactions=True, dm_reactions=True)
"""None of them privileged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the bot connects, and to whom it listens."""

    owner_ids: tuple[int, ...] = ()
    allowed_guilds: tuple[int, ...] = ()
    """The bot leaves every other server; empty: none."""
    home_guild_id: int | None = None
    """Commands are synced to this server alone; None: to all of them."""
    api_url: str = ""
    """Another address of Discord's API; empty: its own."""
    gateway_url: str = ""
    """Another gateway; empty: the one that the API names."""


_SMALL_MODEL = "doodle"
_SYNCED_HOME = "commands_home"
"""The fact that tells the GUILD_ID they were synced with."""
_SYNCED = "commands_hash"
"""The fact that tells which commands Discord knows."""
_POSTING_S = 10.0
"""What a stop leaves for posting how its last jobs ended."""


def use_api(url: str) -> None:
    """Send discord.py to another address; it has no other switch than this class attribute."""
    if url:
        Route.BASE = url.rstrip("/")


def use_gateway(url: str) -> None:
    """Connect discord.py to another gateway again; the first time `launch_shard` does it.

    Where a session is over, or a connection broke, it goes to this class attribute.
    """
    if url:
        DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(url)


def default_model_warning(name: str, models: Iterable[ModelInfo]) -> str:
    """What is wrong with a DEFAULT_MODEL of this name; nothing if it is installed or empty."""
    installed = [model.name for model in models if model.installed]
    if not name or name in installed:
        return ""
    return (
        f"DEFAULT_MODEL is {name!r}, which is not installed; there are {', '.join(installed)}. "
        "The largest of them draws instead."
    )


def learn(trust: Trust, client: discord.Client) -> None:
    """Tell it what Discord says of the application of a client that is logged in."""
    application = client.application
    assert application is not None
    owners, team = {application.owner.id}, application.team
    if team is not None:
        owners |= {member.id for member in team.members if _acts_for(member)}
        owners |= {team.owner_id} if team.owner_id else set()

    def owner_of(guild_id: int) -> int | None:
        guild = client.get_guild(guild_id)
        return guild.owner_id if guild is not None else None

    trust.learn(public=application.bot_public, owner_ids=owners, owner_of=owner_of)


def _acts_for(member: discord.TeamMember) -> bool:
    """Whether who is in the application's team may change it: not the invited, nor readers."""
    return (
        member.membership_state is discord.TeamMembershipState.accepted
        and member.role is not discord.TeamMemberRole.read_only
    )


class Tree(app_commands.CommandTree["Darkroom"]):
    async def on_error(
        self,
        interaction: discord.Interaction[Darkroom],
        error: app_commands.AppCommandError,
        /,
    ) -> None:
        await refusals.answer(interaction, error)


class Darkroom(discord.AutoShardedClient):
    """The bot. `database` is started and `engine_client` runs before the client does."""

    def __init__(
        self,
        *,
        place: Place,
        database: Database,
        audit: Audit,
        engine_client: EngineClient,
        store: PictureStore,
        begun: Begun,
        deferrals: Deferrals,
        policy: Policy,
        moderation: Moderation,
        accounts: Accounts,
        trust: Trust,
        preferences: Preferences,
        default_model: str = "",
        progress_interval_s: float,
        now_ms: Callable[[], int],
        serving: bool = True,
    ) -> None:
        """serving: take up earlier jobs and sync commands by itself once logged in."""
        super().__init__(
            intents=INTENTS,
            allowed_mentions=discord.AllowedMentions.none(),
            max_messages=None,
            chunk_guilds_at_startup=False,
        )
        self.place = place
        self.now_ms = now_ms
        self._sending: set[asyncio.Task[None]] = set()
        self.serving = serving
        self.database = database
        self.audit = audit
        self.audit_posts = AuditPosts(
            client=self, database=database, audit=audit, preferences=preferences
        )
        self.engine_client = engine_client
        self.moderation = moderation
        self.appeals = Appeals(client=self, moderation=moderation, preferences=preferences)
        self.accounts = accounts
        self.trust = trust
        self.preferences = preferences
        self.default_model = default_model
        self.halts = Halts(preferences)
        self.deferrals = deferrals
        self.tree = Tree(self)
        self.progress = Progress(client=self, interval_s=progress_interval_s)
        self.batch_messages = BatchMessages(client=self, database=database, progress=self.progress)
        self.outbox = Outbox(
            client=self,
            database=database,
            store=store,
            progress=self.progress,
            batch_messages=self.batch_messages,
            ended=self._posted,
            now_ms=now_ms,
        )
        self.privacy = Privacy(database=database, store=store, now_ms=now_ms)
        self.pace = Pace()
        self.lookup = Lookup(database=database, store=store)
        self.fetcher = fetcher = Fetcher(place.api_url)
        self.provenance = Provenance(database, lambda data, member: fetcher.of(member).clean(data))
        self.policy = policy
        self.server_plans = ServerPlans(database, audit, now_ms)
        self.quotas = Quotas(database, audit, now_ms)
        self.orders = Orders(
            database=database,
            engine_client=engine_client,
            store=store,
            provenance=self.provenance,
            policy=policy,
            moderation=moderation,
            accounts=accounts,
            preferences=preferences,
            halts=self.halts,
            server_plans=self.server_plans,
            quotas=self.quotas,
            default_model=default_model,
            now_ms=now_ms,
        )
        self.runner = Runner(
            database=database,
            engine_client=engine_client,
            store=store,
            begun=begun,
            policy=policy,
            moderation=moderation,
            outbox=self.outbox,
            halts=self.halts,
            audit=audit,
            now_ms=now_ms,
        )
        self.reactions = Reactions(client=self, now_ms=now_ms)
        self.favourites = Favourites(database=database, now_ms=now_ms)
        self.copies = Copies(
            client=self,
            outbox=self.outbox,
            lookup=self.lookup,
            provenance=self.provenance,
            preferences=preferences,
        )
        self.batches = Batches(
            orders=self.orders,
            runner=self.runner,
            lookup=self.lookup,
            fetcher=fetcher,
            messages=self.batch_messages,
            now_ms=now_ms,
        )
        self.interactions = Interactions(
            client=self,
            orders=self.orders,
            runner=self.runner,
            lookup=self.lookup,
            fetcher=fetcher,
            batches=self.batches,
            preferences=preferences,
            progress=self.progress,
        )
        pictures = SentPictures(lookup=self.lookup, fetcher=fetcher, provenance=self.provenance)
        self.edits = Edits(interactions=self.interactions, pictures=pictures, fetcher=fetcher)
        self.confirmations = Confirmations(now_ms)
        self.lists: dict[str, Lister] = {
            queue_.QUEUE: queue_.listed,
            model.MODELS: model.listed,
            audit_.AUDIT: audit_.listed,
            credits_.CODES: credits_.listed,
            quota.QUOTAS: quota.listed,
        }
        self.questions = Questions(interactions=self.interactions, now_ms=now_ms)
        self.films = Films(
            interactions=self.interactions,
            questions=self.questions,
            lookup=self.lookup,
            fetcher=fetcher,
        )
        self.enlargements = Enlargements(
            interactions=self.interactions, questions=self.questions, pictures=pictures
        )

    def is_owner(self, user_id: int) -> bool:
        return user_id in self.place.owner_ids

    def model_hint(self) -> Sentence | None:
        """How to get a bigger model, while only the small one is installed."""
        models = self.engine_client.models()
        if any(model.installed and model.name != _SMALL_MODEL for model in models):
            return None
        return Sentence(
            "Only the small Doodle model is installed. See what there is with "
            "`{command} engine models` and get one with `{command} engine fetch NAME`.",
            command=darkroom.command(),
        )

    def default_model_warning(self) -> str:
        """What is wrong with DEFAULT_MODEL, for the operator; nothing if it is installed."""
        return default_model_warning(self.default_model, self.engine_client.models())

    async def drain(self, timeout_s: float) -> None:
        """Take nothing new, let running jobs finish for so long and post what is then owed."""
        self.orders.close()
        await self.runner.drain(timeout_s)
        await self.outbox.flush(_POSTING_S)

    async def setup_hook(self) -> None:
        self.http._global_over = GlobalLimit()  # noqa: SLF001 - there is no other way to it
        learn(self.trust, self)
        self.add_dynamic_items(
            JobButton,
            AnswerButton,
            SettingButton,
            ModelMenu,
            PageButton,
            StatementButton,
            SureButton,
            LinesButton,
            AppealButton,
            RulesButton,
            ExampleButton,
            PlanButton,
        )
        commands.add_all(self.tree)
        await self.tree.set_translator(Translator())
        await self.preferences.start()
        await self.halts.start()
        await self.audit_posts.start()
        if not self.serving:
            return
        if warning := self.trust.warning():
            log.warning(warning)
        await self.sync_commands()
        await self.deferrals.settle(self)
        await self.runner.recover()  # before the gateway brings this process its first own job

    async def _posted(self, ended: Ended, message: discord.Message) -> None:
        """In a task of its own: a slow upload to direct messages holds no channel up."""
        self.in_background(self.copies.send_also(ended, message), f"a copy of job {ended.row.id}")

    def in_background(self, work: Coroutine[None, None, None], name: str) -> None:
        """Do it beside everything else, for as long as the process runs."""
        task = asyncio.create_task(work, name=name)
        self._sending.add(task)
        task.add_done_callback(self._sent)

    def _sent(self, task: asyncio.Task[None]) -> None:
        self._sending.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("%s broke off", task.get_name(), exc_info=error)

    async def launch_shard(
        self, gateway: yarl.URL, shard_id: int, *, initial: bool = False
    ) -> None:
        """As discord.py does, at DISCORD_GATEWAY_URL where that is set."""
        ours = self.place.gateway_url
        await super().launch_shard(yarl.URL(ours) if ours else gateway, shard_id, initial=initial)

    async def on_ready(self) -> None:
        """Connected: say where the bot is."""
        assert self.user is not None
        servers = len(self.guilds)
        log.info("connected as %s in %d server%s", self.user, servers, "" if servers == 1 else "s")
        if not self.place.api_url:  # or there is no Discord to be invited on
            invite = discord.utils.oauth_url(self.user.id, permissions=PERMISSIONS)
            log.info("invite: %s", invite)
        for guild in self.guilds:
            await self.on_guild_join(guild)

    async def on_guild_join(self, guild: discord.Guild) -> None:
        """Leave servers that the operator did not allow, with one sentence."""
        allowed = self.place.allowed_guilds
        if not allowed or guild.id in allowed:
            return
        if guild.system_channel is not None:
            said = Sentence(
                "This Darkroom only works in the servers its operator chose; it leaves now."
            )
            language = locale.supported(guild.preferred_locale.value)
            try:
                await guild.system_channel.send(locale.translated(said, language))
            except discord.HTTPException as error:
                log.info("guild %d was not told: %s", guild.id, error)
        log.warning("leaving guild %d, which is not in ALLOWED_GUILDS", guild.id)
        await guild.leave()

    async def on_raw_reaction_add(self, payload: discord.RawReactionActionEvent) -> None:
        await self.reactions.added(payload)

    async def on_raw_reaction_remove(self, payload: discord.RawReactionActionEvent) -> None:
        await self.reactions.removed(payload)

    async def on_raw_reaction_clear(self, payload: discord.RawReactionClearEvent) -> None:
        self.reactions.cleared(payload.message_id)

    async def on_raw_reaction_clear_emoji(
        self, payload: discord.RawReactionClearEmojiEvent
    ) -> None:
        self.reactions.cleared(payload.message_id, sign_of(payload.emoji))

    async def on_interaction(self, interaction: discord.Interaction[Darkroom]) -> None:
        """Forms that were filled in; discord.py itself sees to commands and buttons."""
        note_clock(interaction.id)
        if interaction.type is discord.InteractionType.modal_submit:
            await actions.submitted(interaction)

    async def sync_commands(self, *, force: bool = False) -> bool:
        """Tell Discord the commands, if they changed since the last time; whether it was done."""
        home = discord.Object(self.place.home_guild_id) if self.place.home_guild_id else None
        if home is not None:
            self.tree.copy_global_to(guild=home)
        translator = self.tree.translator
        assert translator is not None
        payload = [
            await command.get_translated_payload(self.tree, translator)
            for command in self.tree.get_commands(guild=home)
        ]
        where = f"{self.application_id}/{self.place.home_guild_id}/{self.place.api_url}"
        digest = hashlib.sha256((json.dumps(payload) + where).encode()).hexdigest()
        async with self.database.read() as connection:
            known = await facts.get(connection, _SYNCED)
        if known == digest and not force:
            return False
        await self.tree.sync(guild=home)
        await self._forget_elsewhere()
        async with self.database.write() as connection:
            await facts.put(connection, _SYNCED, digest)
            await facts.put(connection, _SYNCED_HOME, str(self.place.home_guild_id or ""))
        return True

    async def _forget_elsewhere(self) -> None:
        """Take commands back from where they were synced before: members would see them twice."""
        async with self.database.read() as connection:
            earlier = await facts.get(connection, _SYNCED_HOME)
        assert self.application_id is not None
        home = self.place.home_guild_id
        if home is not None and await self.tree.fetch_commands():
            await self.http.bulk_upsert_global_commands(self.application_id, [])
        if earlier and int(earlier) != home:
            try:
                await self.http.bulk_upsert_guild_commands(self.application_id, int(earlier), [])
            except (discord.Forbidden, discord.NotFound):
                log.info("the bot is not in server %s any more, nor are its commands", earlier)

    async def close(self) -> None:
        for task in self._sending:
            task.cancel()
        await self.audit_posts.close()
        await self.outbox.close()
        await self.batch_messages.close()
        await self.progress.close()
        self.fetcher.close()
        await super().close()
