"""`python -m doodle.next train | freeze | evaluate | scenes`: the next model, stage by stage."""

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
    from collections.abc import Callable

    import numpy as np
    from diffusers import AutoencoderKL, StableDiffusionPipeline
    from torch import nn

    from doodle.next.recipe import Recipe
    from doodle.training import Run

TIMED = ("text", "autoencoder", "judge", "pair", "decoder", "denoiser", "folded")
FOLDER = Path(__file__).parents[1]
BEGUN = Path(__file__).parent / "begun"
"""Weights of the `full` recipe whose training is not at its end, for `--begin-with`."""
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
    """Train one stage of a recipe, from its last checkpoint; or all of them in their order.

    With `--seconds` all stages are trained on a card within that time.
    """
    if options.seconds is not None:
        _train_timed(options)
        return
    if options.skip or options.begin_with or options.tokenizer:
        message = "--begin-with, --skip and --tokenizer go with --seconds."
        raise RecipeError(message)
    recipe, run = _run(options)
    for stage in STAGES if options.stage == "all" else (options.stage,):
        STAGES[stage](recipe, run)
        _say(f"{stage}: done.")


def _train_timed(options: argparse.Namespace) -> None:
    """Train with new weights or those of `--begin-with`; write them as soon as a stage ends."""
    from doodle.next.timed import stock, training  # noqa: PLC0415

    _quiet()
    recipe = recipes.load(options.recipe)
    out = options.runs / recipe.name / "timed"
    wish = training.Wish(
        seconds=options.seconds,
        out=out,
        plan=stock.Plan(scenes=options.scenes),
        workers=max(1, (os.cpu_count() or 2) - 2),
        skip=tuple(options.skip),
        begin_with=options.begin_with,
        tokenizer=options.tokenizer,
        device=options.device,
    )
    began = time.monotonic()
    failed = training.train(
        recipe, wish, say=lambda text: _say(f"{time.monotonic() - began:6.1f} {text}")
    )
    if failed:
        message = f"These stages failed: {', '.join(failed)}. What the others made is in {out}."
        raise RuntimeError(message)
    _say(f"All weights are in {out}.")


def freeze(options: argparse.Namespace) -> None:
    """End the training of the autoencoder where it is: what follows depends on its encoder."""
    from doodle.next import autoencoder  # noqa: PLC0415 - torch takes seconds, `--help` none

    recipe, run = _run(options)
    if run.load("autoencoder_finished") is not None:
        message = f"The encoder in {run.folder} is fixed already; its latents depend on it."
        raise RecipeError(message)
    model = autoencoder.build(recipe)
    step = _load(run, "autoencoder", model, list(model.parameters()))
    autoencoder.finish(recipe, run, model.to(run.device))
    _say(f"The encoder is fixed as it was at step {step}.")


def evaluate(options: argparse.Namespace) -> None:
    """Measure what the run has learnt so far; the last line printed is JSON."""
    from PIL import Image  # noqa: PLC0415

    from doodle import sheet, weights  # noqa: PLC0415
    from doodle.next import evaluation, judge  # noqa: PLC0415

    recipe, run = _run(options)
    seeing = judge.Judge(recipe.vocabulary)
    _load(run, "judge", seeing, list(seeing.parameters()))
    pipeline = weights.load(run.folder / "preview", device=options.device)
    results, pictures = evaluation.evaluate(
        pipeline,
        seeing.eval(),
        _pair_of(recipe, run),
        recipe.vocabulary,
        prompts=options.prompts,
        tuning=options.tuning,
        folder=run.folder / "preview",
        say=_say,
    )
    images = [Image.fromarray(pixels.transpose(1, 2, 0)) for pixels in pictures[:40]]
    sheet.contact_sheet(images, columns=8).save(run.folder / "evaluation.png")
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


def _train_autoencoder(recipe: Recipe, run: Run) -> None:
    from diffusers import AutoencoderKL  # noqa: PLC0415

    from doodle.next import autoencoder  # noqa: PLC0415

    own = AutoencoderKL.from_pretrained(FOLDER / "weights" / "vae", local_files_only=True)
    autoencoder.train(recipe, run, on_checkpoint=_reconstructions(recipe, run), own=own.float())


def _train_decoder(recipe: Recipe, run: Run) -> None:
    from doodle.next import autoencoder  # noqa: PLC0415

    model = _fixed_autoencoder(recipe, run)
    autoencoder.train_decoder(recipe, run, model, on_checkpoint=_reconstructions(recipe, run))


