"""The autoencoder: turns pictures into latents 8 times smaller, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from diffusers import AutoencoderKL
from torch.nn.functional import avg_pool2d

from doodle.next.pictures import SQUARE

if TYPE_CHECKING:
    from torch import Tensor

    from doodle.next.recipe import Recipe


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


def signed(pictures: Tensor) -> Tensor:
    """Return uint8 pictures as floats from -1 to 1."""
    return pictures.float() / 127.5 - 1


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
    """Return the mean energy of the gradients of pictures (N, 3, H, W)."""
    values = pictures.float()
    return float(sum(values.diff(dim=dim).square().mean() for dim in (-1, -2)))
