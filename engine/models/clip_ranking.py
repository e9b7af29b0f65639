"""Prompts that could have made a picture, by ranking words with a CLIP pair."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Formatter
from typing import Any

import torch
from PIL import Image, ImageOps
from torch import Tensor

from engine.catalogue import ModelSpec
from engine.errors import LOAD_IN_FLOAT32, NotFiniteError
from engine.messages import DescribeJob, Finished, Job
from engine.models.clip_pixels import ClipPreprocessing, preprocessing_of
from engine.models.parts import load_network, load_processor
from engine.models.pipelines import check_tokenizer
from engine.pictures.encoded import Inputs

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
"""The words that are ranked where the pair has no `describe.json` of its own."""
SENTENCE = "{a} {colour} {subject} {place}, {style}"
"""The sentence that the words are put into; `{a}` is the article of the colour."""
ALONE = "a picture of {word}"
KEPT = {"subjects": 4, "colours": 3, "places": 3, "styles": 2}
"""How many of the best words of each kind are combined in the sentences compared at the end."""
TURNS = (("subjects",), ("colours",), ("places", "styles"))
"""The kinds whose words are ranked together: a place that is taken for another one changes which
style is the likeliest, and the other way round."""
ROUNDS = 2
BATCH = 64

Words = tuple[str, ...]
"""One word of each kind, in the order of `KEPT`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """What a pair can be asked: the words of each kind, in the form of its captions."""

    words: Mapping[str, Sequence[str]]
    sentence: str = SENTENCE

    def said(self, words: Words) -> str:
        """The sentence that a word of each kind makes."""
        subject, colour, place, style = words
        return self.sentence.format(
            a=_article(colour), subject=subject, colour=colour, place=place, style=style
        )

    def together(self, several: Sequence[Words]) -> str:
        """A sentence for the things of several pictures beside each other, where the first is."""
        (subject, *where), *others = several
        things = [f"{_article(colour)} {colour} {thing}" for thing, colour, *_ in others]
        return self.said((f"{subject} beside {' and '.join(things)}", *where))


def _article(word: str) -> str:
    return "an" if word[:1] in tuple("aeiou") else "a"


def load(spec: ModelSpec, device: torch.device, dtype: torch.dtype) -> ClipRanking:
    """The pair of a directory, in fp32 whatever the device is best at."""
    del dtype
    model = load_network("CLIPModel", spec.place, device, torch.float32)
    tokenizer = load_processor("CLIPTokenizer", spec.place)
    check_tokenizer(tokenizer, spec.place)
    return ClipRanking(
        spec.info.name, model, tokenizer, wording_of(spec.place), preprocessing_of(spec.place)
    )


