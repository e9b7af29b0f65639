"""A score of how unsafe a picture is, from a checker in StableDiffusionSafetyChecker's layout."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from engine.models.clip_pixels import ClipPreprocessing, preprocessing_of

STEEPNESS = 20.0
"""Slope of the score around 0.5, where a picture comes near a concept."""


class SafetyCheck:
    """Scores 0 … 1; above 0.5 the checker itself would have made the picture black."""

    def __init__(self, checker: Any, eye: ClipPreprocessing) -> None:  # noqa: ANN401
        self.checker = checker
        self._preprocessing = eye
        self._side_px = int(checker.config.vision_config.image_size)

    def scores(self, pictures: Sequence[NDArray[np.uint8]]) -> list[float]:
        """One for each picture (H, W, 3)."""
        given = torch.cat(
            [self._preprocessing.pixels(Image.fromarray(p), self._side_px) for p in pictures]
        )
        checker = self.checker
        seen = checker.vision_model(given.to(checker.device, checker.dtype))[1]
        embedding = torch.nn.functional.normalize(checker.visual_projection(seen).float())
        special = embedding @ torch.nn.functional.normalize(checker.special_care_embeds.float()).T
        concepts = embedding @ torch.nn.functional.normalize(checker.concept_embeds.float()).T
        care = (special - checker.special_care_embeds_weights).round(decimals=3) > 0
        stricter = 0.01 * care.any(dim=1, keepdim=True)
        margin = (concepts - checker.concept_embeds_weights + stricter).round(decimals=3)
        # Exactly at the threshold the checker lets a picture pass; the score there is 0.5.
        worst = margin.amax(dim=1)
        scores: list[float] = torch.sigmoid(STEEPNESS * worst).tolist()
        return scores


def load_safety(place: Path, device: torch.device, dtype: torch.dtype) -> SafetyCheck:
    """From a directory with a config and safetensors."""
    from diffusers.pipelines.stable_diffusion.safety_checker import (  # noqa: PLC0415
        StableDiffusionSafetyChecker,
    )

    found = StableDiffusionSafetyChecker.from_pretrained(
        place, dtype=dtype, use_safetensors=True, local_files_only=True
    )
    checker = found.eval().requires_grad_(requires_grad=False).to(device)
    return SafetyCheck(checker, preprocessing_of(place))
