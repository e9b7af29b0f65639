"""`darkroom playground` serves the page; `say` types a line; `record-demo` records the README."""

from __future__ import annotations

import darkroom

darkroom.end_quietly_on_ctrl_c()  # before the imports that take seconds

import argparse
import asyncio
import math
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from playground import faults, settings, steps
from playground.refusal import Refused
from playground.say import Request, say
from playground.serve import Playground
from playground.server import PortTaken
from playground.settings import BadSetting
from playground.testbed import BotEnded

_SHEETS = (".jpg", ".png", ".webp")
_STEPS = (
    ("attach", "OPTION=FILE", "a file for an attachment option of the command before it"),
    ("click", "BUTTON", "press this button of the newest message that has it, for instance V2"),
    (
        "modal",
        "LABEL=VALUE",
        "fill in a field of the form that opened (@FILE: a file); else it is sent as it stands",
    ),
    ("select", "CHOICE", "choose this in a menu, or MENU=CHOICE"),
    ("react", "EMOJI", "react to the newest picture, for instance with ⭐"),
    ("unreact", "EMOJI", "take the reaction away"),
    ("menu", "NAME", 'right-click the newest picture and take this, for instance "Job details"'),
    ("paint", "FILE", "scribble over the newest picture and save it as FILE, for a form"),
    ("thread", "NAME", "start a thread from the newest picture, and go on there"),
    ("post", "NAME", "begin a post in the forum, and go on there"),
    ("in", "CHANNEL", 'go on in this channel, thread or post, or in "direct" messages'),
    ("then", "LINE", "type another command"),
)


class _Step(argparse.Action):
    """Keeps what is typed in its order, whatever the option."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,  # noqa: ARG002 - argparse's signature
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        typed = (option_string or "").lstrip("-")
        namespace.steps = [*namespace.steps, (self.dest if typed else "then", str(values))]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand; the exit code."""
    options = _parser().parse_args(arguments)
    try:
        if options.what == "say":
            return _say(options)
        if options.what == "record-demo":
            return _record_demo(options)
        if options.what == "record-walk":
            return _record_walk(options)
        faults_ = faults.load(options.faults) if options.faults else None
        return asyncio.run(Playground(settings.load(), faults_).run())
    except (PortTaken, Refused, BotEnded, BadSetting, ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"{darkroom.command()} playground",
        description="A small Discord on loopback with the bot in it. Without a subcommand: serve "
        "the page on 127.0.0.1:PLAYGROUND_PORT (8080) until Ctrl-C.",
    )
    parser.add_argument(
        "--faults",
        type=Path,
        metavar="FILE",
        help="let this Discord fail as a TOML file says, see docs/faults.md",
    )
    what = parser.add_subparsers(dest="what", metavar="")
    line = what.add_parser(
        "say",
        help="type commands as a member, press buttons, save the pictures",
        description="Type a command as a member, then do what the options say, in their order; "
        "each waits until the bot is done.",
    )
    line.set_defaults(steps=[])
    line.add_argument(
        "line", action=_Step, help='for instance "/imagine prompt: a red cat at night"'
    )
    for option, value, words in _STEPS:
        line.add_argument(f"--{option}", action=_Step, metavar=value, help=words)
    line.add_argument(
        "--as",
        dest="member",
        default="dora",
        metavar="MEMBER",
        help="ansel (owns the server), dora (default), gordon, or daido (who reads Japanese)",
    )
    line.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="save the last picture posted; with # in the name, each step's: walk-#.png",
    )
    line.add_argument(
        "--timeout",
        type=_seconds,
        default=300.0,
        metavar="S",
        help="seconds to wait for each step (300)",
    )
    line.add_argument(
        "--data-dir",
        type=Path,
        metavar="DIR",
        help="keep the bot's data here (default: a temporary folder)",
    )
    line.add_argument("--verbose", action="store_true", help="show the bot's log as well")
    demo = what.add_parser("record-demo", help="record the README's moving picture with Chromium")
    demo.add_argument(
        "--out",
        type=Path,
        default=Path("docs"),
        metavar="DIR",
        help="the folder for playground.webp and playground.png (docs)",
    )
    demo.add_argument("--prompt", default="a blue owl in a forest --q 2", help="what is typed")
    demo.add_argument(
        "--timeout",
        type=_seconds,
        default=300.0,
        metavar="S",
        help="seconds to wait for each step (300)",
    )
    sheet = what.add_parser("record-walk", help="record the README's walk with Chromium")
    sheet.add_argument(
        "--out",
        type=_sheet,
        default=Path("docs/walk.jpg"),
        metavar="FILE",
        help="the contact sheet (docs/walk.jpg)",
    )
    sheet.add_argument(
        "--timeout",
        type=_seconds,
        default=300.0,
        metavar="S",
        help="seconds to wait for each step (300)",
    )
    return parser


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no time; give seconds, such as 60.")
    return seconds


def _sheet(text: str) -> Path:
    """Refused before minutes of recording."""
    path = Path(text)
    if path.suffix.lower() not in _SHEETS:
        raise argparse.ArgumentTypeError(
            f"{text!r} names no picture; give a file in {', '.join(_SHEETS)}, say docs/walk.jpg."
        )
    return path


def _say(options: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory(prefix="darkroom-") as temporary:
        return asyncio.run(
            say(
                Request(
                    steps=steps.in_order(options.steps),
                    member=options.member,
                    out=options.out,
                    data_dir=options.data_dir or Path(temporary),
                    timeout_s=options.timeout,
                    verbose=options.verbose,
                )
            )
        )


def _record_demo(options: argparse.Namespace) -> int:
    from playground.record_demo import record_demo  # noqa: PLC0415 - needs playwright, which serving does not

    return asyncio.run(record_demo(options.out, prompt=options.prompt, timeout_s=options.timeout))


def _record_walk(options: argparse.Namespace) -> int:
    from playground.record_walk import record_walk  # noqa: PLC0415 - needs playwright, as above

    return asyncio.run(record_walk(options.out, timeout_s=options.timeout))


if __name__ == "__main__":
    sys.exit(main())
