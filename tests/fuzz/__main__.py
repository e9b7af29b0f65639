"""`python -m tests.fuzz [TARGET …] [--seconds N]`: hostile bytes for as long as it is let.

Atheris, from the extra `fuzz`, changes what reached new lines. Each target has a process of its
own. The exit status is 1 where one found something; the input is then kept in `.fuzz/`, and is
tried anew by `python -m tests.fuzz TARGET --input FILE`. What Atheris learnt stays there for the
next time.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

FOLDER = Path(".fuzz")
NAMES = ("prompt", "custom_id", "picture", "made_by", "catalogue")
MEMORY_MB = 4096
HANGS_AFTER_S = 20


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("target", nargs="*", choices=(*NAMES, []), help="default: all")
    parser.add_argument("--seconds", type=int, default=60, help="for each target; default: 60")
    parser.add_argument("--input", type=Path, help="only this, on one target")
    parser.add_argument("--in-this-process", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    targets = arguments.target or NAMES
    if arguments.input or arguments.in_this_process:
        _fuzz(targets[0], arguments.seconds, arguments.input)
        return 0  # not reached after fuzzing: libFuzzer ends the process
    found = []
    for target in targets:
        command = [sys.executable, "-m", "tests.fuzz", target, "--in-this-process"]
        run = subprocess.run([*command, "--seconds", str(arguments.seconds)], check=False)
        print(f"{target}: {'well' if run.returncode == 0 else 'FOUND SOMETHING'}", flush=True)
        if run.returncode:
            found.append(target)
    return 1 if found else 0


def _fuzz(target: str, seconds: int, only: Path | None) -> None:
    try:
        import atheris
    except ImportError:
        raise SystemExit('Atheris is missing; "make fuzz" installs the extra fuzz.') from None
    with atheris.instrument_imports(include=["bot", "engine", "PIL", "babel"]):
        from tests.fuzz.targets import TARGETS
    from tests.fuzz.seeds import SEEDS

    if only is not None:
        TARGETS[target](only.read_bytes())
        return
    corpus = FOLDER / target
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(SEEDS[target]):
        (corpus / f"seed-{number}").write_bytes(seed)
    options = (
        f"-max_total_time={seconds}",
        f"-rss_limit_mb={MEMORY_MB}",
        f"-timeout={HANGS_AFTER_S}",
        f"-artifact_prefix={FOLDER}/{target}-",
        "-max_len=8192",
        "-print_final_stats=1",
        "-verbosity=0",
    )
    atheris.Setup([sys.argv[0], *options, str(corpus)], TARGETS[target])
    atheris.Fuzz()


if __name__ == "__main__":
    raise SystemExit(main())
