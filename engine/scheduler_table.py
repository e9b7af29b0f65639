"""The schedulers that members may name, by the names that they and A1111 use; imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Form = Literal["noise", "flow", "edm"]
"""What a checkpoint was trained for: to predict noise on a table of betas, the velocity of flow
matching (SD3, Flux, Z-Image), or in EDM's own form (Karras et al. 2022), as Playground 2.5 was."""


@dataclass(frozen=True, slots=True)
class SchedulerSpec:
    """A class of diffusers and the settings that turn it into the named sampler.

    Settings that are given neither here nor by the model have the class's own defaults.
    """

    class_name: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    form: Form = "noise"


_DPM: Mapping[str, Any] = {
    "algorithm_type": "dpmsolver++",
    "solver_order": 2,
    "final_sigmas_type": "zero",
    "lower_order_final": True,
    "use_karras_sigmas": False,
}
_SDE = {"algorithm_type": "sde-dpmsolver++"}
_EVEN = {"use_karras_sigmas": False}
_KARRAS = {"use_karras_sigmas": True}

SPECS: Mapping[str, SchedulerSpec] = {
    "euler": SchedulerSpec("EulerDiscreteScheduler", _EVEN),
    "euler-karras": SchedulerSpec("EulerDiscreteScheduler", _KARRAS),
    "euler-a": SchedulerSpec("EulerAncestralDiscreteScheduler"),
    "heun": SchedulerSpec("HeunDiscreteScheduler", _EVEN),
    "dpm2": SchedulerSpec("KDPM2DiscreteScheduler", _EVEN),
    "dpm2-a": SchedulerSpec("KDPM2AncestralDiscreteScheduler", _EVEN),
    "dpm++2m": SchedulerSpec("DPMSolverMultistepScheduler", _DPM),
    "dpm++2m-karras": SchedulerSpec("DPMSolverMultistepScheduler", {**_DPM, **_KARRAS}),
    "dpm++2m-sde": SchedulerSpec("DPMSolverMultistepScheduler", {**_DPM, **_SDE}),
    "dpm++2m-sde-karras": SchedulerSpec("DPMSolverMultistepScheduler", {**_DPM, **_SDE, **_KARRAS}),
    "dpm++2s": SchedulerSpec("DPMSolverSinglestepScheduler", _DPM),
    "ddim": SchedulerSpec("DDIMScheduler"),
    "ddpm": SchedulerSpec("DDPMScheduler"),
    # As with every Stable Diffusion: linear multistep from the first step on (A1111's PLMS).
    "pndm": SchedulerSpec("PNDMScheduler", {"skip_prk_steps": True}),
    "deis": SchedulerSpec(
        "DEISMultistepScheduler", {"algorithm_type": "deis", "solver_order": 2, **_EVEN}
    ),
    "unipc": SchedulerSpec(
        "UniPCMultistepScheduler", {"solver_order": 2, "predict_x0": True, **_EVEN}
    ),
    "ipndm": SchedulerSpec("IPNDMScheduler"),
    "sa-solver": SchedulerSpec("SASolverScheduler", {"algorithm_type": "data_prediction", **_EVEN}),
    "lcm": SchedulerSpec("LCMScheduler"),
    "tcd": SchedulerSpec("TCDScheduler"),
    "edm-euler": SchedulerSpec("EDMEulerScheduler", form="edm"),
    "flow-euler": SchedulerSpec("FlowMatchEulerDiscreteScheduler", _EVEN, form="flow"),
    "flow-heun": SchedulerSpec("FlowMatchHeunDiscreteScheduler", form="flow"),
}

SCHEDULERS = tuple(SPECS)
"""Every scheduler that a job may name."""

SECOND_ORDER = frozenset({"heun", "dpm2", "dpm2-a", "flow-heun"})
"""Schedulers that evaluate the model 2N − 1 times for N steps."""


@dataclass(frozen=True, slots=True)
class FewSteps:
    """What a kind of LoRA that draws in few steps was trained to be used with."""

    scheduler: str
    spacing: str = ""
    """How timesteps are spread, in diffusers' words; empty: as the checkpoint does."""
    steps: int = 4
    guidance: float = 1.0
    """None: such a LoRA has guidance in its weights."""


FEW_STEPS: Mapping[str, FewSteps] = {
    "lcm": FewSteps("lcm"),  # Luo et al. 2023: 2 to 8 steps
    "lightning": FewSteps("euler", "trailing"),  # Lin et al. 2024: as many as the file is for
    "hyper": FewSteps("ddim", "trailing"),  # Ren et al. 2024: as many as the file is for
}


def form_of(name: str) -> Form:
    """The form of checkpoint that a named scheduler is for."""
    return SPECS[name].form


def names_for(*, flow: bool) -> tuple[str, ...]:
    """The schedulers that suit flow matching models, or those that predict noise."""
    wanted: Form = "flow" if flow else "noise"
    return tuple(name for name, spec in SPECS.items() if spec.form == wanted)


def evaluations(name: str, steps: int) -> int:
    """How many evaluations of the denoiser a drawing of `steps` needs."""
    if name in SECOND_ORDER:
        return 2 * steps - 1
    return steps + 1 if name == "pndm" and steps > 1 else steps
