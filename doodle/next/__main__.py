"""`python -m doodle.next train | evaluate | scenes`: the next model."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from dataclasses import asdict
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

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

STAGES = ("text", "autoencoder", "judge", "pair", "decoder", "denoiser", "folded")
USUAL: dict[str, dict] = {
    "cpu": {"scenes": 20_000, "batch": 0.125},
    "card": {"scenes": 180_000, "batch": 1.0},
}
RECIPE = "doodle"
FOLDER = Path(__file__).parents[1]
BEGUN = Path(__file__).parent / "begun"
"""Weights whose training is not at its end, for `--begin-with`."""
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
    out = options.runs / recipe.name
    usual = USUAL["cpu" if options.device == "cpu" else "card"]
    wish = stages.Wish(
        seconds=options.seconds,
        out=out,
        plan=stock.Plan(scenes=options.scenes or usual["scenes"], seed=options.seed),
        workers=max(1, (os.cpu_count() or 2) - 2),
        skip=tuple(options.skip),
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
    if failed:
        message = f"These stages failed: {', '.join(failed)}. What the others made is in {out}."
        raise RuntimeError(message)
    _say(f"All weights are in {out}.")
    if "denoiser" not in options.skip:
        shipping.write(recipe, out, out / "pipeline")
        _samples(out / "pipeline", out / "samples.png")


def evaluate(options: argparse.Namespace) -> None:
    """Measure what a training has learnt so far; the last line printed is JSON."""
    from transformers import CLIPModel  # noqa: PLC0415

    from doodle import weights  # noqa: PLC0415
    from doodle.next import evaluation, judge, shipping  # noqa: PLC0415

    _quiet()
    recipe = recipes.load(options.recipe)
    out = options.runs / recipe.name
    folder = out / "pipeline"
    shipping.write(recipe, options.weights or out, folder)
    if not (folder / shipping.JUDGE).is_file():
        message = "There is no judge to measure with; train the stage `judge` first."
        raise RecipeError(message)
    has_pair = (folder / shipping.PAIR).is_dir()
    results, pictures = evaluation.evaluate(
        weights.load(folder, device=options.device),
        judge.load(recipe.vocabulary, folder / shipping.JUDGE),
        CLIPModel.from_pretrained(folder / shipping.PAIR).float().eval() if has_pair else None,
        recipe.vocabulary,
        prompts=options.prompts,
        tuning=options.tuning,
        folder=folder,
        say=_say,
    )
    _save(pictures[:40], out / "evaluation.png")
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
    _say(f"Pictures of some prompts are in {sheet}.")


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
        "--seconds", type=float, required=True, help="to train in, all stages together"
    )
    one.add_argument("--begin-with", type=Path, help="folder of an earlier training's weights")
    one.add_argument(
        "--skip", nargs="+", choices=STAGES, default=[], help="stages left as they are"
    )
    one.add_argument("--tokenizer", type=Path, help="its folder (default: that of --begin-with)")
    one.add_argument("--seed", type=int, default=1, help="of scenes and noise (default: 1)")
    one.add_argument("--scenes", type=int, help=f"to draw meanwhile ({_told('scenes')})")
    one.add_argument("--batch", type=float, help=f"share of a card's ({_told('batch')})")
    one.add_argument("--eager", action="store_true", help="compile nothing, for a short trial")
    _add_run(one)
    one.set_defaults(command=train)
    one = commands.add_parser("evaluate", help="measure what a training has learnt so far")
    one.add_argument("--weights", type=Path, help="their folder (default: the last training's)")
    one.add_argument("--prompts", type=int, default=400, help="held-out prompts (default: 400)")
    one.add_argument("--tuning", action="store_true", help="the prompts that are never reported")
    _add_run(one)
    one.set_defaults(command=evaluate)
    one = commands.add_parser("scenes", help="draw a contact sheet of scenes")
    one.add_argument("--recipe", default=RECIPE, help=f"whose scenes to draw (default: {RECIPE})")
    one.add_argument("--count", type=int, default=48, help="how many (default: 48)")
    one.add_argument("--seed", type=int, default=1, help="of the first scene (default: 1)")
    one.add_argument("--wide", type=float, default=1.0, help="width over height (default: 1)")
    one.add_argument("--sheet", type=Path, default=BUILD / "scenes.png", help="picture to write")
    one.set_defaults(command=scenes)
    return parser


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--recipe", default=RECIPE, help=f"its name or file (default: {RECIPE})")
    parser.add_argument("--device", default="cpu", help="cpu or cuda (default: cpu)")
    parser.add_argument("--runs", type=Path, default=FOLDER / "runs", help="folder to write into")


def _told(wish: str) -> str:
    return ", ".join(f"{usual[wish]} on a {device}" for device, usual in USUAL.items())


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
