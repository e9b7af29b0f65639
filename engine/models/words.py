"""How much each word of a prompt matters to a model: what its embedding loses without the word."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine.errors import JobError
from engine.messages import DrawJob, Finished, Job, WeightedText, WordWeightsJob
from engine.models import Denoiser
from engine.pictures import Inputs

MOST_WORDS = 200


class WordWeights:
    """A `Solo` over a denoiser's text encoder; weights are 0 … 1, 1 for the heaviest word."""

    def __init__(self, model: Denoiser) -> None:
        self.name = model.name
        self._model = model

    def run(self, job: Job, inputs: Inputs, report: Callable[[int, int], None]) -> Finished:
        """The words in their order, each with its weight."""
        del inputs
        assert isinstance(job, WordWeightsJob)
        words = job.text.split()
        if not 1 <= len(words) <= MOST_WORDS:
            raise JobError(f"The prompt has {len(words)} words; 1 to {MOST_WORDS} can be weighed.")
        whole = self._embed(job, job.text)
        losses = []
        for number in range(len(words)):
            report(number, len(words))
            rest = self._embed(job, " ".join(words[:number] + words[number + 1 :]))
            losses.append(
                sum(
                    float((tensor.float() - rest[key].float()).square().mean())
                    for key, tensor in whole.items()
                    if tensor.is_floating_point() and tensor.shape == rest[key].shape
                )
            )
        most = max(losses) or 1.0
        return Finished(
            job_id=job.id, texts=tuple(words), weights=tuple(loss / most for loss in losses)
        )

    def _embed(self, job: WordWeightsJob, text: str) -> dict[str, Any]:
        drawing = DrawJob(
            id=job.id,
            owner=job.owner,
            model=job.model,
            prompt=(WeightedText(text=text),),
            guidance=1.0,
        )
        return dict(self._model.condition(drawing).tensors)