def _train_text_encoder(recipe: Recipe, run: Run) -> None:
    from doodle.next import text_encoder  # noqa: PLC0415

    text_encoder.train(recipe, run, text_encoder.tokenizer(recipe))


def _encode_latents(recipe: Recipe, run: Run) -> None:
    from doodle.next import latents, text_encoder  # noqa: PLC0415

    model = _fixed_autoencoder(recipe, run)
    latents.encode_all(recipe, run, model.to(run.device), text_encoder.tokenizer(recipe))


def _train_denoiser(recipe: Recipe, run: Run) -> None:
    from doodle.next import denoiser, text_encoder  # noqa: PLC0415

    words = text_encoder.tokenizer(recipe)
    pipeline = denoiser.train(
        recipe,
        run,
        autoencoder=_sharpest_autoencoder(recipe, run),
        tokenizer=words,
        text_encoder=text_encoder.train(recipe, run, words),
        on_checkpoint=lambda pipeline, step: _preview(run, pipeline, step),
    )
    _preview(run, pipeline, recipe.denoiser.steps)


def _train_judge(recipe: Recipe, run: Run) -> None:
    from doodle.next import judge  # noqa: PLC0415

    (run.folder / "preview").mkdir(parents=True, exist_ok=True)
    judge.save(judge.train(recipe, run), run.folder / "preview" / "judge.safetensors")


def _train_pair(recipe: Recipe, run: Run) -> None:
    from doodle.next import known_words, pair, text_encoder  # noqa: PLC0415

    words = text_encoder.tokenizer(recipe)
    text = text_encoder.train(recipe, run, words)
    trained = pair.train(recipe, run, tokenizer=words, text_encoder=text)
    pair.save(trained, words, run.folder / "preview" / "clip")
    known_words.save(recipe.vocabulary, run.folder / "preview")


STAGES: dict[str, Callable[[Recipe, Run], None]] = {
    "autoencoder": _train_autoencoder,
    "text": _train_text_encoder,
    "latents": _encode_latents,
    "decoder": _train_decoder,
    "denoiser": _train_denoiser,
    "judge": _train_judge,
    "pair": _train_pair,
}


def _quiet() -> None:
    import diffusers  # noqa: PLC0415
    import transformers  # noqa: PLC0415

    for library in (diffusers, transformers):
        library.utils.logging.disable_progress_bar()


def _run(options: argparse.Namespace) -> tuple[Recipe, Run]:
    from doodle.training import Run  # noqa: PLC0415

    _quiet()
    recipe = recipes.load(options.recipe)
    run = Run(
        folder=options.runs / recipe.name,
        fingerprint=recipe.fingerprint,
        device=options.device,
        resume=True,
        say=_say,
    )
    return recipe, run


def _fixed_autoencoder(recipe: Recipe, run: Run) -> AutoencoderKL:
    from doodle.next import autoencoder  # noqa: PLC0415

    if run.load("autoencoder_finished") is None:
        message = f"{run.folder} has no finished autoencoder; train that stage, or `freeze` it."
        raise RecipeError(message)
    return autoencoder.train(recipe, run)


def _sharpest_autoencoder(recipe: Recipe, run: Run) -> AutoencoderKL:
    """Return the autoencoder with the decoder that was trained longest."""
    model = _fixed_autoencoder(recipe, run)
    if run.load("decoder") is not None:
        trained = [*model.decoder.parameters(), *model.post_quant_conv.parameters()]
        _load(run, "decoder", model, trained)
    return model


def _load(run: Run, part: str, model: nn.Module, trained: list[nn.Parameter]) -> int:
    """Give a model the averaged weights of a part's last checkpoint; return its step."""
    import torch  # noqa: PLC0415

    state = run.load(part)
    if state is None:
        message = f"{run.folder} has no {part}; train the stage `{part}` first."
        raise RecipeError(message)
    model.load_state_dict(state["model"])
    with torch.no_grad():
        for parameter, average in zip(trained, state["average"]["shadow_params"], strict=True):
            parameter.copy_(average)
    return int(state["step"])


def _pair_of(recipe: Recipe, run: Run):  # noqa: ANN202 - a CLIPModel, or None while there is none
    from doodle.next import pair, text_encoder  # noqa: PLC0415

    state = run.load("pair")
    if state is None:
        return None
    words = text_encoder.tokenizer(recipe)
    model = pair.build(recipe, text_encoder.build(recipe, words))
    model.load_state_dict(state["model"])
    return model.eval()


