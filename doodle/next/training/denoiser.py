"""The stages `denoiser` and `folded`: the UNet, and a copy with guidance folded in."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn.functional import max_pool2d

from doodle.next import denoiser as unets
from doodle.next.autoencoder import signed
from doodle.next.training.flat import Flat
from doodle.next.training.sampling import Sampling, guess_by

if TYPE_CHECKING:
    from collections.abc import Callable

    from diffusers import UNet2DConditionModel
    from torch import Tensor

    from doodle.next.training.course import Course
    from doodle.next.training.pools import Pool
    from doodle.next.training.sampling import Guess

BATCH = 512
EMPTY_SHARE = 0.1  # of the prompts of a step, for classifier-free guidance
FORMS_SHARE = 0.5  # of the times of a step, where forms are decided
FORMS_AT = (550, 170)  # of 1,000 times: their mean and standard deviation
ENCODED_AT_ONCE = 512
THINGS = 3.0  # how much more the error counts where a thing is
NEW_SCENES_EVERY = 400  # steps
NEW_SCENES_UNTIL = 0.8  # share of the stage
GUIDANCES = ((2.0, 2.0), (3.0, 3.0), (4.0, 4.0), (4.0, 2.5), (5.0, 5.0))
SOUGHT_STEPS = 12
FEW_STEPS = (4, 6, 8)
ENOUGH_DIVERSITY = 0.85


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
    sampling, encoding = Sampling(course), Encoding(course)
    encoding.go_on()

    guess = _fast(course, course.unet)

    def loss(share: float) -> Tensor:
        if flat.steps % NEW_SCENES_EVERY == NEW_SCENES_EVERY - 1 and share < NEW_SCENES_UNTIL:
            encoding.go_on()
        clean, ids, when, cover = _batch(course, flat.steps, BATCH)
        noisy, wanted = sampling.noisy(clean, when)
        guessed = guess(noisy.to(course.dtype), when, sampling.context(ids))
        return error(guessed, wanted, cover)

    def save() -> None:
        course.parts.keep("text", course.text, flat)
        course.parts.keep("unet", course.unet, flat)

    course.loop("denoiser", flat, loss, decay_from=0.1, save=save)
    save()


def train_folded(course: Course) -> None:
    """Teach a copy of the UNet what the guided one says, in one pass in place of two.

    (Meng et al. 2023, of which this is the first stage, with one value of guidance.)
    """
    course.settle(course.text, course.vae, course.judge, course.unet)
    sampling, filling = Sampling(course), course.filling
    filling.wait(lambda: filling.tuning.count > 0, "tuning scenes")
    guidance = _best_guidance(course, sampling)
    Encoding(course).go_on()
    student = unets.build(course.recipe).to(course.device)
    student.load_state_dict(course.unet.state_dict())
    flat = Flat(student, course.dtype, rate=course.rate(3e-4, BATCH), channels_last=True)
    teacher, pupil = course.fast(guess_by(course.unet)), _fast(course, student)

    def loss(_: float) -> Tensor:
        clean, ids, when, cover = _batch(course, flat.steps, BATCH)
        noisy = sampling.noisy(clean, when)[0].to(course.dtype)
        # With gradients, though nobody uses the teacher's and the text's: so the code serves that
        # was compiled for their training.
        context = sampling.context(ids)
        wanted = sampling.guided(teacher, noisy, when, context, guidance).detach()
        return error(pupil(noisy, when, context), wanted, cover)

    course.loop("folded", flat, loss, save=lambda: course.parts.keep("folded", student, flat))
    course.parts.keep("folded", student, flat)
    for steps in FEW_STEPS:
        course.say(
            f"folded, {steps} steps: {sampling.measure(student, guidance=None, steps=steps)}"
        )


class Encoding:
    """Turns scenes into latents as they come."""

    def __init__(self, course: Course) -> None:
        self._course, self._fast = course, course.fast(course.encode)

    @torch.no_grad()
    def go_on(self) -> None:
        """Encode what has come since the last time, in whole batches; wait for the first scenes."""
        course, filling = self._course, self._course.filling
        filling.wait(lambda: filling.pools["square"].count > 0, "scenes")
        most, count = course.batch(ENCODED_AT_ONCE), 0
        for pool in filling.pools.values():
            if pool.latents is None:
                width, height = pool.size
                shape = (pool.most, course.recipe.autoencoder.latents, height // 8, width // 8)
                pool.latents = torch.empty(shape, dtype=course.dtype, device=course.device)
            before = pool.encoded
            if 0 < pool.count < most and not before:
                self._encode(pool, pool.count, course.encode)
            while pool.encoded + most <= pool.count:
                self._encode(pool, most, self._fast)
            count += pool.encoded - before
        if count:
            course.say(f"{count} scenes more are encoded")

    def _encode(self, pool: Pool, count: int, encode: Callable) -> None:
        chosen = slice(pool.encoded, pool.encoded + count)
        pool.latents[chosen] = encode(signed(pool.pixels[chosen]))[0] * self._course.factor
        pool.encoded += count


def _fast(course: Course, unet: UNet2DConditionModel) -> Guess:
    return course.fast(guess_by(unet), trained=list(unet.parameters()))


def error(guessed: Tensor, wanted: Tensor, cover: Tensor) -> Tensor:
    """Return the mean of squares, in which areas with a thing count more than those without.

    `cover` (B, h, w) is uint8, 255 where a thing covers all. A thing's neighbours count as it does:
    they hold its outline. Without this a thing, a seventh of a picture, is the last to get a form.
    """
    near = max_pool2d(cover[:, None].float() / 255, 3, stride=1, padding=1)
    weight = 1 + THINGS * near
    return ((guessed.float() - wanted).square() * (weight / weight.mean())).mean()


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


def _best_guidance(course: Course, sampling: Sampling) -> tuple[float, float]:
    """Return the guidance with most right pictures in grids that still vary."""
    best, chosen = -1.0, GUIDANCES[0]
    for guidance in GUIDANCES:
        seen = sampling.measure(course.unet, guidance=guidance, steps=SOUGHT_STEPS)
        course.say(f"guidance {guidance}: {seen}")
        value = seen["all"] + 0.5 * min(seen["diversity"], ENOUGH_DIVERSITY)
        if value > best:
            best, chosen = value, guidance
    course.say(f"guidance {chosen} is folded in")
    return chosen
