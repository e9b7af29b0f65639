"""First replies that were put off ("… is thinking"), on the disk until they are given.

A process that dies before it answers leaves them behind, and only the interaction's token, which
Discord takes for 15 minutes, can still answer. The next process does that before anything else.
Where Discord took no answer for as long as discord.py tries, it is tried again for that time too.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import logging
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import aiohttp
import discord
from discord import MessageFlags
from discord.http import Route

from bot.jobs import records
from bot.jobs.provenance import is_stealthy
from bot.jobs.records import JobRow, MessageRow, Outcome, Role
from bot.locale import translated
from bot.ui.language import member_locale
from bot.ui.message_text import headline, status_of, with_notes
from engine import Sentence

if TYPE_CHECKING:
    from bot.ui.client import Darkroom

log = logging.getLogger(__name__)

_WITHIN_S = 10.0
"""How long a start waits for all that an earlier process left behind."""
AGAIN_AFTER_S = (15.0, 30.0, 60.0, 120.0, 240.0, 360.0)
"""When what was lost on its way is tried again, each after the one before: within 15 minutes."""
_FIRST = "/messages/@original"
"""The path of the first reply to an interaction."""
_NOT_ORDERED = Sentence(
    "I was restarted before I could take this. Nothing was charged; please send it again."
)
_UNSURE = Sentence(
    "I was restarted before I could answer this. Look whether it was done; if not, send it again."
)
_LOST_ORDER = Sentence(
    "My answer to this was lost on its way. Nothing was charged; please send it again."
)
_LOST = Sentence(
    "My answer to this was lost on its way. Look whether it was done; if not, send it again."
)


@dataclass(slots=True)
class _Fate:
    """What became of the answers of one task that put its first reply off."""

    lost: bool = False
    """The last one may not have reached Discord."""


_FATE: ContextVar[_Fate | None] = ContextVar("_FATE", default=None)


def lost_an_answer() -> None:
    """Discord did not take what this task had to say; if it owed a first reply, that may be it."""
    fate = _FATE.get()
    if fate is not None:
        fate.lost = True


def gave_an_answer() -> None:
    """Discord took what this task had to say: its first answer takes the place of a deferral."""
    fate = _FATE.get()
    if fate is not None:
        fate.lost = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Deferral:
    """A first reply that is still owed."""

    interaction_id: int
    token: str
    job_id: str
    """The job that would be accepted, which may be on record by now; empty: it is no order."""
    language: str
    """The member's."""


