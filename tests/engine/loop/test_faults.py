"""What must not stop the device thread: panics, memory that runs out, clocks that stand still."""

from __future__ import annotations

import math
import queue
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from engine import DrawJob, Failed, FailureKind, Finished, WeightedText
from engine.errors import EngineLost
from engine.loop.admission import Admission
from engine.loop.decoding import Decoding
from engine.loop.mailbox import Loaded
from engine.loop.rows import Work
from engine.models import Conditioning
from engine.models.model_cache import ModelCache
from engine.pictures.encoded import Inputs
from engine.policy.budgets import Budgets
from engine.policy.queue import FairQueue
from tests.engine import tiny_models
from tests.engine.fakes import FakeClock, FakeModel, ReadyModels, submit, work


class PanicError(BaseException):
    """As the bindings of Rust libraries raise: no Exception."""


def draw(job_id, owner="ann", **fields):
    defaults = {"images": 1, "steps": 4, "width_px": 64, "height_px": 64, "guidance": 1.0}
    text = (WeightedText(text=job_id),)
    return DrawJob(id=job_id, owner=owner, model="m", prompt=text, **(defaults | fields))


def ends(events):
    return {e.job_id: e for e in events if isinstance(e, Failed | Finished)}


def test_a_panic_while_a_prompt_is_read_fails_that_job_alone():
    class Panicking(FakeModel):
        def condition(self, job, pictures=(), beside=None):
            if job.id == "1":
                raise PanicError("called `Option::unwrap()` on a `None` value")
            return super().condition(job, pictures)

    events, _ = work({0: submit(draw("1"), draw("2", "bob"))}, Panicking())
    assert ends(events)["1"].kind is FailureKind.INTERNAL
    assert isinstance(ends(events)["2"], Finished)


def test_a_panic_while_a_model_is_loaded_fails_its_jobs_and_the_next_model_still_loads():
    arrived = queue.SimpleQueue()

    def load(spec):
        if spec.info.name == "sd-broken":
            raise PanicError("overflow")
        return FakeModel("sd")

    models = ModelCache(
        {name: tiny_models.spec(name, "/nowhere") for name in ("sd-broken", "sd")},
        load=load,
        memory_gb=1.0,
        loaded=lambda name, result: arrived.put(Loaded(name, result)),
        clock=FakeClock(),
    )
    admission = Admission(FairQueue(owner_cap=3, clock=FakeClock()), models, Budgets())
    for name in ("sd-broken", "sd"):
        assert models.want(name, ())
        message = arrived.get(timeout=60)
        admission.loaded(message.name, message.result)
        assert isinstance(message.result, Exception) == (name == "sd-broken")
    assert models.names() == ("sd",)


def test_a_panic_in_a_pass_is_no_silent_end_of_the_thread():
    """What it left in the device is unknown: the worker ends and says so."""
    with pytest.raises(PanicError):
        work({0: submit(draw("1"))}, FakeModel(poison=PanicError("in a kernel")))


class Narrow(FakeModel):
    """Decodes so many pictures at once, and no more."""

    def __init__(self, most, **options):
        super().__init__(**options)
        self._most = most

    def decode(self, latents):
        if len(latents) > self._most:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return super().decode(latents)


def test_pictures_that_do_not_fit_the_decoder_together_are_decoded_one_by_one():
    model = Narrow(1)
    events, _ = work({0: submit(draw("1", images=4))}, model)
    assert len(ends(events)["1"].pictures) == 4
    assert model.decoded == [1, 1, 1, 1]


def test_a_picture_that_does_not_fit_alone_is_a_clean_failure_and_others_go_on():
    events, _ = work({0: submit(draw("1", images=2))}, Narrow(0))
    assert ends(events)["1"].kind is FailureKind.OUT_OF_MEMORY


def test_no_more_pictures_are_decoded_at_once_than_a_cards_kernels_take():
    model = FakeModel()
    large = draw("large", images=5, width_px=1024, height_px=1024)
    larger = draw("larger", images=2, width_px=2048, height_px=2048)
    events, _ = work({0: submit(large, larger)}, model)
    assert len([event for event in events if isinstance(event, Finished)]) == 2
    assert sorted(model.decoded) == [1, 1, 1, 4]


def test_a_decoder_that_breaks_fails_what_it_was_given():
    class Broken(FakeModel):
        def decode(self, latents):
            raise RuntimeError("shape mismatch")

    events, _ = work({0: submit(draw("1", images=2))}, Broken())
    assert ends(events)["1"].kind is FailureKind.INTERNAL


