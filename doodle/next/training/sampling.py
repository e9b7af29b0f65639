"""Pictures from a UNet that is being trained, and what they are worth."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import torch
from diffusers import DDPMScheduler, DPMSolverMultistepScheduler
from torch.nn.functional import avg_pool2d

from doodle import weights
from doodle.next.training.pictures import energy

if TYPE_CHECKING:
    from collections.abc import Callable

    from diffusers import UNet2DConditionModel
    from torch import Tensor

    from doodle.next.training.course import Course

    Guess = Callable[[Tensor, Tensor, Tensor], Tensor]
    """What returns v of noisy latents (B, C, h, w), times (B,) and contexts (B, 77, width)."""

FALLS_FROM = 700  # of 1,000 times: towards more noise guidance goes to its second value
IN_A_PASS = 64
GRID = 4
SEED = 7
MEASURED = ("subject", "colour", "place", "style")


def guess_by(unet: UNet2DConditionModel) -> Guess:
    """Return what guesses v with this UNet."""

    def guess(noisy: Tensor, when: Tensor, context: Tensor) -> Tensor:
        return unet(noisy, when, context, return_dict=False)[0]

    return guess


class Sampling:
    """Noise at each of 1,000 times, guidance, and drawing with the course's models."""

    def __init__(self, course: Course) -> None:
        self._course = course
        kept = DDPMScheduler(**weights.NOISE).alphas_cumprod.to(course.device)
        self._signal, self._noise = kept.sqrt(), (1 - kept).sqrt()

    def noisy(self, clean: Tensor, when: Tensor) -> tuple[Tensor, Tensor]:
        """Return latents with the noise of their times, and v (Salimans & Ho 2022)."""
        noise = torch.randn_like(clean)
        signal, share = (each[when].view(-1, 1, 1, 1) for each in (self._signal, self._noise))
        return signal * clean + share * noise, signal * noise - share * clean

    def context(self, ids: Tensor) -> Tensor:
        """Return the text encoder's states (B, 77, width) of ids (B, 77)."""
        return self._course.text(ids).last_hidden_state

    def guided(
        self,
        guess: Guess,
        noisy: Tensor,
        when: Tensor,
        context: Tensor,
        guidance: tuple[float, float],
    ) -> Tensor:
        """Return the guided v: the first value up to time 700, falling to the second at 1,000."""
        empty = self.context(self._course.empty[None]).repeat(len(noisy), 1, 1)
        plain, asked = (guess(noisy, when, each).float() for each in (empty, context))
        fallen = ((when.float() - FALLS_FROM) / (1000 - FALLS_FROM)).clamp(0, 1).view(-1, 1, 1, 1)
        low, high = guidance
        return plain + (low + (high - low) * fallen) * (asked - plain)

    @torch.no_grad()
    def draw(
        self,
        guess: Guess,
        ids: Tensor,
        *,
        guidance: tuple[float, float] | None,
        steps: int,
    ) -> Tensor:
        """Return pictures from -1 to 1 for ids (B, 77), by DPM-Solver++ (Lu et al. 2022)."""
        course = self._course
        solver = DPMSolverMultistepScheduler(
            **weights.NOISE,
            algorithm_type="dpmsolver++",
            solver_order=2,
            timestep_spacing="trailing",
        )
        solver.set_timesteps(steps, device=course.device)
        generator = torch.Generator(course.device).manual_seed(SEED)
        shape = (len(ids), course.recipe.autoencoder.latents, 32, 32)
        latents = torch.randn(shape, generator=generator, device=course.device)
        context = self.context(ids)
        for time in solver.timesteps:
            when = time.long().expand(len(ids))
            noisy = latents.to(course.dtype)
            if guidance is None:
                v = guess(noisy, when, context).float()
            else:
                v = self.guided(guess, noisy, when, context, guidance)
            latents = solver.step(v, time, latents).prev_sample
        return course.decode(latents / course.factor).clamp(-1, 1)

    @torch.no_grad()
    def measure(
        self, unet: UNet2DConditionModel, *, guidance: tuple[float, float] | None, steps: int
    ) -> dict[str, float]:
        """Return shares of tuning scenes drawn right, and how grids vary and how sharp they are.

        The last two are over those of the drawn scenes. `RuntimeError` if there are no scenes.
        """
        course, pool = self._course, self._course.filling.tuning
        guess = guess_by(unet)
        count = pool.count // GRID * GRID
        if not count:
            message = "There are no scenes to measure with."
            raise RuntimeError(message)
        made = torch.cat(
            [
                self.draw(guess, ids.long(), guidance=guidance, steps=steps)
                for ids in pool.ids[:count, 0].split(IN_A_PASS)
            ]
        )
        real = course.shown(pool, 0, count)
        questions = list(course.filling.questions)
        seen = course.judge(made.to(course.dtype))
        right = {
            name: seen[name].argmax(1) == pool.labels[:count, questions.index(name)].long()
            for name in MEASURED
        }
        shares = {"all": torch.stack(list(right.values())).all(0), **right}
        found = {name: round(float(each.float().mean()), 3) for name, each in shares.items()}
        found["diversity"] = round(_spread(made) / _spread(real), 3)
        found["sharpness"] = round(energy(made) / energy(real), 3)
        return found


def _spread(pictures: Tensor) -> float:
    """Return the mean distance of the layouts within grids of four."""
    grids = avg_pool2d(pictures, 16).flatten(1).view(-1, GRID, 3 * 16 * 16)
    apart = [(grids[:, a] - grids[:, b]).norm(dim=-1) for a, b in combinations(range(GRID), 2)]
    return float(torch.stack(apart).mean())