class ClipRanking:
    """A `Solo` over a CLIP pair: it finds the best words of each kind, then the best sentences."""

    def __init__(
        self,
        name: str,
        model: Any,  # noqa: ANN401
        tokenizer: Any,  # noqa: ANN401
        wording: Wording,
        eye: ClipPreprocessing,
    ) -> None:
        self.name = name
        self.model = model
        self._tokenizer = tokenizer
        self._wording, self._preprocessing = wording, eye

    def run(self, job: Job, inputs: Inputs, report: Callable[[int, int], None]) -> Finished:
        """`suggestions` sentences, the likeliest first, with their chances among those compared.

        Of several pictures the likeliest, as one sentence.
        """
        assert isinstance(job, DescribeJob)
        if job.together:
            best = [next(iter(self._ranking(each, report).items())) for each in inputs.pictures]
            return Finished(
                job_id=job.id,
                texts=(self._wording.together([words for words, _ in best]),),
                weights=(math.prod(chance for _, chance in best),),
                notes=inputs.notes,
            )
        chances = self._ranking(inputs.pictures[0], report)
        ranking = list(chances)
        fresh = [words for words in ranking if self._wording.said(words) not in job.without]
        chosen = distinct(fresh or ranking, job.suggestions)
        return Finished(
            job_id=job.id,
            texts=tuple(self._wording.said(words) for words in chosen),
            weights=tuple(chances[words] for words in chosen),
            notes=inputs.notes,
        )

    def _ranking(self, seen: Image.Image, report: Callable[[int, int], None]) -> dict[Words, float]:
        """The chances of the words compared at the end, the likeliest first.

        Within a caption like those it was trained on, a pair can distinguish words that it confuses
        when they stand alone: these only say where to begin.
        """
        steps = itertools.count()
        most = len(KEPT) + ROUNDS * len(TURNS) + 1
        picture = self._embed_picture(seen)
        known = self._wording.words
        ranked: dict[str, list[str]] = {}
        for kind in KEPT:
            report(next(steps), most)
            alone = self._score(picture, [ALONE.format(word=word) for word in known[kind]])
            ranked[kind] = _in_order(known[kind], alone)
        for _ in range(ROUNDS):
            before = _best(ranked)
            for kinds in TURNS:
                report(next(steps), most)
                best = _best(ranked)
                choices = list(itertools.product(*(known[kind] for kind in kinds)))
                tried = [{**best, **dict(zip(kinds, words, strict=True))} for words in choices]
                texts = [self._wording.said(tuple(words.values())) for words in tried]
                scores = self._score(picture, texts).view([len(known[kind]) for kind in kinds])
                for place, kind in enumerate(kinds):
                    own = scores.movedim(place, 0).reshape(len(known[kind]), -1)
                    ranked[kind] = _in_order(known[kind], own.amax(dim=1))
            if _best(ranked) == before:  # another round would compare the same
                break
        report(most - 1, most)
        compared = list(itertools.product(*(words[: KEPT[kind]] for kind, words in ranked.items())))
        scores = self._score(picture, [self._wording.said(words) for words in compared])
        chances = dict(zip(compared, scores.softmax(dim=0).tolist(), strict=True))
        return dict(sorted(chances.items(), key=lambda each: each[1], reverse=True))

    def _embed_picture(self, picture: Image.Image) -> Tensor:
        """(1, D), normalised, of the middle square, as most pairs are trained, or of all of it.

        And of its mirror image, as that shows the same and is mistaken for other things.
        """
        if self._preprocessing.crops:
            picture = ImageOps.fit(picture, (min(picture.size),) * 2, Image.Resampling.BICUBIC)
        given = self._preprocessing.pixels(picture, int(self.model.config.vision_config.image_size))
        both = torch.cat([given, given.flip(-1)]).to(self.model.device, self.model.dtype)
        return _unit(_unit(self.model.get_image_features(pixel_values=both)).sum(0, keepdim=True))

    def _score(self, picture: Tensor, texts: Sequence[str]) -> Tensor:
        scores = []
        for start in range(0, len(texts), BATCH):
            tokens = self._tokenizer(
                list(texts[start : start + BATCH]),
                padding=True,  # to the longest of them: the tower looks back only, so it is enough
                truncation=True,
                return_tensors="pt",
            ).to(self.model.device)
            features = _unit(
                self.model.get_text_features(
                    input_ids=tokens.input_ids, attention_mask=tokens.attention_mask
                )
            )
            scores.append((features @ picture.T)[:, 0].float().cpu())
        found = torch.cat(scores) * float(self.model.logit_scale.exp())
        if not torch.isfinite(found).all():
            raise NotFiniteError(LOAD_IN_FLOAT32)
        return found


def distinct(ranked: Sequence[Words], wanted: int) -> list[Words]:
    """The best sentences of which no two are nearly the same, filled up with others if too few.

    Nearly the same: an equal subject, and only one other word that differs.
    """
    chosen: list[Words] = []
    for words in ranked:
        if all(words[0] != other[0] or _differing(words, other) > 1 for other in chosen):
            chosen.append(words)
    others = [words for words in ranked if words not in chosen]
    return sorted([*chosen, *others][:wanted], key=ranked.index)


def wording_of(place: Path) -> Wording:
    """The wording of a pair's `describe.json`; lists that are missing there are built in.

    `ValueError`: the file does not hold what a wording is made of.
    """
    path = place / "describe.json"
    own = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if not isinstance(own, dict):
        raise ValueError(f'{path} must hold an object, such as {{"subjects": ["cat"]}}')  # noqa: TRY004
    for kind in WORDS:
        listed = own.get(kind, [])
        if not isinstance(listed, list) or not all(
            isinstance(word, str) and word for word in listed
        ):
            raise ValueError(f"{kind} in {path} must be a list of words")
    sentence = own.get("sentence", SENTENCE)
    if not isinstance(sentence, str):
        raise ValueError(f"the sentence in {path} must be a text")  # noqa: TRY004
    parts = [part for part in Formatter().parse(sentence) if part[1] is not None]
    named = {field for _, field, _, _ in parts}
    plain = not any(form or conversion for _, _, form, conversion in parts)
    if named - {"a"} != {"subject", "colour", "place", "style"} or not plain:
        raise ValueError(
            f"the sentence in {path} must name {{subject}}, {{colour}}, {{place}} and {{style}}, "
            "each between braces without more"
        )
    words = {kind: own.get(kind) or usual for kind, usual in WORDS.items()}
    return Wording(words=words, sentence=sentence)


def _differing(one: Words, other: Words) -> int:
    return sum(a != b for a, b in zip(one, other, strict=True))


def _in_order(words: Sequence[str], scores: Tensor) -> list[str]:
    return [words[place] for place in scores.argsort(descending=True).tolist()]


def _best(ranked: Mapping[str, Sequence[str]]) -> dict[str, str]:
    return {kind: words[0] for kind, words in ranked.items()}


def _unit(features: Any) -> Tensor:  # noqa: ANN401 - a tensor, or an output that pools one
    tensor: Tensor = getattr(features, "pooler_output", features)
    unit: Tensor = tensor / tensor.norm(dim=-1, keepdim=True)
    return unit
