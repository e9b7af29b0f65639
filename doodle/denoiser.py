"""The UNet: what takes the noise from latents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from diffusers import UNet2DConditionModel

from doodle.scenes import SQUARE

if TYPE_CHECKING:
    from doodle.recipe import Recipe


def build(recipe: Recipe) -> UNet2DConditionModel:
    """Return an untrained UNet, with attention on the two lowest levels.

    The first level is narrow and only gathers the latents: attention on the second doubles the
    cost of a step.
    """
    channels = recipe.denoiser.channels
    lower = 2
    upper = len(channels) - lower
    return UNet2DConditionModel(
        sample_size=SQUARE[0] // 2 ** (len(recipe.autoencoder.channels) - 1),
        in_channels=recipe.autoencoder.latents,
        out_channels=recipe.autoencoder.latents,
        block_out_channels=channels,
        layers_per_block=1,
        down_block_types=("DownBlock2D",) * upper + ("CrossAttnDownBlock2D",) * lower,
        up_block_types=("CrossAttnUpBlock2D",) * lower + ("UpBlock2D",) * upper,
        cross_attention_dim=recipe.text_encoder.width,
        attention_head_dim=tuple(max(1, channel // 32) for channel in channels),
        norm_num_groups=16,
    )
