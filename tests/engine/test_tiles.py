from __future__ import annotations

import io
from collections import Counter

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from engine import DrawJob, Finished, InputPicture, Progress, WeightedText
from engine.mail import Submit
from engine.pictures import Inputs
from engine.tiles import blend, corners, cut
from tests.engine.fakes import FakeClock, FakeModel, submit, work

sides = st.integers(8, 90)


@given(sides, sides, sides, sides)
def test_tiles_cover_the_picture_and_stay_inside(width, height, tile_width, tile_height):
    size = (max(width, tile_width), max(height, tile_height))
    covered = np.zeros(size[::-1], dtype=bool)
    for x, y in corners(size, (tile_width, tile_height)):
        assert 0 <= x <= size[0] - tile_width and 0 <= y <= size[1] - tile_height
        covered[y : y + tile_height, x : x + tile_width] = True
    assert covered.all()


@given(sides, sides, st.integers(8, 40))
def test_cutting_and_blending_gives_the_picture_back(width, height, tile):
    size = (max(width, tile), max(height, tile))
    chance = np.random.default_rng(0)
    picture = chance.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    pieces = cut(Image.fromarray(picture), (tile, tile))
    again = blend({n: np.asarray(piece) for n, piece in enumerate(pieces)}, size)
    assert np.abs(again.astype(int) - picture).max() <= 1


async def test_a_picture_is_drawn_anew_larger_in_tiles_that_share_passes(engine_of, draw):
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


def enlarged(beside, *, encode_s=3.0):
    """Encodings of 9 tiles by the number of passes before them, and the events."""
    clock = FakeClock()
    model = Encoding(clock, encode_s=encode_s)
    fields = {"model": "m", "prompt": (WeightedText(text="a"),), "guidance": 1.0, "images": 1}
    size = {"width_px": 64, "height_px": 64}
    big = DrawJob(
        id="big",
        owner="ann",
        steps=4,
        strength=0.5,
        inputs=(InputPicture(data=b""),),
        enlarge=2,
        **fields,
        **size,
    )
    other = DrawJob(id="other", owner="bob", steps=30, **fields, **size)
    tiles = tuple(Image.new("RGB", (64, 64)) for _ in range(9))
    script = {0: submit(other) if beside else [], 2: [Submit(big, Inputs(pictures=tiles))]}
    events, _ = work(script, model, clock=clock)
    return Counter(model.encoded), events


def test_the_tiles_of_a_large_picture_hold_nobodys_ticks_back_by_more_than_their_own_length():
    encoded, events = enlarged(beside=True)
    assert encoded.total() == 9
    assert max(encoded.values()) == 4  # the one that passes the tick's 10 s is the last
    assert Finished in {type(event) for event in events if event.job_id == "big"}


def test_alone_they_are_encoded_at_once():
    encoded, _ = enlarged(beside=False)
    assert encoded == {0: 9}


def test_progress_counts_the_tiles_that_are_still_to_come():
    _, events = enlarged(beside=True)
    totals = {e.total for e in events if isinstance(e, Progress) and e.job_id == "big"}
    assert totals == {9 * 2}
