"""Pictures to begin with, and pictures as they come out of an engine."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from engine import Finished


def photo(width=64, height=64):
    ramp = np.add.outer(np.arange(height), 2 * np.arange(width))
    array = np.stack([ramp % 256, (3 * ramp) % 256, 255 - ramp % 256], axis=-1)
    return Image.fromarray(array.astype(np.uint8))


def right_half(width=64, height=64):
    mask = Image.new("L", (width, height))
    mask.paste(255, (width // 2, 0, width, height))
    return mask


def png(picture):
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


async def finish(engine, job):
    """The job's pictures, (H, W, 3) each."""
    end = [event async for event in engine.run(job)][-1]
    assert isinstance(end, Finished), end
    return [np.asarray(Image.open(io.BytesIO(picture.png))) for picture in end.pictures]