class Deferrals:
    """One file for each reply that is put off, readable for its owner alone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def note(self, interaction: discord.Interaction[Any], job_id: str = "") -> None:
        """The reply is about to be put off; forgotten once the task that was to give it ends.

        A task that is cancelled has given none; one that lost an answer may have given none. A disk
        that refuses is logged.
        """
        deferral = Deferral(
            interaction_id=interaction.id,
            token=interaction.token,
            job_id=job_id,
            language=member_locale(interaction),
        )
        task = asyncio.current_task()
        assert task is not None
        await asyncio.to_thread(self._write, deferral)
        client, fate = cast("Darkroom", interaction.client), _Fate()
        _FATE.set(fate)
        task.add_done_callback(lambda ended: self._over(client, deferral, fate, ended))

    async def settle(self, client: Darkroom) -> None:
        """Answer what an earlier process left behind, before its jobs are taken up again."""
        left = await asyncio.to_thread(self._left)
        if not left:
            return
        tasks = {asyncio.create_task(self._settle(client, each, _told(each))) for each in left}
        done, slow = await asyncio.wait(tasks, timeout=_WITHIN_S)
        for task in slow:
            task.cancel()
        for error in filter(None, (task.exception() for task in done)):
            log.error("an unanswered interaction could not be settled", exc_info=error)
        if slow:
            log.warning("%d unanswered interactions are left for the next start", len(slow))

    async def _settle(self, client: Darkroom, deferral: Deferral, said: str) -> bool:
        """Whether it is over: answered, or not to be answered any more."""
        try:
            await _answer(client, deferral, said)
        except (discord.DiscordException, aiohttp.ClientError, OSError) as error:
            log.info("interaction %d stays unanswered: %s", deferral.interaction_id, error)
            if not isinstance(error, discord.HTTPException) or error.status >= 500:
                return False
        await asyncio.to_thread(self._forget, deferral.interaction_id)
        return True

    async def _try_again(self, client: Darkroom, deferral: Deferral) -> None:
        said = translated(_LOST_ORDER if deferral.job_id else _LOST, deferral.language)
        for wait_s in AGAIN_AFTER_S:
            await asyncio.sleep(wait_s)
            if await self._settle(client, deferral, said):
                return
        await asyncio.to_thread(self._forget, deferral.interaction_id)

    def _over(
        self, client: Darkroom, deferral: Deferral, fate: _Fate, task: asyncio.Task[Any]
    ) -> None:
        if task.cancelled():
            return
        if fate.lost:
            what = f"the lost answer of interaction {deferral.interaction_id}"
            client.in_background(self._try_again(client, deferral), what)
        else:
            self._forget(deferral.interaction_id)

    def _write(self, deferral: Deferral) -> None:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = self._file(deferral.interaction_id)
            file.touch(mode=0o600)
            file.write_text(json.dumps(dataclasses.asdict(deferral)))
        except OSError as error:
            log.warning("interaction %d is not noted: %s", deferral.interaction_id, error)

    def _forget(self, interaction_id: int) -> None:
        try:
            self._file(interaction_id).unlink(missing_ok=True)
        except OSError as error:
            log.warning("interaction %d stays noted: %s", interaction_id, error)

    def _left(self) -> list[Deferral]:
        found = []
        for file in sorted(self._folder.glob("*.json")):
            try:
                found.append(Deferral(**json.loads(file.read_text())))
            except (OSError, ValueError, TypeError) as error:  # the process died while it wrote it
                log.warning("%s tells of no interaction: %s", file, error)
                file.unlink(missing_ok=True)
        return found

    def _file(self, interaction_id: int) -> Path:
        return self._folder / f"{interaction_id}.json"


def _told(deferral: Deferral) -> str:
    """What a start tells who waits for something that is not on record."""
    return translated(_NOT_ORDERED if deferral.job_id else _UNSURE, deferral.language)


async def _answer(client: Darkroom, deferral: Deferral, said: str) -> None:
    """Answer by what became of the order: it is shown, or its member is told `said`."""
    private = MessageFlags.ephemeral.flag
    nobody = discord.AllowedMentions.none().to_dict()
    try:
        message = await _call(client, deferral, "GET", _FIRST)
    except discord.NotFound:  # an earlier start may have deleted it and then failed to say why
        if not await _is_on_record(client, deferral):
            await _call(
                client, deferral, "POST", content=said, flags=private, allowed_mentions=nobody
            )
        return
    if not message["flags"] & MessageFlags.loading.flag:
        return
    row = await _shown_by(client, message, deferral)
    if row is not None:
        content = with_notes(headline(row, status_of(None)), row.notes)
        await _call(client, deferral, "PATCH", _FIRST, content=content, allowed_mentions=nobody)
        return
    ordered = await _is_on_record(client, deferral)
    if message["flags"] & private and not ordered:
        await _call(client, deferral, "PATCH", _FIRST, content=said, allowed_mentions=nobody)
        return
    await _call(client, deferral, "DELETE", _FIRST)
    if not ordered:  # else its result comes by itself
        await _call(client, deferral, "POST", content=said, flags=private, allowed_mentions=nobody)


async def _is_on_record(client: Darkroom, deferral: Deferral) -> bool:
    if not deferral.job_id:
        return False
    async with client.database.read() as connection:
        return await records.get(connection, deferral.job_id) is not None


async def _call(
    client: Darkroom, deferral: Deferral, method: str, path: str = "", **fields: object
) -> Any:  # noqa: ANN401 - what Discord answers
    """One request by the interaction's token; discord.py has none without an `Interaction`."""
    route = Route(
        method,
        "/webhooks/{webhook_id}/{webhook_token}" + path,
        webhook_id=client.application_id,
        webhook_token=deferral.token,
    )
    return await client.http.request(route, json=fields or None)


async def _shown_by(
    client: Darkroom, message: Mapping[str, Any], deferral: Deferral
) -> JobRow | None:
    """The open job whose progress the reply shows from now on; None: it shows none."""
    if not deferral.job_id or message["flags"] & MessageFlags.ephemeral.flag:
        return None
    async with client.database.write() as connection:
        row = await records.get(connection, deferral.job_id)
        if row is None or row.outcome is not Outcome.OPEN or is_stealthy(row):
            return None
        await records.show(
            connection,
            MessageRow(
                message_id=int(message["id"]),
                channel_id=int(message["channel_id"]),
                job_id=row.id,
                role=Role.PROGRESS,
            ),
        )
    return row


def of(interaction: discord.Interaction[Any]) -> Deferrals:
    """Those of the bot that the interaction reached."""
    return cast("Darkroom", interaction.client).deferrals


async def think(
    interaction: discord.Interaction[Any], *, ephemeral: bool, job_id: str = ""
) -> None:
    """Put the first reply off. job_id: of the job that is to be accepted, if it is an order."""
    await of(interaction).note(interaction, job_id)
    await interaction.response.defer(thinking=True, ephemeral=ephemeral)
