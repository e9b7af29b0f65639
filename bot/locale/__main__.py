"""`python -m bot.locale update` brings the catalogues up to the code; `check` only looks."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from bot.locale import catalogue, extraction


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m bot.locale", description=__doc__)
    parser.add_argument(
        "command",
        choices=("update", "check"),
        help="update: add new sentences with an empty translation and drop those that are gone, "
        "other translations stay; check: list what is missing, empty or wrong",
    )
    command = parser.parse_args(arguments).command
    found = extraction.sentences()
    wrong = []
    for locale in catalogue.LOCALES:
        kept = catalogue.read(locale)
        if command == "update":
            kept = extraction.updated(kept, found)
            file = catalogue.FOLDER / f"{locale}.po"
            file.write_text(catalogue.text(kept), encoding="utf-8")
        wrong += [f"{locale}: {problem}" for problem in extraction.problems(kept, found)]
    for problem in wrong:
        print(problem)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
