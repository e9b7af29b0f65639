"""`Prompt` + the model's defaults → an engine job. Pure.

The one place that says what each `--flag` does on an open model. A flag that does nothing is never
passed over in silence: it is named in the brief's notes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import engine
from bot.errors import NotFound, PromptError
from bot.prompt.grammar import Prompt

SEEDS = 2**32
GRID_IMAGES = 4
MAX_STEPS = 150
BLEND_STRENGTH = 0.7

_ACTS = frozenset(
    {"ar", "seed", "version", "niji", "quality", "stop", "tile", "raw", "draft", "iw", "stylize"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Variation:
    """How far a variation goes from its picture."""

    title: str
    strength: float
    """0 keeps the picture, 1 ignores it."""


SUBTLE = Variation(title="Variations (Subtle)", strength=0.45)
STRONG = Variation(title="Variations (Strong)", strength=0.75)


@dataclass(frozen=True, slots=True, kw_only=True)
class Brief:
    """What will be drawn, and what the member should know about it."""

    job: engine.DrawJob
    model: engine.ModelInfo
    notes: tuple[str, ...]


def choose_model(prompt: Prompt, models: Sequence[engine.ModelInfo]) -> engine.ModelInfo:
    """The model `--v` or `--niji` asks for, else the first installed one."""
    wanted = _wanted_alias(prompt)
    if wanted is None:
        installed = next((model for model in models if model.installed), None)
        if installed is None:
            raise NotFound(
                "No model is installed here yet; the operator gets one with: "
                "python -m engine fetch NAME",
                command=prompt.source,
            )
        return installed
    for model in models:
        if wanted in (alias.lower() for alias in (*model.aliases, model.name)):
            if not model.installed:
                raise _refuse(
                    prompt,
                    wanted,
                    f"{model.title} is in the catalogue but not on this machine; "
                    f"its operator fetches it with: python -m engine fetch {model.name}",
                )
            return model
    offers = ", ".join(
        f"--v {alias}" for model in models if model.installed for alias in model.aliases[:1]
    )
    raise _refuse(prompt, wanted, f"There is no model “{wanted}” here. Choose one of: {offers}.")


def write(
    prompt: Prompt,
    model: engine.ModelInfo,
    *,
    job_id: str,
    owner: str,
    seed: int,
    inputs: Sequence[bytes] = (),
    strength: float | None = None,
    keep_seed: bool = True,
    images: int = GRID_IMAGES,
) -> Brief:
    """The engine job for `prompt` on `model`.

    seed: used unless the prompt names one and keep_seed holds. inputs: encoded pictures that guide
    the drawing where the model can take them as prompts; else one is drawn over, several are mixed.
    strength: 0 keeps the picture, 1 ignores it; None: linked pictures, by `--iw`.
    """
    flags = prompt.flags
    width_px, height_px = fit(model, flags.get("ar", (1, 1)))  # type: ignore[arg-type]
    steps = _steps(prompt, model)
    notes = [*_notes(prompt, model)]
    asked = flags.get("ar", (1, 1))
    assert isinstance(asked, tuple)
    if not math.isclose(width_px / height_px, asked[0] / asked[1], rel_tol=0.1):
        notes.append(f"{model.title} draws this shape at {width_px}×{height_px} at the most.")
    image_weight = float(flags.get("iw", 1.0))  # type: ignore[arg-type]
    # Linked and blended pictures are prompts; a variation is drawn over its one picture.
    guiding = strength is None or len(inputs) > 1
    if inputs and guiding and "image_prompt" in model.operations:
        init_use = engine.InitUse.PROMPT
    else:
        init_use = engine.InitUse.MIX if len(inputs) > 1 else engine.InitUse.IMG2IMG
    image_scale = _scale_of_weight(image_weight) if prompt.parts else 1.0
    if strength is None:
        strength = _strength_of_weight(image_weight)
    named = flags.get("seed") if keep_seed else None
    job = engine.DrawJob(
        id=job_id,
        owner=owner,
        model=model.name,
        prompt=_texts(prompt, model),
        negative=", ".join(text for text in (*prompt.avoid, model.negative) if text),
        seed=seed % SEEDS if named is None else int(named),  # type: ignore[arg-type]
        images=images,
        width_px=width_px,
        height_px=height_px,
        steps=steps,
        guidance=model.guidance,
        scheduler=model.scheduler,
        inputs=tuple(engine.InputPicture(data=data) for data in inputs),
        init_use=init_use,
        strength=strength,
        image_scale=image_scale,
        stop=int(flags.get("stop", 100)) / 100,  # type: ignore[arg-type]
        tile=bool(flags.get("tile")) and "tile" in model.operations,
    )
    return Brief(job=job, model=model, notes=tuple(notes))


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


def _wanted_alias(prompt: Prompt) -> str | None:
    if "niji" in prompt.flags:
        niji = prompt.flags["niji"]
        return "niji" if niji is True else f"niji {niji}"
    if "version" in prompt.flags:
        return str(prompt.flags["version"]).lower()
    return None


def _steps(prompt: Prompt, model: engine.ModelInfo) -> int:
    scale = float(prompt.flags.get("quality", 1.0))  # type: ignore[arg-type]
    if prompt.flags.get("draft"):
        scale *= 0.5
    return min(max(round(model.steps * scale), 1), MAX_STEPS)


def _texts(prompt: Prompt, model: engine.ModelInfo) -> tuple[engine.WeightedText, ...]:
    styled = not prompt.flags.get("raw") and prompt.flags.get("stylize", 100) != 0
    prefix = model.prompt_prefix if styled else ""
    suffix = model.prompt_suffix if styled else ""
    texts = [engine.WeightedText(text=part.text, weight=part.weight) for part in prompt.parts]
    if texts and (prefix or suffix):
        first = texts[0]
        dressed = ", ".join(piece for piece in (prefix, first.text, suffix) if piece)
        texts[0] = engine.WeightedText(text=dressed, weight=first.weight)
    return tuple(texts)


def _notes(prompt: Prompt, model: engine.ModelInfo) -> list[str]:
    idle = [f"--{name}" for name in prompt.flags if name not in _ACTS]
    if prompt.flags.get("tile") and "tile" not in model.operations:
        idle.append("--tile")
    if prompt.flags.get("stylize", 100) not in (0, 100):
        idle.append("--stylize (only 0, no house style, acts here)")
    if "iw" in prompt.flags and not prompt.images:
        idle.append("--iw (no picture to weigh)")
    notes = []
    if idle:
        notes.append(f"Without effect on {model.title} so far: {', '.join(idle)}.")
    if prompt.images and "image_prompt" not in model.operations:
        notes.append(f"{model.title} draws over linked pictures: it cannot take them as prompts.")
    if prompt.avoid and "negative" not in model.operations:
        notes.append(f"{model.title} cannot leave things out: --no is without effect.")
    return notes


def _strength_of_weight(image_weight: float) -> float:
    """`--iw` 0…3 (1) as the strength of image to image: more weight, less strength."""
    return min(max(0.95 - 0.25 * image_weight, 0.2), 0.95)


def _scale_of_weight(image_weight: float) -> float:
    """`--iw` 0…3 (1) as the scale of an image prompt: 0, 0.6, 0.84, 0.94."""
    return 1 - math.pow(0.4, image_weight)


def _refuse(prompt: Prompt, token: str, sentence: str) -> PromptError:
    start = max(prompt.source.lower().find(token), 0)
    return PromptError(sentence, token=token, start=start, command=prompt.source)
