"""The stages `judge` and `pair`: what looks at pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn.functional import avg_pool2d, cross_entropy, interpolate

from doodle import pair as pairs
from doodle.autoencoder import signed
from doodle.training.flat import Flat
from doodle.training.stock import EACH, GROUP

if TYPE_CHECKING:
    from torch import Tensor

    from doodle.training.course import Course

BATCH = 384
PAIRS = 512


def train(course: Course) -> None:
    """Train the judge on scenes of all shapes, half of them blurred."""
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
    asked = {name: list(filling.questions).index(name) for name in judge.questions}

    def loss(_: float) -> Tensor:
        pool = filling.turn(flat.steps)
        chosen = pool.choose(course.batch(BATCH))
        seen = signed(pool.pixels[chosen]).to(course.dtype)
        if flat.steps % 2:
            seen = interpolate(avg_pool2d(seen, 4), scale_factor=4, mode="bilinear")
        seen = seen + 0.05 * torch.randn_like(seen)
        out = judge(seen.contiguous(memory_format=torch.channels_last))
        labels = pool.labels[chosen].long()
        named = [cross_entropy(out[name].float(), labels[:, i]) for name, i in asked.items()]
        return torch.stack(named).sum()

    course.loop("judge", flat, loss, decay_from=0.4)
    course.parts.keep("judge", judge, flat)


def train_pair(course: Course) -> None:
    """Train the CLIP pair: in every second batch groups of scenes differ in one part alone."""
    filling = course.filling
    model = pairs.build(course.recipe, course.text).float().to(course.device)
    course.parts.give("pair", model)
    siblings = filling.pools["siblings"]
    filling.wait(lambda: siblings.count >= GROUP, "siblings")
    flat = Flat(model, course.dtype, rate=course.rate(1e-3, PAIRS), decay=0.995)
    size = (pairs.SEEN_PX, pairs.SEEN_PX)

    def loss(_: float) -> Tensor:
        count = course.batch(PAIRS) // GROUP * GROUP
        if flat.steps % 2:
            pool, wording = siblings, torch.randint(EACH // 2, EACH, (count,), device=course.device)
            groups = torch.randint(pool.count // GROUP, (count // GROUP, 1), device=course.device)
            chosen = (groups * GROUP + torch.arange(GROUP, device=course.device)).flatten()
        else:
            pool, wording = (
                filling.turn(flat.steps // 2),
                torch.randint(EACH, (count,), device=course.device),
            )
            chosen = pool.choose(count)
        small = interpolate(signed(pool.pixels[chosen]), size=size, mode="bilinear", antialias=True)
        out = model(input_ids=pool.ids[chosen, wording].long(), pixel_values=small.to(course.dtype))
        logits = out.logits_per_text.float()
        partner = torch.arange(count, device=course.device)
        return (cross_entropy(logits, partner) + cross_entropy(logits.T, partner)) / 2

    course.loop("pair", flat, loss, decay_from=0.4)
    course.parts.keep("pair", model, flat)
