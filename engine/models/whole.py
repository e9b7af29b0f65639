"""Any other text-to-image pipeline of diffusers, run whole, a picture at a time."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from engine import noise
from engine.errors import JobError
from engine.messages import DrawJob, Finished, Job, Picture
from engine.models.safety import SafetyCheck
from engine.pictures import Inputs, to_png


class WholePipeline:
    """A `Solo`: progress and cancel go through the pipeline's own callback."""

    def __init__(self, name: str, pipeline: Any, safety: SafetyCheck | None) -> None:  # noqa: ANN401
        self.name, self._safety = name, safety
        self.pipeline = pipeline
        pipeline.set_progress_bar_config(disable=True)
        self._taken = set(inspect.signature(pipeline.__call__).parameters)

    def run(self, job: Job, inputs: Inputs, report: Callable[[int, int], None]) -> Finished:
        """Pictures with the seeds of the job; what the pipeline does not take is said."""
        if not isinstance(job, DrawJob):
            raise JobError("This model cannot weigh words; choose another.")
        if inputs.pictures and ("image" not in self._taken or len(inputs.pictures) > 1):
            raise JobError("This model cannot start from these pictures; choose another.")
        if inputs.mask is not None and "mask_image" not in self._taken:
            raise JobError("This model cannot draw within a mask; choose another.")
        if job.tile:
            raise JobError("This model cannot draw seamless tiles; choose another.")
        text = ", ".join(part.text for part in job.prompt if part.weight > 0)
        options: dict[str, Any] = {
            "prompt": text,
            "negative_prompt": job.negative or None,
            "num_inference_steps": job.steps,
            "guidance_scale": job.guidance,
            "width": job.width_px,
            "height": job.height_px,
        }
        if inputs.pictures:
            options |= {"image": inputs.pictures[0], "strength": job.strength}
        if inputs.mask is not None:
            options["mask_image"] = inputs.mask
        notes = self._notes(job, text)
        options = {name: value for name, value in options.items() if name in self._taken}
        pictures = [
            self._draw(job, index, options, self._reporter(job, index, report))
            for index in range(job.images)
        ]
        return Finished(job_id=job.id, pictures=tuple(pictures), notes=(*inputs.notes, *notes))

    def _notes(self, job: DrawJob, text: str) -> list[str]:
        """What this pipeline does not take."""
        notes = []
        if job.negative and "negative_prompt" not in self._taken:
            notes.append("This model cannot heed what to leave out.")
        if any(part.weight != 1 for part in job.prompt):
            notes.append("This model takes no weights; the parts were joined.")
        if job.stop < 1:
            notes.append("This model draws to its end; it cannot stop early.")
        tokenizer = getattr(self.pipeline, "tokenizer", None)
        if tokenizer is not None:
            tokens, most = len(tokenizer(text).input_ids), tokenizer.model_max_length
            if tokens > most:
                notes.append(f"The prompt has {tokens} tokens; this model reads the first {most}.")
        return notes

    def _reporter(
        self, job: DrawJob, index: int, report: Callable[[int, int], None]
    ) -> dict[str, Any]:
        if "callback_on_step_end" not in self._taken:
            report(index * job.steps, job.images * job.steps)
            return {}

        def tell(_pipeline: object, step: int, _timestep: object, _state: object) -> dict[str, Any]:
            done = min(index * job.steps + step + 1, job.images * job.steps)
            report(done, job.images * job.steps)
            return {}

        return {"callback_on_step_end": tell}

    def _draw(
        self, job: DrawJob, index: int, options: dict[str, Any], callback: dict[str, Any]
    ) -> Picture:
        generator = noise.generator_for(job.seed, index)
        image = self.pipeline(**options, **callback, generator=generator).images[0]
        pixels = np.asarray(image.convert("RGB"))
        return Picture(
            png=to_png(pixels),
            seed=(job.seed + index) % 2**32,
            width_px=pixels.shape[1],
            height_px=pixels.shape[0],
            safety_score=None if self._safety is None else self._safety.scores([pixels])[0],
        )
