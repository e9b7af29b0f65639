from __future__ import annotations

import itertools
import json
import random
import sys
import threading
import time

import numpy as np
import pytest
import torch
from diffusers.models.attention import BasicTransformerBlock

from engine import EngineError, scheduler_table
from engine.bench import bench, beside, figures, measures, report
from engine.bench import watch as watch_module
from engine.bench.measures import Result
from engine.bench.models import (
    SD15_UNET,
    SDXL_UNET,
    spec_of,
    toy,
    toy_flow,
    toy_flow_spec,
    toy_spec,
)
from engine.loop import sampler
from engine.models import compiled
from engine.models.latent import LatentModel
from tests.engine.fakes import FakeModel, ScriptedMailbox, submit, work


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("toy")
    toy().save_pretrained(folder)
    return bench.Bench(toy_spec(folder), 64, "cpu", "auto")


# One step from the last prediction, with fresh noise, from several predictions, twice a step.
NOISE = ("euler", "euler-a", "dpm++2m-sde-karras", "heun")
FLOW = scheduler_table.names_for(flow=True)


def test_a_late_joiner_steps_in_the_next_tick(small):
    assert small.late_joiner() == 1


@pytest.mark.parametrize("flow", [False, True])
def test_batched_latents_differ_by_rounding_and_lone_ones_not_at_all(
    small, tmp_path, monkeypatch, flow
):
    if flow:
        toy_flow().save_pretrained(tmp_path)
        small = small.like(toy_flow_spec(tmp_path), 64)
    assert small.schedulers == scheduler_table.names_for(flow=flow)
    monkeypatch.setattr(small, "schedulers", FLOW if flow else NOISE)
    differences = small.exactness()
    assert tuple(differences) == small.schedulers
    assert max(each.batched for each in differences.values()) <= 1e-3
    assert {each.alone for each in differences.values()} == {0.0}


def test_random_arrivals_are_one_seeded_trace_at_the_speed_measured_last(small, monkeypatch):
    lived = []

    async def live(_, trace):
        lived.append([arrival for arrival, _ in trace])
        return [0.5] * len(trace)

    monkeypatch.setattr(bench, "_live", live)
    for _ in range(2):
        pace = itertools.cycle([1.0] * 9 + [3.0] * 9)
        monkeypatch.setattr(small.baseline, "draw", lambda _, pace=pace: next(pace))
        theirs, ours, mean_s = small.arrivals(40)
        assert ours == 0.5 and theirs > 2.0 and mean_s == 2.0
    assert lived[:4] == lived[4:]
    assert [len(part) for part in lived[:4]] == [10] * bench.TRACE_PARTS
    gaps = [np.diff([0.0, *part]) / speed for part, speed in zip(lived, (1, 3, 1, 3), strict=False)]
    chance = random.Random(1)
    assert np.concatenate(gaps) == pytest.approx(
        [chance.expovariate(bench.LOAD) for _ in range(40)]
    )


def test_what_a_turn_costs_the_host_is_measured_with_every_row_in_flight(small, monkeypatch):
    steps, step = [], sampler.step

    def counted(model, rows):
        steps.append(len(rows))
        return step(model, rows)

    monkeypatch.setattr(sampler, "step", counted)
    monkeypatch.setattr(bench, "HOST_ROWS", (3,))
    monkeypatch.setattr(bench, "HOST", {"euler": ("euler",)})
    found = small.host()
    assert found["euler"][3] > 0
    assert set(steps) == {3}


