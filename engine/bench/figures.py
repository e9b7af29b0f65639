"""Which benchmarks are run, on which models, and with which bars."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import torch

from engine.bench.bench import Bench
from engine.bench.kept import Kept
from engine.bench.measures import (
    MEASURES,
    Bars,
    FullSize,
    Result,
    alone,
    limit_of_a_card,
    share_of_limit,
    throughput,
)
from engine.bench.models import full_size, spec_of, toy, toy_spec
from engine.bench.report import row
from engine.bench.trace import write_trace
from engine.catalogue import ModelSpec
from engine.device.device import Device, choose, leave_a_core
from engine.errors import EngineError

TOY = "-toy"

INSTALLED_BARS = Bars(throughput=1.5)
TOY_BARS = Bars(throughput=2.0, overhead=None, rounds=5)
H200 = Bars(throughput=0.0, latency=0.5, overhead=0.05, grids=None, exact=False)
FULL_SIZE = (
    FullSize(
        name="sd15",
        title="SD 1.5, random",
        side_px=512,
        family="sd",
        over_sc=2.0,
        share=0.60,
        pass_tflop=0.803,
        decode_tflop=2.51,
        bars=replace(H200, throughput=5.0),
    ),
    FullSize(
        name="sdxl",
        title="SDXL, random",
        side_px=1024,
        family="sdxl",
        over_sc=1.0,
        share=0.65,
        pass_tflop=6.76,
        decode_tflop=10.47,
        bars=replace(H200, throughput=2.5),
    ),
)


def run(
    installed: ModelSpec | None,
    *,
    device: str,
    dtype: str,
    only: Sequence[str],
    say: Callable[[str], object],
) -> list[Result]:
    """Run every benchmark asked for, on an installed model and the toy; `say` gets the lines.

    Raises ValueError for an unknown number.
    """
    known = [number + TOY for number in MEASURES]
    if installed is not None:
        known = [*_numbers(""), *known]
    _check(only, known)
    leave_a_core()
    results: list[Result] = []
    with tempfile.TemporaryDirectory() as folder:
        toy().save_pretrained(folder)
        exact = choose(device, dtype, None).dtype == torch.float32
        toys = replace(TOY_BARS, exact=exact)
        benches = [(TOY, Bench(toy_spec(Path(folder)), 64, device, dtype), toys)]
        if installed is not None:
            bench = Bench(installed, installed.info.width_px, device, dtype)
            benches.insert(0, ("", bench, replace(INSTALLED_BARS, exact=exact)))
        for suffix, bench, bars in benches:
            for result in _figures(bench, bars, suffix, only or known):
                results.append(result)
                say(row(result))
    return results


def full_size_run(
    *,
    device: str,
    dtype: str,
    only: Sequence[str],
    say: Callable[[str], object],
    kept: Kept | None = None,
) -> list[Result]:
    """Run SD 1.5 at 512 and SDXL at 1024 px with random weights against S and Sc, on a GPU.

    kept: what an earlier part has measured is not measured again. Raises ValueError for an unknown
    number, and where the earlier part was measured on another card or in another format.
    """
    kept = kept or Kept()
    known = [number for size in FULL_SIZE for number in _full_size_numbers(size.name)]
    _check(only, known)
    chosen = _card(device, dtype)
    kept.belong_to(f"{chosen.title}, {chosen.dtype}")
    for size in FULL_SIZE:
        name = size.name
        left = kept.left([n for n in _full_size_numbers(name) if not only or n in only])
        if not left or kept.is_over():
            continue
        with _full_size_bench(size, chosen, device, dtype) as bench:
            for result in kept.gathered(full_size_figures(bench, size, left)):
                say(row(result))
    left = kept.left([n for n in known if not only or n in only])
    if left:
        on = (
            "The same command goes on with them."
            if kept.lasts
            else "--keep FILE goes on with them."
        )
        say(f"Still to be measured: {', '.join(left)}. {on}")
    return kept.results


def _card(device: str, dtype: str) -> Device:
    chosen = choose(device, dtype, None)
    if chosen.where.type != "cuda":
        raise EngineError(
            f"Full-size benchmarks need a CUDA card; the device is {chosen.title}. Leave out"
            " --full-size to measure the small models."
        )
    return chosen


@contextmanager
def _full_size_bench(size: FullSize, chosen: Device, device: str, dtype: str) -> Iterator[Bench]:
    """A model of full size with random weights, compiled as by default, as long as this lasts."""
    with tempfile.TemporaryDirectory() as folder:
        full_size(size.name, chosen.where, chosen.dtype).save_pretrained(folder)
        torch.cuda.empty_cache()
        spec = spec_of(
            size.name, size.title, Path(folder), size.side_px, family=size.family, compiled="blocks"
        )
        yield Bench(spec, size.side_px, device, dtype)


def full_size_trace(device: str, dtype: str, file: Path) -> str:
    """Trace SD 1.5 at full size on a card; a table of what took longest."""
    with _full_size_bench(FULL_SIZE[0], _card(device, dtype), device, dtype) as bench:
        return write_trace(bench, file)


def trace(installed: ModelSpec | None, device: str, dtype: str, file: Path) -> str:
    """Trace an installed model, or the toy where there is none; a table of what took longest."""
    leave_a_core()
    if installed is not None:
        return write_trace(Bench(installed, installed.info.width_px, device, dtype), file)
    with tempfile.TemporaryDirectory() as folder:
        toy().save_pretrained(folder)
        return write_trace(Bench(toy_spec(Path(folder)), 64, device, dtype), file)


def full_size_figures(bench: Bench, size: FullSize, only: Sequence[str] = ()) -> Iterator[Result]:
    """Run every benchmark with the bars for an H200, the first and the fourth against Sc too."""
    suffix = f"-{bench.spec.info.name}"
    asked = only or _full_size_numbers(bench.spec.info.name)
    against_s = [number for number in asked if number not in _against(suffix)]
    yield from _figures(bench, size.bars, suffix, against_s)
    if f"3{suffix}" in asked:
        yield share_of_limit(bench, f"3{suffix}", size)
    if not set(asked) & set(_against(suffix)):
        return
    bench.baseline = bench.compiled_baseline()
    if f"1c{suffix}" in asked:
        bars = replace(size.bars, throughput=size.over_sc)
        for job in bench.mixed(2):
            bench.baseline.draw(job)
        yield throughput(bench, f"1c{suffix}", bars, "Sc")
    if f"4{suffix}" in asked:
        yield alone(bench, f"4{suffix}", size.bars, "Sc", 1.05)


def _against(suffix: str) -> tuple[str, ...]:
    """Those that are measured against Sc."""
    return (f"1c{suffix}", f"4{suffix}")


def _full_size_numbers(name: str) -> tuple[str, ...]:
    return (*_numbers(f"-{name}"), f"1c-{name}")


def _numbers(suffix: str) -> tuple[str, ...]:
    return tuple(number + suffix for number in ("1", "2", "3", *tuple(MEASURES)[2:]))


def _check(only: Sequence[str], known: Sequence[str]) -> None:
    for number in only:
        if number not in known:
            raise ValueError(f"There is no benchmark {number!r}; there are {', '.join(known)}.")


def _figures(bench: Bench, bars: Bars, suffix: str, asked: Sequence[str]) -> Iterator[Result]:
    for number, measure in MEASURES.items():
        if number + suffix in asked:
            yield measure(bench, number + suffix, bars)
        if number == "2" and not suffix and "3" in asked:
            yield limit_of_a_card(bench)
