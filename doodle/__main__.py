"""`darkroom doodle train | evaluate | scenes | words | look`."""

from __future__ import annotations

import darkroom

darkroom.end_quietly_on_ctrl_c()  # before the imports that take seconds

import argparse
import copy
import json
import os
import shutil
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

# Spinning threads starve a shared machine; the libraries' warnings are for their programmers.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("DIFFUSERS_VERBOSITY", "error")

from doodle import recipe as recipes

if TYPE_CHECKING:
    from diffusers import StableDiffusionPipeline
    from PIL import Image

    from doodle.training import Run

FOLDER = Path(__file__).parent
BUILD = Path("build")
"""Where sheets go that are given no name; git ignores it."""
SAMPLE_PROMPTS = (
    "a red cat in the snow",
    "an orange fox in a forest, pencil sketch",
    "a blue owl at night, neon",
    "a yellow boat by the sea",
    "a purple castle at sunset",
    "a green car in a city, neon",
    "a pink butterfly in a meadow",
    "a white rabbit in the rain, sketch",
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

    from doodle.training import ResumeError  # noqa: PLC0415
    from doodle.weights import WeightsError  # noqa: PLC0415

    for library in (diffusers, transformers):
        library.utils.logging.disable_progress_bar()

    try:
        options.command(options)
    except (recipes.RecipeError, ResumeError, WeightsError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def train(options: argparse.Namespace) -> None:
    """Train every part of the recipe, and write the weights."""
    import torch  # noqa: PLC0415

    from doodle import (  # noqa: PLC0415
        autoencoder,
        denoiser,
        describing,
        judge,
        known_words,
        pair,
        text_encoder,
        tokenizer,
        weights,
    )
    from doodle.training import ResumeError, Run  # noqa: PLC0415

    if options.device.startswith("cuda") and not torch.cuda.is_available():
        message = "This machine has no GPU that torch can use; train with --device cpu."
        raise ResumeError(message)
    recipe = recipes.load(options.recipe)
    run = Run(
        folder=options.runs / recipe.name,
        fingerprint=recipe.fingerprint,
        device=options.device,
        resume=options.resume,
        say=_say,
    )
    vae = autoencoder.train(recipe, run)
    words = tokenizer.build(recipe)
    text = text_encoder.train(recipe, run, words)
    pretrained_text = copy.deepcopy(text)
    pipeline = denoiser.train(
        recipe,
        run,
        autoencoder=vae,
        tokenizer=words,
        text_encoder=text,
        on_checkpoint=lambda pipeline, step: _report(run, pipeline, step),
    )
    weights.save(pipeline, options.weights)
    judge.save(judge.train(recipe, run), options.weights / "judge.safetensors")
    clip = pair.train(recipe, run, tokenizer=words, text_encoder=pretrained_text)
    pair.save(clip, words, options.weights / "clip")
    describing.save(recipe.vocabulary, options.weights / "clip")
    known_words.save(recipe.vocabulary, options.weights)
    shutil.copy(recipes.path(options.recipe), options.weights / "recipe.toml")
    _report(run, pipeline, recipe.denoiser.steps)
    _say(f"The weights are in {options.weights}.")


def evaluate(options: argparse.Namespace) -> None:
    """Measure how well the weights follow held-out prompts; the last line printed is JSON."""
    from PIL import Image  # noqa: PLC0415

    from doodle import evaluation, judge, pair, sheet, weights  # noqa: PLC0415

    recipe = recipes.read(options.weights / "recipe.toml")
    pipeline = weights.load(options.weights)
    results, drawn = evaluation.evaluate(
        pipeline,
        judge.load(recipe.vocabulary, options.weights / "judge.safetensors"),
        pair.load(options.weights / "clip"),
        recipe.vocabulary,
        prompts=options.prompts,
        say=_say,
    )
    images = [Image.fromarray(pixels.transpose(1, 2, 0)) for pixels in drawn.pixels[:80]]
    _save_sheet(sheet.contact_sheet(images, columns=10), options.sheet)
    for i, prompt in enumerate(drawn.prompts[:80]):
        _say(f"sheet {i // 10 + 1}.{i % 10 + 1}: {prompt}")
    _say(json.dumps(asdict(results)))


def scenes(options: argparse.Namespace) -> None:
    """Write a contact sheet of drawn scenes."""
    from doodle import sheet  # noqa: PLC0415
    from doodle.scenes import draw  # noqa: PLC0415

    rng = Random(options.seed)
    vocabulary = recipes.load(options.recipe).vocabulary
    images = [draw(vocabulary.sample(rng), seed=options.seed + i) for i in range(options.count)]
    _save_sheet(sheet.contact_sheet(images, columns=10), options.sheet)
    _say(f"{options.count} scenes are in {options.sheet}.")


def write_words(options: argparse.Namespace) -> None:
    """Write the words that the model knows, and those with which the pair describes pictures."""
    from doodle import describing, known_words  # noqa: PLC0415

    recipe = recipes.read(options.weights / "recipe.toml")
    describing.save(recipe.vocabulary, options.weights / "clip")
    known_words.save(recipe.vocabulary, options.weights)
    _say(
        f"The words are in {options.weights / 'clip' / describing.FILE} and"
        f" {options.weights / known_words.FILE}."
    )


def look(options: argparse.Namespace) -> None:
    """Print what judge and pair see in a folder's pictures, as one JSON object."""
    from doodle import measuring  # noqa: PLC0415

    files = sorted(options.folder.glob("*.png"))
    seen = measuring.look(options.weights, files, options.text)
    print(json.dumps({"files": [file.stem for file in files], **asdict(seen)}))


def _report(run: Run, pipeline: StableDiffusionPipeline, step: int) -> None:
    """Write a sheet of samples, the plot of the losses, and the weights of this step."""
    from PIL import Image  # noqa: PLC0415

    from doodle import evaluation, sheet, weights  # noqa: PLC0415

    pictures = evaluation.generate(pipeline, list(SAMPLE_PROMPTS), seed=0)
    images = [Image.fromarray(pixels.transpose(1, 2, 0)) for pixels in pictures]
    sheet.contact_sheet(images, columns=4).save(run.folder / f"samples-{step:06}.png")
    sheet.plot_losses(run.folder / "losses.jsonl", run.folder / "losses.png")
    weights.save(pipeline, run.folder / "preview")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"{darkroom.command()} doodle", description="The small model that comes with Darkroom."
    )
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("train", help="train the model by a recipe")
    one.add_argument("--recipe", default="cpu", help="a file in doodle/recipes (default: cpu)")
    one.add_argument("--resume", action="store_true", help="continue from the run's checkpoints")
    one.add_argument("--device", default="cpu", help="cpu or cuda (default: cpu)")
    one.add_argument("--runs", type=Path, default=FOLDER / "runs", help="folder for checkpoints")
    one.add_argument("--weights", type=Path, default=FOLDER / "weights", help="folder to write")
    one.set_defaults(command=train)
    one = commands.add_parser("evaluate", help="measure how well held-out prompts are followed")
    one.add_argument("--weights", type=Path, default=FOLDER / "weights", help="folder to read")
    one.add_argument("--prompts", type=_count, default=400, help="held-out prompts (default: 400)")
    _add_sheet(one, "evaluation.png")
    one.set_defaults(command=evaluate)
    one = commands.add_parser("scenes", help="draw a contact sheet of scenes")
    one.add_argument("--recipe", default="full", help="whose scenes to draw (default: full)")
    one.add_argument("--count", type=_count, default=80, help="how many (default: 80)")
    one.add_argument("--seed", type=int, default=1, help="of the first scene (default: 1)")
    _add_sheet(one, "scenes.png")
    one.set_defaults(command=scenes)
    one = commands.add_parser("words", help="write the words that the model knows")
    one.add_argument("--weights", type=Path, default=FOLDER / "weights", help="folder to write")
    one.set_defaults(command=write_words)
    one = commands.add_parser("look", help="print what judge and pair see in a folder's pictures")
    one.add_argument("folder", type=Path, help="folder of square .png files")
    one.add_argument("--text", action="append", default=[], help="a text for the pair to read")
    one.add_argument("--weights", type=Path, default=FOLDER / "weights", help="folder to read")
    one.set_defaults(command=look)
    return parser


def _add_sheet(parser: argparse.ArgumentParser, name: str) -> None:
    default = BUILD / name
    parser.add_argument(
        "--sheet", type=_sheet, default=default, help=f"picture to write (default: {default})"
    )


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        message = f"{text!r} is not possible; give a whole number of at least 1."
        raise argparse.ArgumentTypeError(message)
    return int(text)


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
