"""The stage `denoiser`: the UNet, and the text encoder with it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn.functional import max_pool2d

from doodle.autoencoder import signed
from doodle.training.flat import Flat
from doodle.training.noise import Noise

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from doodle.training.course import Course
    from doodle.training.pools import Pool

BATCH = 512
EMPTY_SHARE = 0.1  # of the prompts of a step, for classifier-free guidance
FORMS_SHARE = 0.5  # of the times of a step, where forms are decided
FORMS_AT = (550, 170)  # of 1,000 times: their mean and standard deviation
ENCODED_AT_ONCE = 512
THINGS = 3.0  # how much more the error counts where a thing is
PLACED_AT = (500, 800)  # of 1,000 times: where things are is known until, and cannot be known from
FIRST = 1000  # scenes before the first step
NEW_SCENES_EVERY_S = 60.0
NEW_SCENES_UNTIL = 0.8  # share of the stage


def train(course: Course) -> None:
    """Train UNet and text encoder together on v-prediction."""
    model = nn.ModuleDict({"text": course.text, "unet": course.unet})
    flat = Flat(
        model,
        course.dtype,
        rate=course.rate(1e-3, BATCH),
        matrix_rate=course.rate(2e-3, BATCH),
        channels_last=True,
    )
    course.settle(course.vae)
    noise, encoding = Noise(course.device), Encoding(course)
    encoding.go_on()

    def unet(noisy: Tensor, when: Tensor, context: Tensor) -> Tensor:
        return course.unet(noisy, when, context, return_dict=False)[0]

    guess = course.fast(unet, trained=list(course.unet.parameters()))

    def loss(share: float) -> Tensor:
        if encoding.is_due() and share < NEW_SCENES_UNTIL:
            encoding.go_on()
        clean, ids, when, cover = _batch(course, flat.steps, BATCH)
        noisy, wanted = noise.add(clean, when)
        guessed = guess(noisy.to(course.dtype), when, course.text(ids).last_hidden_state)
        return error(guessed, wanted, cover, when)

    def save() -> None:
        course.parts.keep("text", course.text, flat)
        course.parts.keep("unet", course.unet, flat)

    course.loop("denoiser", flat, loss, decay_from=0.1, save=save)
    save()


class Encoding:
    """Turns scenes into latents as they come."""

    def __init__(self, course: Course) -> None:
        self._course, self._fast = course, course.fast(course.encode)
        self._last = course.budget.clock()

    def is_due(self) -> bool:
        """Tell whether scenes may have come since the last time."""
        return self._course.budget.clock() - self._last > NEW_SCENES_EVERY_S

    @torch.no_grad()
    def go_on(self) -> None:
        """Encode what has come until now, in whole batches; wait for the first scenes.

        No more once the stage's time is over.
        """
        course, filling = self._course, self._course.filling
        square = filling.pools["square"]
        filling.wait(lambda: square.count >= min(FIRST, square.most // 8 + 1), "scenes")
        most, count = course.batch(ENCODED_AT_ONCE), 0
        come = {name: pool.count for name, pool in filling.pools.items()}
        for name, pool in filling.pools.items():
            if pool.latents is None:
                width, height = pool.size
                shape = (pool.most, course.recipe.autoencoder.latents, height // 8, width // 8)
                pool.latents = torch.empty(shape, dtype=course.dtype, device=course.device)
            before = pool.encoded
            if 0 < come[name] < most and not before:
                self._encode(pool, come[name], course.encode)
            while pool.encoded + most <= come[name] and not self._is_over():
                self._encode(pool, most, self._fast)
            count += pool.encoded - before
        self._last = course.budget.clock()
        if count:
            course.say(f"{count} scenes more are encoded")

    def _is_over(self) -> bool:
        return self._course.budget.clock() >= self._course.budget.stage_ends

    def _encode(self, pool: Pool, count: int, encode: Callable) -> None:
        chosen = slice(pool.encoded, pool.encoded + count)
        pool.latents[chosen] = encode(signed(pool.pixels[chosen]))[0] * self._course.factor
        pool.encoded += count


def error(guessed: Tensor, wanted: Tensor, cover: Tensor, when: Tensor) -> Tensor:
    """Return the mean of squares, in which areas with a thing count more than those without.

    `cover` (B, h, w) is uint8, 255 where a thing covers all. A thing's neighbours count as it does:
    they hold its outline. Without this a thing, a seventh of a picture, is the last to get a form.

    At late times, `when` (B,), noise hides where things are and whether there are any. What is best
    to guess then is a mean of all pictures that there may be; if those with a thing at a place
    counted more, more things would be guessed than there are: a moon in every night, two heads.
    """
    known, unknown = PLACED_AT
    placed = ((unknown - when) / (unknown - known)).clamp(0, 1)[:, None, None, None]
    near = max_pool2d(cover[:, None].float() / 255, 3, stride=1, padding=1)
    weight = 1 + THINGS * placed * near
    weight = weight / weight.mean((1, 2, 3), keepdim=True)
    return ((guessed.float() - wanted).square() * weight).mean()


def _batch(course: Course, step: int, usual: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return latents (B, C, h, w), ids (B, 77), times (B,) and cover (B, h, w) of one size.

    Larger pictures are fewer. Some ids are the empty prompt's.
    """
    pool = course.filling.turn(step, encoded=True)
    count = max(8, course.batch(usual) * 256 * 256 // (pool.size[0] * pool.size[1]))
    device = course.device
    chosen = torch.randint(pool.encoded, (count,), device=device)
    wording = torch.randint(pool.ids.shape[1], (count,), device=device)
    ids = pool.ids[chosen, wording].long()
    alone = torch.rand(count, 1, device=device) < EMPTY_SHARE
    ids = torch.where(alone, course.empty, ids)
    return pool.latents[chosen].float(), ids, times(count, device), pool.cover[chosen]


def times(count: int, device: torch.device) -> Tensor:
    """Return `count` of 1,000 times, in no order: half over all of them, half where forms are made.

    Either half is spread evenly over its distribution.
    """
    share = (torch.randperm(count, device=device) + torch.rand(count, device=device)) / count
    mean, deviation = FORMS_AT
    forms = mean + deviation * math.sqrt(2) * torch.erfinv(2 * share - 1)
    formed = torch.rand(count, device=device) < FORMS_SHARE
    return torch.where(formed, forms, share * 1000).long().clamp(0, 999)
