"""`Prompt` + the model's defaults → an engine job. Pure.

The one place that says what each `--flag` does on an open model. A flag that does nothing is never
passed over in silence: it is named in the brief's notes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import darkroom
import engine
from bot.errors import NotFound, PromptError
from bot.prompt.characters import shortened
from bot.prompt.flags import BY_NAME
from bot.prompt.grammar import Prompt
from engine import Sentence

GRID_IMAGES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Brief:
    """What will be drawn, and what the member should know about it."""

    job: engine.DrawJob
    model: engine.ModelInfo
    notes: tuple[Sentence, ...]


def choose_model(
    prompt: Prompt, models: Sequence[engine.ModelInfo], *, default: str = ""
) -> engine.ModelInfo:
    """The model that `--v` or `--niji` asks for; else `default`; else the largest installed one.

    default: a name or alias; one that is unknown or not installed is passed over. Of models of one
    size the first stands. PromptError where the prompt asks for a model that is not there, NotFound
    where none is installed.
    """
    wanted = _wanted_model(prompt)
    if wanted is not None:
        return _asked_model(prompt, wanted, models)
    installed = [model for model in models if model.installed]
    if not installed:
        raise NotFound(
            Sentence(
                "No model is installed here yet; the operator gets one with: "
                "{command} engine fetch NAME",
                command=darkroom.command(),
            ),
            command=prompt.source,
        )
    return _named(default, installed) or max(installed, key=lambda model: model.weight_bytes)


def write(
    prompt: Prompt,
    model: engine.ModelInfo,
    *,
    job_id: str,
    owner: str,
    seed: int,
    inputs: Sequence[bytes] = (),
    strength: float | None = None,
    images: int = GRID_IMAGES,
) -> Brief:
    """The engine job for `prompt` on `model`; PromptError where it asks for a LoRA of another.

    seed: used unless the prompt names one. inputs: encoded pictures that guide
    the drawing where the model can take them as prompts; else one is drawn over, several are mixed.
    strength: 0 keeps the picture, 1 ignores it; None: linked pictures, by `--iw`.
    """
    asked = prompt.parameters
    width_px, height_px = fit(model, asked.ar)
    # Linked and blended pictures are prompts; a variation is drawn over its one picture.
    guiding = strength is None or len(inputs) > 1
    if inputs and guiding and "image_prompt" in model.operations:
        init_use = engine.InitUse.PROMPT
    else:
        init_use = engine.InitUse.MIX if len(inputs) > 1 else engine.InitUse.IMG2IMG
    job = engine.DrawJob(
        id=job_id,
        owner=owner,
        model=model.name,
        prompt=_texts(prompt, model),
        negative=", ".join(text for text in (*asked.no, model.negative) if text),
        seed=seed % (engine.MAX_SEED + 1) if asked.seed is None else asked.seed,
        images=images,
        width_px=width_px,
        height_px=height_px,
        steps=_steps(prompt, model),
        guidance=model.guidance,
        scheduler=model.scheduler,
        inputs=tuple(engine.InputPicture(data=data) for data in inputs),
        init_use=init_use,
        strength=_strength_of_weight(asked.iw) if strength is None else strength,
        image_scale=_scale_of_weight(asked.iw) if prompt.parts else 1.0,
        stop=asked.stop / 100,
        tile=asked.tile and "tile" in model.operations,
        loras=_loras(prompt, model),
    )
    return Brief(job=job, model=model, notes=_notes(prompt, job, model))


def fit(model: engine.ModelInfo, aspect: tuple[int, int]) -> tuple[int, int]:
    """(width, height) in pixels: the model's area in the shape of `aspect`, within its limits."""
    ratio = aspect[0] / aspect[1]
    area = model.width_px * model.height_px
    width, height = math.sqrt(area * ratio), math.sqrt(area / ratio)
    grow = max(1.0, model.min_side_px / min(width, height))
    width, height = width * grow, height * grow
    shrink = min(1.0, math.sqrt(model.max_pixels / (width * height)))
    width, height = width * shrink, height * shrink

    def snap(side: float) -> int:
        side = min(max(side, model.min_side_px), model.max_side_px)
        return max(round(side / model.size_step_px), 1) * model.size_step_px

    width_px, height_px = snap(width), snap(height)
    while width_px * height_px > model.max_pixels:
        if width_px >= height_px:
            width_px -= model.size_step_px
        else:
            height_px -= model.size_step_px
    return width_px, height_px


def _wanted_model(prompt: Prompt) -> str | None:
    asked = prompt.parameters
    if asked.niji is not None:
        return f"niji {asked.niji}".rstrip()
    return asked.version


