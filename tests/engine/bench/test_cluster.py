from __future__ import annotations

import pytest

from engine.bench.cluster import Cluster, grid_s, jain


@pytest.fixture(scope="module")
def crowded():
    """Four workers, more orders than they can draw, and deaths."""
    cluster = Cluster(4, load=1.2, deaths=True, seed=3)
    cluster.run(400)
    return cluster


def test_no_job_is_lost_and_none_ends_twice_whatever_dies(crowded):
    crowded.finish()
    assert crowded.deaths > 0
    assert set(crowded.ends) == set(crowded.ordered)
    assert set(crowded.ends.values()) == {1}


def test_workers_are_kept_busy_and_members_get_what_is_fair(crowded):
    possible = 4 * 400 / grid_s() * 4
    assert sum(crowded.served.values()) > 0.75 * possible
    assert jain(crowded.asked, crowded.served) > 0.9


def test_few_orders_are_drawn_at_once():
    quiet = Cluster(8, load=0.05, deaths=False, seed=3)
    quiet.run(600)
    quiet.finish()
    late = sorted(quiet.latencies_s)[len(quiet.latencies_s) // 2]
    assert late < 1.5 * grid_s()


@pytest.mark.parametrize(
    ("asked", "served", "index"),
    [
        ({"a": 4, "b": 4}, {"a": 4, "b": 4}, 1.0),
        ({"a": 1, "b": 9}, {"a": 1, "b": 3}, 1.0),
        ({"a": 9, "b": 9}, {"a": 4}, 0.5),
    ],
)
def test_jains_index_is_of_what_was_fair_to_each(asked, served, index):
    assert jain(asked, served) == pytest.approx(index)
