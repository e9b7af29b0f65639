"""The UNet and the text encoder, trained together on cached latents."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

import torch
from diffusers import DDPMScheduler, UNet2DConditionModel
from torch import nn

from doodle import autoencoder as vae
from doodle import weights
from doodle.captions import caption
from doodle.pictures import SQUARE, draw_blocks
from doodle.tokenizer import token_ids
from doodle.training import Plan, Run, fit, seeded

if TYPE_CHECKING:
    from collections.abc import Callable

    from diffusers import AutoencoderKL, StableDiffusionPipeline
    from torch import Tensor
    from transformers import CLIPTextModel, CLIPTokenizer

    from doodle.recipe import Recipe

CAPTIONS_EACH = 6
EMPTY_SHARE = 0.1  # of the prompts of a step, for classifier-free guidance
WIDE = ((192, 128), (128, 192), (224, 128))  # 3:2, 2:3, 16:9; multiples of 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """All cached scenes of one size."""

    latents: Tensor  # (N, 4, H/8, W/8) fp16, scaled
    ids: Tensor  # (N, CAPTIONS_EACH, 77) int16


def build(recipe: Recipe) -> UNet2DConditionModel:
    """Return an untrained UNet, with attention on all levels but the first."""
    channels = recipe.denoiser.channels
    lower = len(channels) - 1
    return UNet2DConditionModel(
        sample_size=16,
        block_out_channels=channels,
        layers_per_block=1,
        down_block_types=("DownBlock2D",) + ("CrossAttnDownBlock2D",) * lower,
        up_block_types=("CrossAttnUpBlock2D",) * lower + ("UpBlock2D",),
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
    autoencoder.to(run.device)
    buckets = _cached(recipe, run, autoencoder, tokenizer)
    pipeline = weights.assemble(
        autoencoder=autoencoder, text_encoder=text_encoder, tokenizer=tokenizer, unet=unet
    )
    noise_schedule = DDPMScheduler(**weights.NOISE)
    empty = token_ids(tokenizer, [""])[0]

    def loss(step: int) -> Tensor:
        generator = seeded(recipe.seed, step)
        latents, ids = _batch(buckets, part.batch, generator)
        ids[torch.rand(len(ids), generator=generator) < EMPTY_SHARE] = empty
        noise = torch.randn(latents.shape, generator=generator)
        when = torch.randint(1000, (len(latents),), generator=generator)
        noisy = noise_schedule.add_noise(latents, noise, when)
        wanted = noise_schedule.get_velocity(latents, noise, when).to(run.device)
        with run.autocast():
            context = text_encoder(ids.to(run.device)).last_hidden_state
            guess = unet(noisy.to(run.device), when.to(run.device), context).sample
        # Unweighted: min-SNR weights count the noisiest steps least, and those decide what is
        # drawn. Without them the subjects became right soon; no comparison run was made.
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


def _cached(
    recipe: Recipe, run: Run, autoencoder: AutoencoderKL, tokenizer: CLIPTokenizer
) -> list[Bucket]:
    """Draw and encode the training scenes, or load them if this run has done so before."""
    state = run.load("latents")
    if state is None:
        wide = round(recipe.denoiser.pictures * recipe.wide_share / len(WIDE))
        counts = {SQUARE: recipe.denoiser.pictures - wide * len(WIDE), **dict.fromkeys(WIDE, wide)}
        run.say(f"denoiser: drawing and encoding {recipe.denoiser.pictures} scenes")
        buckets = [
            _bucket(recipe, run, autoencoder, tokenizer, size=size, count=count)
            for size, count in counts.items()
        ]
        state = {f"{i}": {"latents": b.latents, "ids": b.ids} for i, b in enumerate(buckets)}
        run.save("latents", state)
    return [Bucket(**state[f"{i}"]) for i in range(1 + len(WIDE))]


def _bucket(
    recipe: Recipe,
    run: Run,
    autoencoder: AutoencoderKL,
    tokenizer: CLIPTokenizer,
    *,
    size: tuple[int, int],
    count: int,
) -> Bucket:
    rng = Random(recipe.seed)
    latents, ids = [], []
    for drawn in draw_blocks(recipe.vocabulary, count=count, seed=recipe.seed + 1, size=size):
        latents.append(vae.encode(autoencoder, torch.from_numpy(drawn.pixels), run))
        texts = [caption(scene, rng) for scene in drawn.scenes for _ in range(CAPTIONS_EACH)]
        ids.append(token_ids(tokenizer, texts).short())
    return Bucket(latents=torch.cat(latents), ids=torch.cat(ids).view(count, CAPTIONS_EACH, -1))


def _batch(buckets: list[Bucket], count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return latents (B, 4, h, w) fp32 and ids (B, 77) of one size, chosen by its share."""
    shares = torch.tensor([float(len(bucket.latents)) for bucket in buckets])
    bucket = buckets[int(torch.multinomial(shares, 1, generator=generator))]
    chosen = torch.randint(len(bucket.latents), (count,), generator=generator)
    wording = torch.randint(CAPTIONS_EACH, (count,), generator=generator)
    return bucket.latents[chosen].float(), bucket.ids[chosen, wording].long()
