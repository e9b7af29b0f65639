"""Super-resolution by a network of the catalogue, or by resampling where it has none."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageFilter
from torch import Tensor

from engine.errors import LOAD_IN_FLOAT32, JobError, NotFiniteError, Sentence
from engine.messages import Finished, Job, Picture, UpscaleJob
from engine.pictures.encoded import Inputs, to_png

CROP_PX = 192
OVERLAP_PX = 16
MAX_RESULT_PIXELS = 40_000_000

Network = Callable[[Tensor], Tensor]
"""(1, 3, h, w) 0 … 1 → (1, 3, h · scale, w · scale)."""


class Lanczos:
    """A `Solo` for catalogues without a network."""

    name = "lanczos"

    def run(self, job: Job, inputs: Inputs, report: Callable[[int, int], None]) -> Finished:
        assert isinstance(job, UpscaleJob)
        report(0, 1)
        size = _size(inputs.pictures[0], job.factor)
        large = inputs.pictures[0].resize(size, Image.Resampling.LANCZOS)
        sharp = large.filter(ImageFilter.UnsharpMask(radius=job.factor, percent=60, threshold=2))
        note = Sentence(
            "The catalogue has no upscaling network, so the picture was resampled (Lanczos)."
        )
        return _finished(job, np.asarray(sharp), note)


class Upscaler:
    """A `Solo` over a network that enlarges by its own factor, crop by crop."""

    def __init__(
        self,
        name: str,
        network: Network,
        scale: int,
        device: torch.device,
        weights: torch.nn.Module | None = None,
    ) -> None:
        """weights: where the network has its weights, so that they can be weighed."""
        if scale < 2:
            raise ValueError(f"its network enlarges by {scale}, not by 2 or more")
        self.name, self.weights = name, weights
        self._network, self._scale, self._device = network, scale, device

    def run(self, job: Job, inputs: Inputs, report: Callable[[int, int], None]) -> Finished:
        """Enlarge as often as needed, then resize the result to the factor asked for."""
        assert isinstance(job, UpscaleJob)
        picture = inputs.pictures[0]
        size = _size(picture, job.factor)
        pixels = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None].float() / 255
        shapes = _passes(picture.size, size, self._scale)
        total = sum(len(_corners(*shape)) for shape in shapes)
        done = itertools.count()
        for _ in shapes:
            pixels = self._enlarge(pixels, lambda: report(next(done), total))
        array = pixels[0].permute(1, 2, 0).clamp(0, 1).mul(255).round().to(torch.uint8).numpy()
        if array.shape[:2] != size[::-1]:
            array = np.asarray(Image.fromarray(array).resize(size, Image.Resampling.LANCZOS))
        return _finished(job, array)

    def _enlarge(self, pixels: Tensor, tell: Callable[[], None]) -> Tensor:
        """Crops overlap, and only the middle of each is kept, so that no seams show.

        tell: called before each crop.
        """
        _, _, height, width = pixels.shape
        large = torch.zeros(1, 3, height * self._scale, width * self._scale)
        for x, y in _corners(width, height):
            tell()
            top, left = max(0, y - OVERLAP_PX), max(0, x - OVERLAP_PX)
            bottom, right = min(height, y + CROP_PX), min(width, x + CROP_PX)
            crop = pixels[:, :, top : bottom + OVERLAP_PX, left : right + OVERLAP_PX]
            enlarged = self._network(crop.to(self._device)).float().cpu()
            if not torch.isfinite(enlarged).all():
                raise NotFiniteError(LOAD_IN_FLOAT32)
            kept = enlarged[
                :,
                :,
                (y - top) * self._scale : (bottom - top) * self._scale,
                (x - left) * self._scale : (right - left) * self._scale,
            ]
            large[
                :,
                :,
                y * self._scale : bottom * self._scale,
                x * self._scale : right * self._scale,
            ] = kept
        return large


def _passes(size: tuple[int, int], wanted: tuple[int, int], scale: int) -> list[tuple[int, int]]:
    """The sizes of the inputs, one after another, until the output is as wide as wanted."""
    sizes = []
    width, height = size
    while width < wanted[0]:
        sizes.append((width, height))
        width, height = width * scale, height * scale
    return sizes


def _corners(width: int, height: int) -> list[tuple[int, int]]:
    """Left upper corners (x, y) of the crops of a picture."""
    return [(x, y) for y in range(0, height, CROP_PX) for x in range(0, width, CROP_PX)]


def _size(picture: Image.Image, factor: int) -> tuple[int, int]:
    width, height = picture.width * factor, picture.height * factor
    if width * height > MAX_RESULT_PIXELS:
        raise JobError(
            Sentence(
                "{factor} times {width} × {height} px would be {megapixels:.0f} megapixels; at most"
                " {most} are made.",
                factor=factor,
                width=picture.width,
                height=picture.height,
                megapixels=width * height / 1e6,
                most=MAX_RESULT_PIXELS // 1_000_000,
            )
        )
    return width, height


def _finished(job: UpscaleJob, pixels: Any, *notes: Sentence) -> Finished:  # noqa: ANN401
    height, width = pixels.shape[:2]
    picture = Picture(png=to_png(pixels), seed=0, width_px=width, height_px=height)
    return Finished(job_id=job.id, pictures=(picture,), notes=notes)
