"""The stages `judge` and `pair`: what looks at pictures."""

from __future__ import annotations

import math
from itertools import product
from typing import TYPE_CHECKING

import torch
from torch.nn.functional import (
    affine_grid,
    avg_pool2d,
    cross_entropy,
    grid_sample,
    interpolate,
    normalize,
    pad,
)

from doodle import known_words
from doodle import pair as pairs
from doodle.autoencoder import signed
from doodle.judge import smaller
from doodle.scenes import MUTUAL
from doodle.tokenizer import token_ids
from doodle.training.flat import Flat
from doodle.training.stock import EACH, NAMES

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import CLIPModel

    from doodle.training.course import Course
    from doodle.training.pools import Pool

BATCH = 384
OFTEN = 3.0  # how many times as often scenes of two things come: they are the hardest to tell
PAIRS = 512
MOVED_PX = 7  # the farthest that the judge's pictures are moved either way, once they are smaller
PAIR_MOVED_PX = 6  # the same for the pair's
NOISE = 0.03  # a standard deviation
CAPTIONS_EVERY = 5  # steps: then the pair learns of captions too, of pools of all kinds in turn
BENDS = 7  # points along a side of the field that bends a picture
BENT = 0.035  # how far such a point moves, of half a side; a standard deviation
SCALE = 40.0  # of cosines, in training and as the pair ships
SENTENCES_AT_ONCE = 512


def train(course: Course) -> None:
    """Train the judge on scenes of all shapes, each a little blurred, half of them a little bent.

    The program draws as many more as one likes, but the model's are never quite as it draws.
    """
    filling, judge = course.filling, course.judge
    filling.wait(lambda: filling.pools["square"].count > 0, "scenes")
    flat = Flat(
        judge,
        course.dtype,
        rate=course.rate(2e-3, BATCH),
        matrix_rate=course.rate(4e-3, BATCH),
        decay=0.99,
        channels_last=True,
    )
    asked = {name: NAMES.index(name) for name in judge.questions}
    mutual = mutual_of(filling.questions)

    def loss(_: float) -> Tensor:
        pool = filling.turn(flat.steps)
        chosen = hardest(pool, course.batch(BATCH))
        seen = blurred(bent(moved(smaller(signed(pool.pixels[chosen])), MOVED_PX)))
        seen = (seen + NOISE * torch.randn_like(seen)).to(course.dtype)
        out = judge(seen.contiguous(memory_format=torch.channels_last))
        labels = in_order(pool.labels[chosen].long(), mutual)
        named = [cross_entropy(out[name].float(), labels[:, i]) for name, i in asked.items()]
        return torch.stack(named).sum()

    course.loop("judge", flat, loss, decay_from=0.4)
    course.parts.keep("judge", judge, flat)


def hardest(pool: Pool, count: int) -> Tensor:
    """Return the numbers of random scenes; those of two things come `OFTEN` times as often."""
    two = pool.labels[: pool.count, NAMES.index("relation")] > 0
    return torch.multinomial(1.0 + (OFTEN - 1.0) * two, count, replacement=True)


def mutual_of(questions: dict[str, list]) -> int:
    """Return the number of the relation that holds both ways; -1 if there is none."""
    relations = questions["relation"]
    return relations.index(MUTUAL) if MUTUAL in relations else -1


def in_order(labels: Tensor, mutual: int) -> Tensor:
    """Return labels (B, 8) in which the first of two things that stand beside is the one first in
    the vocabulary: a picture does not tell which was named first. `mutual` is that relation's.
    """
    subject, colour, relation, second, second_colour = (
        NAMES.index(name) for name in ("subject", "colour", "relation", "second", "second_colour")
    )
    found = labels.clone()
    turned = (labels[:, relation] == mutual) & (labels[:, second] - 1 < labels[:, subject])
    for first, other in ((subject, second), (colour, second_colour)):
        # The answers for a second thing begin with that there is none.
        found[turned, first] = labels[turned, other] - 1
        found[turned, other] = labels[turned, first] + 1
    return found


