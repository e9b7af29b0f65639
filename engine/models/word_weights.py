"""How much each word of a prompt matters to a model, by how its embedding changes without it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping

from torch import Tensor

from engine.errors import LOAD_IN_FLOAT32, JobError, NotFiniteError, Sentence
from engine.messages import DrawJob, Finished, Job, WeightedText, WordWeightsJob
from engine.models import Denoiser
from engine.pictures.encoded import Inputs
from engine.validation import MOST_WEIGHED_WORDS

NEUTRAL = ("a", "the", "in", "x", "a a", "a a a", "a a a a")
"""Words that mean almost nothing, one to four tokens long; their own weight is 0."""


SPELT_OUT = 2.4
"""Letters of a word for each of its tokens, below which the tokenizer spells it out: it has not
seen the word often. With the tokenizer of CLIP that is so of 95 % of 3,000 words of 4 to 10 random
letters, of 2.5 % of 2,990 words of English texts on programs, and of 11 of 102 rare words of art,
such as "hokusai" (ho ku sai); with doodle's, of all random words and of none that it draws."""
_WORD = re.compile(r"[A-Za-z]{4,}")


class WordWeights:
    """A `Solo` over a denoiser's text encoder; weights are 0 … 1, 1 for the heaviest word, 0 for a
    word that the tokenizer spells out: random letters change an embedding as much as words do.

    Each word is replaced by each of the neutral texts; the smallest change of the embedding is the
    word's weight. That smallest change comes from a neutral text with as many tokens as the word,
    so all later tokens keep their places. Leaving the word out would move them, which changes an
    embedding more than most words do, depending on their place in the prompt.
    """

    def __init__(self, model: Denoiser) -> None:
        self.name = model.name
        self._model = model

    def run(self, job: Job, inputs: Inputs, report: Callable[[int, int], None]) -> Finished:
        """The words in their order, each with its weight."""
        del inputs
        assert isinstance(job, WordWeightsJob)
        words = job.text.split()
        if not 1 <= len(words) <= MOST_WEIGHED_WORDS:
            raise JobError(
                Sentence(
                    "The prompt has {words} words; 1 to {most} can be weighed.",
                    words=len(words),
                    most=MOST_WEIGHED_WORDS,
                )
            )
        full = self._embed(job, job.text)
        losses = []
        for number in range(len(words)):
            report(number, len(words))
            if self._is_spelt_out(words[number]):
                losses.append(0.0)
                continue
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

    def _is_spelt_out(self, word: str) -> bool:
        """Other scripts and short words are spelt out for other reasons."""
        parts = _WORD.findall(word) if word.isascii() else []
        return any(len(part) / self._model.tokens(part) < SPELT_OUT for part in parts)

    def _embed(self, job: WordWeightsJob, text: str) -> Mapping[str, Tensor]:
        drawing = DrawJob(
            id=job.id,
            owner=job.owner,
            model=job.model,
            prompt=(WeightedText(text=text),),
            guidance=1.0,
        )
        # About 7 texts for each word, used once: they must not displace those of others.
        with self._model.without_text_cache():
            return self._model.condition(drawing).tensors


def replaced(words: list[str], number: int, neutral: str) -> str:
    """The prompt with one word replaced by a neutral text; the punctuation around it stays."""
    core = re.sub(r"(?<=\w)\W+$|^\W+(?=\w)", "", words[number])
    return " ".join(
        [*words[:number], words[number].replace(core, neutral, 1), *words[number + 1 :]]
    )


def distance(full: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> float:
    """The difference of two embeddings relative to the size of the first, over all tensors."""
    squares = 0.0
    for key, tensor in full.items():
        if not tensor.is_floating_point() or tensor.ndim < 2:
            continue
        length = min(tensor.shape[1], other[key].shape[1])
        # On the host: not every device has numbers of 64 bits.
        mine, theirs = (given[:, :length].cpu().double() for given in (tensor, other[key]))
        size = float(mine.square().mean()) or 1.0
        squares += float((mine - theirs).square().mean()) / size
    return math.sqrt(squares)
