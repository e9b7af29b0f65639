"""`darkroom engine draw | models | fetch | bench`: the engine from a terminal."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import logging
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

import darkroom
from engine import (
    DrawJob,
    Engine,
    EngineError,
    Failed,
    Finished,
    ModelSpec,
    Progress,
    WeightedText,
    load_catalogue,
)
from engine.device.threads import wait_passively
from engine.errors import JobError

if TYPE_CHECKING:
    from engine.bench.measures import Result


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand; 0 where it did what was asked."""
    options = _parser().parse_args(arguments)
    try:
        with _logged():
            return int(options.command(options))
    except (EngineError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


@contextlib.contextmanager
def _logged() -> Iterator[None]:
    """Send the engine's log to stderr, except for jobs that fail with a sentence for the member."""

    def is_news(record: logging.LogRecord) -> bool:
        return record.exc_info is None or not isinstance(record.exc_info[1], JobError)

    handler = logging.StreamHandler()
    handler.addFilter(is_news)
    logger = logging.getLogger("engine")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"{darkroom.command()} engine", description="The engine from a terminal."
    )
    parser.add_argument("--models", type=Path, default=Path("models.toml"), help="the catalogue")
    commands = parser.add_subparsers(required=True)

    draw = commands.add_parser("draw", help="draw a prompt to a file")
    draw.add_argument("prompt")
    draw.add_argument("--model", help="a name in the catalogue; default: its first installed one")
    draw.add_argument("--seed", type=int, default=0)
    draw.add_argument("--images", type=int, default=4)
    draw.add_argument("--steps", type=int)
    draw.add_argument("--guidance", type=float)
    draw.add_argument("--scheduler")
    draw.add_argument("--negative")
    draw.add_argument("--size", type=_size, help="such as 512x768")
    draw.add_argument("--device", default="auto")
    draw.add_argument("--out", type=Path, default=Path("grid.png"))
    draw.set_defaults(command=lambda options: asyncio.run(_draw(options)))

    models = commands.add_parser("models", help="list the catalogue")
    models.set_defaults(command=_models)

    fetch = commands.add_parser("fetch", help="download a model of the catalogue")
    fetch.add_argument("name")
    fetch.add_argument("--yes", action="store_true", help="do not ask")
    fetch.set_defaults(command=_fetch)

    bench = commands.add_parser("bench", help="measure against diffusers' own pipelines")
    bench.add_argument("--json", type=Path, help="write the figures to this file")
    bench.add_argument("--page", type=Path, help="write a page and a plot, for docs/benchmarks.md")
    bench.add_argument("--note", default="", help="a sentence for the page, on how it was measured")
    bench.add_argument("--only", nargs="*", default=(), help="such as 1 1-toy 4")
    bench.add_argument("--full-size", action="store_true", help="SD 1.5 and SDXL, on a GPU")
    bench.add_argument("--device", default="auto")
    bench.add_argument("--dtype", default="auto")
    bench.set_defaults(command=_bench)
    return parser


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    return int(width), int(height)


async def _draw(options: argparse.Namespace) -> int:
    specs = load_catalogue(options.models)
    info = _choose(specs, options.model).info
    if not options.out.parent.is_dir():
        raise ValueError(f"There is no directory {options.out.parent} for the picture; make it.")
    width_px, height_px = options.size or (info.width_px, info.height_px)
    engine = Engine(specs, device=options.device)
    await engine.start()
    print(f"{info.title} on {engine.status().device}", file=sys.stderr)
    try:
        stream = engine.run(
            DrawJob(
                id="draw",
                owner="terminal",
                model=info.name,
                prompt=(WeightedText(text=options.prompt),) if options.prompt else (),
                negative=info.negative if options.negative is None else options.negative,
                seed=options.seed,
                images=options.images,
                width_px=width_px,
                height_px=height_px,
                steps=info.steps if options.steps is None else options.steps,
                guidance=info.guidance if options.guidance is None else options.guidance,
                scheduler=info.scheduler if options.scheduler is None else options.scheduler,
                previews=False,
            )
        )
        async for event in stream:
            match event:
                case Progress(done=done, total=total):
                    print(f"\r{100 * done // total:3} %", end="", file=sys.stderr, flush=True)
                case Failed(reason=reason):
                    print(f"\r{reason}", file=sys.stderr)
                    return 1
                case Finished() as finished:
                    _save(finished, options.out)
                    notes = " ".join(finished.notes)
                    print(f"\r{options.out}: {finished.gpu_s:.1f} s. {notes}", file=sys.stderr)
                case _:
                    pass
    finally:
        await engine.close()
    return 0


def _choose(specs: Sequence[ModelSpec], name: str | None) -> ModelSpec:
    drawing = [spec for spec in specs if spec.draws]
    if name is None:
        return next((spec for spec in drawing if spec.info.installed), drawing[0])
    for spec in drawing:
        if name.casefold() in {alias.casefold() for alias in (spec.info.name, *spec.info.aliases)}:
            return spec
    known = ", ".join(spec.info.name for spec in drawing)
    raise ValueError(f"There is no model {name!r}; there are {known}.")


def _save(finished: Finished, path: Path) -> None:
    """Save one picture unchanged, several side by side in rows of two."""
    pictures = [Image.open(io.BytesIO(picture.png)) for picture in finished.pictures]
    if len(pictures) == 1:
        path.write_bytes(finished.pictures[0].png)
        return
    width, height = pictures[0].size
    grid = Image.new("RGB", (2 * width, (len(pictures) + 1) // 2 * height), "white")
    for number, picture in enumerate(pictures):
        grid.paste(picture, (number % 2 * width, number // 2 * height))
    grid.save(path)


def _models(options: argparse.Namespace) -> int:
    for spec in load_catalogue(options.models):
        info = spec.info
        print(f"{info.name:16} {info.title}, {info.family}: {info.width_px} × {info.height_px} px")
        print(f"{'':16} {'installed' if info.installed else 'not here'}, {info.source}")
        sell = ", pictures may be sold" if info.may_sell else ", pictures may not be sold"
        gate = ", behind a gate: accept its terms on the hub first" if info.gated else ""
        print(f"{'':16} {info.licence}{sell if spec.draws else ''}{gate}; VRAM {info.vram_gb:g} GB")
    return 0


def _fetch(options: argparse.Namespace) -> int:
    from engine.fetch import fetch  # noqa: PLC0415 - the hub's client takes a second to import

    specs = {spec.info.name: spec for spec in load_catalogue(options.models)}
    if options.name not in specs:
        raise ValueError(f"There is no model {options.name!r}; there are {', '.join(specs)}.")
    return fetch(specs[options.name], agreed=options.yes, say=print)


def _bench(options: argparse.Namespace) -> int:
    wait_passively()
    from engine.bench import figures  # noqa: PLC0415 - imports torch

    common = {"device": options.device, "dtype": options.dtype, "only": options.only, "say": _say}
    if options.full_size:
        results = figures.full_size_run(**common)
        return _report(results, options)
    drawing = [spec for spec in load_catalogue(options.models) if spec.draws]
    doodle = next((spec for spec in drawing if spec.info.installed), None)
    if doodle is None:
        print("No model is installed; the toy alone is measured.", file=sys.stderr)
    return _report(figures.run(doodle, **common), options)


def _report(results: Sequence[Result], options: argparse.Namespace) -> int:
    from engine.bench import report  # noqa: PLC0415

    print(report.machine())
    if options.json is not None:
        report.write_json(results, options.json)
    if options.page is not None:
        report.write_page(results, options.page, options.note)
    return 0


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
