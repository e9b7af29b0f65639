from __future__ import annotations

import gc
import queue
import threading
import weakref
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from diffusers import DDPMScheduler
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import (
    Cancelled,
    DrawJob,
    EngineLost,
    Failed,
    FailureKind,
    Finished,
    Lane,
    Progress,
    Queued,
    Started,
    WeightedText,
)
from engine.engine import encoders
from engine.loop.mailbox import Cancel, Close, Detached, Submit
from engine.loop.reports import Reports
from engine.loop.rows import Work
from engine.loop.stopwatch import Stopwatch
from engine.loop.tick_timer import TickTimer
from engine.pictures.encoded import Inputs
from engine.policy.budgets import Budgets, Profile, bucket_of
from tests.engine.fakes import (
    FakeClock,
    FakeModel,
    ReadyModels,
    ScriptedMailbox,
    submit,
    work,
)


def draw(job_id, *, owner="ann", prompt="a cat", **fields):
    defaults = {"images": 1, "steps": 4, "width_px": 64, "height_px": 64, "guidance": 5.0}
    return DrawJob(
        id=job_id,
        owner=owner,
        model="m",
        prompt=(WeightedText(text=prompt),),
        **(defaults | fields),
    )


def ends(events):
    return {e.job_id: e for e in events if isinstance(e, Finished | Failed | Cancelled)}


def test_a_job_begins_before_its_first_pass_and_not_while_it_waits():
    model = FakeModel("m")
    begun = []
    jobs = [draw(name, images=4) for name in "ab"]
    messages = [
        Submit(job, Inputs(), lambda job=job: begun.append((job.id, len(model.passes))))
        for job in jobs
    ]
    work({0: messages}, model, owner_cap=1)
    passes = len(model.passes)
    assert begun == [("a", 0), ("b", passes // 2)]


def test_strangers_share_passes():
    model = FakeModel()
    jobs = [draw(str(n), owner=f"o{n}", steps=4) for n in range(4)]
    work({0: submit(*jobs)}, model)
    assert model.passes == [8, 8, 8, 8]


def test_a_first_job_is_read_alone_and_those_beside_it_with_others_that_wait():
    class Reading(FakeModel):
        read = ()

        def condition(self, job, pictures=(), beside=None):
            waiting = None if beside is None else [other.id for other in beside()]
            self.read += ((job.id, waiting),)
            return super().condition(job, pictures)

    model, other = Reading(), Reading("other")
    begun = [draw("1"), draw("2", owner="bob"), draw("3", owner="cy")]
    begun.append(replace(draw("4", owner="di"), model="other"))
    work({0: submit(*begun), 30: submit(draw("5", owner="ed"))}, model, other)
    assert model.read == (("1", None), ("2", ["2", "3"]), ("3", ["3"]), ("5", None))
    assert other.read == (("4", None),)


@pytest.mark.parametrize(
    ("fields", "shared"),
    [({}, 4), ({"steps": 7}, 3), ({"stop": 0.5}, 2), ({"steps": 1}, 0), ({"tile": False}, 8)],
)
def test_a_tile_shares_passes_until_it_wraps_around(fields, shared):
    class Tiling(FakeModel):
        wraps = False
        seen = ()

        def tile(self, *, on):
            self.wraps = on

        def predict(self, latents, *rest):
            self.seen += ((len(latents), self.wraps),)
            return super().predict(latents, *rest)

        def decode(self, latents):
            self.seen += (("decoded", self.wraps),)
            return super().decode(latents)

    job = draw("1", **({"steps": 8, "tile": True} | fields))
    model = Tiling()
    model.tile_from = 0.5
    events, _ = work({0: submit(job, draw("2", owner="bob", steps=20))}, model)
    assert all(isinstance(end, Finished) for end in ends(events).values())
    seen = Counter(model.seen)
    assert seen[4, False] == shared
    evaluations = round(job.steps * job.stop)
    assert seen[2, True] == evaluations - shared
    assert seen[2, False] == 20 - shared
    assert seen["decoded", True] == job.tile
    assert seen["decoded", False] == 2 - job.tile


def test_rows_join_at_the_next_step_and_leave_when_they_are_done():
    model = FakeModel()
    work({0: submit(draw("1", steps=6)), 2: submit(draw("2", owner="bob", steps=2))}, model)
    assert model.passes == [2, 2, 4, 4, 2, 2]


def test_a_newcomer_takes_part_in_the_very_next_tick_of_a_full_device():
    crowd = [draw(f"c{n}", owner=f"o{n}", steps=30, images=4) for n in range(3)]
    late = draw("late", owner="late", steps=1)
    model, script = FakeModel(), {0: submit(*crowd), 5: submit(late)}
    events, _ = work(script, model, profile=lambda: Profile(ceiling=8))
    assert next(iter(ends(events))) == "late"
    assert max(model.passes) == 8


def test_a_cancelled_row_leaves_at_the_next_step():
    model = FakeModel()
    events, _ = work({0: submit(draw("1", steps=9), draw("2", steps=9)), 3: [Cancel("1")]}, model)
    assert model.passes == [4, 4, 4, 2, 2, 2, 2, 2, 2]
    assert ends(events)["1"] == Cancelled(job_id="1")
    assert isinstance(ends(events)["2"], Finished)


def test_a_waiting_job_can_be_cancelled_and_never_starts():
    jobs = [draw(str(n)) for n in range(3)]
    events, _ = work({0: [*submit(*jobs), Cancel("2")]}, FakeModel(), owner_cap=1)
    assert Started(job_id="2") not in events
    assert ends(events)["2"] == Cancelled(job_id="2")


def test_positions_are_told_when_they_change():
    jobs = [draw(str(n)) for n in range(3)]
    events, _ = work({0: submit(*jobs)}, FakeModel(), owner_cap=1)
    assert [e.position for e in events if isinstance(e, Queued) and e.job_id == "2"] == [1, 0]


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory."),
        torch.AcceleratorError("CUDA error: out of memory"),
        RuntimeError("CUDA driver error: out of memory"),
        RuntimeError("Triton Error [CUDA]: out of memory"),
    ],
    ids=repr,
)
def test_out_of_memory_splits_the_batch_and_goes_on(error):
    model = FakeModel(most_samples=3, no_memory=error)
    events, worker = work({0: submit(draw("1", images=4))}, model)
    assert worker._budgets.of(("m", (1, 3, 2, 2))) == 2
    assert isinstance(ends(events)["1"], Finished)
    assert set(model.passes) == {2}
    assert len(model.passes) == 16


