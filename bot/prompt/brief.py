"""`Prompt` + the model's defaults → an engine job. Pure.

The one place that says what each `--flag` does on an open model; the formulas are in docs/flags.md.
A flag that does nothing is never passed over in silence: it is named in the brief's notes.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import engine
from bot.prompt import left_out, looks, sizes
from bot.prompt.characters import shortened
from bot.prompt.flags import BY_NAME, Parameters
from bot.prompt.grammar import Prompt
from bot.prompt.model_choice import choose_model
from bot.prompt.refusing import refused
from bot.prompt.values import MAX_LORAS, is_link, reference
from engine import Sentence

__all__ = ["GRID_IMAGES", "Brief", "choose_model", "reference_links", "write"]

GRID_IMAGES = 4
MOST_WEIRD = 3000
FROM_NOISE_ONLY = frozenset({"ipndm"})
"""Samplers that cannot begin from a picture."""
Number = TypeVar("Number", int, float)


@dataclass(frozen=True, slots=True, kw_only=True)
class Brief:
    """What will be drawn, and what the member should know about it."""

    job: engine.DrawJob
    model: engine.ModelInfo
    notes: tuple[Sentence, ...]


def reference_links(prompt: Prompt, model: engine.ModelInfo) -> tuple[str, ...]:
    """The links after `--sref`, or else after `--cref` and `--oref`, that the model can follow.

    Of what it cannot follow nothing needs to be fetched. An image adapter follows one kind of
    pictures at a time: a style, or all that they show.
    """
    if "image_prompt" not in model.operations:
        return ()
    asked = prompt.parameters
    for words in (asked.sref, (*asked.cref, *asked.oref)):
        if links := tuple(link for link, _ in map(reference, words) if is_link(link)):
            return links
    return ()


def write(
    prompt: Prompt,
    model: engine.ModelInfo,
    *,
    job_id: str,
    owner: str,
    seed: int,
    inputs: Sequence[bytes] = (),
    references: Sequence[bytes] = (),
    strength: float | None = None,
    images: int = GRID_IMAGES,
) -> Brief:
    """The engine job for `prompt` on `model`; PromptError where it asks for what that lacks.

    seed: used unless the prompt names one. inputs: encoded pictures that guide
    the drawing where the model can take them as prompts; else one is drawn over, several are mixed.
    references: what `reference_links` lead to. strength: 0 keeps the picture, 1 ignores it; None:
    linked pictures, by `--iw`.
    """

    def drawn(prompt: Prompt) -> engine.DrawJob:
        return _job(
            prompt,
            model,
            job_id=job_id,
            owner=owner,
            seed=seed,
            inputs=inputs,
            references=references,
            strength=strength,
            images=images,
        )

    job = drawn(prompt)
    idle = tuple(
        name
        for name in prompt.parameters.given
        if BY_NAME[name].compared and _seen(drawn(_without(prompt, name))) == _seen(job)
    )
    return Brief(job=job, model=model, notes=left_out.notes(prompt, job, model, idle=idle))


def _without(prompt: Prompt, name: str) -> Prompt:
    default: dict[str, Any] = {name: BY_NAME[name].default}
    return dataclasses.replace(prompt, parameters=dataclasses.replace(prompt.parameters, **default))


def _seen(job: engine.DrawJob) -> engine.DrawJob:
    """The job without the numbers that count for nothing in it."""
    return job if job.style_inputs else dataclasses.replace(job, style_scale=1.0)


def _job(
    prompt: Prompt,
    model: engine.ModelInfo,
    *,
    job_id: str,
    owner: str,
    seed: int,
    inputs: Sequence[bytes],
    references: Sequence[bytes],
    strength: float | None,
    images: int,
) -> engine.DrawJob:
    asked = prompt.parameters
    seed = seed % (engine.MAX_SEED + 1) if asked.seed is None else asked.seed
    style = looks.style_of(prompt, model)
    dressed = looks.dress(prompt, model, style, looks.codes_of(prompt, seed=seed))
    draft = model.draft if asked.draft else None
    presets = [preset for preset in (draft, style) if preset is not None]
    width_px, height_px = sizes.drawn(model, asked.ar, large=asked.hd)
    pictures = _pictures(prompt, model, inputs, references, strength)
    varies = "vary" in model.operations
    steps = _steps(prompt, model, presets)
    return engine.DrawJob(
        id=job_id,
        owner=owner,
        model=model.name,
        prompt=dressed.texts,
        looks=dressed.looks,
        style_codes=dressed.codes,
        negative=", ".join(
            text
            for text in (*asked.no, *(preset.negative for preset in presets), model.negative)
            if text
        ),
        seed=seed,
        images=images,
        width_px=width_px,
        height_px=height_px,
        steps=steps,
        guidance=_first(
            asked.cfg, *(preset.guidance for preset in presets), default=model.guidance
        ),
        scheduler=_sampler(prompt, model, pictures)
        or next((preset.scheduler for preset in presets if preset.scheduler), model.scheduler),
        inputs=pictures.inputs,
        init_use=pictures.use,
        strength=at_least_a_step(
            _strength_of_weight(asked.iw) if strength is None else strength, steps
        ),
        image_scale=pictures.scale if prompt.parts else 1.0,
        style_inputs=pictures.of_style,
        style_scale=_scale_of_weight(asked.sw / 100),
        chaos=asked.chaos / 100 if varies else 0.0,
        weird=asked.weird / MOST_WEIRD if varies else 0.0,
        experiment=asked.exp / 100 if varies else 0.0,
        stop=asked.stop / 100,
        tile=asked.tile and "tile" in model.operations,
        loras=_loras(prompt, model, presets),
        lane=_lane(asked),
    )


def _lane(asked: Parameters) -> engine.Lane:
    if asked.relax:
        return engine.Lane.RELAX
    return engine.Lane.TURBO if asked.turbo else engine.Lane.FAST


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pictures:
    """How pictures take part in a drawing."""

    inputs: tuple[engine.InputPicture, ...]
    use: engine.InitUse
    scale: float
    of_style: tuple[engine.InputPicture, ...] = ()


def _pictures(
    prompt: Prompt,
    model: engine.ModelInfo,
    inputs: Sequence[bytes],
    references: Sequence[bytes],
    strength: float | None,
) -> _Pictures:
    asked = prompt.parameters
    plain = tuple(engine.InputPicture(data=data) for data in inputs)
    scale = _scale_of_weight(asked.iw)
    # Linked and blended pictures are prompts; a variation is drawn over its one picture.
    guides = "image_prompt" in model.operations and (strength is None or len(inputs) > 1)
    mixes = engine.InitUse.MIX if len(inputs) > 1 else engine.InitUse.IMG2IMG
    weights = [weight for link, weight in map(reference, asked.sref) if is_link(link)]
    if references and weights:
        style = tuple(
            engine.InputPicture(data=data, weight=weight)
            for data, weight in zip(references, weights, strict=True)
        )
        return _Pictures(inputs=plain, use=mixes, scale=scale, of_style=style)
    if not guides or not (inputs or references):
        return _Pictures(inputs=plain, use=mixes, scale=scale)
    # How much each counts, and its weight among those of its kind.
    counts = [(asked.iw, 1.0)] * len(inputs)
    for words, much in ((asked.cref, asked.cw), (asked.oref, asked.ow)):
        counts += [(much / 100, weight) for _, weight in map(reference, words)]
    scales = [_scale_of_weight(much) for much, _ in counts]
    most = max(scales)
    return _Pictures(
        inputs=tuple(
            engine.InputPicture(data=data, weight=weight * max(each, 0.01) / max(most, 0.01))
            for data, (_, weight), each in zip((*inputs, *references), counts, scales, strict=True)
        ),
        use=engine.InitUse.PROMPT,
        scale=most,
    )


def _loras(
    prompt: Prompt, model: engine.ModelInfo, presets: Sequence[engine.Preset]
) -> tuple[tuple[str, float], ...]:
    """`--lora` by the catalogue's names, and those of a style or draft, which go before.

    `left_out` names those of the member's for which there is no room then.
    """
    known = {name.casefold(): name for name in model.loras}
    for name, _ in prompt.parameters.lora:
        if name.casefold() in known:
            continue
        if known:
            sentence = Sentence(
                "{title} has no LoRA “{name}”. Choose one of: {loras}.",
                title=model.title,
                name=shortened(name),
                loras=", ".join(model.loras),
            )
        else:
            sentence = Sentence(
                "{title} has no LoRAs; leave --lora out, or choose another model with --v.",
                title=model.title,
            )
        raise refused(prompt, "lora", sentence, holding=name)
    asked = {known[name.casefold()]: weight for name, weight in prompt.parameters.lora}
    brought: dict[str, float] = {}
    for preset in presets:
        for name, weight in preset.loras:
            brought.setdefault(name, weight)
    brought = dict(itertools.islice(brought.items(), MAX_LORAS))
    extra = [name for name in asked if name not in brought][: MAX_LORAS - len(brought)]
    chosen = {name: asked[name] for name in asked if name in brought or name in extra}
    return tuple((chosen | {n: w for n, w in brought.items() if n not in chosen}).items())


def _steps(prompt: Prompt, model: engine.ModelInfo, presets: Sequence[engine.Preset]) -> int:
    asked = prompt.parameters
    if asked.steps is not None:
        return asked.steps
    own = _first(*(preset.steps for preset in presets), default=model.steps)
    halved = asked.draft and (model.draft is None or model.draft.steps is None)
    scale = asked.quality * (0.5 if halved else 1.0)
    return min(max(round(own * scale), 1), engine.MAX_STEPS)


def _sampler(prompt: Prompt, model: engine.ModelInfo, pictures: _Pictures) -> str:
    """What `--sampler` names; empty where it does not. PromptError where it does not suit."""
    name = prompt.parameters.sampler or ""
    drawn_over = pictures.inputs and pictures.use is not engine.InitUse.PROMPT
    if drawn_over and name in FROM_NOISE_ONLY:
        sentence = Sentence(
            "The sampler {name} cannot begin from a picture. Choose another, such as {other}.",
            name=name,
            other=next(other for other in model.schedulers if other not in FROM_NOISE_ONLY),
        )
        raise refused(prompt, "sampler", sentence)
    if name and name not in model.schedulers:
        sentence = Sentence(
            "The sampler {name} does not suit {title}. Choose one of: {samplers}.",
            name=name,
            title=model.title,
            samplers=", ".join(model.schedulers),
        )
        raise refused(prompt, "sampler", sentence)
    return name


def _first(*values: Number | None, default: Number) -> Number:
    """The first that is not None."""
    return next((value for value in values if value is not None), default)


def at_least_a_step(strength: float, steps: int) -> float:
    """A strength of image to image, or the least with which one of so few steps is drawn."""
    return strength if int(steps * strength) >= 1 else math.nextafter(1 / steps, 1)


def _strength_of_weight(image_weight: float) -> float:
    """`--iw` 0…3 (1) as the strength of image to image: more weight, less strength."""
    return min(max(0.95 - 0.25 * image_weight, 0.2), 0.95)


def _scale_of_weight(image_weight: float) -> float:
    """`--iw` 0…3 (1) as the scale of an image prompt: 0, 0.6, 0.84, 0.94."""
    return 1 - math.pow(0.4, image_weight)