def train_pair(course: Course) -> None:
    """Train the picture tower of the CLIP pair, and both projections; the text tower stays.

    A picture shall find its caption among those of the batch, and, which takes knowing more of it,
    each word of its sentence among all words of that kind. Half of the pictures are bent a little,
    as the model's own are never quite as the program draws.
    """
    filling = course.filling
    model = pairs.build(course.recipe, course.text).float().to(course.device)
    course.parts.give("pair", model)
    tower = _new_tower(course)
    model.load_state_dict(tower, strict=False)
    filling.wait(lambda: filling.pools["square"].count > 0, "scenes")
    model.text_model.requires_grad_(False)
    model.logit_scale.requires_grad_(False)
    flat = Flat(
        model,
        course.dtype,
        rate=course.rate(1e-3, PAIRS),
        matrix_rate=course.rate(2e-3, PAIRS),
        decay=0.995,
    )
    course.settle(model)
    if course.device.type == "cpu":
        model.set_attn_implementation("eager")  # its backward step is the faster one there
    model.text_model.eval()
    sentences = Sentences(course, model)
    mutual = mutual_of(filling.questions)

    def loss(_: float) -> Tensor:
        pool = filling.turn(flat.steps)
        chosen = pool.choose(course.batch(PAIRS))
        shown = bent(moved(pairs.seen(pool.pixels[chosen]), PAIR_MOVED_PX))
        tower = model.vision_model(pixel_values=shown.to(course.dtype)).pooler_output
        seen = normalize(model.visual_projection(tower).float(), dim=-1)
        named = sentences.loss(seen, in_order(pool.labels[chosen].long(), mutual))
        if flat.steps % CAPTIONS_EVERY:
            return named
        wording = torch.randint(EACH, chosen.shape, device=course.device)
        said = sentences.projected(sentences.states(pool.ids[chosen, wording].long()))
        logits = SCALE * seen @ said.T
        partner = torch.arange(len(chosen), device=course.device)
        found = cross_entropy(logits, partner) + cross_entropy(logits.T, partner)
        return found / 2 + named

    course.loop("pair", flat, loss, decay_from=0.4)
    course.parts.keep("pair", model, flat, same=tower, logit_scale=math.log(SCALE))


def _new_tower(course: Course) -> dict[str, Tensor]:
    """Return the text encoder's weights where the pair has none, or those of an earlier encoder."""
    parts = course.parts
    if "text" in parts and ("text" in parts.kept or "pair" not in parts):
        return pairs.text_tower(parts.state("text"))
    return {}


class Sentences:
    """What the pair's text tower makes of every sentence that a picture may be described with."""

    def __init__(self, course: Course, model: CLIPModel) -> None:
        self._model = model
        wording = known_words.wording(course.recipe.vocabulary)
        kinds = [wording[kind] for kind in known_words.KINDS]
        texts = [known_words.sentence(*words) for words in product(*kinds)]
        states = []
        for start in range(0, len(texts), SENTENCES_AT_ONCE):
            ids = token_ids(course.words, texts[start : start + SENTENCES_AT_ONCE])
            states.append(self.states(ids.to(course.device)))
        self._table = torch.cat(states).view(*(len(kind) for kind in kinds), -1)
        self._asked = [NAMES.index(name) for name in known_words.KINDS.values()]

    @torch.no_grad()
    def states(self, ids: Tensor) -> Tensor:
        """Return the text tower's states (N, width) of texts (N, 77), not yet projected."""
        return self._model.text_model(input_ids=ids).pooler_output

    def projected(self, states: Tensor) -> Tensor:
        """Return embeddings (..., D) of length 1 of states (..., width)."""
        return normalize(self._model.text_projection(states).float(), dim=-1)

    def loss(self, seen: Tensor, labels: Tensor) -> Tensor:
        """Return how badly embeddings (B, D) of pictures choose each word of their sentences.

        One kind of words at a time, while the sentence's other words are right. `labels` (B, 8)
        are answers in the order of `NAMES`.
        """
        right = [labels[:, i] for i in self._asked]
        parts = []
        for kind, wanted in enumerate(right):
            others = (*right[:kind], *right[kind + 1 :])
            said = self.projected(self._table.movedim(kind, -2)[others])  # (B, words, D)
            logits = SCALE * torch.einsum("bd,bwd->bw", seen, said)
            parts.append(cross_entropy(logits, wanted))
        return torch.stack(parts).sum()


def blurred(pictures: Tensor) -> Tensor:
    """Return pictures (B, C, H, W), each between as it is and the means of areas of 3 by 3."""
    much = torch.rand(len(pictures), 1, 1, 1, device=pictures.device)
    return pictures.lerp(avg_pool2d(pad(pictures, (1,) * 4, mode="replicate"), 3, 1), much)


def moved(pictures: Tensor, most: int) -> Tensor:
    """Return pictures (B, C, H, W), all moved by the same few pixels, half of them mirrored."""
    down, right = torch.randint(2 * most + 1, (2,)).tolist()
    height, width = pictures.shape[-2:]
    wide = pad(pictures, (most,) * 4, mode="replicate")
    wide = wide[..., down : down + height, right : right + width]
    half = torch.rand(len(pictures), 1, 1, 1, device=pictures.device) < 0.5
    return torch.where(half, wide.flip(-1), wide)


def bent(pictures: Tensor) -> Tensor:
    """Return pictures (B, C, H, W), half of them with each part moved otherwise than the next.

    By a smooth field of a few hundredths of a side, drawn anew for each picture.
    """
    count, device = len(pictures), pictures.device
    much = BENT * (torch.rand(count, 1, 1, 1, device=device) < 0.5)
    field = much * torch.randn(count, 2, BENDS, BENDS, device=device)
    field = interpolate(field, size=pictures.shape[-2:], mode="bicubic", align_corners=True)
    straight = torch.eye(2, 3, device=device).expand(count, 2, 3)
    grid = affine_grid(straight, list(pictures.shape), align_corners=False)
    where = grid + field.permute(0, 2, 3, 1)
    return grid_sample(pictures, where, padding_mode="border", align_corners=False)
