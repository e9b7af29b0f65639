"""The autoencoder: turns pictures into latents 8 times smaller, and back."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import torch
from diffusers import AutoencoderKL
from torch.nn.functional import avg_pool2d

from doodle.next.pictures import SQUARE, WIDE, Ahead, Drawn, fresh, workers
from doodle.training import Plan, Run, fit, seeded

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from doodle.next.recipe import Recipe

CROP_PX = 128
CROPS_EACH = 2  # of a drawn scene
WHOLE_ONE_IN = 3  # steps on whole pictures, as the norms depend on the size


def build(recipe: Recipe) -> AutoencoderKL:
    """Return an untrained autoencoder without attention: its cost grows with the area only."""
    part = recipe.autoencoder
    count = len(part.channels)
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * count,
        up_block_types=("UpDecoderBlock2D",) * count,
        block_out_channels=part.channels,
        layers_per_block=1,
        latent_channels=part.latents,
        norm_num_groups=8,
        mid_block_add_attention=False,
        sample_size=SQUARE[0],
    )


@torch.no_grad()
def begin_with(model: AutoencoderKL, own: AutoencoderKL) -> None:
    """Take over all weights of an earlier autoencoder that fit; `model` may have more latents.

    The one for 128 pixels keeps forms and lines of the new scenes before any training: 19.6 dB at
    256 pixels and 0.75 of their sharpness, where 414 steps from nothing reached 20.1 dB and 0.09.
    """
    had, has = own.config.latent_channels, model.config.latent_channels
    mine, theirs = model.state_dict(), own.state_dict()
    same = {key: v for key, v in theirs.items() if key in mine and mine[key].shape == v.shape}
    model.load_state_dict(mine | same)
    levels = tuple(tuple(each.config.block_out_channels) for each in (model, own))
    if had >= has or levels[0] != levels[1]:
        return
    # Means come first, then the logarithms of variances. What is new passes as it is, and the
    # decoder does not look at it yet.
    kept = [*range(had), *range(has, has + had)]
    out = model.encoder.conv_out
    out.weight[kept], out.bias[kept] = own.encoder.conv_out.weight, own.encoder.conv_out.bias
    quant, post = model.quant_conv, model.post_quant_conv
    for each in (quant, post):
        torch.nn.init.dirac_(each.weight)
        torch.nn.init.zeros_(each.bias)
    for i, place in enumerate(kept):
        quant.weight[place, kept] = own.quant_conv.weight[i]
        quant.bias[place] = own.quant_conv.bias[i]
    post.weight[:had, :had], post.bias[:had] = own.post_quant_conv.weight, own.post_quant_conv.bias
    model.decoder.conv_in.weight.zero_()
    model.decoder.conv_in.weight[:, :had] = own.decoder.conv_in.weight


def train(
    recipe: Recipe,
    run: Run,
    *,
    on_checkpoint: Callable[[AutoencoderKL, int], None] | None = None,
    own: AutoencoderKL | None = None,
) -> AutoencoderKL:
    """Train on fresh scenes; the scaling factor gives latents a standard deviation of 1.

    `own` is an autoencoder of ours to begin with; a checkpoint comes before it.
    """
    part = recipe.autoencoder
    torch.manual_seed(recipe.seed)
    model = build(recipe).to(run.device)
    if own is not None:
        begin_with(model, own)
    finished = run.load("autoencoder_finished")
    if finished:
        model.load_state_dict(finished["model"])
        model.register_to_config(scaling_factor=finished["scaling_factor"])
        return model.eval()

    def loss(step: int) -> Tensor:
        batch = crops(recipe, step, ahead(step)).to(run.device)
        with run.autocast():
            posterior = model.encode(batch).latent_dist
            decoded = model.decode(posterior.sample()).sample
        kl = posterior.kl().float().mean() / posterior.mean[0].numel()
        return difference(decoded.float(), batch) + part.kl_weight * kl

    plan = Plan(
        part="autoencoder",
        steps=part.steps,
        learning_rate=part.learning_rate,
        decay_from=0.6,
        ema=True,
    )
    report = (lambda step: on_checkpoint(model, step)) if on_checkpoint else None
    with Ahead(partial(pictures, recipe), workers=workers(run.device)) as ahead:
        fit(run, plan, model, loss, on_checkpoint=report)
    return finish(recipe, run, model)


def finish(recipe: Recipe, run: Run, model: AutoencoderKL) -> AutoencoderKL:
    """Fix the encoder: latents and denoiser depend on it from now on."""
    sample = fresh(recipe.vocabulary, seed=f"{recipe.seed} spread", count=96)
    latents = encode(model.eval(), torch.from_numpy(sample.pixels), run, scaled=False)
    scaling_factor = round(1 / float(latents.float().std()), 4)
    state = {"model": model.state_dict(), "scaling_factor": scaling_factor}
    run.save("autoencoder_finished", state)
    model.register_to_config(scaling_factor=scaling_factor)
    return model


def train_decoder(
    recipe: Recipe,
    run: Run,
    model: AutoencoderKL,
    *,
    on_checkpoint: Callable[[AutoencoderKL, int], None] | None = None,
) -> AutoencoderKL:
    """Train the decoder further; the encoder, and so every latent, stays as it is."""
    part = recipe.decoder
    model.requires_grad_(requires_grad=False)
    for module in (model.decoder, model.post_quant_conv):
        module.requires_grad_(requires_grad=True)

    def loss(step: int) -> Tensor:
        batch = crops(recipe, step, ahead(step)).to(run.device)
        with run.autocast():
            with torch.no_grad():
                latents = model.encode(batch).latent_dist.mode()
            # A denoiser's latents are never quite right; the decoder learns to bear with that.
            noise = torch.randn(latents.shape, generator=seeded(recipe.seed, step))
            latents = latents + 0.05 * noise.to(latents) / model.config.scaling_factor
            decoded = model.decode(latents).sample
        return difference(decoded.float(), batch)

    plan = Plan(part="decoder", steps=part.steps, learning_rate=part.learning_rate, ema=True)
    report = (lambda step: on_checkpoint(model, step)) if on_checkpoint else None
    job = partial(pictures, recipe, part="decoder")
    with Ahead(job, workers=workers(run.device)) as ahead:
        fit(run, plan, model, loss, on_checkpoint=report)
    return model.eval()


def pictures(recipe: Recipe, step: int, *, part: str = "autoencoder") -> Callable[[], Drawn]:
    """Return what draws a step's scenes: to be cropped, or a few of another shape as they are."""
    batch = recipe.autoencoder.batch
    job = partial(fresh, recipe.vocabulary, seed=f"{recipe.seed} {part} {step}")
    if step % WHOLE_ONE_IN == 0:
        shapes = (SQUARE, SQUARE, *WIDE)
        size = shapes[step // WHOLE_ONE_IN % len(shapes)]
        return partial(job, count=max(1, batch // 4), size=size)
    return partial(job, count=max(1, batch // CROPS_EACH))


def crops(recipe: Recipe, step: int, drawn: Drawn) -> Tensor:
    """Return a step's pictures, (B, 3, H, W) from -1 to 1: crops, or a quarter as many wholes."""
    whole = torch.from_numpy(drawn.pixels)
    if step % WHOLE_ONE_IN == 0:
        return signed(whole)
    generator = seeded(recipe.seed, step)
    corners = torch.randint(
        SQUARE[0] - CROP_PX + 1, (len(whole), CROPS_EACH, 2), generator=generator
    ).tolist()
    parts = [
        picture[:, y : y + CROP_PX, x : x + CROP_PX]
        for picture, each in zip(whole, corners, strict=True)
        for y, x in each
    ]
    return signed(torch.stack(parts))


def signed(pictures: Tensor) -> Tensor:
    """Return uint8 pictures as floats from -1 to 1."""
    return pictures.float() / 127.5 - 1


@torch.no_grad()
def encode(model: AutoencoderKL, pictures: Tensor, run: Run, *, scaled: bool = True) -> Tensor:
    """Return the latents of uint8 pictures: (N, C, H/8, W/8) fp16 on the CPU."""
    factor = model.config.scaling_factor if scaled else 1.0
    parts = []
    for batch in pictures.split(16):
        with run.autocast():
            means = model.encode(signed(batch).to(run.device)).latent_dist.mode()
        parts.append(means.float().cpu() * factor)
    return torch.cat(parts).half()


def difference(a: Tensor, b: Tensor) -> Tensor:
    """Return the mean difference of pixels, of large areas and their colours, and of edges.

    Without a weight of their own colours came last: after 900 steps all pictures were grey. Edges
    are compared twice: where they are, and how strong they are within areas of 8 by 8. The first
    alone prefers soft edges wherever it is not sure.
    """
    distance = avg_pool2d(a - b, 8)
    areas = distance.abs().mean()
    colours = (distance - distance.mean(dim=1, keepdim=True)).abs().mean()
    edges = strength = torch.zeros((), device=a.device)
    for dim in (-1, -2):
        ours, theirs = a.diff(dim=dim), b.diff(dim=dim)
        edges = edges + (ours - theirs).abs().mean()
        strength = strength + (edge_strength(ours) - edge_strength(theirs)).abs().mean()
    return (a - b).abs().mean() + areas + 2 * colours + 0.7 * edges + 0.7 * strength


def edge_strength(gradients: Tensor) -> Tensor:
    """Return the roots of the mean squares of gradients (N, 3, H, W) in areas of 8 by 8 pixels."""
    return (avg_pool2d(gradients.square(), 8) + 1e-4).sqrt()


def sharpness(pictures: Tensor) -> float:
    """Return the mean energy of the gradients of uint8 pictures (N, 3, H, W)."""
    values = pictures.float()
    return float(sum(values.diff(dim=dim).square().mean() for dim in (-1, -2)))
