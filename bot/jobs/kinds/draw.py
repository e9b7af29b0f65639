"""What all drawings have in common, whatever asked for them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import engine
from bot.jobs.kinds.kind import Context, Kind, Written
from bot.jobs.records import FOUND, Role
from bot.prompt import brief, grammar, words
from bot.prompt.resolved import as_json
from bot.prompt.values import is_link, reference
from engine import Sentence

SINGLE = (
    "upscale_subtle",
    "upscale_creative",
    "vary_subtle",
    "vary_strong",
    "vary_region",
    "zoom_2",
    "zoom_1_5",
    "zoom_custom",
    "make_square",
    "pan_left",
    "pan_right",
    "pan_up",
    "pan_down",
    "favourite",
    "making_of",
)
GRID = ("show", "reroll", "vary", "favourite_all")
DRAWN = Kind(follow_ups={Role.GRID: GRID, Role.FILM: GRID, Role.SINGLE: SINGLE}, rewords=True)


def from_text(
    text: str,
    context: Context,
    *,
    pictures: tuple[bytes, ...] = (),
    references: tuple[bytes, ...] = (),
    strength: float | None = None,
    model: str = "",
    links: bool = True,
) -> Written:
    """A drawing for a prompt as typed.

    references: what `brief.reference_links` lead to. strength: 0 keeps
    the pictures, 1 ignores them; None: as the prompt says. model: for prompts
    that name none, instead of the context's. links: whether it starts from those in the prompt.
    """
    prompt = grammar.parse(text, beside=len(pictures))
    if not links:
        prompt = dataclasses.replace(prompt, images=())
    default = model or context.default_model
    written = brief.write(
        prompt,
        brief.choose_model(prompt, context.models, default=default),
        job_id=context.job_id,
        owner=context.owner,
        seed=context.seed,
        inputs=pictures,
        references=references,
        strength=strength,
    )
    resolved = {
        "model": written.model.name,
        "prompt": as_json(prompt),
        "preferences": {"model": context.default_model},
    }
    notes = (*written.notes, *words.notes(prompt, written.model, context.models))
    job = dataclasses.replace(written.job, translate=words.translated_from(prompt, written.model))
    return Written(job=job, model=written.model, notes=notes, resolved=resolved)


def led(written: Written, resolved: Mapping[str, Any]) -> Written:
    """What was written for the words of an earlier drawing, whose pictures words were found for, if
    there are any: they lead here too.

    resolved: the earlier one's, see `Written`.
    """
    found = str(resolved.get(FOUND, ""))
    if not found:
        return written
    assert isinstance(written.job, engine.DrawJob)
    return dataclasses.replace(
        written,
        job=engine.led(written.job, found),
        resolved={**written.resolved, FOUND: found},
    )


def reworded(
    text: str,
    parent: engine.DrawJob,
    context: Context,
    *,
    before: str | None = None,
    pictures: tuple[bytes, ...] = (),
    strength: float = 1,
) -> Written:
    """A drawing for new words; what they do not say stays: the model, and on it the shape.

    before: the parent's words, where they were edited: a shape that they have in common is no new
    one, as the parent may be a pan or zoom of another. pictures: from which it is drawn, instead of
    those that the words link to.
    """
    written = from_text(
        text,
        context,
        pictures=pictures,
        strength=strength,
        model=parent.model,
        links=False,
    )
    job = written.job
    assert isinstance(job, engine.DrawJob)
    prompt = grammar.parse(text, beside=1)
    if any(is_link(reference(word)[0]) for word in prompt.parameters.sref):
        # Of the parent, as links may be gone by now.
        job = dataclasses.replace(job, style_inputs=parent.style_inputs)
    if parent.model == job.model and not _reshapes(prompt, before):
        job = dataclasses.replace(job, width_px=parent.width_px, height_px=parent.height_px)
    return dataclasses.replace(written, job=job)


def _reshapes(prompt: grammar.Prompt, before: str | None) -> bool:
    """Whether new words ask for another shape than the parent's."""
    if "ar" not in prompt.parameters.given:
        return False
    if before is None:
        return True
    return prompt.parameters.ar != grammar.parse(before, beside=1).parameters.ar


def over(
    job: engine.DrawJob,
    context: Context,
    resolved: Mapping[str, Any],
    *,
    picture: bytes,
    strength: float,
) -> Written:
    """A grid drawn over one picture of an earlier drawing, with all else as it was.

    strength: 0 keeps the picture, 1 ignores it.
    """
    sampler, model = job.scheduler, own_model(job, resolved)
    notes: tuple[Sentence, ...] = ()
    if sampler in brief.FROM_NOISE_ONLY:
        own = context.installed(model).scheduler
        sampler = "" if own in brief.FROM_NOISE_ONLY else own
        notes = (
            Sentence(
                "The sampler {name} cannot begin from a picture; the model's own draws this.",
                name=job.scheduler,
            ),
        )
    written = again(
        job,
        context,
        resolved,
        model=model,
        images=brief.GRID_IMAGES,
        inputs=(engine.InputPicture(data=picture),),
        init_use=engine.InitUse.IMG2IMG,
        strength=brief.at_least_a_step(strength, job.steps),
        scheduler=sampler,
        mask=b"",
        place=None,
        enlarge=1,
        film_frames=0,
        looks=_half_way(job),
        towards=(),
        shares=(),
    )
    return dataclasses.replace(written, notes=notes)


def _half_way(job: engine.DrawJob) -> tuple[engine.Look, ...]:
    """The job's looks; of pictures between two texts, they lead half of the way."""
    if not job.towards:
        return job.looks
    return (*job.looks, engine.Look(prompt=job.towards, weight=0.5))


def own_model(job: engine.DrawJob, resolved: Mapping[str, Any]) -> str:
    """The name of the model that its prompt chose: another may have drawn it within a mask."""
    return str(resolved.get("model") or job.model)


def again(
    job: engine.DrawJob,
    context: Context,
    resolved: Mapping[str, Any],
    **changes: Any,  # noqa: ANN401 - fields of a DrawJob
) -> Written:
    """An earlier drawing with a new seed and what else changes; the model is the one it had.

    resolved: the earlier one's, see `Written`.
    """
    renewed = dataclasses.replace(
        job, id=context.job_id, owner=context.owner, seed=context.seed, **changes
    )
    model = context.installed(renewed.model)
    return Written(job=renewed, model=model, resolved=resolved)
