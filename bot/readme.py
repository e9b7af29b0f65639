"""The READMEs' table of parameters: `python -m bot.readme` writes it, in each one's language."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from bot.locale import translated
from bot.prompt.flags import FLAGS, Flag
from engine import Sentence

ROOT = Path(__file__).parents[1]
READMES: Mapping[str, str] = MappingProxyType({"README.md": "en", "README.ja.md": "ja"})
"""Which files have the table, each in a language of `locale`."""
BEGIN, END = "<!-- flags: begin -->", "<!-- flags: end -->"
"""What stands around the table."""
_HEAD = Sentence("| parameter | values (default) | what it does |")
_IDLE_HEAD = Sentence(
    "| parameter | values (default) | what it does in Midjourney | why not here |"
)
_IDLE = Sentence("Known from Midjourney and understood, but without effect here so far:")


def table(locale: str) -> str:
    """What acts here, then what is only understood, as Markdown."""
    acting = [_line(flag, locale) for flag in FLAGS if flag.acts]
    understood = [_line(flag, locale) for flag in FLAGS if not flag.acts]
    return "\n".join(
        [
            translated(_HEAD, locale),
            "|---|---|---|",
            *acting,
            "",
            translated(_IDLE, locale),
            "",
            translated(_IDLE_HEAD, locale),
            "|---|---|---|---|",
            *understood,
        ]
    )


def put_into(text: str, locale: str) -> str:
    """`text` with the table between its two marks; ValueError where they are not there once."""
    around = re.split(f"{re.escape(BEGIN)}.*{re.escape(END)}", text, flags=re.DOTALL)
    if len(around) != 2 or text.count(BEGIN) != 1 or text.count(END) != 1:
        raise ValueError(f"It needs one {BEGIN} and, after it, one {END}.")
    return f"\n\n{table(locale)}\n\n".join((around[0] + BEGIN, END + around[1]))


def _line(flag: Flag, locale: str) -> str:
    does = f"| {_names(flag)} | {_range(flag, locale)} | {translated(flag.does, locale)} |"
    return does if flag.lacks is None else f"{does} {translated(flag.lacks, locale)} |"


def _names(flag: Flag) -> str:
    first = f"--{flag.name} {flag.example}".rstrip()
    return ", ".join(f"`{text}`" for text in (first, *(f"--{alias}" for alias in flag.aliases)))


def _range(flag: Flag, locale: str) -> str:
    shown = translated(flag.form.shown, locale) if flag.form else ""
    match flag.default:
        case bool() | str() | None | ():
            return shown
        case (width, height):
            return f"{shown} ({width}:{height})"
        case number:
            return f"{shown} ({number:g})"


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> None:
    parser = argparse.ArgumentParser(prog="python -m bot.readme", description=__doc__)
    parser.parse_args(arguments)
    for name, locale in READMES.items():
        file = root / name
        try:
            file.write_text(put_into(file.read_text(encoding="utf-8"), locale), encoding="utf-8")
        except (OSError, ValueError) as error:
            parser.exit(1, f"{file} cannot be written: {error}\n")


if __name__ == "__main__":
    main()