def test_out_of_memory_with_one_picture_is_a_clean_failure():
    events, _ = work({0: submit(draw("1"))}, FakeModel(most_samples=1))
    assert ends(events)["1"].kind is FailureKind.OUT_OF_MEMORY
    assert "smaller size" in ends(events)["1"].reason


def test_a_job_that_breaks_a_pass_fails_alone():
    model = FakeModel(broken="bad")
    jobs = [draw(str(n), owner=f"o{n}", prompt="bad" if n == 2 else "good") for n in range(5)]
    events, _ = work({0: submit(*jobs)}, model)
    kinds = Counter(type(end) for end in ends(events).values())
    assert kinds == {Finished: 4, Failed: 1}
    assert ends(events)["2"].kind is FailureKind.INTERNAL
    assert "shape mismatch" not in ends(events)["2"].reason


def test_numbers_that_are_no_picture_are_a_failure_not_a_black_square():
    events, _ = work({0: submit(draw("1"))}, FakeModel(nan="yes"))
    assert ends(events)["1"].kind is FailureKind.BAD_PICTURE
    assert "NaN" in ends(events)["1"].reason


@pytest.mark.parametrize("text", ["CUDA error: an illegal memory access", "CUDA error: unknown"])
def test_a_lost_device_ends_the_worker_and_no_job(text):
    with pytest.raises(EngineLost, match="device is lost"):
        work({0: submit(draw("1"))}, FakeModel(poison=RuntimeError(text)))


