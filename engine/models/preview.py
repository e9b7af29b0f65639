"""Rough pictures of unfinished latents, by a linear map from latents to RGB, which costs little."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional

from engine.device.async_copy import to_device, to_host
from engine.models import noise
from engine.pictures.encoded import PREVIEW_SIDE_PX

if TYPE_CHECKING:
    from engine.models import Denoiser, Predictor

log = logging.getLogger(__name__)


def clean_latents(
    model: Predictor,
    scheduler: Any,  # noqa: ANN401
    given: Tensor,
    prediction: Tensor,
    timestep: float,
) -> Tensor:
    """The clean latents that a prediction implies; given: the denoiser's input, (1, C, h, w)."""
    if hasattr(scheduler, "precondition_outputs"):  # EDM, whose timestep is a quarter of log sigma
        sigma = math.exp(4 * timestep)
        sample = given * math.hypot(sigma, scheduler.config.sigma_data)
        denoised: Tensor = scheduler.precondition_outputs(sample, prediction, sigma)
        return denoised
    if getattr(scheduler, "ets", None) is not None and not hasattr(scheduler, "alphas_cumprod"):
        angle = timestep * math.pi / 2  # IPNDM, which takes every prediction as a velocity
        straight: Tensor = math.cos(angle) * given - math.sin(angle) * prediction
        return straight
    if model.prediction == "sample":
        return prediction
    if model.prediction == "flow":
        return given - (timestep / 1000) * prediction
    alphas = model.alphas or scheduler.alphas_cumprod.tolist()
    below = min(int(timestep), len(alphas) - 2)
    alpha = alphas[below] + (alphas[below + 1] - alphas[below]) * (timestep - below)
    signal, noise = alpha**0.5, (1 - alpha) ** 0.5
    clean: Tensor = (
        signal * given - noise * prediction
        if model.prediction == "v_prediction"
        else (given - noise * prediction) / max(signal, 1e-4)
    )
    return clean


RoughPixels = Callable[[], NDArray[np.uint8]]
"""Returns a rough picture (h, w, 3); called on a thread that may wait for the device."""
CHART_SQUARES, SQUARE_PX = 8, 16
PICTURES_LEARNT = 32
"""How many decoded pictures refine a linear map; more would cost time without gain."""


class Preview(Protocol):
    """Draws unfinished latents."""

    def learn(self, latents: Tensor, pixels: NDArray[np.uint8]) -> None:
        """latents: (1, C, h, w) as decoded; pixels: (H, W, 3), the picture they became."""

    def draw(self, latents: Tensor) -> RoughPixels:
        """(1, C, h, w) → a rough (h', w', 3)."""
        raise NotImplementedError


class TinyDecoder:
    """An AutoencoderTiny, where the catalogue names one: sharper, and a little slower."""

    def __init__(self, autoencoder: Any) -> None:  # noqa: ANN401
        self.autoencoder = autoencoder

    def learn(self, latents: Tensor, pixels: NDArray[np.uint8]) -> None:
        """Nothing: it is trained already."""

    def draw(self, latents: Tensor) -> RoughPixels:
        own = self.autoencoder.dtype
        pixels = self.autoencoder.decode(latents.to(own), return_dict=False)[0][0]
        return _picture(pixels / 2 + 0.5)


class LinearRgb:
    """RGB ≈ latents · A + b, fitted by least squares to what the decoder really draws.

    The first decoded pictures refine the fit, so any autoencoder gets true colours.
    """

    def __init__(self, channels: int) -> None:
        size = channels + 1
        self._learnt = 0
        self._gram = np.eye(size) * 1e-3
        self._moment = np.zeros((size, 3))
        self._map = torch.zeros(size, 3)

    def learn(self, latents: Tensor, pixels: NDArray[np.uint8]) -> None:
        if self._learnt >= PICTURES_LEARNT:
            return
        self._learnt += 1
        features = _features(latents)
        height, width = latents.shape[-2:]
        picture = torch.from_numpy(pixels).permute(2, 0, 1)[None].float()
        small = functional.adaptive_avg_pool2d(picture, (height, width))
        colours = (small[0].flatten(1).T / 255).numpy()
        self._gram = self._gram * 0.95 + features.T @ features / len(features)
        self._moment = self._moment * 0.95 + features.T @ colours / len(features)
        self._map = torch.from_numpy(np.linalg.solve(self._gram, self._moment)).float()

    def draw(self, latents: Tensor) -> RoughPixels:
        if self._map.device != latents.device:
            self._map = to_device(self._map, latents.device)
        colours = torch.tensordot(self._map[:-1].T, latents[0].float(), dims=1)
        return _picture(colours + self._map[-1, :, None, None])


def calibrate(model: Denoiser) -> None:
    """Fit the linear map of a newly loaded model to a chart of colours.

    Without that the previews of the first job would be black. A model that cannot decode the chart
    can still draw, so an error is only logged.
    """
    if not isinstance(model.preview, LinearRgb):
        return
    try:
        with torch.inference_mode():
            latents = model.encode_image(_chart())(noise.generator_for(0, 0))
            pixels = model.decode(latents)[0].float() / 2 + 0.5
            seen = pixels.clamp(0, 1).mul(255).to(torch.uint8).permute(1, 2, 0)
            if latents.isfinite().all() and pixels.isfinite().all():
                model.preview.learn(latents, seen.cpu().numpy())
    except Exception:  # the model itself works
        log.warning("%s cannot learn to draw previews yet.", model.name, exc_info=True)


def _chart() -> Image.Image:
    """A grid of squares in random colours."""
    colours = np.random.default_rng(0).integers(0, 256, (CHART_SQUARES, CHART_SQUARES, 3))
    squares = colours.astype(np.uint8).repeat(SQUARE_PX, 0).repeat(SQUARE_PX, 1)
    return Image.fromarray(squares)


def _picture(colours: Tensor) -> RoughPixels:
    """Begin to copy (3, h, w) of 0 … 1 to the host as a picture of at most 256 px."""
    shrink = math.ceil(max(colours.shape[1:]) / PREVIEW_SIDE_PX)
    pixels = colours[:, ::shrink, ::shrink].nan_to_num().clamp(0, 1).mul(255).to(torch.uint8)
    return to_host(pixels.permute(1, 2, 0))


def _features(latents: Tensor) -> NDArray[np.float64]:
    flat = latents[0].float().cpu().flatten(1).T.numpy().astype(np.float64)
    return np.concatenate([flat, np.ones((len(flat), 1))], axis=1)
