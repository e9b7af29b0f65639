"""Recording on a pretended CUDA graph, which calls what it recorded again."""

from __future__ import annotations

import contextlib
from typing import ClassVar

import pytest
import torch

from engine.models import cuda_graphs
from engine.models.cuda_graphs import PLAIN_CALLS, Graphed


class Network:
    """Writes each result where the last one was, as a replayed graph does."""

    def __init__(self):
        self.calls = 0
        self.recorded = None
        self._out = torch.zeros(2, 3)

    def __call__(self, x, *, shift):
        self.calls += 1
        if FakeGraph.recording:
            FakeGraph.recording[-1].again = lambda: self._out.copy_(x + shift)
        self._out.copy_(x + shift)
        return (self._out,)


class FakeGraph:
    recording: ClassVar = []

    def __init__(self):
        self.again = None
        self.replays = 0

    def replay(self):
        self.replays += 1
        self.again()


@pytest.fixture(autouse=True)
def _graphs(monkeypatch):
    @contextlib.contextmanager
    def recorded(graph, *, capture_error_mode):
        assert capture_error_mode == "thread_local"
        FakeGraph.recording.append(graph)
        yield
        FakeGraph.recording.pop()

    monkeypatch.setattr(torch.cuda, "CUDAGraph", FakeGraph)
    monkeypatch.setattr(torch.cuda, "graph", recorded)


def called(graphed, number):
    return graphed(torch.full((2, 3), float(number)), shift=torch.tensor(10.0))[0]


def test_a_pass_is_recorded_once_and_replayed_with_what_it_is_given_each_time():
    network = Network()
    graphed = Graphed(network)
    for number in range(PLAIN_CALLS + 4):
        assert torch.equal(called(graphed, number), torch.full((2, 3), number + 10.0))
    assert network.calls == PLAIN_CALLS + 1
    assert graphed._graph.replays == 4


def test_a_result_stays_when_the_next_pass_writes_over_it():
    graphed = Graphed(Network())
    for number in range(PLAIN_CALLS):
        called(graphed, number)
    one = called(graphed, 1)
    called(graphed, 2)
    assert torch.equal(one, torch.full((2, 3), 11.0))


def test_where_recording_fails_passes_go_on_plainly(monkeypatch, caplog):
    def refused(*_, **__):
        raise RuntimeError("CUDA error: operation not permitted when stream is capturing")

    monkeypatch.setattr(cuda_graphs.torch.cuda, "graph", refused)
    graphed = Graphed(Network())
    for number in range(PLAIN_CALLS + 3):
        assert torch.equal(called(graphed, number), torch.full((2, 3), number + 10.0))
    assert "cannot be recorded" in caplog.text