def test_a_picture_that_breaks_the_decoder_fails_its_own_job_alone():
    class Picky(FakeModel):
        def condition(self, job, pictures=(), beside=None):
            mark = torch.full((1, 1), 1e4 * (job.id == "bad"))
            return Conditioning(tensors={"mark": mark})

        def predict(self, latents, timesteps, conditioning, adapters):
            return conditioning["mark"].view(-1, 1, 1, 1).expand_as(latents)

        def decode(self, latents):
            if latents.abs().max() > 1e3:
                raise RuntimeError("shape mismatch")
            return super().decode(latents)

    jobs = [draw("1"), draw("bad", "eve"), draw("2", "bob", images=2)]
    events, _ = work({0: submit(*jobs)}, Picky())
    assert ends(events)["bad"].kind is FailureKind.INTERNAL
    assert isinstance(ends(events)["1"], Finished) and isinstance(ends(events)["2"], Finished)


class FakeWatch:
    """A card's clock: a picture takes 10 ms."""

    def __init__(self, *_):
        pass

    def stop(self):
        pass

    def seconds(self):
        return 0.01 * self.pictures


def test_a_card_decodes_behind_the_tick_and_what_it_drew_is_taken_over_one_turn_later(monkeypatch):
    begun, waited, watches = [], [], []

    def decode(model, rows):
        begun.append(len(rows))
        watches[-1].pictures = len(rows)

        def pixels():
            waited.append(len(rows))
            return np.zeros((len(rows), 8, 8, 3), np.uint8), np.ones(len(rows), bool)

        return pixels

    def new_watch(*_):
        watches.append(FakeWatch())
        return watches[-1]

    monkeypatch.setattr("engine.loop.decoding.sampler.decode", decode)
    decoding, model = Decoding(FakeClock(), new_watch), FakeModel()
    model.device = torch.device("cuda")
    works = [Work(draw(str(n)), None, Inputs()) for n in range(9)]
    decoding.rows = [
        SimpleNamespace(work=each, index=0, kind="g", model=model, latents=torch.zeros(1, 3, 2, 2))
        for each in works
    ]
    tick_s = 0.055
    assert list(decoding.decode(tick_s)) == []
    assert (begun, waited) == ([1], [])
    assert [work for work, _ in decoding.decode(tick_s)] == works[:1]
    assert (begun, waited) == ([1, 5], [1])
    assert len(decoding.in_flight()) == 8
    assert [work for work, _ in decoding.decode(math.inf)] == works[1:]
    assert waited == [1, 5, 3]
    assert decoding.in_flight() == []
    assert [each.gpu_s for each in works] == pytest.approx([0.01] * 9)


def test_a_picture_of_a_job_that_ended_while_it_was_decoded_is_dropped(monkeypatch):
    monkeypatch.setattr(
        "engine.loop.decoding.sampler.decode",
        lambda _, rows: lambda: (np.zeros((len(rows), 8, 8, 3), np.uint8), [True] * len(rows)),
    )
    FakeWatch.pictures = 1
    decoding, model = Decoding(FakeClock(), FakeWatch), FakeModel()
    model.device = torch.device("cuda")
    one = Work(draw("1"), None, Inputs())
    decoding.rows = [
        SimpleNamespace(work=one, index=0, kind="g", model=model, latents=torch.zeros(1, 3, 2, 2))
    ]
    assert list(decoding.decode(1.0)) == []
    one.ended = True
    assert list(decoding.decode(1.0)) == []
    assert decoding.in_flight() == []


def test_memory_that_ran_out_while_decoding_is_remembered():
    """Four did not fit together; the next time only two are tried."""
    tried = []

    class Counting(Narrow):
        def decode(self, latents):
            tried.append(len(latents))
            return super().decode(latents)

    script = {0: submit(draw("1", images=4)), 20: submit(draw("2", images=4))}
    work(script, Counting(2))
    assert tried == [4, 1, 1, 1, 1, 2, 2]


def test_a_device_lost_while_decoding_ends_the_worker_and_no_job():
    class Lost(FakeModel):
        def decode(self, latents):
            raise RuntimeError("CUDA error: an illegal memory access was encountered")

    with pytest.raises(EngineLost):
        work({0: submit(draw("1"))}, Lost())


def test_a_clock_that_stands_still_divides_nothing_by_zero():
    jobs = [draw("1", images=6, steps=2), draw("2", "bob", steps=9)]
    events, _ = work({0: submit(*jobs)}, cache=ReadyModels(FakeModel()), clock=lambda: 1.0)
    assert {type(end) for end in ends(events).values()} == {Finished}
