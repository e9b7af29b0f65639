"""Baseline S: diffusers' own pipeline, called once for each job, in turn; Sc: the same compiled.

It has the engine's weights, number format, device and threads, and its pictures are encoded to
PNG like the engine's.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from engine import DrawJob, ModelSpec
from engine.models import loading, schedulers
from engine.models.tracing import prepare_to_compile
from engine.pictures.encoded import to_png


class Baseline:
    """diffusers' own pipeline, eager (S) or compiled (Sc)."""

    def __init__(
        self, spec: ModelSpec, device: torch.device, dtype: torch.dtype, *, compiled: bool = False
    ) -> None:
        spec = replace(spec, compiled="off")
        model: Any = loading.load(spec, device, dtype)
        self.model = model
        self.pipeline = model.pipeline
        self.pipeline.set_progress_bar_config(disable=True)
        self._own = self.pipeline.scheduler
        if compiled:
            prepare_to_compile()
            self.pipeline.unet = torch.compile(self.pipeline.unet, dynamic=False)

    def draw(self, job: DrawJob) -> float:
        """Draw a job and encode its pictures; seconds."""
        began_s = time.perf_counter()
        for picture in self._draw(job):
            to_png(np.asarray(picture))
        return time.perf_counter() - began_s

    def latents(self, job: DrawJob) -> torch.Tensor:
        """What it would decode of a job, (images, C, h, w)."""
        drawn: torch.Tensor = self._draw(job, output_type="latent")
        return drawn

    def _draw(self, job: DrawJob, **options: Any) -> Any:  # noqa: ANN401
        self.pipeline.scheduler = schedulers.build(job.scheduler, self._own)
        generators = [
            torch.Generator("cpu").manual_seed(job.seed + index) for index in range(job.images)
        ]
        return self.pipeline(
            job.prompt[0].text,
            num_inference_steps=job.steps,
            guidance_scale=job.guidance,
            width=job.width_px,
            height=job.height_px,
            num_images_per_prompt=job.images,
            generator=generators,
            **options,
        ).images
