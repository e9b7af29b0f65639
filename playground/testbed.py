"""A playground for tests and tools: the server, the bot's process, the members, a transcript.

async with Testbed(openapi=path) as testbed:
    await testbed.start_bot(environment={"DATA_DIR": str(tmp_path)})
    dora = testbed.member("dora")
    await testbed.wait_for_command("imagine")
    dora.slash(testbed.general, "imagine", {"prompt": "a red cat"})
    grid = await testbed.wait_for_message(lambda m: len(testbed.buttons(m)) == 9)
    await testbed.kill_bot()
    await testbed.start_bot(environment={"DATA_DIR": str(tmp_path)})
    print(testbed.transcript.text())
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TextIO, TypeVar

from simcord.backend.models import Interaction, Message
from simcord.components import walk_components
from simcord.enums import AppCommandType, ComponentType

from playground.bot_process import BotProcess
from playground.discord_state import (
    ADMIN,
    BOT_ID,
    FORUM_ID,
    GENERAL_ID,
    GUILD_ID,
    MEBIBYTE,
    PEOPLE,
    Change,
    DiscordState,
    Person,
)
from playground.faults import Faults
from playground.member import Member, button_name
from playground.server import Server
from playground.simcord_bridge import Clock
from playground.transcript import LOADING_FLAG, Transcript

GRID_BUTTONS = ("U1", "U2", "U3", "U4", "🔄", "V1", "V2", "V3", "V4")

if TYPE_CHECKING:  # it needs jsonschema, which serving without a description does not
    from playground.openapi import OpenApi, Violation

T = TypeVar("T")

_CANCELS = ":x"
"""How the custom_id of a job's Cancel button ends, see `bot.ui.actions`."""
_IN_PROGRESS = re.compile(r"\((?:Waiting to start|Loading |Translating|\d{1,3} ?%)[^)]*\)")


class BotEnded(Exception):
    """The bot's process ended while something was expected from it."""


