from __future__ import annotations

import threading

import pytest
import torch

from engine import Finished
from engine.models.compiled import CompiledForward
from tests.engine import tiny_models


class FakeCompiler:
    """Compiles at once, but only when a test lets it; counts what ran where."""

    def __init__(self, *, broken=False):
        self.let_go, self.warmed = threading.Event(), threading.Event()
        self.eager = self.fast = 0
        self._broken = broken

    def forward(self, x, *, shift=0):
        self.eager += 1
        return x + shift

    def __call__(self, forward):
        def compiled(x, *, shift=0):
            if threading.current_thread().name == "compile":
                self.let_go.wait(timeout=10)
                self.warmed.set()
                if self._broken:
                    raise RuntimeError("no C compiler")
            else:
                self.fast += 1
            return x + shift

        return compiled


def until_ready(forward, count):
    while forward.ready() < count:
        threading.Event().wait(0.001)


def test_eager_serves_until_a_shape_is_compiled_and_compiled_code_afterwards():
    compiler = FakeCompiler()
    forward = CompiledForward(compiler.forward, compiler)
    x = torch.zeros(2, 3)
    forward(x, shift=1)
    forward(x, shift=1)
    assert (compiler.eager, compiler.fast) == (2, 0)
    compiler.let_go.set()
    until_ready(forward, 1)
    assert torch.equal(forward(x, shift=1), x + 1)
    assert (compiler.eager, compiler.fast) == (2, 1)


def test_another_shape_is_served_eagerly_until_it_has_its_own_code():
    compiler = FakeCompiler()
    compiler.let_go.set()
    forward = CompiledForward(compiler.forward, compiler)
    forward(torch.zeros(2, 3))
    until_ready(forward, 1)
    forward(torch.zeros(4, 3))
    assert compiler.eager == 2
    until_ready(forward, 2)
    forward(torch.zeros(4, 3))
    assert (compiler.eager, compiler.fast) == (2, 1)


def test_where_nothing_can_be_compiled_eager_goes_on_serving():
    compiler = FakeCompiler(broken=True)
    compiler.let_go.set()
    forward = CompiledForward(compiler.forward, compiler)
    x = torch.zeros(2, 3)
    forward(x)
    assert compiler.warmed.wait(timeout=10)
    assert torch.equal(forward(x), x)
    assert forward.ready() == 0


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_a_compiled_model_draws_in_whole_buckets(weights, draw, monkeypatch):
    from engine import Engine

    sizes = []

    def pretend(forward, **_):
        def compiled(latents, *arguments, **options):
            sizes.append(len(latents))
            return forward(latents, *arguments, **options)

        return compiled

    monkeypatch.setattr("torch.compile", pretend)
    engine = Engine([tiny_models.spec("sd", weights("sd"), compiled=True)], device="cpu")
    await engine.start()
    try:
        for _ in range(2):
            end = [event async for event in engine.run(draw(images=3, steps=20))][-1]
            assert isinstance(end, Finished)
    finally:
        await engine.close()
    assert set(sizes) == {8}