def test_ticks_beside_a_compile_are_measured_in_both_ways(small, monkeypatch):
    """Until the code is there; what is as before is only before."""
    ahead, switches, made = [], [], threading.Event()

    def compile_here(module, _):
        switches.append(compiled.SWITCH_S)
        assert made.wait(60)
        return module

    class Watched(beside._Ticks):
        def run(self):
            super().run()
            if len(self.took_s) == 3 and self._model._compiled is not None:
                made.set()

    quick = compiled.SWITCH_S
    monkeypatch.setattr(beside, "_import_the_compiler", made.clear)
    monkeypatch.setattr(beside, "_Ticks", Watched)
    monkeypatch.setattr(beside, "UNDISTURBED_TICKS", 2)
    monkeypatch.setattr(compiled, "compile_in_place", compile_here)
    monkeypatch.setattr(compiled, "compile_ahead", lambda *_: ahead.append(made.clear()))
    found = small.beside_a_compile()
    assert tuple(found) == beside.WAYS and len(ahead) == 1
    assert switches == [sys.getswitchinterval(), quick]
    for each in found.values():
        assert 0 < each.median_ms <= each.p95_ms <= each.worst_ms
        assert each.compile_s > 0 and each.undisturbed_ms > 0


def test_the_page_tells_what_a_tick_takes_beside_a_compile(tmp_path):
    result = measures.MEASURES["10-beside"](Measured(toy_spec(tmp_path)), "10-beside", None)
    assert result.figure == 1.5
    report.write_page([result], tmp_path / "benchmarks.md", "")
    page = (tmp_path / "benchmarks.md").read_text()
    assert "| a thread of this process | 20 | 21 | 900 | 4700 | 64 | 36 |" in page
    assert "| a process of its own | 20 | 21 | 30 | 4700 | 64 | 36 |" in page


def test_timed_rounds_encode_texts_that_no_round_before_encoded(small, monkeypatch):
    seen = []
    monkeypatch.setattr(small.baseline, "draw", lambda job: seen.append(job.prompt[0].text) or 1.0)
    encoded, embed = [], LatentModel._cached

    def counted(model, text, chunks):
        encoded.append(text)
        return embed(model, text, chunks)

    monkeypatch.setattr(LatentModel, "_cached", counted)
    small.throughput([small.job(n, steps=2) for n in range(2)], 2)
    assert len(set(seen)) == 4
    texts = [text for text in encoded if "number" in text]
    assert len(texts) == len(set(texts)) == 6


def test_the_time_of_a_drawing_is_split_by_stage(small):
    seconds = dict(small.stages([small.job(n, steps=3) for n in range(3)]))
    prompts_s = seconds.pop("of these prompts")
    assert seconds.pop("whole") == pytest.approx(sum(seconds.values()))
    assert all(each_s > 0 for each_s in seconds.values()), seconds
    assert prompts_s < seconds["before"]


def test_a_tick_begins_when_its_turn_takes_the_messages(small):
    """What is submitted between that and the pass steps in the next one, and that is no delay."""
    taken = []

    class Dated(ScriptedMailbox):
        def get(self, **how):
            message = super().get(**how)
            taken.append(time.perf_counter())
            return message

    first, second = (small.job(n, model="m", steps=3) for n in range(2))
    with watch_module.watching() as watch:
        work({}, FakeModel(), mailbox=Dated({0: submit(first), 1: submit(second)}))
    tick = next(tick for tick in watch.ticks if second.id in tick.jobs)
    assert tick.began_s < taken[1] < tick.called_s


def test_one_server_serves_one_after_another():
    assert bench._one_server([(0.0, 1.0), (0.5, 1.0), (5.0, 2.0)]) == [1.0, 1.5, 2.0]


class Measured:
    """Stands in for a bench; whatever is asked of it takes no time."""

    def __init__(self, spec, *_):
        self.spec, self.name = spec, spec.info.title
        self.baseline = "S"
        self.compiled_baseline = lambda: self
        self.like = Measured

    def draw(self, job):
        return 1.0

    def job(self, *_, **__):
        return None

    def mixed(self, count, **_):
        return [None] * count

    def throughput(self, jobs, rounds):
        return 6.0, 1.0

    def peak_tflop_s(self):
        return 800.0

    def alone(self, steps, pairs):
        return 1.04, [1.04]

    def late_joiner(self):
        return 1

    def arrivals(self, count):
        return 1.0, 0.6, 0.1

    def overhead(self):
        return {"prompts": 0.02, "denoiser": 0.8, "decoder": 0.1, "host": 0.08}, 10

    def stages(self, jobs):
        return {"whole": 1.0, "after": 0.1}

    def host(self):
        return {name: {16: 0.3, 32: 1.1, 64: 2.0} for name in measures.QUICK}

    def beside_a_compile(self):
        return {
            way: beside.Beside(
                undisturbed_ms=20.0,
                median_ms=21.0,
                p95_ms=p95_ms,
                worst_ms=4700.0,
                compile_s=64.0,
                lost_s=36.0,
            )
            for way, p95_ms in zip(beside.WAYS, (900.0, 30.0), strict=True)
        }

    def previews(self, pairs):
        return 1.0

    def exactness(self):
        return {"euler": bench.Exactness(batched=1e-2, alone=0.0)}

    def recompiles(self, beside):
        return bench.Recompiles(
            graphs=0, passes=9, eager=2, passes_while_loading=3, eager_while_loading=3
        )

    def curve(self, steps):
        return {"1": 1.0}


