"""How much each word of a prompt matters to a model: what its embedding loses without the word."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping

from torch import Tensor

from engine.errors import LOAD_IN_FLOAT32, JobError, NotFiniteError, Sentence
from engine.messages import DrawJob, Finished, Job, WeightedText, WordWeightsJob
from engine.models import Denoiser
from engine.pictures.encoded import Inputs

MOST_WORDS = 200
NEUTRAL = ("a", "the", "in", "x", "a a", "a a a", "a a a a")
"""What says next to nothing, one to four tokens long; these words themselves weigh nothing."""


class WordWeights:
    """A `Solo` over a denoiser's text encoder; weights are 0 … 1, 1 for the heaviest word.

    A word weighs as much as the embedding changes when the neutral text that changes it least takes
    the word's place. That is one of as many tokens: to leave the word out would move all that
    follow, which changes an embedding more than most words do, and by their place in the prompt.
    """

    def __init__(self, model: Denoiser) -> None:
        self.name = model.name
        self._model = model

    def run(self, job: Job, inputs: Inputs, report: Callable[[int, int], None]) -> Finished:
        """The words in their order, each with its weight."""
        del inputs
        assert isinstance(job, WordWeightsJob)
        words = job.text.split()
        if not 1 <= len(words) <= MOST_WORDS:
            raise JobError(
                Sentence(
                    "The prompt has {words} words; 1 to {most} can be weighed.",
                    words=len(words),
                    most=MOST_WORDS,
                )
            )
        full = self._embed(job, job.text)
        losses = []
        for number in range(len(words)):
            report(number, len(words))
            losses.append(
                min(
                    distance(full, self._embed(job, replaced(words, number, neutral)))
                    for neutral in NEUTRAL
                )
            )
        if not all(map(math.isfinite, losses)):
            raise NotFiniteError(LOAD_IN_FLOAT32)
        most = max(losses) or 1.0
        return Finished(
            job_id=job.id, texts=tuple(words), weights=tuple(loss / most for loss in losses)
        )

    def _embed(self, job: WordWeightsJob, text: str) -> Mapping[str, Tensor]:
        drawing = DrawJob(
            id=job.id,
            owner=job.owner,
            model=job.model,
            prompt=(WeightedText(text=text),),
            guidance=1.0,
        )
        # Some 7 texts a word, never asked for again: they must not push out those of others.
        with self._model.without_text_cache():
            return self._model.condition(drawing).tensors


def replaced(words: list[str], number: int, neutral: str) -> str:
    """The prompt with one word neutral; the punctuation around that word stays."""
    core = re.sub(r"(?<=\w)\W+$|^\W+(?=\w)", "", words[number])
    return " ".join(
        [*words[:number], words[number].replace(core, neutral, 1), *words[number + 1 :]]
    )


def distance(full: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> float:
    """How far two embeddings are apart, beside the size of the first, over all their tensors."""
    squares = 0.0
    for key, tensor in full.items():
        if not tensor.is_floating_point() or tensor.ndim < 2:
            continue
        length = min(tensor.shape[1], other[key].shape[1])
        mine, theirs = (given[:, :length].double() for given in (tensor, other[key]))
        size = float(mine.square().mean()) or 1.0
        squares += float((mine - theirs).square().mean()) / size
    return math.sqrt(squares)
