from __future__ import annotations

import io

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from engine import Finished, InputPicture
from engine.tiles import blend, corners, cut

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
