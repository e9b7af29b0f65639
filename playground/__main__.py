"""`darkroom playground` serves the page; `say` types a line; `record-demo` records the README."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import darkroom
from playground import settings
from playground.refusal import Refused
from playground.say import Request, say
from playground.serve import Playground
from playground.server import PortTaken
from playground.settings import BadSetting
from playground.testbed import BotEnded


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand; the exit code."""
    options = _parser().parse_args(arguments)
    try:
        if options.what == "say":
            return _say(options)
        if options.what == "record-demo":
            return _record_demo(options)
        return asyncio.run(Playground(settings.load()).run())
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
    what = parser.add_subparsers(dest="what", metavar="")
    line = what.add_parser("say", help="type one line as a member, wait, save the picture")
    line.add_argument("line", help='for instance "/imagine prompt: a red cat at night"')
    line.add_argument(
        "--click",
        action="append",
        default=[],
        metavar="BUTTON",
        help="then press this button, for instance V2; may be repeated",
    )
    line.add_argument(
        "--attach",
        action="append",
        default=[],
        metavar="OPTION=FILE",
        help="a file for an attachment option; may be repeated",
    )
    line.add_argument(
        "--as",
        dest="member",
        default="dora",
        metavar="MEMBER",
        help="ansel (owns the server), dora (default), gordon, or daido (who reads Japanese)",
    )
    line.add_argument("--out", type=Path, metavar="FILE", help="save the last picture posted")
    line.add_argument(
        "--timeout",
        type=float,
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
        type=float,
        default=300.0,
        metavar="S",
        help="seconds to wait for each step (300)",
    )
    return parser


def _say(options: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory(prefix="darkroom-") as temporary:
        return asyncio.run(
            say(
                Request(
                    line=options.line.strip(),
                    member=options.member,
                    clicks=options.click,
                    attachments=options.attach,
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


if __name__ == "__main__":
    sys.exit(main())
