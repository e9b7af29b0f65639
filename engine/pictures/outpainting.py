"""A picture placed on a larger drawing: what is drawn around it, and how its own pixels are kept.

The model draws whole latent cells; afterwards the kept pixels are put back over its drawing, and
the two are blended in a narrow band of the kept part beside what is new.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from engine.errors import JobError, Sentence
from engine.messages import Place

FEATHER_PX = 16
"""The widest band of kept pixels that are blended with drawn ones."""
_FEATHERED_SHARE = 8
"""The band is at most the shorter side of the placed picture divided by this."""
_CELL_PX = 8
"""What is new is rounded out to squares of so many px: a latent stands for 8 × 8 at the most."""

Pixels = NDArray[np.uint8]
"""(H, W, 3)."""
_Numbers = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """The pixels of a drawing that are not the model's."""

    pixels: Pixels
    share: NDArray[np.float32]
    """(H, W, 1): 1 = as kept, 0 = as drawn."""

    def over(self, drawn: Pixels) -> Pixels:
        """The drawing with the kept pixels put back."""
        mixed = self.share * self.pixels + (1 - self.share) * drawn
        return np.round(mixed).astype(np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class Canvas:
    """What an outpainting starts from."""

    picture: Image.Image
    """Of the drawing's size; what is new has the colours that are nearest to it."""
    mask: Image.Image
    """White where the model draws."""
    kept: Kept


def canvas(
    picture: Image.Image, place: Place, size: tuple[int, int], painted: Image.Image | None
) -> Canvas:
    """The picture, scaled to its place on a drawing of `size`.

    painted: of `size`, white where the picture itself is drawn anew too. JobError where nothing
    would be drawn, or nothing kept.
    """
    scaled = picture
    if picture.size != (place.width_px, place.height_px):
        scaled = picture.resize((place.width_px, place.height_px), Image.Resampling.LANCZOS)
    laid = Image.new("RGB", size)
    laid.paste(scaled, (place.left_px, place.top_px))
    known = Image.new("L", size)
    right, bottom = place.left_px + place.width_px, place.top_px + place.height_px
    known.paste(255, (place.left_px, place.top_px, right, bottom))
    new = np.asarray(known) < 128
    if painted is not None:
        new = new | (np.asarray(painted) >= 128)
    if not new.any():
        raise JobError(Sentence("The picture fills the whole drawing, so nothing would be drawn."))
    if new.all():
        raise JobError(Sentence("Nothing of the picture would be kept; use a smaller area."))
    white = Image.fromarray(new.astype(np.uint8) * 255)
    band = min(FEATHER_PX, min(place.width_px, place.height_px) // _FEATHERED_SHARE)
    # At a straight edge the blur is one half, and nothing at the far end of the band.
    drawn = np.asarray(white.filter(ImageFilter.BoxBlur(band)), np.float32) / 127.5
    share = 1 - np.maximum(np.minimum(drawn, 1), new)
    filled = _filled(np.asarray(laid), ~new)
    return Canvas(
        picture=Image.fromarray(filled),
        mask=_rounded_out(white),
        kept=Kept(pixels=filled, share=share[..., None].astype(np.float32)),
    )


def _rounded_out(mask: Image.Image) -> Image.Image:
    """White in every cell that has some white; the sides are multiples of a cell or it is cut."""
    cells = (-(-mask.width // _CELL_PX), -(-mask.height // _CELL_PX))
    array = np.zeros((cells[1] * _CELL_PX, cells[0] * _CELL_PX), np.uint8)
    array[: mask.height, : mask.width] = np.asarray(mask)
    blocks = array.reshape(cells[1], _CELL_PX, cells[0], _CELL_PX).max(axis=(1, 3))
    whole = blocks.repeat(_CELL_PX, axis=0).repeat(_CELL_PX, axis=1)
    return Image.fromarray(whole[: mask.height, : mask.width])


def _filled(pixels: Pixels, known: NDArray[np.bool_]) -> Pixels:
    """The pixels, and where they are not known the colours nearest to them, softer further away.

    Each level of a pyramid fills the holes of the finer one (Gortler et al. 1996, "push-pull").
    """
    weight = known.astype(np.float32)[..., None]
    filled = _pull(pixels * weight, weight)
    return np.where(known[..., None], pixels, np.clip(np.round(filled), 0, 255)).astype(np.uint8)


def _pull(colours: _Numbers, weight: _Numbers) -> _Numbers:
    """colours: (h, w, 3), weighted by (h, w, 1) of 0 … 1."""
    height, width = weight.shape[:2]
    if max(height, width) == 1:
        return colours / np.maximum(weight, 1e-6)
    even = ((0, height % 2), (0, width % 2), (0, 0))

    def halved(array: _Numbers) -> _Numbers:
        padded = np.pad(array, even)
        rows, columns = padded.shape[0] // 2, padded.shape[1] // 2
        halves: _Numbers = padded.reshape(rows, 2, columns, 2, -1).sum(axis=(1, 3))
        return halves

    less, sums = halved(weight), halved(colours)
    full = np.minimum(less, 1)
    coarse = _pull(sums / np.maximum(less, 1e-6) * full, full)
    channels = [
        np.asarray(
            Image.fromarray(coarse[..., channel]).resize((width, height), Image.Resampling.BILINEAR)
        )
        for channel in range(3)
    ]
    filled: _Numbers = colours + (1 - weight) * np.stack(channels, axis=-1)
    return filled
