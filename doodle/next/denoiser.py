"""The UNet and the text encoder, trained together on the encoded scenes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from diffusers import DDPMScheduler, UNet2DConditionModel
from torch import nn

from doodle import weights
from doodle.next import latents as encoded
from doodle.next.pictures import SQUARE
from doodle.tokenizer import token_ids
from doodle.training import Plan, Run, fit, seeded

if TYPE_CHECKING:
    from collections.abc import Callable

    from diffusers import AutoencoderKL, StableDiffusionPipeline
    from torch import Tensor
    from transformers import CLIPTextModel, CLIPTokenizer

    from doodle.next.recipe import Recipe

EMPTY_SHARE = 0.1  # of the prompts of a step, for classifier-free guidance


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


def train(
    recipe: Recipe,
    run: Run,
    *,
    autoencoder: AutoencoderKL,
    tokenizer: CLIPTokenizer,
    text_encoder: CLIPTextModel,
    on_checkpoint: Callable[[StableDiffusionPipeline, int], None] | None = None,
) -> StableDiffusionPipeline:
    """Train both on v-prediction (Salimans & Ho 2022) and return the whole pipeline."""
    part = recipe.denoiser
    torch.manual_seed(recipe.seed)
    unet = build(recipe)
    model = nn.ModuleDict({"text_encoder": text_encoder, "unet": unet}).to(run.device)
    buckets = encoded.load(run)
    run.say(f"denoiser: {sum(len(bucket.latents) for bucket in buckets)} scenes")
    pipeline = weights.assemble(
        autoencoder=autoencoder.to(run.device),
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        unet=unet,
    )
    noise_schedule = DDPMScheduler(**weights.NOISE)
    empty = token_ids(tokenizer, [""])[0]

    def loss(step: int) -> Tensor:
        generator = seeded(recipe.seed, step)
        clean, ids = encoded.batch(buckets, part.batch, generator)
        ids[torch.rand(len(ids), generator=generator) < EMPTY_SHARE] = empty
        noise = torch.randn(clean.shape, generator=generator)
        when = torch.randint(1000, (len(clean),), generator=generator)
        noisy = noise_schedule.add_noise(clean, noise, when)
        wanted = noise_schedule.get_velocity(clean, noise, when).to(run.device)
        with run.autocast():
            context = text_encoder(ids.to(run.device)).last_hidden_state
            guess = unet(noisy.to(run.device), when.to(run.device), context).sample
        return (guess.float() - wanted).square().mean()

    plan = Plan(
        part="denoiser",
        steps=part.steps,
        learning_rate=part.learning_rate,
        decay_from=part.decay_from,
        ema=True,
    )
    report = (lambda step: on_checkpoint(pipeline, step)) if on_checkpoint else None
    fit(run, plan, model, loss, on_checkpoint=report)
    return pipeline
