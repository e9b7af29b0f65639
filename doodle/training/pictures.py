"""The stages `autoencoder` and `decoder`: pictures to latents and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from PIL import Image
from torch import nn

from doodle.autoencoder import difference, sharpness, signed
from doodle.sheet import contact_sheet
from doodle.training.flat import Flat
from doodle.training.noise import Noise

if TYPE_CHECKING:
    from torch import Tensor

    from doodle.training.course import Course
    from doodle.training.pools import Pool

FIRST = 4000  # scenes before the first step
BATCH = 32
OTHER_SHAPES_EVERY = 16  # steps
KL = 1e-4  # weight of the latents' distance from the normal distribution
BEARS = 0.05  # noise of latents that the decoder learns to bear, in their standard deviations
GUESSED = 0.6  # share of the pictures that are decoded from what the denoiser guesses
GUESSED_AT = (30, 350)  # of 1,000 times
EDGES = 2.5  # how much the strength of edges counts there


def train(course: Course) -> None:
    """Train encoder and decoder together; then scale latents to a standard deviation of 1."""
    filling = course.filling
    square = filling.pools["square"]
    flat = Flat(course.vae, course.dtype, rate=course.rate(8e-4, BATCH))
    filling.wait(lambda: square.count >= min(FIRST, square.most // 8 + 1), "scenes")

    def loss(_: float) -> Tensor:
        seen = batch(course, flat.steps)
        mean, spread = course.encode(seen)
        latents = mean + (0.5 * spread).exp() * torch.randn_like(mean)
        kl = 0.5 * (mean.square() + spread.exp() - 1 - spread).mean()
        return difference(course.decode(latents), seen) + KL * kl

    course.loop("autoencoder", flat, loss, decay_from=0.5)
    _scale(course)
    course.parts.keep("vae", course.vae, flat, scaling_factor=course.factor)
    _check(course, "autoencoder")


def train_decoder(course: Course) -> None:
    """Train the decoder further; the encoder, and with it the latents, stay what they are.

    With a denoiser it also learns to draw sharp edges from what that guesses of noised latents,
    which are softer than those of pictures.
    """
    filling = course.filling
    filling.wait(lambda: filling.pools["square"].count > 0, "scenes")
    part = nn.ModuleList([course.vae.decoder, course.vae.post_quant_conv])
    flat = Flat(
        part, course.dtype, rate=course.rate(4e-4, BATCH), matrix_rate=course.rate(8e-4, BATCH)
    )
    course.settle(course.vae, course.text, course.unet)
    noise = Noise(course.device)
    share = GUESSED if "unet" in course.parts else 0.0

    def loss(_: float) -> Tensor:
        pool = _pool(course, flat.steps)
        chosen = pool.choose(course.batch(BATCH))
        seen = signed(pool.pixels[chosen])
        with torch.no_grad():
            latents = course.encode(seen)[0]
            count = round(share * len(latents))
            bearing = torch.full_like(latents[count:], BEARS / course.factor)
            latents[count:] += bearing * torch.randn_like(bearing)
            if count:
                ids = pool.ids[chosen[:count], 0].long()
                latents[:count] = guessed(course, noise, latents[:count], ids)
        return difference(course.decode(latents), seen, strength=EDGES)

    course.loop("decoder", flat, loss)
    course.parts.keep("vae", course.vae, flat, scaling_factor=course.factor)
    _check(course, "decoder")


def batch(course: Course, step: int) -> Tensor:
    """Return pictures of one size, mostly square, from -1 to 1: (B, 3, H, W)."""
    pool = _pool(course, step)
    return signed(pool.pixels[pool.choose(course.batch(BATCH))])


def guessed(course: Course, noise: Noise, latents: Tensor, ids: Tensor) -> Tensor:
    """Return what the denoiser guesses in one step of latents (B, C, h, w) that were noised.

    `ids` (B, 77) are the words of what they show; latents are not scaled.
    """
    when = torch.randint(*GUESSED_AT, (len(latents),), device=latents.device)
    noisy = noise.add(latents * course.factor, when)[0]
    words = course.text(ids).last_hidden_state
    v = course.unet(noisy.to(course.dtype), when, words, return_dict=False)[0].float()
    return noise.clean(noisy, v, when) / course.factor


def _pool(course: Course, step: int) -> Pool:
    if step % OTHER_SHAPES_EVERY == OTHER_SHAPES_EVERY - 1:
        return course.filling.other(step // OTHER_SHAPES_EVERY)
    return course.filling.pools["square"]


@torch.no_grad()
def _scale(course: Course) -> None:
    square, count = course.filling.pools["square"], course.batch(32)
    seen = [course.encode(course.shown(square, i * count, count))[0] for i in range(8)]
    course.factor = 1 / float(torch.cat(seen).std())


@torch.no_grad()
def _check(course: Course, name: str) -> None:
    """Tell how well pictures come back, and write a sheet of some of them."""
    seen = course.shown(course.filling.pools["square"], 0, course.batch(64))
    again = course.decode(course.encode(seen)[0]).clamp(-1, 1)
    error = float((again - seen).square().mean()) / 4
    share = sharpness(again) / sharpness(seen)
    decibels = -10 * torch.tensor(error).log10()
    course.say(f"{name}: PSNR {decibels:.2f} dB, sharpness {share:.3f}, factor {course.factor:.3f}")
    rows = torch.cat([seen[:8], again[:8]])
    pixels = ((rows + 1) * 127.5).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    images = [Image.fromarray(each) for each in pixels]
    contact_sheet(images, columns=8).save(course.parts.folder / "autoencoder.png")