def _reconstructions(recipe: Recipe, run: Run) -> Callable[[AutoencoderKL, int], None]:
    """Return what writes a sheet of scenes above what the autoencoder makes of them."""
    import torch  # noqa: PLC0415

    from doodle.next import autoencoder  # noqa: PLC0415
    from doodle.next.pictures import fresh  # noqa: PLC0415

    drawn = fresh(recipe.vocabulary, seed="shown", count=12)
    pictures = torch.from_numpy(drawn.pixels)

    def report(model: AutoencoderKL, step: int) -> None:
        with torch.no_grad(), run.autocast():
            given = autoencoder.signed(pictures).to(run.device)
            seen = model.decode(model.encode(given).latent_dist.mode()).sample
        again = ((seen.float().cpu().clamp(-1, 1) + 1) * 127.5).round().byte()
        error = (again.float() - pictures.float()).square().mean()
        share = autoencoder.sharpness(again) / autoencoder.sharpness(pictures)
        _say(f"step {step}: sharpness {share:.3f}, PSNR {10 * (65025 / error).log10():.2f} dB")
        rows = [part for i in (0, 6) for part in (pictures[i : i + 6], again[i : i + 6])]
        _save(torch.cat(rows).numpy(), run.folder / "autoencoder.png", columns=6)

    return report


def _preview(run: Run, pipeline: StableDiffusionPipeline, step: int) -> None:
    """Write a sheet of samples, the plot of the losses, and the weights of this step."""
    from doodle import sheet, weights  # noqa: PLC0415
    from doodle.next import evaluation  # noqa: PLC0415

    own = pipeline.scheduler
    draw = evaluation.Drawing(pipeline, seed=0, say=lambda _: None)
    grids = draw.prompts([prompt for prompt in SHOWN[:2] for _ in range(4)])
    rest = draw.prompts(list(SHOWN))
    pipeline.register_modules(scheduler=own)
    for name, pictures in (("grids", grids), ("samples", rest)):
        _save(pictures, run.folder / f"{name}-{step:06}.png", columns=4)
    sheet.plot_losses(run.folder / "losses.jsonl", run.folder / "losses.png")
    weights.save(pipeline, run.folder / "preview")


def _save(pictures: np.ndarray, path: Path, *, columns: int) -> None:
    from PIL import Image  # noqa: PLC0415

    from doodle import sheet  # noqa: PLC0415

    images = [Image.fromarray(pixels.transpose(1, 2, 0)) for pixels in pictures]
    sheet.contact_sheet(images, columns=columns).save(path)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m doodle.next", description="The next model, while it is being trained."
    )
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("train", help="train a stage, from its last checkpoint")
    one.add_argument("--stage", choices=[*STAGES, "all"], default="all")
    one.add_argument("--seconds", type=float, help="train all stages on a card within this time")
    one.add_argument("--begin-with", type=Path, help="folder of weights of an earlier --seconds")
    one.add_argument("--skip", nargs="+", choices=TIMED, default=[], help="stages left as they are")
    one.add_argument("--tokenizer", type=Path, help="its folder (default: that of --begin-with)")
    one.add_argument(
        "--scenes", type=int, default=180_000, help="drawn meanwhile (default: 180000)"
    )
    _add_run(one)
    one.set_defaults(command=train)
    one = commands.add_parser("freeze", help="end the autoencoder's training where it is")
    _add_run(one)
    one.set_defaults(command=freeze)
    one = commands.add_parser("evaluate", help="measure what the run has learnt so far")
    one.add_argument("--prompts", type=int, default=400, help="held-out prompts (default: 400)")
    one.add_argument("--tuning", action="store_true", help="the prompts that are never reported")
    _add_run(one)
    one.set_defaults(command=evaluate)
    one = commands.add_parser("scenes", help="draw a contact sheet of scenes")
    one.add_argument("--recipe", default="full", help="whose scenes to draw (default: full)")
    one.add_argument("--count", type=int, default=48, help="how many (default: 48)")
    one.add_argument("--seed", type=int, default=1, help="of the first scene (default: 1)")
    one.add_argument("--wide", type=float, default=1.0, help="width over height (default: 1)")
    one.add_argument("--sheet", type=Path, default=BUILD / "scenes.png", help="picture to write")
    one.set_defaults(command=scenes)
    return parser


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--recipe", default="cpu", help="cpu, full, or a file (default: cpu)")
    parser.add_argument("--device", default="cpu", help="cpu or cuda (default: cpu)")
    parser.add_argument("--runs", type=Path, default=FOLDER / "runs", help="folder of checkpoints")


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
