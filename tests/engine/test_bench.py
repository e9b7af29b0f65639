from __future__ import annotations

import json

import pytest
import torch

from engine import EngineError, bench, bench_figures, bench_report, schedulers
from engine.bench_models import SD15_UNET, SDXL_UNET, toy, toy_spec


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("toy")
    toy().save_pretrained(folder)
    return bench.Bench(toy_spec(folder), 64, "cpu", "auto")


def test_a_late_joiner_steps_in_the_next_tick(small):
    assert small.late_joiner() <= 2


def test_batched_latents_differ_by_rounding_for_every_scheduler(small):
    differences = small.exactness()
    assert tuple(differences) == schedulers.names_for(flow=False)
    assert max(differences.values()) <= 1e-3


def test_the_file_holds_one_object_by_number(tmp_path):
    result = bench_figures.Result(
        number="1-toy", work="w", metric="m", figure=3.5, bar="≥ 2.0", met=True, model="toy"
    )
    bench_figures.write_json([result], tmp_path / "bench.json")
    table = json.loads((tmp_path / "bench.json").read_text())
    assert table["1-toy"]["figure"] == 3.5
    assert {"bar", "baseline", "machine", "date"} <= set(table["1-toy"])
    assert "| 3.5 | ≥ 2.0 | ✓ |" in bench_figures.row(result)


def test_the_page_holds_the_table_and_the_plot(tmp_path):
    shared = {"work": "w", "metric": "m", "bar": "b", "met": None, "model": "toy"}
    results = [
        bench_figures.Result(number="1", figure=1.6, **shared),
        bench_figures.Result(number="curve", figure=2.0, details={"1": 1.0, "2": 2.0}, **shared),
    ]
    bench_report.write_page(results, tmp_path / "benchmarks.md", "A quiet machine.")
    page = (tmp_path / "benchmarks.md").read_text()
    assert "| 1 | w | toy | m | 1.6 | b | – |" in page and "A quiet machine." in page
    assert (tmp_path / "benchmarks.svg").read_text().startswith("<?xml")


def test_full_size_benchmarks_without_a_card_are_refused_with_one_sentence():
    with pytest.raises(EngineError, match="need a CUDA card"):
        bench_figures.full_size_run(device="cpu", dtype="auto", only=(), say=print)


@pytest.mark.parametrize(
    ("config", "parameters"), [(SD15_UNET, 859_520_964), (SDXL_UNET, 2_567_463_684)]
)
def test_the_full_size_unets_are_those_of_the_published_checkpoints(config, parameters):
    from diffusers import UNet2DConditionModel

    with torch.device("meta"):
        unet = UNet2DConditionModel(**config)
    assert sum(each.numel() for each in unet.parameters()) == parameters
