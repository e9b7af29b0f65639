"""`python -m doodle.next train | scenes`."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

# Spinning threads starve a shared machine; the libraries' warnings are for their programmers.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("DIFFUSERS_VERBOSITY", "error")

from doodle.next import recipe as recipes

if TYPE_CHECKING:
    from diffusers import AutoencoderKL

    from doodle.next.recipe import Recipe
    from doodle.training import Run

RUNS = Path(__file__).parents[1] / "runs"


def main() -> int:
    """Run the command line; an error that the user can correct is one sentence on stderr."""
    options = _parser().parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    try:
        options.command(options)
    except KeyboardInterrupt:
        return 130
    return 0


def train(options: argparse.Namespace) -> None:
    """Train one stage of a recipe."""
    from doodle.next import autoencoder  # noqa: PLC0415 - torch takes seconds, `--help` none
    from doodle.training import Run  # noqa: PLC0415

    recipe = recipes.load(options.recipe)
    run = Run(
        folder=options.runs / recipe.name,
        fingerprint=recipe.fingerprint,
        device=options.device,
        resume=True,
        say=_say,
    )
    autoencoder.train(
        recipe, run, on_checkpoint=lambda model, step: _pairs(recipe, run, model, step)
    )


def _pairs(recipe: Recipe, run: Run, model: AutoencoderKL, step: int) -> None:
    """Write a sheet of scenes above what the autoencoder makes of them, and say how sharp."""
    import torch  # noqa: PLC0415
    from PIL import Image  # noqa: PLC0415

    from doodle import sheet  # noqa: PLC0415
    from doodle.next import autoencoder  # noqa: PLC0415
    from doodle.next.pictures import fresh  # noqa: PLC0415

    drawn = fresh(recipe.vocabulary, seed="shown", count=16)
    pictures = torch.from_numpy(drawn.pixels)
    with torch.no_grad(), run.autocast():
        seen = model.decode(model.encode(autoencoder.signed(pictures)).latent_dist.mode()).sample
    again = ((seen.float().clamp(-1, 1) + 1) * 127.5).round().byte()
    error = (again.float() - pictures.float()).square().mean()
    share = autoencoder.sharpness(again) / autoencoder.sharpness(pictures)
    _say(f"autoencoder: step {step}, sharpness {share:.3f}, PSNR {10 * (65025 / error).log10():.2f}")
    rows = [part for i in (0, 8) for part in (pictures[i : i + 8], again[i : i + 8])]
    images = [Image.fromarray(p.numpy().transpose(1, 2, 0)) for row in rows for p in row]
    sheet.contact_sheet(images, columns=8).save(run.folder / "autoencoder.png")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m doodle.next")
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("train", help="train a stage of the model by a recipe")
    one.add_argument("--recipe", default="cpu")
    one.add_argument("--device", default="cpu", help="cpu or cuda (default: cpu)")
    one.add_argument("--runs", type=Path, default=RUNS, help="folder for checkpoints")
    one.set_defaults(command=train)
    return parser


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
