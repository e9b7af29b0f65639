"""What all stages share: models, data, the clock and the loop of steps."""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

import torch
from diffusers import AutoencoderKL

from doodle import autoencoder, denoiser, weights
from doodle import text_encoder as texts
from doodle.judge import Judge
from doodle.training.compiling import Compiled, suit_cpu

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor, nn
    from transformers import CLIPTokenizer

    from doodle.recipe import Recipe
    from doodle.training.budget import Budget
    from doodle.training.flat import Flat
    from doodle.training.parts import Parts
    from doodle.training.pools import Filling, Pool

SAY_TIMES = 100  # in a training
SAVE_EVERY_S = 45.0
AHEAD = 2  # steps that are given to a card before the first of them is done
HALVED_MOST = 4  # times that batches are halved for want of memory


class Course:
    """A training: the models with the weights that it begins with, and what they learn from."""

    def __init__(
        self,
        recipe: Recipe,
        tokenizer: CLIPTokenizer,
        filling: Filling,
        parts: Parts,
        budget: Budget,
        *,
        device: torch.device,
        batch: float,
        compiled: bool,
        seed: int,
        say: Callable[[str], None],
    ) -> None:
        self.recipe, self.words, self.filling = recipe, tokenizer, filling
        self.parts, self.budget, self.device, self.say = parts, budget, device, say
        self.dtype = torch.bfloat16 if _fast_in_bf16(device, compiled=compiled) else torch.float32
        self._batch, self._compiled = batch, compiled
        torch.manual_seed(recipe.seed)
        self.text = texts.build(recipe, tokenizer).to(device)
        self.vae = autoencoder.build(recipe).to(device)
        self.judge = Judge(recipe.vocabulary).to(device)
        self.unet = denoiser.build(recipe).to(device)
        if device.type == "cpu":
            for each in (self.vae, self.unet):
                suit_cpu(each)
        torch.manual_seed(seed)
        if "vae" not in parts:
            own = AutoencoderKL.from_pretrained(weights.WEIGHTS / "vae", local_files_only=True)
            autoencoder.begin_with(self.vae, own.float().to(device))
        for part, model in self._models().items():
            parts.give(part, model)
        self.factor = parts.number("vae", "scaling_factor") or 1.0
        self.empty = torch.full((77,), tokenizer.eos_token_id, device=device)
        self.empty[0] = tokenizer.bos_token_id

    def settle(self, *models: nn.Module) -> None:
        """Have models compute as what is trained does; they may have been left out of that."""
        for model in models:
            model.to(dtype=self.dtype)

    def fast(self, network: Callable, *, trained: Sequence[Tensor] = ()) -> Callable:
        """Return what computes as the network does, faster after its first call."""
        if not self._compiled:
            return network
        return Compiled(network, trained=trained, say=self.say)

    def _models(self) -> dict[str, nn.Module]:
        return {"text": self.text, "vae": self.vae, "judge": self.judge, "unet": self.unet}

    def batch(self, usual: int) -> int:
        """Return the size of a batch here."""
        return max(8, round(usual * self._batch))

    def rate(self, usual: float, batch: int) -> float:
        """Return the rate of learning for what a batch of usually so many is here.

        It goes with the root of the batch's size (Malladi et al. 2022).
        """
        return usual * math.sqrt(self.batch(batch) / batch)

    def loop(
        self,
        name: str,
        flat: Flat,
        loss: Callable[[float], Tensor],
        *,
        decay_from: float = 0.0,
        save: Callable[[], None] | None = None,
    ) -> None:
        """Take steps on `loss(share of the time)` until the stage's time is over; then average.

        If the card's memory does not hold a batch, batches are halved. `RuntimeError` if there is
        no time for a step.
        """
        clock = self.budget.clock
        first = said = saved = now = clock()
        total, since, halved = torch.zeros((), device=self.device), 0, 0
        waiting: deque[torch.cuda.Event] = deque()
        while now < self.budget.stage_ends:
            share = self.budget.share(now, first)
            try:
                value = loss(share)
                value.backward()
                flat.step(share, decay_from)
            except torch.OutOfMemoryError:
                halved += 1
                if halved > HALVED_MOST:
                    raise
                self._batch /= 2
                flat.slow(math.sqrt(0.5))
                flat.grad.zero_()
                torch.cuda.empty_cache()
                self.say(f"{name}: not enough memory, batches are halved")
                now = clock()
                continue
            total += value.detach()
            since += 1
            if self.device.type == "cuda":
                event = torch.cuda.Event()
                event.record()
                waiting.append(event)
                if len(waiting) > AHEAD:
                    waiting.popleft().synchronize()
            now = clock()
            if now - said > self.budget.seconds / SAY_TIMES or flat.steps == 1:
                pace = since / max(1e-9, now - said)
                mean = float(total) / since
                self.say(
                    f"{name}: step {flat.steps}, loss {mean:.4f}, {pace:.2f} steps/s, "
                    f"{max(0.0, self.budget.stage_ends - now) / 60:.0f} min left"
                )
                total.zero_()
                since, said = 0, now
            if save is not None and now - saved > SAVE_EVERY_S:
                save()
                saved = now
        if not flat.steps:
            message = f"{name}: its time was over before the first step; give more --seconds."
            raise RuntimeError(message)
        flat.use_average()
        self.say(f"{name}: done after {flat.steps} steps")

    def encode(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log of the variance of latents of pictures from -1 to 1, not scaled."""
        moments = self.vae.quant_conv(self.vae.encoder(pictures.to(self.dtype))).float()
        mean, spread = moments.chunk(2, dim=1)
        return mean, spread.clamp(-30, 20)

    def decode(self, latents: Tensor) -> Tensor:
        """Return pictures from -1 to 1 of latents that are not scaled."""
        return self.vae.decoder(self.vae.post_quant_conv(latents.to(self.dtype))).float()

    def shown(self, pool: Pool, first: int, count: int) -> Tensor:
        """Return some of a pool's pictures, from -1 to 1, from the start again at its end."""
        chosen = torch.arange(first, first + count, device=self.device) % pool.count
        return autoencoder.signed(pool.pixels[chosen])


def _fast_in_bf16(device: torch.device, *, compiled: bool) -> bool:
    """Tell whether bf16 is the faster one here.

    16 samples through the denoiser and back, on two cores with AVX-512 but no AMX: eager 1.1 s in
    bf16 and 2.8 s in fp32, compiled 1.4 s and 1.5 s.
    """
    if device.type == "cuda":
        return True
    has = torch.cpu.get_capabilities()
    return bool(has.get("amx_bf16") if compiled else has.get("avx512_bf16"))
