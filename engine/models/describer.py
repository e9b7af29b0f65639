"""Prompts that could have made a picture, by ranking words with a CLIP pair, or by a captioner."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from engine.messages import DescribeJob, Finished, Job
from engine.models.clip_pixels import Eye
from engine.pictures import Inputs

WORDS: Mapping[str, Sequence[str]] = {
    "subjects": (
        *("cat", "dog", "fox", "owl", "fish", "bird", "horse", "rabbit", "bear", "frog", "snail"),
        *("butterfly", "mushroom", "flower", "tree", "cactus", "house", "castle", "lighthouse"),
        *("tower", "bridge", "mountain", "car", "bus", "train", "boat", "sailboat", "rocket"),
        *("balloon", "bicycle", "apple", "pear", "cake", "teapot", "cup", "moon", "sun", "star"),
        *("cloud", "planet", "heart", "circle", "square", "triangle", "portrait", "city"),
    ),
    "colours": (
        *("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black"),
        *("white", "grey", "gold"),
    ),
    "places": (
        "at night",
        "at sunset",
        "in the snow",
        "in a forest",
        "by the sea",
        "in the rain",
        "in a city",
        "under the stars",
        "in the desert",
        "in the mountains",
        "on a meadow",
        "in space",
    ),
    "styles": ("flat", "sketch", "pixel art", "watercolour", "stained glass", "neon", "photo"),
}
"""What pictures are said to show where the pair brings no `describe.json` of its own."""
KEPT = {"subjects": 4, "colours": 3, "places": 3, "styles": 2}
BATCH = 64


class ClipRanking:
    """A `Solo` over a CLIP pair: the best words of each kind, then the best of their sentences."""

    def __init__(
        self,
        name: str,
        model: Any,  # noqa: ANN401
        tokenizer: Any,  # noqa: ANN401
        words: Mapping[str, Sequence[str]],
        eye: Eye,
    ) -> None:
        self.name = name
        self.model = model
        self._tokenizer = tokenizer
        self._words, self._eye = words, eye

    def run(self, job: Job, inputs: Inputs, report: Callable[[int, int], None]) -> Finished:
        """`suggestions` sentences, the likeliest first, with their probabilities among all."""
        assert isinstance(job, DescribeJob)
        total = len(KEPT) + 1
        picture = self._see(inputs.pictures[0])
        best: dict[str, list[str]] = {}
        for number, (kind, kept) in enumerate(KEPT.items()):
            report(number, total)
            words = list(self._words[kind])
            scores = self._score(picture, [f"a picture of {word}" for word in words])
            order = scores.argsort(descending=True)[:kept].tolist()
            best[kind] = [words[place] for place in order]
        report(total - 1, total)
        sentences = [
            f"a {colour} {subject} {place}, {style}"
            for subject, colour, place, style in itertools.product(*best.values())
        ]
        chances = self._score(picture, sentences).softmax(dim=0)
        order = chances.argsort(descending=True)[: job.suggestions].tolist()
        return Finished(
            job_id=job.id,
            texts=tuple(sentences[place] for place in order),
            weights=tuple(float(chances[place]) for place in order),
        )

    def _see(self, picture: Image.Image) -> Tensor:
        """(1, D), normalised."""
        given = self._eye.see(picture, int(self.model.config.vision_config.image_size))
        return _unit(
            self.model.get_image_features(
                pixel_values=given.to(self.model.device, self.model.dtype)
            )
        )

    def _score(self, picture: Tensor, texts: Sequence[str]) -> Tensor:
        scores = []
        for start in range(0, len(texts), BATCH):
            tokens = self._tokenizer(
                list(texts[start : start + BATCH]),
                padding="max_length",
                truncation=True,
                return_tensors="pt",
            ).to(self.model.device)
            features = _unit(
                self.model.get_text_features(
                    input_ids=tokens.input_ids, attention_mask=tokens.attention_mask
                )
            )
            scores.append((features @ picture.T)[:, 0].float().cpu())
        return torch.cat(scores) * float(self.model.logit_scale.exp())


class Captioner:
    """A `Solo` over a captioning network of transformers, such as BLIP."""

    def __init__(self, name: str, model: Any, processor: Any) -> None:  # noqa: ANN401
        self.name = name
        self.model = model
        self._processor = processor

    def run(self, job: Job, inputs: Inputs, report: Callable[[int, int], None]) -> Finished:
        """Beam search; each beam is a suggestion."""
        assert isinstance(job, DescribeJob)
        report(0, 1)
        given = self._processor(images=inputs.pictures[0], return_tensors="pt")
        beams = max(4, job.suggestions)
        tokens = self.model.generate(
            pixel_values=given.pixel_values.to(self.model.device, self.model.dtype),
            num_beams=beams,
            num_return_sequences=job.suggestions,
            max_new_tokens=40,
        )
        texts = self._processor.batch_decode(tokens, skip_special_tokens=True)
        weights = tuple(1 / (1 + place) for place in range(len(texts)))
        return Finished(job_id=job.id, texts=tuple(map(str.strip, texts)), weights=weights)


def words_beside(place: Path) -> Mapping[str, Sequence[str]]:
    """The lists of a pair's `describe.json`; each that it lacks is the built-in one."""
    path = place / "describe.json"
    own = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return {kind: own.get(kind) or words for kind, words in WORDS.items()}


def _unit(features: Any) -> Tensor:  # noqa: ANN401 - a tensor, or an output that pools one
    tensor: Tensor = getattr(features, "pooler_output", features)
    unit: Tensor = tensor / tensor.norm(dim=-1, keepdim=True)
    return unit