def test_a_run_holds_every_benchmark_by_its_number(monkeypatch, tmp_path):
    monkeypatch.setattr(figures, "Bench", Measured)
    monkeypatch.setattr(figures, "leave_a_core", lambda: None)
    lines = []
    results = figures.run(toy_spec(tmp_path), device="cpu", dtype="auto", only=(), say=lines.append)
    report.write_json(results, tmp_path / "bench.json")
    table = json.loads((tmp_path / "bench.json").read_text())
    assert {"1", "1-toy", *map(str, range(2, 11))} <= set(table)
    assert len(lines) == len(results) == len(table)
    assert table["3"]["figure"] is None and table["3"]["bar"] == "`--full-size` only"
    met = {number: table[number]["met"] for number in ("4", "6", "7", "7-host", "7-toy", "9", "10")}
    assert table["7"]["details"]["shares"]["denoiser"] == 0.8
    assert met == {
        "4": False,
        "6": True,
        "7": True,
        "7-host": False,
        "7-toy": None,
        "9": False,
        "10": False,
    }


def test_of_a_full_size_model_only_what_is_asked_is_measured(tmp_path):
    """What is against Sc comes last, so that it is often left alone for another call."""
    for asked in (["1c-sd15"], ["4-sd15", "1c-sd15"], ["3-sd15"], ["7-sd15", "4-sd15"]):
        small = Measured(spec_of("sd15", "SD", tmp_path, 512))
        found = figures.full_size_figures(small, figures.FULL_SIZE[0], asked)
        assert sorted(each.number for each in found) == sorted(asked)


def test_in_half_precision_exactness_is_reported_and_not_judged(monkeypatch, tmp_path):
    monkeypatch.setattr(figures, "Bench", Measured)
    monkeypatch.setattr(figures, "leave_a_core", lambda: None)
    results = figures.run(
        toy_spec(tmp_path), device="cpu", dtype="bfloat16", only=("9", "9-toy"), say=print
    )
    assert [(each.number, each.bar, each.met) for each in results] == [
        ("9", "report", None),
        ("9-toy", "report", None),
    ]


def test_full_size_models_are_judged_by_the_bars_of_an_h200(tmp_path):
    size = figures.FULL_SIZE[0]
    found = figures.full_size_figures(Measured(spec_of("sd15", "SD", tmp_path, 512)), size)
    table = {result.number.removesuffix("-sd15"): result for result in found}
    assert {*map(str, range(1, 11)), "1c"} <= set(table)
    bars = {number: table[number].bar for number in ("1", "1c", "4", "5", "6", "7", "8", "10")}
    assert bars == {
        "1": "≥ 5.0",
        "1c": "≥ 2.0",
        "4": "≤ 1.05",
        "5": "≤ 1",
        "6": "< 0.5",
        "7": "≤ 0.05",
        "8": "≤ 1.02",
        "10": "0",
    }
    assert table["3"].details["seconds"] == {"whole": 1.0, "after": 0.1}
    report.write_page([table["3"]], tmp_path / "page.md", "")
    assert "| whole | after |\n|---|---|\n| 1.00 | 0.10 |\n" in (tmp_path / "page.md").read_text()
    share = 32 * (2 * 30 * size.pass_tflop + size.decode_tflop) / 800
    assert table["3"].figure == pytest.approx(share)
    assert not table["6"].met and not table["7"].met and table["4"].met
    assert table["2"].met is None and table["9"].met is None
    assert table["1"].baseline == "S" and table["1c"].baseline == table["4"].baseline == "Sc"


