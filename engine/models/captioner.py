"""Prompts that could have made a picture, written by a captioner."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from engine.catalogue import ModelSpec
from engine.errors import LOAD_IN_FLOAT32, NotFiniteError
from engine.messages import DescribeJob, Finished, Job
from engine.models.parts import load_network, load_processor
from engine.models.pipelines import check_tokenizer
from engine.pictures.encoded import Inputs

CAPTION_TOKENS = 40
"""The most that a captioner writes."""


def load(spec: ModelSpec, device: torch.device, dtype: torch.dtype) -> Captioner:
    """The network of a directory, with its processor."""
    model = load_network("AutoModelForImageTextToText", spec.place, device, dtype)
    processor = load_processor("AutoProcessor", spec.place)
    check_tokenizer(getattr(processor, "tokenizer", None), spec.place)
    return Captioner(spec.info.name, model, processor)


class Captioner:
    """A `Solo` over a captioning network of transformers, such as BLIP."""

    def __init__(self, name: str, model: Any, processor: Any) -> None:  # noqa: ANN401
        self.name = name
        self.model = model
        self._processor = processor

    def run(self, job: Job, inputs: Inputs, report: Callable[[int, int], None]) -> Finished:
        """Beam search; each beam is a suggestion. Progress is reported with every token.

        Of several pictures the best captions are joined, as one suggestion.
        """
        assert isinstance(job, DescribeJob)
        if job.together:
            best = [self._captions(picture, job, report)[0] for picture in inputs.pictures]
            texts = [" and ".join(filter(None, best))]
        else:
            texts = self._captions(inputs.pictures[0], job, report)
        return Finished(
            job_id=job.id,
            texts=tuple(texts),
            weights=tuple(1 / (1 + place) for place in range(len(texts))),
            notes=inputs.notes,
        )

    def _captions(
        self, picture: Image.Image, job: DescribeJob, report: Callable[[int, int], None]
    ) -> list[str]:
        report(0, CAPTION_TOKENS)
        written = itertools.count(1)

        def watch(_tokens: Tensor, scores: Tensor) -> Tensor:
            """A logits processor that changes nothing: it is asked before each token."""
            if scores.isnan().any():
                raise NotFiniteError(LOAD_IN_FLOAT32)
            report(min(next(written), CAPTION_TOKENS), CAPTION_TOKENS)
            return scores

        given = self._processor(images=picture, return_tensors="pt")
        wanted = job.suggestions + len(job.without)
        beams = max(4, wanted)
        tokens = self.model.generate(
            pixel_values=given.pixel_values.to(self.model.device, self.model.dtype),
            num_beams=beams,
            num_return_sequences=wanted,
            max_new_tokens=CAPTION_TOKENS,
            logits_processor=[watch],
        )
        written_texts = self._processor.batch_decode(tokens, skip_special_tokens=True)
        different = dict.fromkeys(map(str.strip, written_texts))
        fresh = [text for text in different if text not in job.without]
        return [*fresh, *(text for text in different if text in job.without)][: job.suggestions]
