"""The form in which Automatic1111 and its kin write how a picture was made.

The prompt, a line "Negative prompt: …", and a last line "Steps: 20, Sampler: …, Seed: 7, …".
"""

from __future__ import annotations

import re

from bot.pictures.making import MAX_WORDS, Making, Program, decimal, plain, whole, words_of

_NEGATIVE = "Negative prompt:"
_PARAMETER = re.compile(r'([A-Za-z][\w /-]{0,60}):\s?("(?:\\.|[^"\\])*"|[^,]*)(?:,|$)')
_SIZE = re.compile(r"(\d{1,6})x(\d{1,6})")
_VERSION = "Darkroom"


def text(making: Making) -> str:
    """The making in this form, which the programs of the field read."""
    lines = [making.words or making.prompt]
    if making.negative:
        lines.append(f"{_NEGATIVE} {making.negative}")
    size = f"{making.width_px}x{making.height_px}" if making.width_px else None
    told = {
        "Steps": making.steps,
        "Sampler": making.scheduler or ("default" if making.steps else None),
        "CFG scale": making.guidance,
        "Seed": making.seed,
        "Size": size,
        "Model": making.model or None,
        "Job": making.job_id or None,
        "Version": _VERSION,
    }
    said = (f"{name}: {_written(value)}" for name, value in told.items() if value is not None)
    lines.append(", ".join(said))
    return "\n".join(lines).lstrip()


def read(written: str) -> Making | None:
    """The making; None where the text is not of this form."""
    head, _, last = written.strip()[: 4 * MAX_WORDS].rpartition("\n")
    if len(last) > MAX_WORDS:
        return None
    values = {name.strip(): _unquoted(value) for name, value in _PARAMETER.findall(last)}
    if not ("Steps" in values or ("Size" in values and "Job" in values)):
        return None
    prompt, mark, negative = f"\n{head}".rpartition(f"\n{_NEGATIVE}")
    if not mark:
        prompt, negative = head, ""
    ours = values.pop("Version", None) == _VERSION or "Job" in values
    size = _SIZE.fullmatch(values.pop("Size", ""))
    return Making(
        program=Program.DARKROOM if ours else Program.A1111,
        prompt=words_of(prompt.strip()),
        negative=words_of(negative.strip()),
        model=words_of(values.pop("Model", "")),
        seed=whole(values.pop("Seed", None)),
        steps=whole(values.pop("Steps", None)),
        guidance=decimal(values.pop("CFG scale", None)),
        scheduler=words_of(values.pop("Sampler", "")),
        width_px=int(size[1]) if size else None,
        height_px=int(size[2]) if size else None,
        job_id=words_of(values.pop("Job", "")),
        parameters=plain(values),
    )


def _written(value: float | str) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    said = str(value)
    return f'"{said}"' if re.search('[,:"\n]', said) else said


def _unquoted(value: str) -> str:
    value = value.strip()
    if len(value) >= 2 and value[0] == value[-1] == '"':
        return re.sub(r"\\(.)", r"\1", value[1:-1])
    return value
