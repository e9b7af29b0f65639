"""The one command: `darkroom bot | playground | engine | doodle …`, each as `python -m` runs it.

It imports none of them, and all of them may import it.
"""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path, PurePath

PROGRAMS = {
    "bot": "the Discord bot: connect and draw; check, sync, backup",
    "playground": "a small Discord in a browser tab with the bot in it; no token needed",
    "engine": "draw, list and fetch models from a terminal",
    "doodle": "train and measure the small model that comes with Darkroom",
}


_NEEDS_EXTRA = (
    "{command} needs the extra “playground”, which this installation of Darkroom was made without. "
    "README's “Without make” says how to install it."
)


def command() -> str:
    """How a person types `darkroom` where this process was started, never an absolute path.

    DARKROOM_COMMAND where it is set, as in the container; the path to the script where its
    environment lies below the current directory, as `.venv/bin/darkroom`; else `darkroom`.
    """
    if said := os.environ.get("DARKROOM_COMMAND"):
        return said
    script = Path(sys.executable).with_name("darkroom.exe" if os.name == "nt" else "darkroom")
    return typed(script, Path.cwd()) if script.is_file() else "darkroom"


def typed(script: PurePath, folder: PurePath) -> str:
    """How the script is called in the folder: by its path below it, else by its name."""
    if not script.is_relative_to(folder):
        return "darkroom"
    return str(script.relative_to(folder).with_suffix(""))


def main() -> int:
    """Run the program that the first argument names; the exit status where there is none."""
    names = sys.argv[1:2]
    if not names or names[0] in ("-h", "--help"):
        print(_usage())
        return 0
    if names[0] not in PROGRAMS:
        print(f"There is no {command()} {names[0]}.\n\n{_usage()}", file=sys.stderr)
        return 2
    sys.argv = [f"{command()} {names[0]}", *sys.argv[2:]]
    try:
        runpy.run_module(names[0], run_name="__main__")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "simcord":
            raise
        print(_NEEDS_EXTRA.format(command=sys.argv[0]), file=sys.stderr)
        return 1
    return 0


def _usage() -> str:
    lines = [f"  {name:11} {what}" for name, what in PROGRAMS.items()]
    return "\n".join([f"usage: {command()} PROGRAM …", "", *lines, "", "Each tells more: --help"])


if __name__ == "__main__":
    sys.exit(main())
