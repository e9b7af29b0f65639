"""What must not stop the device thread: panics, memory that runs out, clocks that stand still."""

from __future__ import annotations

import queue

import pytest
import torch

from engine import DrawJob, Failed, FailureKind, Finished, WeightedText
from engine.errors import EngineLost
from engine.loop.admission import Admission
from engine.loop.mailbox import Loaded
from engine.models.model_cache import ModelCache
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
        def condition(self, job, pictures=()):
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
        message = arrived.get(timeout=10)
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


def test_a_decoder_that_breaks_fails_what_it_was_given():
    class Broken(FakeModel):
        def decode(self, latents):
            raise RuntimeError("shape mismatch")

    events, _ = work({0: submit(draw("1", images=2))}, Broken())
    assert ends(events)["1"].kind is FailureKind.INTERNAL


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
