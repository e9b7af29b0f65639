"""`make load` itself works: a few members for a moment, and the one JSON object in the end."""

import asyncio
import json
import sys

import pytest

from tests.load.__main__ import _even, jain
from tests.load.watch import Sample, at_quarters


@pytest.mark.parametrize(
    ("shares", "index"), [([3, 3, 3, 3], 1), ([5, 0, 0, 0, 0], 0.2), ([0, 0], 0), ([], 0)]
)
def test_the_index_is_one_where_all_have_as_much(shares, index):
    assert jain(shares) == index


def test_whole_jobs_are_shared_as_evenly_as_they_can_be():
    assert _even(7, 3) == [3, 2, 2]
    assert jain(_even(23, 200)) == 0.115


def test_memory_is_told_as_it_was_at_the_quarters_of_the_orders():
    def sample(at_s):
        others = {"rss_mb": 0, "descriptors": 0, "tasks": 0, "unsettled": 0, "cpu_s": 0}
        return Sample(at_s=at_s, anon_mb=100 + at_s, **others)

    samples = [sample(at_s) for at_s in (0, 5, 10, 29, 32, 51, 70, 95)]
    assert at_quarters(samples, sample(10), sample(90)) == [110, 129, 151, 170, 190]


async def test_a_short_run_ends_with_one_json_object_and_loses_nothing():
    few = ("--members", "4", "--per-second", "2", "--seconds", "3", "--warm-up-s", "1")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.load", "--engine", "fake", *few),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said = (await process.communicate())[0].decode()
    figures = json.loads(said.splitlines()[-1])
    wanted = {"reply_p50_ms", "reply_p99_ms", "jain", "rss_mb_start", "rss_mb_end", "tasks_end"}
    assert wanted <= figures.keys(), said
    assert len(figures["anon_mb_at_quarters"]) == 5
    assert figures["accepted"] == figures["ended_once"] > 0, said
    assert figures["lost"] == figures["double"] == figures["credits_off"] == 0, said