class Testbed:
    """A running playground; an async context manager. No bot runs until `start_bot`.

    Ids: `guild`, `general` (its channel), `forum`, `bot_id`; people by `member(name)`: "ansel" owns
    the server, "dora", "gordon" and "daido" are ordinary members (locales en-US, en-GB, en-US, ja).
    """

    __test__ = False  # pytest collects classes whose name begins with "Test"

    guild = GUILD_ID
    general = GENERAL_ID
    forum = FORUM_ID
    bot_id = BOT_ID
    admin_id = ADMIN.id

    def __init__(
        self,
        *,
        port: int = 0,
        token: str | None = None,
        clock: Clock | None = None,
        openapi: str | Path | OpenApi | None = None,
        upload_limit_bytes: int = 10 * MEBIBYTE,
        state_file: Path | None = None,
        history: Path | None = None,
        echo: TextIO | None = None,
        faults: Faults | None = None,
        people: Iterable[Person] = PEOPLE,
    ) -> None:
        """Port 0 takes a free one; echo receives the bot's output.

        token: the bot's; None makes a new one. openapi: Discord's description, against which
        every request is checked. state_file: keeps the commands that the bot registered. history:
        a folder that keeps the messages. faults: what is to go wrong; more may be added later.
        people: the members; the first of them owns the server.
        """
        self.token = token or secrets.token_urlsafe(24)
        self.state = DiscordState(clock=clock, upload_limit_bytes=upload_limit_bytes, people=people)
        self.transcript = Transcript(self.state)
        self.server = Server(
            self.state,
            port=port,
            token=self.token,
            openapi=_loaded(openapi),
            state_file=state_file,
            history=history,
            faults=faults,
        )
        self.faults = self.server.rest.faults
        self.bot: BotProcess | None = None
        self._echo = echo

    async def __aenter__(self) -> Self:
        await self.server.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if self.bot is not None:
                await self.bot.stop()
        finally:
            await self.server.close()

    # ------------------------------------------------------------------ the server

    @property
    def url(self) -> str:
        """The page's address."""
        return self.server.url

    @property
    def violations(self) -> list[Violation]:
        """Requests that Discord's OpenAPI description does not allow (empty without `openapi`)."""
        return self.server.rest.violations

    @property
    def gaps(self) -> list[str]:
        """Requests that the playground could not answer: routes and fields that simcord lacks."""
        return self.server.rest.gaps

    def environment(self) -> dict[str, str]:
        """The variables by which a bot process finds this playground."""
        # A `.env` beside the bot may name a real server and its database, which must not be used
        # here. An empty value counts as unset, and the environment comes before the file.
        return {
            "ALLOWED_GUILDS": "",
            "GUILD_ID": "",
            "DATABASE_URL": os.environ.get("DATABASE_URL", ""),
            "DISCORD_TOKEN": self.token,
            "DISCORD_API_URL": self.server.api_url,
            "DISCORD_GATEWAY_URL": self.server.gateway_url,
            "OWNER_IDS": str(self.admin_id),
        }

    # ------------------------------------------------------------------ the bot

    async def start_bot(
        self,
        command: Sequence[str] | None = None,
        *,
        environment: Mapping[str, str] | None = None,
        connect_within_s: float = 60.0,
    ) -> BotProcess:
        """Start a bot process and return when it is connected to the gateway.

        command: default `python -m bot`. environment: variables that override this process's own
        and `self.environment()`. BotEnded, with its last lines, if it ends first;
        TimeoutError, with them too, if it does not connect in time.
        """
        await self.spawn_bot(command, environment=environment)
        try:
            async with asyncio.timeout(connect_within_s):
                await self.unless_ended(self.server.gateway.wait_connected())
        except TimeoutError:
            lines = "\n".join(self._running().last_lines) or "(it wrote nothing)"
            raise TimeoutError(
                f"The bot did not connect within {connect_within_s:g} s. Its last lines:\n{lines}"
            ) from None
        return self._running()

    async def spawn_bot(
        self, command: Sequence[str] | None = None, *, environment: Mapping[str, str] | None = None
    ) -> BotProcess:
        """As `start_bot`, but without waiting for the bot to connect."""
        if self.bot is not None and self.bot.exit_code is None:
            raise RuntimeError("A bot is running already; stop_bot or kill_bot first.")
        await self.server.gateway.forget()
        variables = {**self.environment(), **(environment or {})}
        self.bot = await BotProcess.start(command, variables, echo=self._echo)
        self.state.notify(Change(kind="bot"))
        return self.bot

    async def kill_bot(self) -> int:
        """Kill the bot (SIGKILL) and close its connection; its exit code."""
        return await self._ended(await self._running().kill())

    async def stop_bot(self) -> int:
        """Ask the bot to finish its jobs and end (SIGTERM); its exit code."""
        return await self._ended(await self._running().stop())

    def _running(self) -> BotProcess:
        if self.bot is None:
            raise RuntimeError("No bot was started.")
        return self.bot

    async def _ended(self, code: int) -> int:
        await self.server.gateway.forget()
        return code

    async def unless_ended(self, wanted: Coroutine[Any, Any, T]) -> T:
        """The result of `wanted`, or BotEnded as soon as the bot's process has ended."""
        task = asyncio.create_task(wanted)
        waits: set[asyncio.Task[Any]] = {task}
        if self.bot is not None:
            waits.add(asyncio.create_task(self.bot.wait()))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            lines = "\n".join(self._running().last_lines)
            code = self._running().exit_code
            raise BotEnded(f"The bot ended with exit code {code}. Its last lines:\n{lines}")
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    # ------------------------------------------------------------------ people

    def member(self, who: str | int) -> Member:
        """A person by name or id; always the same object, so a changed locale stays."""
        return self.server.members[self.state.person(who).id]

    @property
    def admin(self) -> Member:
        """The server's owner, whose id is in OWNER_IDS."""
        return self.member(self.admin_id)

    # ------------------------------------------------------------------ waiting

    async def until(self, condition: Callable[[], bool], *, timeout_s: float = 30.0) -> None:
        """Wait until the condition is true; TimeoutError, with the transcript, after timeout_s."""
        held = await self.unless_ended(self.state.until(condition, timeout_s=timeout_s))
        if not held:
            transcript = self.transcript.text() or "(nothing was said)"
            raise TimeoutError(
                f"What was awaited did not happen in time. The transcript:\n{transcript}"
            )

    async def wait_for_command(
        self,
        name: str | None = None,
        *,
        kind: AppCommandType = AppCommandType.CHAT_INPUT,
        timeout_s: float = 60.0,
    ) -> None:
        """Return when the bot has registered a command of that name (None: any)."""

        def registered() -> bool:
            if name is None:
                return any(self.state.commands.values())
            return self.state.find_command(name, self.guild, type=kind) is not None

        await self.until(registered, timeout_s=timeout_s)

    async def wait_for_message(
        self,
        condition: Callable[[Message], bool] = lambda _: True,
        *,
        channel: int = GENERAL_ID,
        after: int = 0,
        timeout_s: float = 30.0,
    ) -> Message:
        """Wait for a message of the bot, newer than id `after`, for which the condition is true.

        Ephemeral answers count. The record returned is the stored one: later edits change it.
        """
        found: list[Message] = []

        def look() -> bool:
            found[:] = [m for m in self.bot_messages(channel, after=after) if condition(m)]
            return bool(found)

        await self.until(look, timeout_s=timeout_s)
        return found[0]

    async def wait_for_answer(
        self, interaction: Interaction, *, timeout_s: float = 3.0
    ) -> Message | None:
        """The message that first answered an interaction; None for a modal or an update."""
        await self.until(lambda: interaction.responded, timeout_s=timeout_s)
        store = self.state.messages.get(interaction.channel_id, {})
        return store.get(interaction.message_id or 0)

    async def wait_until_idle(
        self,
        *,
        channel: int = GENERAL_ID,
        after: int = 0,
        quiet_s: float = 1.0,
        timeout_s: float = 120.0,
    ) -> list[Message]:
        """The bot's messages newer than `after`, when none is in progress and nothing changes.

        quiet_s: seconds without a change. In progress: a deferred answer, or a text with
        "(Waiting to start)", "(Translating)" or "(31%)".
        """

        def settled() -> bool:
            newer = self.bot_messages(channel, after=after)
            return bool(newer) and not any(map(in_progress, newer))

        clock = asyncio.get_running_loop().time
        deadline = clock() + timeout_s
        while True:
            await self.until(settled, timeout_s=deadline - clock())
            count = len(self.transcript)
            changed = self.state.until(partial(self._longer_than, count), timeout_s=quiet_s)
            if not await self.unless_ended(changed):
                return self.bot_messages(channel, after=after)

    def _longer_than(self, count: int) -> bool:
        return len(self.transcript) > count

    # ------------------------------------------------------------------ messages

    def bot_messages(self, channel: int = GENERAL_ID, *, after: int = 0) -> list[Message]:
        """The bot's messages in a channel, oldest first, with ephemeral ones."""
        stored = self.state.messages[channel].values()
        return [m for m in stored if m.author_id == self.bot_id and m.id > after]

    def direct(self, who: str | int) -> int:
        """The channel of the bot's direct messages with that person."""
        return self.state.get_dm_channel(self.state.person(who).id).id

    def files(self, message: Message) -> list[bytes]:
        """The bytes of a message's attachments."""
        blobs = [self.state.cdn.get(item["url"]) for item in message.attachments]
        return [blob for blob in blobs if blob is not None]

    @staticmethod
    def buttons(message: Message) -> list[str]:
        """The labels (or emoji) of a message's buttons, row by row."""
        return [
            button_name(component)
            for component in walk_components(message.components)
            if component.get("type") == ComponentType.BUTTON
        ]


def _loaded(openapi: str | Path | OpenApi | None) -> OpenApi | None:
    if not isinstance(openapi, str | Path):
        return openapi
    try:
        from playground.openapi import OpenApi  # noqa: PLC0415 - see above
    except ImportError as error:
        raise ValueError(
            f"DISCORD_OPENAPI needs {error.name}: install the `dev` extra, or unset it."
        ) from error

    return OpenApi.load(openapi)


def in_progress(message: Message) -> bool:
    """Whether a message of the bot says that its job is waiting or running.

    The private reply to a hidden job's order may not say so, but has the button that cancels it.
    """
    return bool(
        message.flags & LOADING_FLAG
        or _IN_PROGRESS.search(message.content)
        or any(
            str(component.get("custom_id", "")).endswith(_CANCELS)
            for component in walk_components(message.components)
        )
    )


def is_grid(message: Message) -> bool:
    """Whether a message is a finished grid: a picture and the nine buttons, or more than those."""
    return bool(message.attachments) and set(GRID_BUTTONS) <= set(Testbed.buttons(message))
