"""What `--stylize`, `--chaos`, `--weird`, `--exp` and style codes do to conditioning and noise.

Each is a formula of the job and the picture's number alone, drawn on the CPU, so that a picture is
the same on any device and in any batch; at 0 nothing is touched. Rows of one shape share a pass
whatever these are. docs/flags.md says the formulas for members.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from engine.messages import DrawJob
from engine.models.text_cache import Embedding

CHAOS_TEXT = 1.0
"""Length of a picture's own step off the text's conditioning at chaos 1, in deviations of that.

One step for all words: noise for each word by itself cost the subject of every sixteenth picture
for the same distance."""
CHAOS_TINT = 0.15
"""Deviation of the colour cast of the first noise at chaos 1, in deviations of that noise."""
WEIRD_TEXT = 2.0
"""As `CHAOS_TEXT`, of the step that all pictures of a prompt take together at weird 1."""
EXPERIMENT_NOISE = 0.2
"""By how much the first noise grows at experiment 1."""
CODE_TINT = 0.1
"""As `CHAOS_TINT`, for a style code of weight 1."""

_TEXTS = ("encoder_hidden_states", "caption", "text_embeds", "pooled_projections")
"""Conditioning that says what the text means, (samples, words, D) or (samples, D)."""


def led(base: Embedding, looks: Sequence[tuple[Embedding, float]]) -> Embedding:
    """Base + Σ weight · (look − base), on the straight line through both and beyond.

    Lengths of texts, which are whole numbers, become the longest.
    """
    mixed = dict(base)
    for look, weight in looks:
        for key, tensor in look.items():
            if tensor.is_floating_point():
                mixed[key] = mixed[key] + weight * (tensor - base[key])
            else:
                mixed[key] = torch.maximum(mixed[key], tensor)
    return mixed


def conditioning(tensors: Mapping[str, Tensor], job: DrawJob, index: int) -> Mapping[str, Tensor]:
    """What picture `index` of the job sees of its text; the very same where nothing varies it."""
    if not (job.chaos or job.weird):
        return tensors
    varied = dict(tensors)
    for key in _TEXTS:
        if key in tensors:
            text = 0 if tensors[key].shape[0] == 1 else 1
            words = int(tensors["length"][text]) if "length" in tensors else None
            varied[key] = _with(
                tensors[key], text, _varied(key, tensors[key][text][:words], job, index)
            )
    return varied


def noise(drawn: Tensor, job: DrawJob, index: int) -> Tensor:
    """The first noise of picture `index`, (1, C, h, w); the very same where nothing varies it."""
    cast = [(job.chaos * CHAOS_TINT, f"chaos {job.seed_of(index)}")] if job.chaos else []
    cast += [(code.weight * CODE_TINT, f"code {code.code}") for code in job.style_codes]
    if cast:
        # Channels' offsets, which diffusion keeps as the colours of a whole picture; the sum is
        # brought back to the deviation that the model was trained for.
        shape = (1, drawn.shape[1], 1, 1)
        offset = torch.stack([share * _normal(label, shape) for share, label in cast]).sum(dim=0)
        total = math.sqrt(1 + sum(share**2 for share, _ in cast))
        drawn = (drawn + _like(drawn, offset)) / total
    if job.experiment:
        drawn = drawn * (1 + EXPERIMENT_NOISE * job.experiment)
    return drawn


def _varied(key: str, text: Tensor, job: DrawJob, index: int) -> Tensor:
    """The text's (words, D) or (D,) as picture `index` sees it."""
    exact = text.float()
    # The deviation of a normal distribution of this mean size: a few channels of some encoders are
    # a hundred times as large as the others, and would make their squares' mean useless.
    deviation = exact.abs().mean() * math.sqrt(math.pi / 2)
    if job.chaos:
        step = _normal(f"chaos {key} {job.seed_of(index)}", exact.shape[-1:])
        exact = exact + CHAOS_TEXT * job.chaos * deviation * _like(exact, step)
    if job.weird:
        said = "\n".join(part.text for part in job.prompt)
        step = _normal(f"weird {key} {said}", exact.shape[-1:])
        exact = exact + WEIRD_TEXT * job.weird * deviation * _like(exact, step)
    return exact.to(text.dtype)


def _with(tensor: Tensor, place: int, part: Tensor) -> Tensor:
    """The tensor with the beginning of `tensor[place]` replaced."""
    changed = tensor.clone()
    changed[place][: part.shape[0]] = part
    return changed


def _normal(label: str, shape: Sequence[int]) -> Tensor:
    """Normal numbers that a text stands for, on the CPU in fp32."""
    digest = hashlib.sha256(label.encode()).digest()
    generator = torch.Generator("cpu").manual_seed(int.from_bytes(digest[:8], "big") >> 1)
    return torch.randn(tuple(shape), generator=generator)


def _like(tensor: Tensor, values: Tensor) -> Tensor:
    return values.to(device=tensor.device, dtype=tensor.dtype)
