"""What messages about a batch say: its confirmation, its list, its progress."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import discord

import engine
from bot.credits.pricing import credits_text
from bot.jobs.batches import BatchRow, Item
from bot.jobs.orders import Quote
from bot.jobs.records import Delivery, Outcome
from bot.locale import translated
from bot.prompt.markdown import harmless
from bot.ui.joined_notes import joined
from bot.ui.message_text import headline, speed_of, status_of
from engine import Sentence

_EMBED_CHARACTERS = 4096
_MORE_CHARACTERS = 80
"""Kept free for "and N more", in any language."""
_PROMPT_CHARACTERS = (40, 300)
"""The least and the most of a prompt that a line shows."""
_REASON_CHARACTERS = 150
_LEAD_CHARACTERS = 16
"""Shown of what prompts have in common, where they are too long to be shown whole."""


def confirmation(
    prompts: Sequence[str], quote: Quote, *, minutes: int, seeds_apart: bool, language: str
) -> discord.Embed:
    """What is asked before a batch is ordered."""

    def say(sentence: str) -> str:
        return translated(sentence, language)

    asked = Sentence(
        "This orders {count} grids for {price}; you have {available}. Press Confirm within "
        "{minutes} minutes to draw them.",
        count=len(prompts),
        price=credits_text(quote.price),
        available=credits_text(quote.available),
        minutes=minutes,
    )
    notes = joined(quote.notes)
    if seeds_apart:
        notes.insert(
            0,
            Sentence(
                "Repetitions with --seed have seeds four apart, so that each is another grid and "
                "the same order draws the same."
            ),
        )
    below = _below([say(note) for note in notes], language)
    lines = [f"{number}. {words}" for number, words in enumerate(_shown(prompts), 1)]
    room = _EMBED_CHARACTERS - len(below) - len(say(asked)) - 2
    return discord.Embed(
        title=say(Sentence("Action needed to continue")),
        description=f"{say(asked)}\n\n{_within(lines, room, language)}{below}",
        colour=discord.Colour.gold(),
    )


def _below(notes: Sequence[str], language: str) -> str:
    """The notes in small print, each whole or not at all, and how many are left out."""
    lines: list[str] = []
    room = _EMBED_CHARACTERS // 3 - _MORE_CHARACTERS
    for note in notes:
        line = f"\n-# {note}"
        if len(line) <= room:
            lines.append(line)
            room -= len(line)
    if len(lines) < len(notes):
        more = Sentence("and {count} more", count=len(notes) - len(lines))
        lines.append(f"\n-# {translated(more, language)}")
    return "".join(lines)


def content(batch: BatchRow, items: Sequence[Item], events: Mapping[str, engine.Event]) -> str:
    """`**{red, blue} cat** - @member (1 of 2 drawn) (63%)`"""
    drawn = sum(item.outcome is Outcome.FINISHED for item in items)
    of_all = Sentence("{drawn} of {count} drawn", drawn=drawn, count=len(items))
    outcomes = {item.outcome for item in items}
    if Outcome.OPEN not in outcomes:
        ended = speed_of(items[0]) if drawn else Sentence("failed")
        return headline(
            batch, of_all, Sentence("cancelled") if Outcome.CANCELLED in outcomes else ended
        )
    if not drawn and not any(_is_running(events.get(item.job_id)) for item in items):
        return headline(batch, status_of(None))
    done = sum(_share(item, events.get(item.job_id)) for item in items)
    return headline(batch, of_all, Sentence("{percent}%", percent=int(100 * done / len(items))))


def listing(
    batch: BatchRow, items: Sequence[Item], events: Mapping[str, engine.Event]
) -> discord.Embed:
    """Every prompt of the batch with what became of it."""
    lines = [
        f"{number}. {words} – {_state(batch, item, events.get(item.job_id))}"
        for number, (words, item) in enumerate(
            zip(_shown([item.prompt for item in items]), items, strict=True), 1
        )
    ]
    embed = discord.Embed(description=_within(lines, _EMBED_CHARACTERS, batch.locale))
    return embed.set_footer(text=translated(Sentence("Batch {id}", id=batch.id), batch.locale))


def _state(batch: BatchRow, item: Item, event: engine.Event | None) -> str:
    said: Sentence
    match item.outcome:
        case Outcome.OPEN if _is_running(event):
            said = status_of(event)
        case Outcome.OPEN:
            said = Sentence("waiting")
        case Outcome.CANCELLED:
            said = Sentence("cancelled")
        case Outcome.FAILED:
            reason = item.reason
            if len(reason) > _REASON_CHARACTERS:
                reason = reason[: _REASON_CHARACTERS - 1] + "…"
            said = Sentence("failed: {reason}", reason=harmless(" ".join(reason.split())))
        case Outcome.FINISHED:
            said = Sentence("drawn")
    words = translated(said, batch.locale)
    if item.outcome is Outcome.FINISHED and item.delivery is Delivery.POSTED and item.message_id:
        place = f"{batch.guild_id or '@me'}/{batch.channel_id}/{item.message_id}"
        return f"[{words}](https://discord.com/channels/{place})"
    return words


def _is_running(event: engine.Event | None) -> bool:
    return isinstance(event, engine.Started | engine.Progress)


def _share(item: Item, event: engine.Event | None) -> float:
    """How much of the job is done, 0 … 1."""
    if item.outcome is not Outcome.OPEN:
        return 1.0
    if isinstance(event, engine.Progress):
        return event.done / max(event.total, 1)
    return 0.0


def _shown(prompts: Sequence[str]) -> list[str]:
    """Each prompt on one line, its Markdown made harmless, cut so that all may fit.

    Where they are cut, so is the beginning that all have: what tells them apart is shown.
    """
    least, most = _PROMPT_CHARACTERS
    width = min(max(2500 // max(len(prompts), 1), least), most)
    words = [" ".join(prompt.split()) for prompt in prompts]
    if max(map(len, words), default=0) <= width:
        return [harmless(each) for each in words]
    pairs = zip(min(words), max(words), strict=False)  # of all words, the two least alike
    common = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
    skipped = max(common - _LEAD_CHARACTERS, 0) if len(set(words)) > 1 else 0
    lead = "…" if skipped else ""
    cut = [f"{lead}{each[skipped:]}" for each in words]
    return [
        harmless(each if len(each) <= width else each[: width - 1] + "…").rstrip("\\")
        for each in cut
    ]


def _within(lines: Sequence[str], room: int, language: str) -> str:
    """As many of the lines as fit, and how many more there are."""
    if len("\n".join(lines)) <= room:
        return "\n".join(lines)
    kept = len(lines)
    while kept and len("\n".join(lines[:kept])) > room - _MORE_CHARACTERS:
        kept -= 1
    more = translated(Sentence("and {count} more", count=len(lines) - kept), language)
    return "\n".join((*lines[:kept], more))
