"""`python -m doodle.next train | evaluate | scenes`: the next model."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, TypeVar

# Spinning threads starve a shared machine; the libraries' warnings are for their programmers.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("DIFFUSERS_VERBOSITY", "error")

try:
    from doodle.next import recipe as recipes
except ImportError as error:
    sys.exit(f"The scenes cannot be drawn here ({error}); doodle/README.md says what they need.")
from doodle.recipe import RecipeError

if TYPE_CHECKING:
    import numpy as np

Number = TypeVar("Number", int, float)
STAGES = ("text", "autoencoder", "judge", "pair", "decoder", "denoiser")
USUAL: dict[str, dict] = {
    "cpu": {"scenes": 20_000, "batch": 0.125},
    "cuda": {"scenes": 180_000, "batch": 1.0},
}
LEAST_SCENES = 1024  # with them there are some of each shape
RECIPE = "next"
FOLDER = Path(__file__).parents[1]
BUILD = Path("build")
"""Where sheets go that are given no name; git ignores it."""
SHOWN = (
    "a red cat in the snow",
    "an orange fox in a forest, pencil sketch",
    "a blue owl at night, neon",
    "a white boat by the sea, watercolour",
    "a purple castle at sunset, pixel art",
    "two green turtles underwater",
    "a pink butterfly in a meadow, stained glass",
    "a brown bear on a red car in a city",
)


def main() -> int:
    """Run the command line; an error that the user can correct is one sentence on stderr."""
    options = _parser().parse_args()
    earlier = {
        number: signal.signal(number, _interrupt) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        options.command(options)
    except KeyboardInterrupt:
        return 130
    except (RecipeError, RuntimeError, ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)
    return 0


def train(options: argparse.Namespace) -> None:
    """Train within the seconds, write weights as soon as a stage ends, and draw some pictures."""
    from doodle.next import shipping  # noqa: PLC0415 - torch takes seconds, `--help` none
    from doodle.next.training import stages, stock  # noqa: PLC0415

    _quiet()
    recipe = recipes.load(options.recipe)
    out = options.out or FOLDER / "runs" / recipe.name
    usual = USUAL[options.device]
    wish = stages.Wish(
        seconds=options.seconds,
        out=out,
        plan=stock.Plan(scenes=options.scenes or usual["scenes"], seed=options.seed),
        workers=max(1, (os.cpu_count() or 2) - 2),
        only=tuple(options.only),
        begin_with=options.begin_with,
        tokenizer=options.tokenizer,
        device=options.device,
        batch=options.batch or usual["batch"],
        compiled=not options.eager,
    )
    began = time.monotonic()
    failed = stages.train(
        recipe, wish, say=lambda text: _say(f"{time.monotonic() - began:6.1f} {text}")
    )
    try:
        shipping.write(recipe, out, out / "pipeline")
    except RecipeError as error:  # such as after `--only text` from nothing
        _say(f"Nothing can be drawn yet: {error}")
    else:
        _samples(out / "pipeline", out / "samples.png")
        _say(f"The weights are in {out}, pictures of some prompts in {out / 'samples.png'}.")
    if failed:
        message = f"These stages failed: {', '.join(failed)}. What the others made is in {out}."
        raise RuntimeError(message)


def evaluate(options: argparse.Namespace) -> None:
    """Measure how well a training's weights follow held-out prompts; the last line is JSON."""
    from doodle import weights  # noqa: PLC0415
    from doodle.next import evaluation, judge, pair, shipping  # noqa: PLC0415

    _quiet()
    recipe = recipes.load(options.recipe)
    trained = options.weights or FOLDER / "runs" / recipe.name
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "pipeline"
        shipping.write(recipe, trained, folder)
        if not (folder / shipping.JUDGE).is_file():
            message = f"{trained} has no judge to measure with; train that stage first."
            raise RecipeError(message)
        results, pictures = evaluation.evaluate(
            weights.load(folder),
            judge.load(recipe.vocabulary, folder / shipping.JUDGE),
            pair.load(folder / shipping.PAIR) if (folder / shipping.PAIR).is_dir() else None,
            recipe.vocabulary,
            prompts=options.prompts,
            tuning=options.tuning,
            folder=folder,
            say=_say,
        )
    options.sheet.parent.mkdir(exist_ok=True)
    _save(pictures[:40], options.sheet)
    _say(json.dumps(asdict(results)))