@pytest.mark.parametrize(
    ("measure", "name", "known"),
    [
        (figures.run, "3", "there are 1-toy, 2-toy"),
        (figures.run, "nonsense", "no benchmark 'nonsense'"),
        (figures.full_size_run, "9", "1-sd15"),
    ],
)
def test_a_benchmark_that_there_is_not_is_refused_with_a_list(measure, name, known):
    models = (None,) if measure is figures.run else ()
    with pytest.raises(ValueError, match=known):
        measure(*models, device="cpu", dtype="auto", only=["1-toy", name], say=print)


def test_passes_without_compiled_code_are_seen(small):
    """However it came about that compiled code was not used."""
    with watch_module.watching() as watch:
        block = BasicTransformerBlock(8, 1, 8)
        compiled = torch.compile(block, backend="eager")
        compiled(torch.zeros(1, 4, 8))
        assert watch.eager_blocks == 0
        with torch.compiler.set_stance("force_eager"):
            compiled(torch.zeros(1, 4, 8))
        assert watch.eager_blocks == 1
        before = len(watch.ticks)
        with small.engine() as run:
            run(lambda engine: bench._finish(engine, small.job(steps=2)))
            run(lambda engine: bench._finish(engine, small.job(1, steps=2)))
        assert len(watch.ticks) > before and all(tick.eager for tick in watch.ticks)
        assert all(networks.seconds() > 0 for networks in watch.stages.values())
    before = watch.eager_blocks
    block(torch.zeros(1, 4, 8))
    assert watch.eager_blocks == before


def test_the_file_holds_one_object_by_number(tmp_path):
    result = Result(
        number="1-toy", work="w", metric="m", figure=3.5, bar="≥ 2.0", met=True, model="toy"
    )
    report.write_json([result], tmp_path / "bench.json")
    table = json.loads((tmp_path / "bench.json").read_text())
    assert table["1-toy"]["figure"] == 3.5
    assert {"bar", "baseline", "machine", "date"} <= set(table["1-toy"])
    assert "| 3.5 | ≥ 2.0 | ✓ |" in report.row(result)


def test_the_page_holds_the_table_and_the_plot(tmp_path):
    shared = {"work": "w", "metric": "m", "bar": "b", "met": None, "model": "toy"}
    results = [
        Result(number="1", figure=1.6, **shared),
        Result(number="3", figure=None, **shared),
        Result(
            number="7", figure=0.1, details={"shares": {"denoiser": 0.9, "host": 0.1}}, **shared
        ),
        Result(number="curve", figure=2.0, details={"1": 1.0, "2": 2.0}, **shared),
    ]
    report.write_page(results, tmp_path / "benchmarks.md", "A quiet machine.")
    page = (tmp_path / "benchmarks.md").read_text()
    assert "| 1 | w | toy | m | 1.6 | b | – |" in page and "A quiet machine." in page
    assert "| 3 | w | toy | m | – | b | – |" in page
    assert "| # | denoiser | host |" in page and "| 7 | 90.0% | 10.0% |" in page
    assert "**S** is" in page and "**Sc** is" in page
    assert (tmp_path / "benchmarks.svg").read_text().startswith("<?xml")


def test_full_size_benchmarks_without_a_card_are_refused_with_one_sentence():
    with pytest.raises(EngineError, match="need a CUDA card"):
        figures.full_size_run(device="cpu", dtype="auto", only=(), say=print)


@pytest.mark.parametrize(
    ("config", "parameters"), [(SD15_UNET, 859_520_964), (SDXL_UNET, 2_567_463_684)]
)
def test_the_full_size_unets_are_those_of_the_published_checkpoints(config, parameters):
    from diffusers import UNet2DConditionModel

    with torch.device("meta"):
        unet = UNet2DConditionModel(**config)
    assert sum(each.numel() for each in unet.parameters()) == parameters
