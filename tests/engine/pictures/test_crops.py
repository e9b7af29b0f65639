from __future__ import annotations

import io
from collections import Counter

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from engine import Cancelled, DrawJob, End, Finished, InputPicture, Progress, WeightedText
from engine.loop.mailbox import Cancel, Close, Submit
from engine.pictures.crops import blend, corners, split
from engine.pictures.encoded import Inputs
from tests.engine.fakes import FakeClock, FakeModel, submit, work

sides = st.integers(8, 90)


@given(sides, sides, sides, sides)
def test_crops_cover_the_picture_and_stay_inside(width, height, tile_width, tile_height):
    size = (max(width, tile_width), max(height, tile_height))
    covered = np.zeros(size[::-1], dtype=bool)
    for x, y in corners(size, (tile_width, tile_height)):
        assert 0 <= x <= size[0] - tile_width and 0 <= y <= size[1] - tile_height
        covered[y : y + tile_height, x : x + tile_width] = True
    assert covered.all()


@given(sides, sides, st.integers(8, 40))
def test_splitting_and_blending_gives_the_picture_back(width, height, crop):
    size = (max(width, crop), max(height, crop))
    chance = np.random.default_rng(0)
    picture = chance.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    pieces = split(Image.fromarray(picture), (crop, crop))
    again = blend({n: np.asarray(piece) for n, piece in enumerate(pieces)}, size)
    assert np.abs(again.astype(int) - picture).max() <= 1


async def test_a_picture_is_drawn_anew_larger_in_crops_that_share_passes(engine_of, draw):
    engine = await engine_of("sd")
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), "teal").save(buffer, "PNG")
    inputs = (InputPicture(data=buffer.getvalue()),)
    job = draw(inputs=inputs, enlarge=2, strength=0.5)

    end = [event async for event in engine.run(job)][-1]

    assert isinstance(end, Finished)
    with Image.open(io.BytesIO(end.pictures[0].png)) as picture:
        assert picture.size == (128, 128)


class Encoding(FakeModel):
    """Remembers after how many passes each picture was encoded."""

    def __init__(self, clock, *, encode_s):
        super().__init__(clock=clock, tick_s=10.0)
        self._now, self._encode_s = clock, encode_s
        self.encoded = []

    def encode_image(self, picture):
        self.encoded.append(len(self.passes))
        self._now.now_s += self._encode_s
        return lambda generator: torch.zeros(1, 3, 2, 2)

    def decode(self, latents):
        return super().decode(latents).repeat_interleave(8, -1).repeat_interleave(8, -2)

    def add_noise(self, scheduler, latents, noise, timestep):
        return latents + noise


FIELDS = {
    "model": "m",
    "prompt": (WeightedText(text="a"),),
    "guidance": 1.0,
    "images": 1,
    "width_px": 64,
    "height_px": 64,
}


def large_job(job_id, owner):
    start = {"inputs": (InputPicture(data=b""),), "strength": 0.5}
    return DrawJob(id=job_id, owner=owner, steps=4, enlarge=2, **start, **FIELDS)


def other_job(steps=30):
    return DrawJob(id="other", owner="bob", steps=steps, **FIELDS)


def crops(count):
    return Inputs(pictures=tuple(Image.new("RGB", (64, 64)) for _ in range(count)))


def enlarged(beside):
    """Encodings of 9 crops by the number of passes before them, and the events."""
    clock = FakeClock()
    model = Encoding(clock, encode_s=3.0)
    script = {
        0: submit(other_job()) if beside else [],
        2: [Submit(large_job("big", "ann"), crops(9))],
    }
    events, _ = work(script, model, clock=clock)
    return Counter(model.encoded), events


def test_the_crops_of_a_large_picture_hold_nobodys_ticks_back_by_more_than_their_own_length():
    encoded, events = enlarged(beside=True)
    assert encoded.total() == 9
    assert max(encoded.values()) == 4  # the one that passes the tick's 10 s is the last
    assert Finished in {type(event) for event in events if event.job_id == "big"}


def test_alone_they_are_encoded_a_moment_at_a_time_so_that_a_cancel_is_heard():
    encoded, events = enlarged(beside=False)
    assert max(encoded.values()) <= 4 and encoded.total() == 9
    assert isinstance(events[-1], Finished)


def crowd(jobs):
    """Encodings by the number of passes before them, where many enlargements come at once."""
    clock = FakeClock()
    model = Encoding(clock, encode_s=3.0)
    script = {
        0: submit(other_job()),
        2: [Submit(large_job(str(n), f"member {n}"), crops(9)) for n in range(jobs)],
    }
    events, _ = work(script, model, clock=clock)
    ended = {event.job_id for event in events if isinstance(event, Finished)}
    assert ended == {"other", *map(str, range(jobs))}
    return Counter(model.encoded)


def test_many_of_them_share_the_time_that_one_may_take():
    """Each that starts encodes its first crop; the rest is bounded for all of them together."""
    assert max(crowd(jobs=8).values()) <= 4 + 8


def test_closing_lets_a_job_whose_crops_have_not_all_arrived_finish():
    clock = FakeClock()
    model = Encoding(clock, encode_s=3.0)
    script = {
        0: submit(other_job(steps=3)),
        1: [Submit(large_job("big", "ann"), crops(9))],
        2: [Close(float("inf"))],
    }
    events, _ = work(script, model, clock=clock)
    assert {e.job_id for e in events if isinstance(e, Finished)} == {"other", "big"}


def test_a_partly_arrived_job_that_is_cancelled_ends_once_and_encodes_no_more():
    clock = FakeClock()
    model = Encoding(clock, encode_s=3.0)
    script = {
        0: submit(other_job()),
        1: [Submit(large_job("big", "ann"), crops(36))],
        3: [Cancel("big")],
    }
    events, _ = work(script, model, clock=clock)
    assert [type(e) for e in events if e.job_id == "big" and isinstance(e, End)] == [Cancelled]
    assert len(model.encoded) < 36


def test_progress_counts_the_crops_that_are_still_to_come():
    _, events = enlarged(beside=True)
    totals = {e.total for e in events if isinstance(e, Progress) and e.job_id == "big"}
    assert totals == {9 * 2}
