"""Job details: what a job was asked for and made of, for the eyes of who asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord

import engine
from bot.credits.pricing import credits_text
from bot.errors import NotFound, UserError
from bot.jobs.kinds import KINDS
from bot.jobs.records import JobRow, MessageRow, Outcome, Role
from bot.locale import translated
from bot.prompt.canonical import canonical
from bot.prompt.grammar import parse
from bot.prompt.markdown import harmless
from bot.ui.language import member_locale
from bot.ui.message_text import has_seed, outcome_of, speed_of, status_of
from bot.ui.replies import link_to, may_see
from engine import Sentence

if TYPE_CHECKING:
    from bot.ui.client import Darkroom

_PARENTS = 5
"""How far back they are named."""
_VALUE_CHARACTERS = 1000
_PICTURES = frozenset({Role.GRID, Role.SINGLE, Role.FILM})


async def embed(
    interaction: discord.Interaction[Darkroom], row: JobRow, number: int
) -> discord.Embed:
    """number: which picture was asked about, from 1; 0: the whole job."""
    client, language = interaction.client, member_locale(interaction)
    lines: list[tuple[Sentence, str]] = [(Sentence("Job"), f"`{row.id}`")]
    if row.title:
        lines.append((Sentence("Kind"), row.title))
    mode = translated(speed_of(row), language)
    said = translated(_state(client, row), language)
    lines.append((Sentence("State"), f"{said}, {mode}"))
    lines += await _drawing(interaction, row, number)
    if parents := await _parents(interaction, row):
        lines.append((Sentence("Goes on from"), parents))
    if row.user_id == interaction.user.id:
        paid = await client.accounts.paid(row.id)
        lines.append((Sentence("Paid"), translated(credits_text(paid), language)))
    text = "\n".join(f"**{translated(name, language)}:** {value}" for name, value in lines if value)
    return discord.Embed(
        title=translated(Sentence("Job details"), language),
        description=text[:4000],
        colour=discord.Colour.blurple(),
    )


def _state(client: Darkroom, row: JobRow) -> Sentence:
    if row.outcome is Outcome.FINISHED:
        return Sentence("finished")
    if row.ended_ms is not None:
        return outcome_of(row)
    running = client.engine_client.status().running
    return Sentence("running") if row.id in running else status_of(None)


async def _drawing(
    interaction: discord.Interaction[Darkroom], row: JobRow, number: int
) -> list[tuple[Sentence, str]]:
    """What it was drawn with, as far as it is known any more."""
    client = interaction.client
    lines: list[tuple[Sentence, str]] = []
    if row.prompt:
        try:
            whole = canonical(parse(row.prompt, beside=1))
        except UserError:  # of another version of the grammar
            whole = row.prompt
        lines.append((Sentence("Prompt"), _typed(whole)))
    try:
        job = await client.lookup.restored(row, pictures=False)
    except UserError:
        job = None
    pictures = await client.lookup.pictures(row.id)
    seeds = [p.seed for p in pictures if number in {0, p.position} and has_seed(row)]
    if not seeds and isinstance(job, engine.DrawJob):
        seeds = [job.seed]
    lines.append((Sentence("Seed"), ", ".join(map(str, seeds))))
    if not isinstance(job, engine.DrawJob):
        return lines
    models = {model.name: model for model in client.engine_client.models()}
    model = models.get(job.model)
    lines.append((Sentence("Model"), harmless(model.title if model else job.model)))
    if model and model.licence:
        lines.append((Sentence("Licence"), harmless(model.licence)))
    lines += [
        (Sentence("Size"), f"{job.width_px * job.enlarge}×{job.height_px * job.enlarge}"),
        (Sentence("Steps"), str(job.steps)),
        (Sentence("Guidance"), f"{job.guidance:g}"),
        (Sentence("Sampler"), job.scheduler or (model.scheduler if model else "")),
    ]
    if job.inputs:
        lines.append((Sentence("Strength"), f"{job.strength:.2f}"))
    if job.loras:
        named = ", ".join(f"{name}:{weight:g}" for name, weight in job.loras)
        lines.append((Sentence("LoRAs"), harmless(named)))
    return lines


def _typed(text: str) -> str:
    """A text to be copied, as code where it has no backticks itself."""
    if len(text) > _VALUE_CHARACTERS:
        text = text[: _VALUE_CHARACTERS - 1] + "…"
    return harmless(text) if "`" in text else f"`{text}`"


async def _parents(interaction: discord.Interaction[Darkroom], row: JobRow) -> str:
    """The jobs that it goes on from, nearest first, as links to their messages."""
    lookup, language = interaction.client.lookup, member_locale(interaction)
    found: list[str] = []
    parent_id = row.parent_id
    while parent_id is not None and len(found) < _PARENTS:
        try:
            parent = await lookup.job(parent_id)
        except NotFound:  # its member erased it
            break
        parent_id = parent.parent_id
        if not may_see(interaction, parent):
            break
        link = _link(interaction, parent, await lookup.shown_in(parent.id))
        name = parent.title or translated(Sentence("Imagine"), language)
        found.append(f"[{name}]({link})" if link else f"{name} `{parent.id}`")
    return " ← ".join(found)


def _link(
    interaction: discord.Interaction[Darkroom], row: JobRow, shown: tuple[MessageRow, ...]
) -> str:
    """To the first message with what the job made that who asks may read; empty: there is none.

    The direct messages of others are among those that show it: their ids are theirs.
    """
    says = Role.TEXT in KINDS[row.kind].follow_ups  # of a picture, words stand in other messages
    roles = _PICTURES | {Role.TEXT} if says else _PICTURES
    posted = (each for each in shown if each.role in roles)
    links = (link_to(interaction, row, each) for each in posted)
    return next(filter(None, links), "")
