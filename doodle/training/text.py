"""The stage `text`: the text encoder learns to name the parts of a caption."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from doodle.text_encoder import ends
from doodle.training.flat import Flat
from doodle.training.stock import UNSAID

if TYPE_CHECKING:
    from torch import Tensor

    from doodle.training.course import Course

BATCH = 512


def train(course: Course) -> None:
    """Train the text encoder, with linear heads that are not kept."""
    filling, width = course.filling, course.recipe.text_encoder.width
    possible = filling.questions.values()
    heads = nn.ModuleList(nn.Linear(width, len(each)) for each in possible).to(course.device)
    model = nn.ModuleDict({"encoder": course.text, "heads": heads})
    flat = Flat(model, course.dtype, rate=course.rate(1e-3, BATCH), decay=0.99)
    filling.wait(lambda: filling.texts > 0, "texts")

    def loss(_: float) -> Tensor:
        chosen = torch.randint(filling.texts, (course.batch(BATCH),), device=course.device)
        ids, wanted = filling.text_ids[chosen].long(), filling.text_labels[chosen].long()
        states = ends(course.text(ids).last_hidden_state, ids, course.words.eos_token_id)
        named = []
        for i, head in enumerate(heads):
            asked = wanted[:, i].repeat_interleave(3)
            logits = head(states).float().flatten(0, 1)
            # A sum over those that are said: with none of them the mean would be no number.
            apart = cross_entropy(logits, asked, ignore_index=UNSAID, reduction="sum")
            named.append(apart / (asked != UNSAID).sum().clamp(min=1))
        return torch.stack(named).sum()

    course.loop("text", flat, loss)
    course.parts.keep("text", course.text, flat)
