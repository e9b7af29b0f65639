"""The one command: `darkroom bot | playground | engine | doodle …`, each as `python -m` runs it.

It imports none of them, and all of them may import it. It reads `.env` for them, too.
"""

from __future__ import annotations

import io
import os
import re
import runpy
import sys
from pathlib import Path, PurePath
from types import TracebackType

from dotenv import dotenv_values, load_dotenv
from dotenv.parser import Binding, parse_stream

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


def end_quietly_on_ctrl_c() -> None:
    """Let Ctrl-C that nothing catches end the process with 130 and no traceback.

    The programs ask for it before their imports, which take seconds; `main` is not there yet to
    catch anything.
    """
    sys.excepthook = _without_interrupts


def _without_interrupts(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        os._exit(130)  # not by sys.exit: an exception of the hook itself is printed
    sys.__excepthook__(kind, error, trace)


class BadEnvFile(ValueError):
    """`.env` cannot be read; one sentence that names the file and never a value in it."""


def env_values(file: Path) -> dict[str, str | None]:
    """What stands in a file such as `.env`, by name; nothing where there is no file."""
    return dotenv_values(stream=io.StringIO(_env_text(file)))


def load_env(file: Path) -> None:
    """Put what stands in the file into the environment, which comes first where both say it."""
    load_dotenv(stream=io.StringIO(_env_text(file)))


def _env_text(file: Path) -> str:
    """The whole file, every line of which can be understood; "" where there is none."""
    if not file.is_file():
        return ""
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadEnvFile(f"{file} is not UTF-8; save it as UTF-8.") from None
    except OSError as error:
        raise BadEnvFile(f"{file} cannot be read: {error.strerror}.") from None
    if "\0" in text:  # UTF-16 without its mark
        raise BadEnvFile(f"{file} is not UTF-8; save it as UTF-8.")
    for binding in parse_stream(io.StringIO(text)):
        if not _is_understood(binding):
            blank = re.match(r"\s*", binding.original.string)
            assert blank is not None
            line = binding.original.line + len(re.findall(r"\r\n|\n|\r", blank[0]))
            raise BadEnvFile(
                f"{file}, line {line}, is not understood; write it as NAME=value, and close every "
                "quotation mark."
            )
    return text


def _is_understood(binding: Binding) -> bool:
    """Whether it is a comment or NAME=value; `NAME: value` would be a name without a value."""
    if binding.error:
        return False
    if binding.key is None:
        return True
    return binding.value is not None and re.fullmatch(r"[\w.-]+", binding.key) is not None


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
    except KeyboardInterrupt:  # while it imports, before it can see to that itself
        return 130
    return 0


def _usage() -> str:
    lines = [f"  {name:11} {what}" for name, what in PROGRAMS.items()]
    return "\n".join([f"usage: {command()} PROGRAM …", "", *lines, "", "Each tells more: --help"])


if __name__ == "__main__":
    sys.exit(main())
