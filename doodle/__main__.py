"""`darkroom doodle train | evaluate | scenes | words | look`."""

from __future__ import annotations

import darkroom

darkroom.end_quietly_on_ctrl_c()  # before the imports that take seconds

import argparse
import json
import os
import signal
import sys
import time
from dataclasses import asdict
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, TypeVar

# Spinning threads starve a shared machine; the libraries' warnings are for their programmers.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("DIFFUSERS_VERBOSITY", "error")

from doodle import recipe as recipes

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

Number = TypeVar("Number", int, float)
STAGES = ("text", "autoencoder", "judge", "pair", "denoiser", "decoder")
USUAL: dict[str, dict] = {
    "cpu": {"scenes": 20_000, "batch": 0.125},
    "cuda": {"scenes": 180_000, "batch": 1.0},
}
LEAST_SCENES = 1024  # with them there are some of each shape
WIDEST = 4.0  # of scenes, width over height
RECIPE = "doodle"
FOLDER = Path(__file__).parent
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
        return _run(options)
    except KeyboardInterrupt:
        return 130
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)


def _run(options: argparse.Namespace) -> int:
    import diffusers  # noqa: PLC0415 - torch takes seconds, `--help` none
    import transformers  # noqa: PLC0415

    from doodle.weights import WeightsError  # noqa: PLC0415

    for library in (diffusers, transformers):
        library.utils.logging.disable_progress_bar()
    try:
        options.command(options)
    except ImportError as error:
        if error.name != "skia" and not any(name in str(error) for name in ("libGL", "libEGL")):
            raise
        message = f"No scenes can be drawn here ({error}); doodle/README.md says what they need."
        print(message, file=sys.stderr)
        return 1
    except (recipes.RecipeError, WeightsError, RuntimeError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def train(options: argparse.Namespace) -> None:
    """Train within the seconds, write weights as soon as a stage ends, and draw some pictures."""
    from doodle import shipping  # noqa: PLC0415
    from doodle.training import stages, stock  # noqa: PLC0415

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
        shipping.write(options.recipe, out, out / "pipeline")
    except recipes.RecipeError as error:  # such as after `--only text` from nothing
        _say(f"Nothing can be drawn yet: {error}")
    else:
        _samples(out / "pipeline", out / "samples.png")
        _say(f"The weights are in {out}, pictures of some prompts in {out / 'samples.png'}.")
    if failed:
        message = f"These stages failed: {', '.join(failed)}. What the others made is in {out}."
        raise RuntimeError(message)


def evaluate(options: argparse.Namespace) -> None:
    """Measure how well the weights follow held-out prompts; the last line printed is JSON."""
    from doodle import evaluation, judge, pair, shipping, weights  # noqa: PLC0415

    recipe = recipes.read(options.weights / recipes.FILE)
    clip = options.weights / shipping.PAIR
    results, pictures = evaluation.evaluate(
        weights.load(options.weights),
        judge.load(recipe.vocabulary, options.weights / shipping.JUDGE),
        pair.load(clip) if clip.is_dir() else None,
        recipe.vocabulary,
        prompts=options.prompts,
        tuning=options.tuning,
        folder=options.weights,
        say=_say,
    )
    _save_sheet(_sheet_of(pictures[:40]), options.sheet)
    _say(json.dumps(asdict(results)))


def scenes(options: argparse.Namespace) -> None:
    """Write a contact sheet of drawn scenes."""
    from doodle import sheet  # noqa: PLC0415
    from doodle.drawing import draw  # noqa: PLC0415

    rng = Random(options.seed)
    vocabulary = recipes.load(options.recipe).vocabulary
    size = round(256 * options.wide), 256
    images = [
        draw(vocabulary.sample(rng), seed=options.seed + i, size=size) for i in range(options.count)
    ]
    _save_sheet(sheet.contact_sheet(images, columns=8), options.sheet)
    _say(f"{options.count} scenes are in {options.sheet}.")


def write_words(options: argparse.Namespace) -> None:
    """Write the words that the model knows, and those with which the pair describes pictures."""
    from doodle import known_words, shipping  # noqa: PLC0415

    recipe = recipes.read(options.weights / recipes.FILE)
    known_words.save(recipe.vocabulary, options.weights)
    known_words.save_wording(recipe.vocabulary, options.weights / shipping.PAIR)
    _say(
        f"The words are in {options.weights / known_words.VOCABULARY} and"
        f" {options.weights / shipping.PAIR / known_words.DESCRIBE}."
    )


def look(options: argparse.Namespace) -> None:
    """Print what judge and pair see in a folder's pictures, as one JSON object."""
    from doodle import measuring  # noqa: PLC0415

    files = sorted(options.folder.glob("*.png"))
    if not files:
        message = f"There are no .png files in {options.folder}."
        raise RuntimeError(message)
    seen = measuring.look(options.weights, files, options.text)
    print(json.dumps({"files": [file.stem for file in files], **asdict(seen)}))


def _samples(folder: Path, sheet: Path) -> None:
    """Draw four pictures of each of some prompts, as they come."""
    from doodle import evaluation, weights  # noqa: PLC0415

    draw = evaluation.Drawing(weights.load(folder), seed=0, say=lambda _: None)
    pictures = draw.prompts([prompt for prompt in SHOWN for _ in range(evaluation.GRID)])
    _sheet_of(pictures).save(sheet)


def _sheet_of(pictures: np.ndarray) -> Image.Image:
    from PIL import Image  # noqa: PLC0415

    from doodle import sheet  # noqa: PLC0415

    images = [Image.fromarray(pixels.transpose(1, 2, 0)) for pixels in pictures]
    return sheet.contact_sheet(images, columns=8)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"{darkroom.command()} doodle", description="The small model that comes with Darkroom."
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
    one = commands.add_parser("evaluate", help="measure how well held-out prompts are followed")
    one.add_argument("--weights", type=Path, default=FOLDER / "weights", help="folder to read")
    one.add_argument("--prompts", type=_prompts, default=400, help="held out (default: 400)")
    one.add_argument("--tuning", action="store_true", help="the prompts that are never reported")
    _add_sheet(one, "evaluation.png")
    one.set_defaults(command=evaluate)
    one = commands.add_parser("scenes", help="draw a contact sheet of scenes")
    _add_recipe(one)
    one.add_argument("--count", type=_count, default=48, help="how many (default: 48)")
    one.add_argument("--seed", type=int, default=1, help="of the first scene (default: 1)")
    one.add_argument(
        "--wide", type=_wide, default=1.0, help="width over height, 0.25 to 4 (default: 1)"
    )
    _add_sheet(one, "scenes.png")
    one.set_defaults(command=scenes)
    one = commands.add_parser("words", help="write the words that the model knows")
    one.add_argument("--weights", type=Path, default=FOLDER / "weights", help="folder to write")
    one.set_defaults(command=write_words)
    one = commands.add_parser("look", help="print what judge and pair see in a folder's pictures")
    one.add_argument("folder", type=Path, help="folder of .png files")
    one.add_argument("--text", action="append", default=[], help="a text for the pair to read")
    one.add_argument("--weights", type=Path, default=FOLDER / "weights", help="folder to read")
    one.set_defaults(command=look)
    return parser


def _add_recipe(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--recipe", default=RECIPE, help=f"its name or file (default: {RECIPE})")


def _positive(text: str) -> float:
    return _at_least(_number(float, text), 1e-6, text)


def _wide(text: str) -> float:
    return _at_most(_at_least(_number(float, text), 1 / WIDEST, text), WIDEST, text)


def _scenes(text: str) -> int:
    return _at_least(_number(int, text), LEAST_SCENES, text)


def _prompts(text: str) -> int:
    return _at_least(_number(int, text), 8, text)


def _number(kind: type[Number], text: str) -> Number:
    try:
        return kind(text)
    except ValueError:
        message = f"{text!r} is no {'whole ' * (kind is int)}number."
        raise argparse.ArgumentTypeError(message) from None


def _at_least(number: Number, least: Number, text: str) -> Number:
    if not number >= least:
        message = f"{text} is not possible; give {least:g} or more."
        raise argparse.ArgumentTypeError(message)
    return number


def _at_most(number: Number, most: Number, text: str) -> Number:
    if number > most:
        message = f"{text} is not possible; give {most:g} or less."
        raise argparse.ArgumentTypeError(message)
    return number


def _told(wish: str) -> str:
    return ", ".join(f"{usual[wish]} with {device}" for device, usual in USUAL.items())


def _add_sheet(parser: argparse.ArgumentParser, name: str) -> None:
    default = BUILD / name
    parser.add_argument(
        "--sheet", type=_sheet, default=default, help=f"picture to write (default: {default})"
    )


def _count(text: str) -> int:
    return _at_least(_number(int, text), 1, text)


def _sheet(text: str) -> Path:
    """Refused before hours of drawing where no picture can be written there."""
    from PIL import Image  # noqa: PLC0415

    path = Path(text)
    if Image.registered_extensions().get(path.suffix.lower()) not in Image.SAVE:
        message = f"{path.name!r} names no kind of picture; end it in .png, .jpg or .webp."
        raise argparse.ArgumentTypeError(message)
    if not path.parent.is_dir():
        message = f"there is no directory {path.parent}; make it."
        raise argparse.ArgumentTypeError(message)
    return path


def _save_sheet(sheet: Image.Image, path: Path) -> None:
    if path.parent == BUILD:
        BUILD.mkdir(exist_ok=True)
    sheet.save(path)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
