"""The schedulers that members may name, by the names that they and A1111 use."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class SchedulerSpec:
    """A diffusers class and the settings that turn it into the named sampler."""

    class_name: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    flow: bool = False
    """For flow matching models (SD3, Flux, Z-Image); the others are for noise predicting ones."""


_KARRAS = {"use_karras_sigmas": True}
_SDE = {"algorithm_type": "sde-dpmsolver++"}

_SPECS: Mapping[str, SchedulerSpec] = {
    "euler": SchedulerSpec("EulerDiscreteScheduler"),
    "euler-karras": SchedulerSpec("EulerDiscreteScheduler", _KARRAS),
    "euler-a": SchedulerSpec("EulerAncestralDiscreteScheduler"),
    "heun": SchedulerSpec("HeunDiscreteScheduler"),
    "dpm2": SchedulerSpec("KDPM2DiscreteScheduler"),
    "dpm2-a": SchedulerSpec("KDPM2AncestralDiscreteScheduler"),
    "dpm++2m": SchedulerSpec("DPMSolverMultistepScheduler"),
    "dpm++2m-karras": SchedulerSpec("DPMSolverMultistepScheduler", _KARRAS),
    "dpm++2m-sde": SchedulerSpec("DPMSolverMultistepScheduler", _SDE),
    "dpm++2m-sde-karras": SchedulerSpec("DPMSolverMultistepScheduler", _SDE | _KARRAS),
    "dpm++2s": SchedulerSpec("DPMSolverSinglestepScheduler"),
    "ddim": SchedulerSpec("DDIMScheduler"),
    "ddpm": SchedulerSpec("DDPMScheduler"),
    "pndm": SchedulerSpec("PNDMScheduler"),
    "deis": SchedulerSpec("DEISMultistepScheduler"),
    "unipc": SchedulerSpec("UniPCMultistepScheduler"),
    "ipndm": SchedulerSpec("IPNDMScheduler"),
    "sa-solver": SchedulerSpec("SASolverScheduler"),
    "lcm": SchedulerSpec("LCMScheduler"),
    "tcd": SchedulerSpec("TCDScheduler"),
    # For checkpoints trained in EDM's own form (Karras et al. 2022), such as Playground 2.5.
    "edm-euler": SchedulerSpec("EDMEulerScheduler"),
    "flow-euler": SchedulerSpec("FlowMatchEulerDiscreteScheduler", flow=True),
    "flow-heun": SchedulerSpec("FlowMatchHeunDiscreteScheduler", flow=True),
}

SCHEDULERS = tuple(_SPECS)
"""Every scheduler that a job may name."""

SECOND_ORDER = frozenset({"heun", "dpm2", "dpm2-a", "flow-heun"})
"""Those that evaluate the model 2N − 1 times for N steps."""


def names_for(*, flow: bool) -> tuple[str, ...]:
    """The schedulers that suit flow matching models, or the others."""
    return tuple(name for name, spec in _SPECS.items() if spec.flow is flow)


def evaluations(name: str, steps: int) -> int:
    """How often the denoiser is asked for a drawing of `steps`."""
    return 2 * steps - 1 if name in SECOND_ORDER else steps


def build(name: str, own: Any) -> Any:  # noqa: ANN401 - diffusers' schedulers share no base type
    """The named scheduler with the noise schedule of `own`, the model's; no name: `own` anew."""
    if not name:
        return own.from_config(own.config)
    spec = _SPECS[name]
    scheduler_class = getattr(importlib.import_module("diffusers"), spec.class_name)
    return scheduler_class.from_config(own.config, **spec.settings)
