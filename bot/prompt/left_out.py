"""What a prompt asked for and does not get, or gets in another way, as notes. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator

import engine
from bot.prompt.flags import BY_NAME
from bot.prompt.grammar import Prompt
from bot.prompt.looks import RAW, is_raw, style_of
from bot.prompt.model_choice import is_passed_over
from bot.prompt.values import is_link, reference
from engine import Sentence

_NO_ADAPTER = Sentence("it has no image adapter; the operator names one as ip_adapter")
_NOTHING_TO_WEIGH = Sentence("no picture to weigh")
_NOT_HERE = Sentence("a variation follows the picture that it starts from")


def notes(prompt: Prompt, job: engine.DrawJob, model: engine.ModelInfo) -> tuple[Sentence, ...]:
    """For the member, the parameters that did nothing on one line."""
    asked, title = prompt.parameters, model.title
    found = []
    reasons: dict[Sentence, list[str]] = {}
    for name, reason in _without_effect(prompt, job, model):
        reasons.setdefault(reason, []).append(name)
    if reasons:
        flags = Sentence.listed(
            Sentence("{names} ({reason})", names=", ".join(names), reason=reason)
            for reason, names in reasons.items()
        )
        found.append(Sentence("Without effect on {title}: {flags}.", title=title, flags=flags))
    if any(reference(word)[0] == "random" for word in asked.sref) and job.style_codes:
        codes = " ".join(str(code.code) for code in job.style_codes)
        found.append(Sentence("The style drawn for it: {flags}.", flags=f"--sref {codes}"))
    if prompt.images and (job.style_inputs or "image_prompt" not in model.operations):
        found.append(_drawn_over(model))
    if asked.no and "negative" not in model.operations:
        found.append(
            Sentence("{title} cannot leave things out: --no is without effect.", title=title)
        )
    if not math.isclose(job.width_px / job.height_px, asked.ar[0] / asked.ar[1], rel_tol=0.1):
        found.append(
            Sentence(
                "{title} draws this shape at {width}×{height} at the most.",
                title=title,
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
    prompt: Prompt, job: engine.DrawJob, model: engine.ModelInfo
) -> Iterator[tuple[str, Sentence]]:
    """The parameters as members know them, each with why and what helps."""
    asked = prompt.parameters
    for name in asked.given:
        flag = BY_NAME[name]
        value = getattr(asked, name)
        if name in {"version", "niji"} and is_passed_over(name, prompt, model):
            yield (
                f"--{name} {value}".rstrip(),
                Sentence("only Midjourney has it; {title} draws instead", title=model.title),
            )
        elif flag.lacks is not None:
            yield f"--{name}", flag.lacks
        elif reason := next(_reasons(name, prompt, job, model), None):
            yield f"--{name}", reason


def _reasons(
    name: str, prompt: Prompt, job: engine.DrawJob, model: engine.ModelInfo
) -> Iterator[Sentence]:
    """Why a parameter that acts elsewhere does nothing in this job; none where it does."""
    asked = prompt.parameters
    match name:
        case "tile" if "tile" not in model.operations:
            yield Sentence("it cannot; choose another model")
        case "chaos" | "weird" | "exp" if "vary" not in model.operations and getattr(asked, name):
            yield Sentence("it draws by itself; choose another model")
        case "style" | "stylize":
            yield from _of_style(name, prompt, model)
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
        case "hd" if model.max_pixels <= model.width_px * model.height_px:
            yield Sentence("it draws no larger")


def _of_style(name: str, prompt: Prompt, model: engine.ModelInfo) -> Iterator[Sentence]:
    asked, style = prompt.parameters, style_of(prompt, model)
    if name == "style":
        if style is None and not is_raw(prompt):
            yield Sentence(
                "its styles: {styles}",
                styles=", ".join([*(preset.name for preset in model.styles), RAW]),
            )
        return
    if asked.stylize in {0, 100}:  # none, or as usual: that is what the picture gets
        return
    house = style or engine.Preset(name="", prefix=model.prompt_prefix, suffix=model.prompt_suffix)
    if is_raw(prompt):
        yield Sentence("a raw picture has no style")
    elif not (house.prefix or house.suffix) or not prompt.parts:
        yield Sentence("it has no style of its own")
    elif "vary" not in model.operations:
        yield Sentence("it takes a style whole or not at all")


def _of_style_reference(
    name: str, prompt: Prompt, job: engine.DrawJob, model: engine.ModelInfo
) -> Iterator[Sentence]:
    linked = [is_link(reference(word)[0]) for word in prompt.parameters.sref]
    if name == "sref" and any(linked) and not job.style_inputs:
        yield _NO_ADAPTER if "image_prompt" not in model.operations else _NOT_HERE
    if name == "sw" and all(linked) and not job.style_inputs:
        yield Sentence("no style to weigh")


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