def _asked_model(
    prompt: Prompt, wanted: str, models: Sequence[engine.ModelInfo]
) -> engine.ModelInfo:
    flag = "version" if prompt.parameters.niji is None else "niji"
    model = _named(wanted, models)
    if model is None:
        offers = ", ".join(
            f"--v {next(iter(model.aliases), model.name)}" for model in models if model.installed
        )
        sentence = Sentence(
            "There is no model “{wanted}” here. Choose one of: {offers}.",
            wanted=shortened(wanted),
            offers=offers,
        )
        raise _refuse(prompt, flag, sentence)
    if not model.installed:
        sentence = Sentence(
            "{title} is in the catalogue but not on this machine; "
            "its operator fetches it with: {command} engine fetch {name}",
            title=model.title,
            command=darkroom.command(),
            name=model.name,
        )
        raise _refuse(prompt, flag, sentence)
    return model


def _named(name: str, models: Sequence[engine.ModelInfo]) -> engine.ModelInfo | None:
    """The model of this name or alias, in any case."""
    for model in models:
        if name.casefold() in (known.casefold() for known in (model.name, *model.aliases)):
            return model
    return None


def _loras(prompt: Prompt, model: engine.ModelInfo) -> tuple[tuple[str, float], ...]:
    """`--lora` by the catalogue's names."""
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
        raise _refuse(prompt, "lora", sentence, holding=name)
    return tuple((known[name.casefold()], weight) for name, weight in prompt.parameters.lora)


def _steps(prompt: Prompt, model: engine.ModelInfo) -> int:
    scale = prompt.parameters.quality * (0.5 if prompt.parameters.draft else 1.0)
    return min(max(round(model.steps * scale), 1), engine.MAX_STEPS)


def _texts(prompt: Prompt, model: engine.ModelInfo) -> tuple[engine.WeightedText, ...]:
    styled = not prompt.parameters.raw and prompt.parameters.stylize != 0
    prefix = model.prompt_prefix if styled else ""
    suffix = model.prompt_suffix if styled else ""
    texts = [engine.WeightedText(text=part.text, weight=part.weight) for part in prompt.parts]
    if texts and (prefix or suffix):
        first = texts[0]
        dressed = ", ".join(piece for piece in (prefix, first.text, suffix) if piece)
        texts[0] = engine.WeightedText(text=dressed, weight=first.weight)
    return tuple(texts)


def _notes(prompt: Prompt, job: engine.DrawJob, model: engine.ModelInfo) -> tuple[Sentence, ...]:
    """What the member asked for and does not get, or gets in another way."""
    asked, title = prompt.parameters, model.title
    notes = []
    if idle := _idle(prompt, model):
        flags = Sentence.listed(idle)
        notes.append(
            Sentence("Without effect on {title} so far: {flags}.", title=title, flags=flags)
        )
    if prompt.images and "image_prompt" not in model.operations:
        notes.append(
            Sentence(
                "{title} draws over linked pictures: it cannot take them as prompts.", title=title
            )
        )
    if asked.no and "negative" not in model.operations:
        notes.append(
            Sentence("{title} cannot leave things out: --no is without effect.", title=title)
        )
    if not math.isclose(job.width_px / job.height_px, asked.ar[0] / asked.ar[1], rel_tol=0.1):
        notes.append(
            Sentence(
                "{title} draws this shape at {width}×{height} at the most.",
                title=title,
                width=job.width_px,
                height=job.height_px,
            )
        )
    return tuple(notes)


def _idle(prompt: Prompt, model: engine.ModelInfo) -> list[Sentence]:
    """The parameters that do nothing here, with the reason where it is not plain."""
    asked = prompt.parameters
    idle = [Sentence("--{name}", name=name) for name in asked.given if not BY_NAME[name].acts]
    if asked.tile and "tile" not in model.operations:
        idle.append(Sentence("--tile"))
    if asked.stylize not in (0, 100):
        idle.append(Sentence("--stylize (only 0, no house style, acts here)"))
    if asked.repeat is not None:  # /imagine takes it out before it comes here
        idle.append(Sentence("--repeat (only /imagine repeats)"))
    if "iw" in asked.given and not prompt.images:
        idle.append(Sentence("--iw (no picture to weigh)"))
    return idle


def _strength_of_weight(image_weight: float) -> float:
    """`--iw` 0…3 (1) as the strength of image to image: more weight, less strength."""
    return min(max(0.95 - 0.25 * image_weight, 0.2), 0.95)


def _scale_of_weight(image_weight: float) -> float:
    """`--iw` 0…3 (1) as the scale of an image prompt: 0, 0.6, 0.84, 0.94."""
    return 1 - math.pow(0.4, image_weight)


def _refuse(prompt: Prompt, flag: str, sentence: Sentence, *, holding: str = "") -> PromptError:
    """A refusal that marks the parameter, the one that holds this text where there are several.

    Nothing is marked where the parameter was not typed in this prompt.
    """
    for segment in prompt.segments:
        if segment.name == flag and holding in segment.text:
            token, start = segment.text, segment.start
            break
    else:
        token, start = "", 0
    return PromptError(sentence, token=token, start=start, command=prompt.source)
