"""What a prompt asked for and does not get, or gets in another way, as notes. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator

import engine
from bot.prompt import sizes
from bot.prompt.flags import BY_NAME
from bot.prompt.grammar import Prompt
from bot.prompt.looks import RAW, drawn_references, is_raw, style_of
from bot.prompt.model_choice import is_passed_over
from bot.prompt.values import MAX_LORAS, is_link, reference
from engine import Sentence

_NO_ADAPTER = Sentence("it has no image adapter; the operator names one as ip_adapter")
_NOTHING_TO_WEIGH = Sentence("no picture to weigh")
_NO_STYLE = Sentence("it has no style of its own")
_RAW_HAS_NONE = Sentence("a raw picture has no style")
_WHOLE_OR_NOT = Sentence("it takes a style whole or not at all")
_AS_WITHOUT = Sentence("the picture is the same without it")
_NO_ROOM = Sentence("{most} at most, with those of a style or draft", most=MAX_LORAS)
_NOT_HERE = Sentence("a variation follows the picture that it starts from")


def notes(
    prompt: Prompt, job: engine.DrawJob, model: engine.ModelInfo, *, idle: Collection[str] = ()
) -> tuple[Sentence, ...]:
    """For the member, the parameters that did nothing on one line.

    idle: names of parameters without which the job would be the same.
    """
    asked, title = prompt.parameters, model.title
    found = []
    reasons: dict[Sentence, list[str]] = {}
    for name, reason in _without_effect(prompt, job, model, idle):
        reasons.setdefault(reason, []).append(name)
    if reasons:
        flags = Sentence.listed(
            Sentence("{names} ({reason})", names=", ".join(names), reason=reason)
            for reason, names in reasons.items()
        )
        found.append(Sentence("Without effect on {title}: {flags}.", title=title, flags=flags))
    drawn = drawn_references(prompt, seed=job.seed)
    if drawn != asked.sref and asked.sw:
        words = " ".join(re.sub(r"(?i)https?://.*?(?=::|$)", r"<\g<0>>", word) for word in drawn)
        found.append(Sentence("The style drawn for it: {flags}.", flags=f"--sref {words}"))
    if prompt.images and (job.style_inputs or "image_prompt" not in model.operations):
        found.append(_drawn_over(model))
    if asked.no and "negative" not in model.operations:
        found.append(
            Sentence("{title} cannot leave things out: --no is without effect.", title=title)
        )
    exact = sizes.fit(model, asked.ar, large=asked.hd)
    if (job.width_px, job.height_px) != exact:
        found.append(
            Sentence(
                "{title} is fast in a few sizes only: of these {width}×{height} is the nearest to"
                " --ar {shape}.",
                title=title,
                width=job.width_px,
                height=job.height_px,
                shape=f"{asked.ar[0]}:{asked.ar[1]}",
            )
        )
    elif not math.isclose(exact[0] / exact[1], asked.ar[0] / asked.ar[1], rel_tol=0.1):
        found.append(
            Sentence(
                "{title} draws nothing as long as --ar {shape}; {width}×{height} is the nearest.",
                title=title,
                shape=f"{asked.ar[0]}:{asked.ar[1]}",
                width=job.width_px,
                height=job.height_px,
            )
        )
    return tuple(found)


def _drawn_over(model: engine.ModelInfo) -> Sentence:
    if "image_prompt" not in model.operations:
        return Sentence(
            "{title} draws over linked pictures: it cannot take them as prompts.", title=model.title
        )
    return Sentence(
        "{title} draws over linked pictures here: its adapter follows those of the style.",
        title=model.title,
    )


def _without_effect(
    prompt: Prompt, job: engine.DrawJob, model: engine.ModelInfo, idle: Collection[str]
) -> Iterator[tuple[str, Sentence]]:
    """The parameters as members know them, each with why and what helps."""
    asked = prompt.parameters
    segments = (*prompt.added, *prompt.segments)
    typed = {segment.name: f"--{segment.typed}" for segment in segments}
    for name in asked.given:
        shown = typed.get(name, f"--{name}")
        flag = BY_NAME[name]
        value = getattr(asked, name)
        if name in {"version", "niji"} and is_passed_over(name, prompt, model):
            yield (
                f"{shown} {value}".rstrip(),
                Sentence(
                    "no model of that name is installed; {title} draws instead", title=model.title
                ),
            )
        elif flag.lacks is not None:
            yield shown, flag.lacks
        elif reason := next(_reasons(name, prompt, job, model, idle), None):
            yield shown, reason
        elif name in idle and value != flag.default:
            yield shown, _AS_WITHOUT
        elif name == "lora" and (without := _loras_without_room(prompt, job)):
            yield f"{shown} {', '.join(without)}", _NO_ROOM
        elif name == "sref" and (weights := _weights_without_effect(prompt, model)):
            yield f"{shown} {weights}", _WHOLE_OR_NOT


def _reasons(
    name: str,
    prompt: Prompt,
    job: engine.DrawJob,
    model: engine.ModelInfo,
    idle: Collection[str],
) -> Iterator[Sentence]:
    """Why a parameter that acts elsewhere does nothing in this job; none where it does."""
    asked = prompt.parameters
    match name:
        case "style" | "raw":
            yield from _of_named_style(name, prompt, model, idle)
        case "stylize":
            yield from _of_stylize(prompt, model)
        case "sref" | "sw":
            yield from _of_style_reference(name, prompt, job, model)
        case "cref" | "cw" | "oref" | "ow":
            yield from _of_reference(name, prompt, job, model)
        case "repeat":  # /imagine takes it out before it comes here
            yield Sentence("only /imagine repeats")
        case "iw" if not prompt.images:
            yield _NOTHING_TO_WEIGH
        case "quality" | "draft" if asked.steps is not None and not (
            name == "draft" and model.draft
        ):
            yield Sentence("the number of steps is given")
        case "quality" | "draft" if name in idle:
            yield Sentence("it stays at {steps}", steps=_steps_text(job.steps))
        case _:
            yield from _of_model(name, prompt, model)


def _of_model(name: str, prompt: Prompt, model: engine.ModelInfo) -> Iterator[Sentence]:
    """Why the model draws the same with a parameter as without."""
    asked = prompt.parameters
    match name:
        case "tile" if "tile" not in model.operations:
            yield Sentence("it cannot; choose another model")
        case "chaos" | "weird" | "exp" if "vary" not in model.operations and getattr(asked, name):
            yield Sentence("it draws by itself; choose another model")
        case "hd" if model.max_pixels <= model.width_px * model.height_px:
            yield Sentence("it draws no larger")
        case "cfg" if _has_no_guidance(model):
            yield Sentence("it draws without guidance")
        case "turbo" if asked.relax:
            yield Sentence("{other} goes before it", other="--relax")
        case "sd" | "fast" | "public":  # the usual, unless its opposite was asked for too
            for other in asked.given:
                if other != name and BY_NAME[other].group == BY_NAME[name].group:
                    yield Sentence("{other} goes before it", other=f"--{other}")


def _has_no_guidance(model: engine.ModelInfo) -> bool:
    """Flux.1 takes its guidance as an input, and the one that is distilled to a few steps, none."""
    return model.family == "flux" and model.guidance <= 1


def _steps_text(steps: int) -> Sentence:
    return Sentence.plural("{count} step", "{count} steps", count=steps)


def _loras_without_room(prompt: Prompt, job: engine.DrawJob) -> list[str]:
    taken = {name.casefold() for name, _ in job.loras}
    return [name for name, _ in prompt.parameters.lora if name.casefold() not in taken]


def _weights_without_effect(prompt: Prompt, model: engine.ModelInfo) -> str:
    """The codes with weights that differ, where the model cannot weigh them; else empty."""
    words = [word for word in prompt.parameters.sref if not is_link(reference(word)[0])]
    if "vary" in model.operations or len({reference(word)[1] for word in words}) < 2:
        return ""
    return " ".join(word for word in words if "::" in word)


def _of_named_style(
    name: str, prompt: Prompt, model: engine.ModelInfo, idle: Collection[str]
) -> Iterator[Sentence]:
    """name: style or raw."""
    asked, style = prompt.parameters, style_of(prompt, model)
    if name == "style" and style is None and not is_raw(prompt):
        yield Sentence(
            "its styles: {styles}",
            styles=", ".join([*(preset.name for preset in model.styles), RAW]),
        )
    elif name not in idle:
        return
    elif name == "style" and asked.raw:
        yield _RAW_HAS_NONE
    elif asked.stylize == 0:
        yield Sentence("{flag} leaves styles out", flag="--stylize 0")
    elif style is None:
        yield _NO_STYLE
    elif not prompt.parts:
        yield Sentence("no words for it to stand beside")


def _of_stylize(prompt: Prompt, model: engine.ModelInfo) -> Iterator[Sentence]:
    asked, style = prompt.parameters, style_of(prompt, model)
    if asked.stylize in {0, 100}:  # none, or as usual: that is what the picture gets
        return
    house = style or engine.Preset(name="", prefix=model.prompt_prefix, suffix=model.prompt_suffix)
    if is_raw(prompt):
        yield _RAW_HAS_NONE
    elif not (house.prefix or house.suffix) or not prompt.parts:
        yield _NO_STYLE
    elif "vary" not in model.operations:
        yield _WHOLE_OR_NOT


def _of_style_reference(
    name: str, prompt: Prompt, job: engine.DrawJob, model: engine.ModelInfo
) -> Iterator[Sentence]:
    linked = [is_link(reference(word)[0]) for word in prompt.parameters.sref]
    if name == "sref" and any(linked) and not job.style_inputs:
        yield _NO_ADAPTER if "image_prompt" not in model.operations else _NOT_HERE
    if name == "sw" and all(linked) and not job.style_inputs:
        yield Sentence("no style to weigh")
    elif (
        name == "sw"
        and not job.style_inputs
        and prompt.parameters.sw not in {0, 100}
        and "vary" not in model.operations
    ):
        yield _WHOLE_OR_NOT


def _of_reference(
    name: str, prompt: Prompt, job: engine.DrawJob, model: engine.ModelInfo
) -> Iterator[Sentence]:
    asked = prompt.parameters
    shown = job.init_use is engine.InitUse.PROMPT
    if name in {"cw", "ow"}:
        if not shown or not (asked.cref if name == "cw" else asked.oref):
            yield _NOTHING_TO_WEIGH
    elif "image_prompt" not in model.operations:
        yield _NO_ADAPTER
    elif not shown:
        yield (Sentence("its adapter follows the style already") if job.style_inputs else _NOT_HERE)