def scenes(options: argparse.Namespace) -> None:
    """Write a contact sheet of drawn scenes."""
    from doodle import sheet  # noqa: PLC0415
    from doodle.next.scenes import draw  # noqa: PLC0415

    rng = Random(options.seed)
    vocabulary = recipes.load(options.recipe).vocabulary
    size = round(256 * options.wide), 256
    images = [
        draw(vocabulary.sample(rng), seed=options.seed + i, size=size) for i in range(options.count)
    ]
    options.sheet.parent.mkdir(exist_ok=True)
    sheet.contact_sheet(images, columns=8).save(options.sheet)
    _say(f"{options.count} scenes are in {options.sheet}.")


def _quiet() -> None:
    import diffusers  # noqa: PLC0415
    import transformers  # noqa: PLC0415

    for library in (diffusers, transformers):
        library.utils.logging.disable_progress_bar()


def _samples(folder: Path, sheet: Path) -> None:
    """Draw four pictures of each of some prompts, as they come."""
    from doodle import weights  # noqa: PLC0415
    from doodle.next import evaluation  # noqa: PLC0415

    draw = evaluation.Drawing(weights.load(folder), seed=0, say=lambda _: None)
    _save(draw.prompts([prompt for prompt in SHOWN for _ in range(evaluation.GRID)]), sheet)


def _save(pictures: np.ndarray, path: Path) -> None:
    from PIL import Image  # noqa: PLC0415

    from doodle import sheet  # noqa: PLC0415

    images = [Image.fromarray(pixels.transpose(1, 2, 0)) for pixels in pictures]
    sheet.contact_sheet(images, columns=8).save(path)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m doodle.next", description="The next model, while it is being trained."
    )
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("train", help="train all parts, or some")
    one.add_argument(
        "--seconds", type=_positive, required=True, help="of all stages together; hours on a CPU"
    )
    one.add_argument("--only", nargs="+", choices=STAGES, default=[], help="the stages to train")
    one.add_argument("--begin-with", type=Path, help="folder of an earlier training")
    one.add_argument("--tokenizer", type=Path, help="its folder (default: that of --begin-with)")
    one.add_argument("--seed", type=int, default=1, help="of scenes and noise (default: 1)")
    one.add_argument("--scenes", type=_scenes, help=f"to draw meanwhile ({_told('scenes')})")
    one.add_argument("--batch", type=_positive, help=f"share of a card's ({_told('batch')})")
    one.add_argument("--eager", action="store_true", help="compile nothing, for a short trial")
    one.add_argument("--device", choices=USUAL, default="cpu", help="default: cpu")
    one.add_argument("--out", type=Path, help="folder to write into (default: doodle/runs/RECIPE)")
    _add_recipe(one)
    one.set_defaults(command=train)
    one = commands.add_parser("evaluate", help="measure how well a training follows prompts")
    one.add_argument("--weights", type=Path, help="its folder (default: doodle/runs/RECIPE)")
    one.add_argument("--prompts", type=_prompts, default=400, help="held out (default: 400)")
    one.add_argument("--tuning", action="store_true", help="the prompts that are never reported")
    one.add_argument(
        "--sheet", type=Path, default=BUILD / "evaluation.png", help="picture to write"
    )
    _add_recipe(one)
    one.set_defaults(command=evaluate)
    one = commands.add_parser("scenes", help="draw a contact sheet of scenes")
    _add_recipe(one)
    one.add_argument("--count", type=int, default=48, help="how many (default: 48)")
    one.add_argument("--seed", type=int, default=1, help="of the first scene (default: 1)")
    one.add_argument("--wide", type=float, default=1.0, help="width over height (default: 1)")
    one.add_argument("--sheet", type=Path, default=BUILD / "scenes.png", help="picture to write")
    one.set_defaults(command=scenes)
    return parser


def _add_recipe(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--recipe", default=RECIPE, help=f"its name or file (default: {RECIPE})")


def _positive(text: str) -> float:
    return _at_least(float(text), 1e-6, text)


def _scenes(text: str) -> int:
    return _at_least(int(text), LEAST_SCENES, text)


def _prompts(text: str) -> int:
    return _at_least(int(text), 8, text)


def _at_least(number: Number, least: Number, text: str) -> Number:
    if not number >= least:
        message = f"{text} is not possible; give {least:g} or more."
        raise argparse.ArgumentTypeError(message)
    return number


def _told(wish: str) -> str:
    return ", ".join(f"{usual[wish]} with {device}" for device, usual in USUAL.items())


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