def test_progress_counts_the_evaluations_of_the_whole_job():
    clock = FakeClock()
    job = draw("1", images=2, steps=500 // 10)
    events, _ = work({0: submit(job)}, FakeModel(), clock=clock)
    told = [e for e in events if isinstance(e, Progress)]
    assert told and all(e.total == 100 for e in told)
    assert [e.done for e in told] == sorted({e.done for e in told})
    assert all(e.done < 100 for e in told)


def test_previews_are_made_only_while_somebody_listens():
    def previews(script, **fields):
        job = draw("1", steps=60, **fields)
        events, _ = work({0: submit(job), **script}, FakeModel(), preview_interval_s=0.0)
        return [e for e in events if isinstance(e, Progress) and e.previews]

    assert len(previews({}, images=3)[0].previews) == 3
    assert previews({}, previews=False) == []
    assert previews({0: [*submit(draw("1", steps=60)), Detached("1")]}) == []


def test_closing_lets_what_runs_finish_and_starts_nothing_more():
    script = {0: submit(draw("1", steps=5), draw("2")), 2: [Close(float("inf"))]}
    events, _ = work(script, FakeModel(), owner_cap=1)
    assert list(ends(events)) == ["1"]


def test_closing_at_once_leaves_running_jobs_open():
    events, _ = work({0: submit(draw("1", steps=50)), 2: [Close(float("-inf"))]}, FakeModel())
    assert ends(events) == {}


def test_decoding_beside_rows_in_flight_takes_no_longer_than_a_tick():
    """A picture takes three seconds to decode and a tick ten, so three are decoded at once."""
    clock = FakeClock()
    model = FakeModel(clock=clock, tick_s=10.0, decode_s=3.0)
    jobs = [draw("big", images=6, steps=3), draw("long", owner="bob", steps=40)]
    work({0: submit(*jobs)}, model, profile=lambda: Profile(floor=32), clock=clock)
    assert model.decoded == [1, 2, 3, 1]


def test_a_pass_without_the_compiled_code_of_its_model_teaches_the_budget_nothing():
    """Compared with compiled ones it is slow, whatever the size of its batch."""

    class Compiling(FakeModel):
        def predict(self, *arguments):
            self.untypical = len(self.passes) < 20
            return super().predict(*arguments)

    learnt = []

    class Curious(Profile):
        def record(self, samples, seconds):
            learnt.append(samples)

    work({0: submit(draw("1", steps=30))}, Compiling(), profile=Curious)
    assert learnt == [2] * 10


def test_padded_passes_take_whole_buckets_and_are_learnt_by_their_size():
    class Padded(FakeModel):
        def padded(self, samples, *, wraps):
            return bucket_of(samples)

    learnt = []

    class Curious(Profile):
        def record(self, samples, seconds):
            learnt.append(samples)

    model = Padded()
    jobs = [draw(str(n), owner=f"o{n}", steps=6) for n in range(3)]
    work({0: submit(*jobs)}, model, profile=Curious)
    assert set(model.passes) <= {2, 4}
    assert set(learnt) <= {2, 4}


def test_a_turbo_picture_steps_in_almost_every_tick_beside_a_crowd_that_relaxes():
    crowd = [draw(f"c{n}", owner=f"o{n}", steps=40, lane=Lane.RELAX) for n in range(30)]
    turbo = draw("turbo", owner="late", steps=8, lane=Lane.TURBO)
    model, seen = FakeModel(), []

    class Curious(Profile):
        def record(self, samples, seconds):
            seen.append(samples)

    script = {0: submit(*crowd), 9: submit(turbo)}
    events, _ = work(script, model, profile=Curious)
    ticks = [e for e in events if isinstance(e, Progress | Finished) and e.job_id == "turbo"]
    assert isinstance(ticks[-1], Finished)
    assert next(iter(ends(events))) == "turbo"


def test_a_lone_grid_is_decoded_in_one_call():
    model = FakeModel()
    work({0: submit(draw("1", images=4))}, model)
    assert model.decoded == [4]


def test_the_status_shows_who_runs_and_who_waits():
    jobs = [draw(str(n)) for n in range(2)]
    _, worker = work({0: submit(*jobs), 1: [Close(float("-inf"))]}, FakeModel(), owner_cap=1)
    assert worker.status.running == ("0",)
    assert worker.status.queued == ("1",)


def test_the_host_stays_one_tick_ahead_of_a_card_and_books_each_tick_its_own_time():
    waited = []

    class FakeEvent:
        def __init__(self, number):
            self.number = number

        def record(self):
            pass

        def synchronize(self):
            waited.append(self.number)

        def elapsed_time(self, other):
            return 1000.0 * (other.number - self.number)

    booked = []

    class FakeBudgets:
        def record(self, group, samples, seconds):
            booked.append((group, samples, seconds))

    events = iter(map(FakeEvent, range(9)))
    timer = TickTimer(
        FakeClock(), FakeBudgets(), lambda *where: Stopwatch(*where, lambda: next(events))
    )
    works = [Work(draw(name), None, Inputs()) for name in "abc"]
    for group, one in zip("abc", works, strict=True):
        timer.begin(torch.device("cuda"))
        timer.end(torch.device("cuda"), [SimpleNamespace(samples=2, work=one)], group, 4)
    assert waited == [1, 3]
    assert booked == [("a", 4, 1.0), ("b", 4, 1.0)]
    assert [one.gpu_s for one in works] == [1.0, 1.0, 0.0]


def test_a_tick_that_is_over_keeps_no_model_alive():
    """The host waits for a card's last tick only when the next one ends, which may be never."""

    class FakeEvent:
        def record(self):
            pass

    watch = lambda *where: Stopwatch(*where, FakeEvent)  # noqa: E731
    timer, model = TickTimer(FakeClock(), Budgets(), watch), FakeModel()
    one = Work(draw("a"), None, Inputs())
    one.rows = [SimpleNamespace(samples=2, work=one, model=model)]
    timer.begin(torch.device("cuda"))
    timer.end(torch.device("cuda"), one.rows, ("m", (1,)), 2)
    gone = weakref.ref(model)
    del one, model
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("how", ["finished", "failed", "cancelled"])
def test_what_a_job_that_is_over_held_is_free_before_a_collection_of_cycles(monkeypatch, how):
    """That comes late in a large process, and pictures of 1024 by 1024 pixels are 12 MB a grid."""
    works, begin = [], Work.__init__

    def begins(one, *rest):
        begin(one, *rest)
        works.append(weakref.ref(one))

    monkeypatch.setattr(Work, "__init__", begins)
    script = {0: submit(draw("a", images=4), draw("b", images=4))}
    cancels = {2: [Cancel("a"), Cancel("b")]}
    model = FakeModel(nan="a cat" if how == "failed" else "")
    gc.disable()
    try:
        events, _ = work(script | (cancels if how == "cancelled" else {}), model)
        assert {type(each).__name__.lower() for each in ends(events).values()} == {how}
        assert [each() for each in works] == [None, None]
    finally:
        gc.enable()


scripts = st.lists(
    st.tuples(
        st.integers(0, 12),
        st.sampled_from("abc"),
        st.integers(1, 3),
        st.integers(1, 5),
        st.sampled_from(["good", "good", "bad"]),
        st.one_of(st.none(), st.integers(0, 12)),
    ),
    max_size=10,
)


@settings(deadline=None, max_examples=60)
@given(scripts, st.integers(1, 20))
def test_every_job_has_exactly_one_end_whatever_is_cancelled_or_breaks(script, most_samples):
    turns = {}
    for number, (turn, owner, images, steps, prompt, cancel) in enumerate(script):
        job = draw(str(number), owner=owner, images=images, steps=steps, prompt=prompt)
        turns.setdefault(turn, []).extend(submit(job))
        if cancel is not None:
            turns.setdefault(max(turn, cancel), []).append(Cancel(str(number)))

    model = FakeModel(broken="bad", most_samples=most_samples)
    events, worker = work(turns, model)

    finals = [e.job_id for e in events if isinstance(e, Finished | Failed | Cancelled)]
    assert sorted(finals) == sorted(str(number) for number in range(len(script)))
    assert worker.status.running == worker.status.queued == ()
    assert all(isinstance(e, torch.Tensor) is False for e in events)


class SlowModels(ReadyModels):
    """Holds one model in use at a time; loads are asked for, and end when a test says so."""

    def __init__(self, *models):
        super().__init__(*models)
        self.wanted = []

    def want(self, name, in_use):
        self.wanted.append((name, set(in_use)))
        return False


def test_a_job_that_waits_for_memory_and_is_cancelled_lets_others_start_again():
    models = SlowModels(FakeModel())
    other = replace(draw("b", owner="eve"), model="absent")
    late = draw("c", owner="bob", steps=1)
    script = {0: submit(draw("a", steps=20)), 2: submit(other), 4: [Cancel("b")], 6: submit(late)}
    events, _ = work(script, cache=models)
    order = list(ends(events))
    assert order == ["b", "c", "a"]


def test_a_model_whose_rows_began_in_the_same_turn_is_in_use():
    models = SlowModels(FakeModel())
    other = replace(draw("b", owner="eve"), model="absent")
    work({0: submit(draw("a", steps=5), other), 3: [Cancel("b")]}, cache=models)
    assert models.wanted[0] == ("absent", {"m"})


def test_one_large_job_does_not_keep_another_owner_out():
    model = FakeModel()
    large = draw("large", images=16, steps=40)
    script = {0: submit(large), 3: submit(draw("one", owner="bob", steps=1))}
    events, _ = work(script, model, profile=lambda: Profile(ceiling=8))
    assert next(iter(ends(events))) == "one"


def test_what_a_failed_pass_held_is_free_again_when_half_of_it_is_tried():
    alive = []

    class Hoarder(FakeModel):
        def predict(self, latents, *rest):
            alive.append([ref() is not None for ref in self.refs])
            activations = torch.zeros(1000)
            self.refs.append(weakref.ref(activations))
            return super().predict(latents, *rest)

    model = Hoarder(most_samples=3)
    model.refs = []
    work({0: submit(draw("1", images=4, steps=1))}, model)
    assert not any(flag for flags in alive for flag in flags)


def test_a_row_whose_own_step_breaks_fails_alone_and_is_not_stepped_again():
    class Picky(DDPMScheduler):
        def step(self, *arguments, **options):
            if self.num_inference_steps == 3:
                raise torch.OutOfMemoryError("CUDA out of memory.")
            return super().step(*arguments, **options)

    model = FakeModel()
    model.scheduler = Picky(clip_sample=False)
    jobs = [draw(str(n), owner=f"o{n}", steps=3 if n == 1 else 4) for n in range(3)]
    events, _ = work({0: submit(*jobs)}, model)
    assert isinstance(ends(events)["1"], Failed)
    assert isinstance(ends(events)["0"], Finished) and isinstance(ends(events)["2"], Finished)
    assert model.passes == [6, 4, 4, 4]


def test_a_preview_that_breaks_costs_nobody_a_picture():
    class Blind:
        def learn(self, latents, pixels):
            raise ValueError("singular")

        def draw(self, latents):
            raise torch.OutOfMemoryError("CUDA out of memory.")

    model = FakeModel()
    model.preview = Blind()
    job = draw("1", steps=60, film_frames=5)
    events, _ = work({0: submit(job)}, model, preview_interval_s=0.0)
    assert isinstance(ends(events)["1"], Finished)
    assert any(isinstance(event, Progress) for event in events)


def test_pictures_that_cannot_be_encoded_still_end_the_job(monkeypatch):
    def broken(pixels):
        raise MemoryError

    monkeypatch.setattr("engine.loop.reports.to_png", broken)
    events, _ = work({0: submit(draw("1"))}, FakeModel())
    assert ends(events)["1"].kind is FailureKind.OUT_OF_MEMORY


def test_each_picture_of_a_grid_is_encoded_on_a_thread_of_its_own(monkeypatch):
    together = threading.Barrier(4)

    def slow(pixels):
        together.wait(timeout=60)  # until all four are at it
        return b"png"

    monkeypatch.setattr("engine.loop.reports.to_png", slow)
    with ThreadPoolExecutor(4) as pool:
        events, _ = work({0: submit(draw("1", images=4))}, FakeModel(), pool=pool)
    assert [picture.png for picture in ends(events)["1"].pictures] == [b"png"] * 4


def test_few_threads_encode_many_pictures_all_the_same():
    jobs = [draw(str(n), owner=f"o{n}", images=4) for n in range(4)]
    with ThreadPoolExecutor(1) as pool:
        events, _ = work({0: submit(*jobs)}, FakeModel(), pool=pool)
    assert all(len(end.pictures) == 4 for end in ends(events).values())
    assert len(ends(events)) == 4


def test_a_picture_is_handed_over_before_previews_learn_from_it():
    seen = []
    model = FakeModel()
    model.preview.learn = lambda latents, pixels: seen.append("learnt")
    report = Reports.finished

    def finished(reports, work):
        seen.append("handed over")
        report(reports, work)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Reports, "finished", finished)
        work({0: submit(draw("1", images=2))}, model)
    assert seen == ["handed over", "learnt", "learnt"]


