"""/queue: what waits and runs; holding it up, and ending it.

Who manages a server sees and touches that server's jobs; all of them are the bot's owner's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import discord
from discord import app_commands

from bot.errors import NotAllowed, NotFound, UserError
from bot.jobs import modes, records
from bot.jobs.halts import EVERYWHERE, Halt
from bot.jobs.records import JobRow
from bot.ui import line_pages
from bot.ui.commands.completion import CHOICES
from bot.ui.commands.managing import action_of, managed_guild
from bot.ui.line_pages import Listed
from bot.ui.replies import tell
from engine import Sentence

if TYPE_CHECKING:
    from bot.ui.client import Darkroom

QUEUE = "queue"
_ALL = "all"
_EVERYWHERE = Sentence("For the bot's owner: all servers, not only this one.")


@app_commands.guild_install()
@app_commands.allowed_contexts(guilds=True, dms=False, private_channels=False)
@app_commands.default_permissions(manage_guild=True)
class Queue(app_commands.Group, name="queue", description=Sentence("What waits and runs here.")):
    """Hidden from members without Manage Server, and checked again: a server may change that."""

    @app_commands.command(description=Sentence("The jobs that run and wait, in their order."))
    @app_commands.describe(everywhere=_EVERYWHERE)
    async def show(
        self,
        interaction: discord.Interaction[Darkroom],
        everywhere: bool = False,  # noqa: FBT001, FBT002 - a command's option
    ) -> None:
        await line_pages.show(interaction, QUEUE, _ALL if everywhere else "")

    @app_commands.command(
        description=Sentence("Start nothing more: what runs ends, what waits and is new waits.")
    )
    @app_commands.describe(everywhere=_EVERYWHERE)
    async def pause(
        self,
        interaction: discord.Interaction[Darkroom],
        everywhere: bool = False,  # noqa: FBT001, FBT002 - a command's option
    ) -> None:
        said = Sentence("The queue is paused: what runs ends, the rest waits for /queue resume.")
        await _halt(interaction, Halt.PAUSED, said, everywhere=everywhere)

    @app_commands.command(
        description=Sentence("Take no new orders: what is ordered already is drawn.")
    )
    @app_commands.describe(everywhere=_EVERYWHERE)
    async def drain(
        self,
        interaction: discord.Interaction[Darkroom],
        everywhere: bool = False,  # noqa: FBT001, FBT002 - a command's option
    ) -> None:
        said = Sentence(
            "New orders are refused until /queue resume; what is ordered already is drawn."
        )
        await _halt(interaction, Halt.DRAINED, said, everywhere=everywhere)

    @app_commands.command(description=Sentence("Take orders and start them again."))
    @app_commands.describe(everywhere=_EVERYWHERE)
    async def resume(
        self,
        interaction: discord.Interaction[Darkroom],
        everywhere: bool = False,  # noqa: FBT001, FBT002 - a command's option
    ) -> None:
        client, guild_id = interaction.client, _scope(interaction, everywhere=everywhere)
        said = Sentence("The queue goes on.")
        if guild_id != EVERYWHERE and client.halts.of(EVERYWHERE):
            said = Sentence("This server's queue goes on once the bot's owner resumes all of them.")
        await _halt(interaction, Halt.NONE, said, everywhere=everywhere)

    @app_commands.command(
        description=Sentence("End jobs at no charge: one, a member's, or all. It asks first.")
    )
    @app_commands.describe(
        job=Sentence("One job, by its id."),
        member=Sentence("All open jobs of this member here."),
        everything=Sentence("All open jobs of this server."),
    )
    async def cancel(
        self,
        interaction: discord.Interaction[Darkroom],
        job: str | None = None,
        member: discord.User | None = None,
        everything: bool = False,  # noqa: FBT001, FBT002 - a command's option
    ) -> None:
        client, guild_id = interaction.client, managed_guild(interaction)
        if (job is not None) + (member is not None) + everything != 1:
            raise UserError("Choose one of the three: a job, a member, or everything.")
        rows = _chosen(await _rows(client, guild_id), job, member)
        if not rows:
            raise NotFound("There is no such open job in this server; /queue show lists them.")
        about = f"`{rows[0].id}`" if job else member.mention if member else ""
        detail = "" if job or member else "everything: True"
        action = action_of(interaction, subject=about, detail=detail)

        async def act(press: discord.Interaction[Any]) -> Sentence:
            managed_guild(press)
            ended = await client.runner.cancel_many(rows, action)
            return Sentence.plural(
                "{count} job was cancelled; nothing of it was charged.",
                "{count} jobs were cancelled; nothing of them was charged.",
                count=ended,
            )

        running = set(client.engine_client.status().running)
        will = Sentence.plural(
            "{count} job is cancelled, {running} of which runs now: its member is told and not "
            "charged. What is drawn of it is lost.",
            "{count} jobs are cancelled, {running} of which run now: their members are told and "
            "not charged. What is drawn of them is lost.",
            count=len(rows),
            running=sum(row.id in running for row in rows),
        )
        await client.confirmations.ask(interaction, [will], act)

    @cancel.autocomplete("job")
    async def _jobs(
        self, interaction: discord.Interaction[Darkroom], typed: str
    ) -> list[app_commands.Choice[str]]:
        try:
            rows = await _rows(interaction.client, managed_guild(interaction))
        except NotAllowed:
            return []
        return [
            app_commands.Choice(name=f"{row.id} {row.kind}", value=row.id)
            for row in rows
            if typed.casefold() in f"{row.id} {row.kind}"
        ][:CHOICES]


def _scope(interaction: discord.Interaction[Darkroom], *, everywhere: bool) -> int:
    """The server's id, or `EVERYWHERE`; NotAllowed where the member may not."""
    guild_id = managed_guild(interaction)
    if not everywhere:
        return guild_id
    if not interaction.client.is_owner(interaction.user.id):
        raise NotAllowed("Only the bot's owner (OWNER_IDS) may do this for all servers.")
    return EVERYWHERE


