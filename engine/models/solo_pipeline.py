"""Any other text-to-image pipeline of diffusers, run by its own call, one picture at a time."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from engine import scheduler_table
from engine.catalogue import ModelSpec
from engine.errors import JobError, NotFiniteError, Sentence, first_line
from engine.messages import DrawJob, Finished, Job, Picture
from engine.models import noise, schedulers
from engine.models.checked import input_scores
from engine.models.parts import place_on_device, safety_of
from engine.models.pipelines import open_pipeline
from engine.models.safety import SafetyCheck
from engine.models.text_cache import reads_the_first
from engine.pictures.encoded import Inputs, to_png
from engine.pictures.outpainting import Kept

Report = Callable[[int, int], None]
NEEDS_PICTURE = Sentence("This model needs a picture to start from; give one, or choose another.")
NEEDS_MASK = Sentence("This model needs a mask; give one, or choose another.")


def load(spec: ModelSpec, device: torch.device, dtype: torch.dtype) -> SoloPipeline:
    """The pipeline of a catalogue entry."""
    pipeline = open_pipeline(spec, device, dtype)
    place_on_device(pipeline, spec, device)
    return SoloPipeline(spec.info.name, pipeline, safety_of(spec, device, dtype))


class SoloPipeline:
    """A `Solo`: progress and cancel go through the pipeline's own callback."""

    def __init__(self, name: str, pipeline: Any, safety: SafetyCheck | None) -> None:  # noqa: ANN401
        self.name, self._safety = name, safety
        self.pipeline = pipeline
        pipeline.set_progress_bar_config(disable=True)
        self._parameters = inspect.signature(pipeline.__call__).parameters
        self._taken = set(self._parameters)

    def run(self, job: Job, inputs: Inputs, report: Report) -> Finished:
        """Draw the pictures with the seeds of the job; notes say what could not be used."""
        if not isinstance(job, DrawJob):
            raise JobError(Sentence("This model cannot weigh words; choose another."))
        self._check(job, inputs)
        text = ", ".join(part.text for part in job.prompt if part.weight > 0)
        options: dict[str, Any] = {
            "prompt": text,
            "negative_prompt": job.negative or None,
            "num_inference_steps": job.steps,
            "guidance_scale": job.guidance,
            "width": job.width_px,
            "height": job.height_px,
            "output_type": "np",
        }
        if inputs.pictures:
            options |= {"image": inputs.pictures[0], "strength": job.strength}
        if inputs.mask is not None:
            options["mask_image"] = inputs.mask
        options = {name: value for name, value in options.items() if name in self._taken}
        notes = [*inputs.notes, *self._notes(job, text)]
        own = getattr(self.pipeline, "scheduler", None)
        wanted = _compatible(job.scheduler, own) if job.scheduler else None
        if job.scheduler and wanted is None:
            notes.append(
                Sentence(
                    "This model has no scheduler {name!r}; it drew with its own.",
                    name=job.scheduler,
                )
            )
        try:
            if wanted is not None:
                self.pipeline.scheduler = wanted
            steps = scheduler_table.evaluations(
                job.scheduler if wanted is not None else "", job.steps
            )
            pictures = []
            for index in range(job.images):
                tell = _counted(report, index, steps, job.images)
                pictures.append(self._draw(job, index, options, tell, inputs.kept))
        finally:
            if wanted is not None:
                self.pipeline.scheduler = own
        return Finished(
            job_id=job.id,
            pictures=tuple(pictures),
            notes=tuple(notes),
            input_scores=input_scores(self._safety, inputs),
        )

    def _check(self, job: DrawJob, inputs: Inputs) -> None:
        if inputs.pictures and ("image" not in self._taken or len(inputs.pictures) > 1):
            raise JobError(Sentence("This model cannot start from these pictures; choose another."))
        if inputs.mask is not None and "mask_image" not in self._taken:
            raise JobError(Sentence("This model cannot draw within a mask; choose another."))
        if job.tile:
            raise JobError(Sentence("This model cannot draw seamless tiles; choose another."))
        needed = (
            ("image", inputs.pictures, NEEDS_PICTURE),
            ("mask_image", inputs.mask, NEEDS_MASK),
        )
        for name, given, sentence in needed:
            parameter = self._parameters.get(name)
            if not given and parameter is not None and parameter.default is parameter.empty:
                raise JobError(sentence)

    def _notes(self, job: DrawJob, text: str) -> list[Sentence]:
        """What this pipeline does not take."""
        notes = []
        if job.negative and "negative_prompt" not in self._taken:
            notes.append(Sentence("This model cannot heed what to leave out."))
        if any(part.weight != 1 for part in job.prompt):
            notes.append(Sentence("This model takes no weights; the parts were joined."))
        if job.looks or job.style_codes or job.chaos or job.weird or job.experiment:
            notes.append(
                Sentence("This model cannot vary its pictures by chaos, codes or part of a style.")
            )
        if job.stop < 1:
            notes.append(Sentence("This model draws to its end; it cannot stop early."))
        if job.film_frames:
            notes.append(Sentence("This model shows nothing of its drawing, so there is no film."))
        tokenizer = getattr(self.pipeline, "tokenizer", None)
        if tokenizer is not None:
            tokens, most = len(tokenizer(text).input_ids), tokenizer.model_max_length
            if tokens > most:
                notes.append(reads_the_first(tokens, most))
        return notes

    def _callback(self, tell: Callable[[int], None]) -> dict[str, Any]:
        """Options that make the pipeline report each step, the newer way or the older, or none."""
        if "callback_on_step_end" in self._taken:

            def on_step_end(_pipeline: object, step: int, *_: object) -> dict[str, Any]:
                tell(step + 1)
                return {}

            return {"callback_on_step_end": on_step_end}
        if {"callback", "callback_steps"} <= self._taken:
            return {"callback": lambda step, *_: tell(step + 1), "callback_steps": 1}
        return {}

    def _draw(
        self,
        job: DrawJob,
        index: int,
        options: dict[str, Any],
        tell: Callable[[int], None],
        kept: Kept | None,
    ) -> Picture:
        began = False

        def step(done: int) -> None:
            nonlocal began
            began = True
            tell(done)

        tell(0)
        generator = noise.generator_for(job.seed, index)
        try:
            image = self.pipeline(**options, **self._callback(step), generator=generator).images[0]
        except ValueError as error:
            if began:
                raise
            lacking = "image" in self._taken and "image" not in options
            why = first_line(error)
            sentence = Sentence("This model cannot draw this: {why}.", why=why)
            if lacking:
                sentence = Sentence(
                    "This model cannot draw this: {why}. It takes a picture, and none was given.",
                    why=why,
                )
            raise JobError(sentence) from error
        pixels = self._pixels(image)
        if kept is not None and kept.pixels.shape == pixels.shape:
            pixels = kept.over(pixels)
        return Picture(
            png=to_png(pixels),
            seed=job.seed_of(index),
            width_px=pixels.shape[1],
            height_px=pixels.shape[0],
            safety_score=None if self._safety is None else self._safety.scores([pixels])[0],
        )

    def _pixels(self, image: Any) -> Any:  # noqa: ANN401
        """(H, W, 3) uint8, rounded as the pipeline does; there NaN would become black."""
        if isinstance(image, np.ndarray):
            if not np.isfinite(image).all():
                raise NotFiniteError
            image = self.pipeline.numpy_to_pil(image)[0]
        return np.asarray(image.convert("RGB"))


def _counted(report: Report, index: int, steps: int, images: int) -> Callable[[int], None]:
    """Report the steps of one picture as a part of those of all pictures."""
    return lambda done: report(index * steps + min(done, steps), images * steps)


def _compatible(name: str, own: Any) -> Any | None:  # noqa: ANN401
    """The named scheduler, where a pipeline whose own is `own` can use it without changes."""
    config = getattr(own, "config", {})
    if config.get("prediction_type") == "flow_prediction" or config.get("use_flow_sigmas"):
        return None
    try:
        built = schedulers.build(name, own)
    except (ValueError, NotImplementedError):
        return None
    if not isinstance(built, (*getattr(own, "compatibles", ()), type(own))):
        return None
    if str(config.get("variance_type", "")).startswith("learned"):
        # The denoiser also predicts the variance, which such a pipeline gives to its scheduler.
        return built if "variance_type" in inspect.signature(type(built)).parameters else None
    return built