@pytest.mark.parametrize(("cores", "threads"), [(None, 2), (1, 2), (4, 3), (16, 8)])
def test_pictures_are_encoded_on_all_cores_but_one(monkeypatch, cores, threads):
    monkeypatch.setattr("os.cpu_count", lambda: cores)
    assert encoders() == threads


def test_timesteps_keep_their_precision_while_another_model_loads_in_bfloat16():
    seen = []

    class Curious(FakeModel):
        def predict(self, latents, timesteps, *rest):
            seen.append(timesteps.dtype)
            return super().predict(latents, timesteps, *rest)

    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    try:
        work({0: submit(draw("1", steps=1))}, Curious())
    finally:
        torch.set_default_dtype(before)
    assert seen == [torch.float32]


def test_models_that_nobody_uses_are_put_away_while_the_device_is_idle():
    class Quiet(ScriptedMailbox):
        rung = False

        def get(self, *, block, timeout):
            if block and not self.rung:
                self.rung = True
                raise queue.Empty
            return super().get(block=block, timeout=timeout)

    class Tidy(ReadyModels):
        asked = ()

        def unload_idle(self, after_s, in_use):
            self.asked = (after_s, set(in_use))

    models = Tidy(FakeModel())
    work({}, cache=models, mailbox=Quiet({}), idle_unload_s=60.0)
    assert models.asked == (60.0, set())


class LoadingModels(ReadyModels):
    """The model never comes."""

    def get(self, name):
        return None

    def want(self, name, in_use):
        self.loading = name
        return True


class QuietMailbox(ScriptedMailbox):
    """So many waits end without a message before it closes."""

    def __init__(self, script, quiet):
        super().__init__(script)
        self.quiet = quiet

    def get(self, *, block, timeout):
        if block and not self._script and self.quiet:
            self.quiet -= 1
            raise queue.Empty
        message = super().get(block=block, timeout=timeout)
        self._script = {turn: left for turn, left in self._script.items() if left}
        return message


@pytest.mark.parametrize("script", [{}, {0: submit(draw("1"))}], ids=["idle", "loading"])
def test_turns_go_on_while_it_waits_and_while_a_model_is_loaded(script):
    turns = [
        work({}, cache=LoadingModels(), mailbox=QuietMailbox(dict(script), quiet))[1].status.turns
        for quiet in (0, 50)
    ]
    assert turns[1] == turns[0] + 50
