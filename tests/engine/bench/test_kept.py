from __future__ import annotations

import contextlib
from dataclasses import replace

import pytest
import torch

from engine.bench import figures, roofline
from engine.bench.kept import Kept
from engine.bench.measures import Result
from engine.bench.models import spec_of, toy
from engine.device.device import Device, choose


def result(number):
    return Result(number=number, work="w", metric="m", figure=1.5, bar="≥ 1", met=True)


def measured(numbers, begun):
    for number in numbers:
        begun.append(number)
        yield result(number)


def test_a_run_that_was_stopped_goes_on_with_what_is_left(tmp_path):
    file, begun = tmp_path / "kept.json", []
    now_s = [0.0]
    part = Kept(file, minutes=1, clock=lambda: now_s[0])
    for _ in part.gathered(measured(["1", "2", "3"], begun)):
        now_s[0] += 40
    assert begun == ["1", "2"], "no figure is begun when the time is over"

    rest = Kept(file)
    assert rest.left(["1", "2", "3"]) == ["3"]
    assert [each.number for each in rest.gathered(measured(["3"], begun))] == ["3"]
    assert Kept(file).results == [result(number) for number in "123"]


def test_a_file_that_holds_something_else_is_one_sentence(tmp_path):
    file = tmp_path / "kept.json"
    for text in ("{", "[]", '{"figures": []}', '{"machine": "", "figures": [1]}'):
        file.write_text(text)
        with pytest.raises(ValueError, match="holds no figures to go on from"):
            Kept(file)


def test_a_run_at_full_size_goes_on_in_parts_on_the_same_card(tmp_path, monkeypatch):
    measured, lines, now_s = [], [], [0.0]

    class Bench:
        def __init__(self, size):
            self.spec = spec_of(size.name, size.title, tmp_path, size.side_px)

    @contextlib.contextmanager
    def loaded(size, *_):
        yield Bench(size)

    def figures_of(bench, size, only):
        for number in only:
            measured.append(number)
            now_s[0] += 25
            yield result(number)

    def card(_, dtype):
        chosen = torch.float32 if dtype == "float32" else torch.float16
        return Device(where=torch.device("cuda"), title="cuda:0 Card", dtype=chosen, memory_gb=80)

    monkeypatch.setattr(figures, "_card", card)
    monkeypatch.setattr(figures, "_full_size_bench", loaded)
    monkeypatch.setattr(figures, "full_size_figures", figures_of)

    def part(minutes=None, dtype="auto", only=()):
        kept = Kept(tmp_path / "kept.json", minutes, clock=lambda: now_s[0])
        return figures.full_size_run(
            device="cuda", dtype=dtype, only=only, say=lines.append, kept=kept
        )

    assert len(part(minutes=1)) == len(measured) == 3
    assert lines[-1].startswith("Still to be measured: ")
    assert lines[-1].endswith(" The same command goes on with them.")
    with pytest.raises(ValueError, match=r"figures of cuda:0 Card, torch.float16, and .*float32"):
        part(dtype="float32")
    assert len(part(minutes=0, only=("4-sdxl", "1c-sdxl", measured[0]))) == 3
    assert lines[-1].startswith("Still to be measured: 4-sdxl, 1c-sdxl. ")
    results = part(dtype="float16")  # what "auto" is on this card
    assert len(measured) == len({*measured}) == len(results) > 20, "none twice"


def test_without_a_file_nothing_goes_on_by_itself(monkeypatch):
    lines = []
    monkeypatch.setattr(figures, "_card", lambda *_: choose("cpu", "auto", None))
    figures.full_size_run(
        device="cuda", dtype="auto", only=("1-sd15",), say=lines.append, kept=Kept(None, 0)
    )
    assert lines == ["Still to be measured: 1-sd15. --keep FILE goes on with them."]


def test_a_product_of_matrices_tells_what_a_device_can_do(monkeypatch):
    """Two operations for each number of a row that meets one of a column."""
    moments = iter(range(1000))
    monkeypatch.setattr(roofline.time, "perf_counter", lambda: next(moments))
    tflop_s = roofline.measured_tflop_s(torch.device("cpu"), torch.float32)
    assert tflop_s == 2 * 1024**3 / 1e12


def test_a_trace_names_the_kernels_that_took_longest(tmp_path):
    file = tmp_path / "trace.json"
    table = figures.trace(None, "cpu", "auto", file)
    assert "aten::" in table
    assert '"traceEvents"' in file.read_text()[:100_000] or file.stat().st_size > 10_000


def test_with_full_size_the_trace_is_of_the_full_size_model(tmp_path, monkeypatch):
    made = []

    def small(name, *_):
        made.append(name)
        return toy()

    def eager(*arguments, **fields):
        assert fields["compiled"] == "blocks", "as a card's default is"
        return spec_of(*arguments, **fields | {"compiled": "off"})

    sizes = [replace(size, side_px=64) for size in figures.FULL_SIZE]
    monkeypatch.setattr(figures, "FULL_SIZE", sizes)
    monkeypatch.setattr(figures, "_card", lambda *_: choose("cpu", "auto", None))
    monkeypatch.setattr(figures, "full_size", small)
    monkeypatch.setattr(figures, "spec_of", eager)
    table = figures.full_size_trace("cpu", "auto", tmp_path / "trace.json")
    assert made == ["sd15"]
    assert "aten::" in table
    assert (tmp_path / "trace.json").stat().st_size > 10_000