async def _halt(
    interaction: discord.Interaction[Darkroom], halt: Halt, said: Sentence, *, everywhere: bool
) -> None:
    client, guild_id = interaction.client, _scope(interaction, everywhere=everywhere)
    action = action_of(interaction, detail="everywhere: True" if everywhere else "")
    await client.halts.put(guild_id, halt, action)
    client.runner.halt(guild_id)
    await tell(interaction, said)


async def _rows(client: Darkroom, guild_id: int | None) -> list[JobRow]:
    async with client.database.read() as connection:
        return await records.open_in(connection, guild_id)


def _chosen(rows: Sequence[JobRow], job: str | None, member: discord.User | None) -> list[JobRow]:
    return [
        row
        for row in rows
        if (job is None or row.id == job.strip()) and (member is None or row.user_id == member.id)
    ]


async def listed(interaction: discord.Interaction[Any], scope: str) -> Listed:
    """What runs and waits, for who may see it. It tells no prompts: some are hidden."""
    everywhere, client = scope == _ALL, interaction.client
    guild_id = _scope(interaction, everywhere=everywhere)
    rows = await _rows(client, None if everywhere else guild_id)
    status = client.engine_client.status()
    places = {job_id: place for place, job_id in enumerate(status.queued, 1)}
    running = set(status.running)
    rows.sort(key=lambda row: (row.id not in running, places.get(row.id, len(places) + 1)))
    workers = {job_id: worker.name for worker in status.workers for job_id in worker.running}
    lines: list[str] = [
        *_halts_said(client, guild_id),
        *(
            _line(client, row, place=places.get(row.id), runs=row.id in running, workers=workers)
            for row in rows
        ),
    ]
    if everywhere:
        lines += [
            Sentence(
                "Worker {name}: {device}, {running} running, busy {share} % of the time",
                name=f"`{worker.name}`",
                device=worker.device,
                running=len(worker.running),
                share=round(100 * worker.busy_share),
            )
            for worker in status.workers
        ]
        if len(status.workers) < status.places:
            lines.append(
                Sentence(
                    "{there} of {count} workers are there; the log says what the others wait for.",
                    there=len(status.workers),
                    count=status.places,
                )
            )
    return Listed(
        title=Sentence("Queue"), lines=lines, empty=Sentence("Nothing runs or waits here.")
    )


def _halts_said(client: Darkroom, guild_id: int) -> list[Sentence]:
    said = {
        Halt.PAUSED: Sentence("**Paused**: what waits is not started."),
        Halt.DRAINED: Sentence("**Drained**: new orders are refused."),
    }
    all_said = {
        Halt.PAUSED: Sentence("**All servers are paused** by the bot's owner."),
        Halt.DRAINED: Sentence("**All servers are drained** by the bot's owner."),
    }
    lines = [all_said[halt]] if (halt := client.halts.of(EVERYWHERE)) else []
    if guild_id != EVERYWHERE and (halt := client.halts.of(guild_id)):
        lines.append(said[halt])
    return lines


def _line(
    client: Darkroom, row: JobRow, *, place: int | None, runs: bool, workers: dict[str, str]
) -> Sentence:
    about = {
        "job": f"`{row.id}`",
        "kind": row.kind,
        "member": f"<@{row.user_id}>",
        "speed": modes.of(row).speed,
        "since": f"<t:{row.created_ms // 1000}:R>",
    }
    if runs and row.id in workers:
        return Sentence(
            "▶️ {job} {kind} of {member}, {speed}, ordered {since}, on {worker}",
            worker=f"`{workers[row.id]}`",
            **about,
        )
    if runs:
        return Sentence("▶️ {job} {kind} of {member}, {speed}, ordered {since}", **about)
    if place is not None:
        return Sentence(
            "{place}. {job} {kind} of {member}, {speed}, ordered {since}", **about, place=place
        )
    if client.halts.is_paused(row.guild_id):
        return Sentence("⏸️ {job} {kind} of {member}, {speed}, ordered {since}", **about)
    return Sentence("… {job} {kind} of {member}, {speed}, ordered {since}", **about)


def add(tree: app_commands.CommandTree) -> None:
    tree.add_command(Queue())
