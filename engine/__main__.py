"""`darkroom engine draw | models | fetch | bench`: the engine from a terminal."""

from __future__ import annotations

import darkroom

darkroom.end_quietly_on_ctrl_c()  # before the imports that take seconds

import argparse
import asyncio
import contextlib
import io
import logging
import os
import re
import secrets
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from engine import (
    DrawJob,
    Engine,
    EngineError,
    Failed,
    Finished,
    ModelInfo,
    ModelSpec,
    Progress,
    Started,
    WeightedText,
    load_catalogue,
)
from engine.device.libraries import prepare
from engine.errors import JobError

if TYPE_CHECKING:
    from engine.bench.measures import Result

DRAWN = Path("data/drawn")
"""Where pictures go that are given no name; git ignores it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand; 0 where it did what was asked. `.env` is read first, as for the bot."""
    try:
        darkroom.load_env(Path(".env"))
        options = _parser().parse_args(arguments)
        with _logged():
            return int(options.command(options))
    except (EngineError, ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


@contextlib.contextmanager
def _logged() -> Iterator[None]:
    """Send the engine's log to stderr, except for jobs that fail with a sentence for the member."""

    def is_news(record: logging.LogRecord) -> bool:
        told = [*(record.exc_info or ()), *(record.args or ())]
        return not any(isinstance(error, JobError) for error in told)

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
    catalogue = Path(os.environ.get("MODELS") or "models.toml")
    device = os.environ.get("DEVICE") or "auto"
    parser.add_argument(
        "--models", type=Path, default=catalogue, help="the catalogue (default: %(default)s)"
    )
    commands = parser.add_subparsers(required=True, metavar="draw | models | fetch | bench")

    draw = commands.add_parser("draw", help="draw a prompt to a file")
    draw.add_argument("prompt", help="what to draw; the parameters of /imagine mean nothing here")
    draw.add_argument(
        "--model", help="a name or alias of the catalogue (default: the largest installed one)"
    )
    draw.add_argument("--seed", type=int, help="the same picture again (default: another one)")
    draw.add_argument("--images", type=int, default=4, help="how many, 1 to 16 (default: 4)")
    draw.add_argument("--steps", type=int, help="denoising steps, 1 to 150 (default: the model's)")
    draw.add_argument(
        "--guidance", type=float, help="how closely to keep to the words (default: the model's)"
    )
    draw.add_argument("--scheduler", help="such as euler or dpm++2m-karras (default: the model's)")
    draw.add_argument("--negative", help="what to leave out (default: the model's)")
    draw.add_argument(
        "--size", type=_size, help="in pixels, such as 512x768 (default: the model's)"
    )
    draw.add_argument(
        "--device", default=device, help="auto, cpu, cuda, cuda:1, mps … (default: %(default)s)"
    )
    draw.add_argument(
        "--out", type=Path, metavar="FILE", help=f"such as cat.png (default: in {DRAWN})"
    )
    draw.set_defaults(command=lambda options: asyncio.run(_draw(options)))

    models = commands.add_parser(
        "models", help="list the catalogue: size, licence, what fits this machine"
    )
    models.set_defaults(command=_models)

    fetch = commands.add_parser("fetch", help="download a model of the catalogue")
    fetch.add_argument("name", help="of the catalogue, such as sdxl")
    fetch.add_argument("--yes", action="store_true", help="download without asking")
    fetch.set_defaults(command=_fetch)

    bench = commands.add_parser("bench", help="measure against diffusers' own pipelines")
    bench.add_argument(
        "what",
        nargs="?",
        choices=("engine", "cluster", "choices"),
        default="engine",
        help="the engine here (the default), a cluster of workers in simulated time, or what an"
        " entry's choices gain and cost in pictures",
    )
    bench.add_argument(
        "--local",
        action="store_true",
        help="with cluster: two real workers on this CPU, one of which is killed",
    )
    bench.add_argument("--json", type=Path, help="write the figures to this file")
    bench.add_argument(
        "--page",
        type=Path,
        help="write the figures as a page, over what the file held, and a plot",
    )
    bench.add_argument("--note", default="", help="a sentence for the page, on how it was measured")
    bench.add_argument(
        "--only",
        nargs="*",
        default=(),
        help="some of the measurements, such as 1 1-toy 4, or 1-sd15 1c-sd15 4-sdxl of --full-size;"
        " any other word lists them all",
    )
    bench.add_argument("--full-size", action="store_true", help="SD 1.5 and SDXL, on a GPU")
    bench.add_argument(
        "--keep",
        type=Path,
        metavar="FILE",
        help="with --full-size: keep each figure in this file, and go on from those it has",
    )
    bench.add_argument(
        "--minutes",
        type=float,
        help="with --full-size: begin no figure after so long; the last one is brought to its end",
    )
    bench.add_argument(
        "--trace", type=Path, metavar="FILE", help="only trace where the time goes, to this file"
    )
    bench.add_argument("--device", default=device, help="(default: %(default)s)")
    bench.add_argument("--dtype", default="auto", help="auto, float32, float16 or bfloat16")
    bench.set_defaults(command=_bench)
    return parser


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d+)[x×](\d+)", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no size; write it as 512x768.")
    return int(match[1]), int(match[2])


