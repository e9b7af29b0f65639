"""The autoencoder: turns pictures into latents 8 times smaller, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from diffusers import AutoencoderKL
from torch.nn.functional import avg_pool2d

from doodle.pictures import draw_random
from doodle.training import Plan, Run, fit, seeded

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor

    from doodle.recipe import Recipe


def build(channels: tuple[int, ...]) -> AutoencoderKL:
    """Return an untrained autoencoder without attention: its cost grows with the area only."""
    count = len(channels)
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * count,
        up_block_types=("UpDecoderBlock2D",) * count,
        block_out_channels=channels,
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=8,
        mid_block_add_attention=False,
        sample_size=128,
    )


def train(recipe: Recipe, run: Run) -> AutoencoderKL:
    """Train on crops of scenes; the scaling factor gives latents a standard deviation of 1."""
    part = recipe.autoencoder
    torch.manual_seed(recipe.seed)
    model = build(part.channels).to(run.device)
    finished = run.load("autoencoder_finished")
    if finished:
        model.load_state_dict(finished["model"])
        model.register_to_config(scaling_factor=finished["scaling_factor"])
        return model.eval()
    run.say(f"autoencoder: drawing {part.pictures} scenes")
    drawn = draw_random(recipe.vocabulary, count=part.pictures, seed=recipe.seed)
    pictures = torch.from_numpy(drawn.pixels)

    def loss(step: int) -> Tensor:
        generator = seeded(recipe.seed, step)
        whole = step > part.steps * 0.7  # at the end, as the norms depend on the size
        batch = _crops(pictures, part.batch, part.crop_px, generator, whole=whole).to(run.device)
        with run.autocast():
            posterior = model.encode(batch).latent_dist
            decoded = model.decode(posterior.sample()).sample
        decoded = decoded.float()
        kl = posterior.kl().float().mean() / posterior.mean[0].numel()
        return _difference(decoded, batch) + part.kl_weight * kl

    fit(
        run,
        Plan(part="autoencoder", steps=part.steps, learning_rate=part.learning_rate),
        model,
        loss,
    )
    scaling_factor = round(1 / _spread(model.eval(), pictures[:256], run), 4)
    run.save(
        "autoencoder_finished", {"model": model.state_dict(), "scaling_factor": scaling_factor}
    )
    model.register_to_config(scaling_factor=scaling_factor)
    return model


def signed(pictures: Tensor) -> Tensor:
    """Return uint8 pictures as floats from -1 to 1."""
    return pictures.float() / 127.5 - 1


@torch.no_grad()
def encode(model: AutoencoderKL, pictures: Tensor, run: Run) -> Tensor:
    """Return the scaled latents of uint8 pictures: (N, 4, H/8, W/8) fp16 on the CPU."""
    parts = [
        _means(model, batch, run) * model.config.scaling_factor for batch in pictures.split(128)
    ]
    return torch.cat(parts).half()


def _means(model: AutoencoderKL, pictures: Tensor, run: Run) -> Tensor:
    with run.autocast():
        return model.encode(signed(pictures).to(run.device)).latent_dist.mean.float().cpu()


@torch.no_grad()
def _spread(model: AutoencoderKL, pictures: Tensor, run: Run) -> float:
    return float(torch.cat([_means(model, batch, run) for batch in pictures.split(128)]).std())


def _crops(
    pictures: Tensor, count: int, size: int, generator: torch.Generator, *, whole: bool
) -> Tensor:
    """Return random crops, or a quarter as many whole pictures: the same number of pixels."""
    side = pictures.shape[-1]
    if whole:
        size, count = side, max(1, count * size * size // (side * side))
    chosen = torch.randint(len(pictures), (count,), generator=generator).tolist()
    corners: Iterable[list[int]] = torch.randint(
        side - size + 1, (count, 2), generator=generator
    ).tolist()
    return signed(
        torch.stack(
            [
                pictures[i, :, y : y + size, x : x + size]
                for i, (y, x) in zip(chosen, corners, strict=True)
            ]
        )
    )


def _difference(a: Tensor, b: Tensor) -> Tensor:
    """Return the mean difference of pixels, of large areas (colour) and of edges, weighted."""
    areas = (avg_pool2d(a, 8) - avg_pool2d(b, 8)).abs().mean()
    edges = _edge_difference(a, b, -1) + _edge_difference(a, b, -2)
    return (a - b).abs().mean() + 1.5 * areas + 0.4 * edges


def _edge_difference(a: Tensor, b: Tensor, dim: int) -> Tensor:
    return (a.diff(dim=dim) - b.diff(dim=dim)).abs().mean()