async def _draw(options: argparse.Namespace) -> int:
    specs = load_catalogue(options.models)
    info = _choose(specs, options.model).info
    seed = secrets.randbelow(2**32) if options.seed is None else options.seed
    out = options.out or DRAWN / f"{_file_stem(options.prompt)}-{seed}.png"
    if options.out is None:
        out.parent.mkdir(parents=True, exist_ok=True)
    _check_out(out)
    width_px, height_px = options.size or (info.width_px, info.height_px)
    engine = Engine(specs, device=options.device)
    await engine.start()
    _tell(f"{info.title} on {engine.status().device}, seed {seed}")
    try:
        stream = engine.run(
            DrawJob(
                id="draw",
                owner="terminal",
                model=info.name,
                prompt=(WeightedText(text=options.prompt),) if options.prompt else (),
                negative=info.negative if options.negative is None else options.negative,
                seed=seed,
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
                case Started(loading=title) if title:
                    _tell_for_now(f"loading {title} …")
                case Progress(done=done, total=total):
                    _tell_for_now(f"{100 * done // total:3} %")
                case Failed(reason=reason):
                    _tell(reason)
                    return 1
                case Finished() as finished:
                    _save(finished, out)
                    notes = " ".join(finished.notes)
                    _tell(f"{out}: {finished.gpu_s:.1f} s. {notes}".rstrip())
                case _:
                    pass
    finally:
        await engine.close()
    return 0


def _tell(line: str) -> None:
    """A line on stderr, in place of what was told for now."""
    erase = "\r\x1b[K" if sys.stderr.isatty() else ""
    print(f"{erase}{line}", file=sys.stderr, flush=True)


def _tell_for_now(text: str) -> None:
    """What the next text replaces; nothing where stderr is a file."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def _file_stem(prompt: str) -> str:
    """The first words of a prompt, as a file's name on any system."""
    words = re.findall(r"\w+", prompt.casefold())
    return "-".join(words)[:40].strip("-") or "picture"


def _check_out(path: Path) -> None:
    """ValueError where a picture cannot be written there, before it is drawn."""
    kind = Image.registered_extensions().get(path.suffix.lower())
    if kind not in Image.SAVE:
        raise ValueError(f"{path.name!r} names no kind of picture; end it in .png, .jpg or .webp.")
    _check_folder(path)


def _check_folder(path: Path) -> None:
    if not path.parent.is_dir():
        raise ValueError(f"There is no directory {path.parent} for {path.name}; make it.")
    if path.is_dir():
        raise ValueError(f"{path} is a directory; name a file in it.")
    was_here = path.exists()
    try:
        with path.open("ab"):  # the only way to know on every system and file system
            pass
    except OSError as error:
        raise ValueError(f"{path} cannot be written: {error.strerror}.") from None
    if not was_here:
        path.unlink()


def _choose(specs: Sequence[ModelSpec], name: str | None) -> ModelSpec:
    drawing = [spec for spec in specs if spec.draws]
    if name is None:
        return _largest(specs) or drawing[0]
    for spec in drawing:
        if name.casefold() in {alias.casefold() for alias in (spec.info.name, *spec.info.aliases)}:
            return spec
    known = ", ".join(spec.info.name for spec in drawing)
    raise ValueError(f"There is no model {name!r}; there are {known}.")


def _largest(specs: Sequence[ModelSpec]) -> ModelSpec | None:
    """What draws where no model is named, as in the bot."""
    installed = [spec for spec in specs if spec.draws and spec.info.installed]
    return max(installed, key=lambda spec: spec.info.weight_bytes, default=None)


def _save(finished: Finished, path: Path) -> None:
    """Save one picture, or several side by side in rows of two; a lone PNG unchanged."""
    if len(finished.pictures) == 1 and path.suffix.lower() == ".png":
        path.write_bytes(finished.pictures[0].png)
        return
    pictures = [Image.open(io.BytesIO(picture.png)) for picture in finished.pictures]
    width, height = pictures[0].size
    columns = min(2, len(pictures))
    rows = (len(pictures) + 1) // 2
    grid = Image.new("RGB", (columns * width, rows * height), "white")
    for number, picture in enumerate(pictures):
        grid.paste(picture, (number % 2 * width, number // 2 * height))
    grid.save(path)


def _models(options: argparse.Namespace) -> int:
    prepare()
    from engine.device import device as devices  # noqa: PLC0415 - imports torch

    specs = load_catalogue(options.models)
    device = devices.choose(os.environ.get("DEVICE") or "auto", "auto", None)
    print(f"This machine draws on {device.title}, with {device.memory_gb:.0f} GB for models.")
    if device.warning:
        print(device.warning)
    default = _largest(specs)
    for spec in specs:
        info = spec.info
        print()
        size = f": {info.width_px} × {info.height_px} px" if spec.draws else ""
        print(f"{info.name:16} {info.title}{size}")
        state = _state(spec)
        if spec is default:
            state += "; the largest, so it draws where nothing names a model"
        print(f"{'':16} {state}")
        if spec.draws:
            for line in (_fit(info, device.where.type, device.memory_gb), _terms(info)):
                print(f"{'':16} {line}")
        elif info.licence:
            print(f"{'':16} {info.licence}")
    return 0


def _state(spec: ModelSpec) -> str:
    info = spec.info
    if info.installed:
        named = next(iter(info.aliases), info.name)
        return f"installed, --v {named}" if spec.draws else "installed"
    if not spec.hub_id:
        return f"not here; its files belong at {spec.place}"
    size = f"{info.download_gb:g} GB to download: " if info.download_gb else "get it with: "
    return f"not here, {size}{darkroom.command()} engine fetch {info.name}"


def _fit(info: ModelInfo, device: str, memory_gb: float) -> str:
    if device == "cpu":
        quick = info.width_px * info.height_px <= 256 * 256
        return "quick on a CPU" if quick else "slow on a CPU: minutes for each picture"
    need = f"needs {info.vram_gb:g} GB of the card"
    if info.vram_gb <= memory_gb:
        return f"{need}, fits"
    return f"{need}, more than there is; the head of the catalogue says how to make it smaller"


def _terms(info: ModelInfo) -> str:
    sell = "may" if info.may_sell else "may not"
    gate = "; accept its terms on the hub first" if info.gated else ""
    return f"{info.licence or 'licence unknown'}, pictures {sell} be sold{gate}"


def _fetch(options: argparse.Namespace) -> int:
    from engine.fetch import fetch  # noqa: PLC0415 - the hub's client takes a second to import

    specs = {spec.info.name: spec for spec in load_catalogue(options.models)}
    if options.name not in specs:
        raise ValueError(f"There is no model {options.name!r}; there are {', '.join(specs)}.")
    return fetch(specs[options.name], agreed=options.yes, say=print)


def _bench(options: argparse.Namespace) -> int:
    at_full_size = options.full_size and options.what == "engine"
    if not at_full_size and (options.keep is not None or options.minutes is not None):
        raise ValueError("--keep and --minutes go with --full-size alone; leave them out.")
    if options.what == "cluster":
        return _bench_cluster(options)
    if options.what == "choices":
        return _bench_choices(options)
    for file in filter(None, (options.json, options.page, options.keep, options.trace)):
        _check_folder(file)
    prepare()
    from engine.bench import figures  # noqa: PLC0415 - imports torch

    common = {"device": options.device, "dtype": options.dtype, "only": options.only, "say": _say}
    if options.full_size and options.trace is not None:
        print(figures.full_size_trace(options.device, options.dtype, options.trace))
        return 0
    if options.full_size:
        from engine.bench.kept import Kept  # noqa: PLC0415 - as above

        kept = Kept(options.keep, options.minutes)
        return _report(figures.full_size_run(**common, kept=kept), options)
    drawing = [spec for spec in load_catalogue(options.models) if spec.draws]
    doodle = next((spec for spec in drawing if spec.info.installed), None)
    if doodle is None:
        print("No model is installed; the toy alone is measured.", file=sys.stderr)
    if options.trace is not None:
        print(figures.trace(doodle, options.device, options.dtype, options.trace))
        return 0
    return _report(figures.run(doodle, **common), options)


def _bench_choices(options: argparse.Namespace) -> int:
    prepare()
    from engine.bench import choices  # noqa: PLC0415 - imports torch

    spec = _choose(load_catalogue(options.models), None)
    print(f"{spec.info.title}, sixteen pictures drawn together:")
    for line in choices.table(choices.measure(spec, options.device, options.dtype)):
        print(line, flush=True)
    return 0


def _bench_cluster(options: argparse.Namespace) -> int:
    # As Ray has it in its workers of one CPU each; before torch is imported.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    prepare()
    from engine.bench import cluster, local_cluster  # noqa: PLC0415 - they import torch

    if not options.local:
        return cluster.main(_say)
    small = [spec for spec in load_catalogue(options.models) if spec.draws and spec.info.installed]
    if not small:
        raise ValueError(f"No model of {options.models} is installed, so nothing can be drawn.")
    return local_cluster.main(min(small, key=lambda spec: spec.info.weight_bytes), _say)


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
