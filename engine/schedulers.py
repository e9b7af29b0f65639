"""The schedulers that members may name, by the names that they and A1111 use."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Form = Literal["noise", "flow", "edm"]
"""What a checkpoint was trained for: to predict noise on a table of betas, the velocity of flow
matching (SD3, Flux, Z-Image), or in EDM's own form (Karras et al. 2022), as Playground 2.5 was."""


@dataclass(frozen=True, slots=True)
class SchedulerSpec:
    """A diffusers class and the settings that turn it into the named sampler.

    What is not said here and is not of the model is the class's own default.
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

_SPECS: Mapping[str, SchedulerSpec] = {
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

_OF_THE_MODEL = frozenset(
    {
        *("num_train_timesteps", "beta_start", "beta_end", "beta_schedule", "trained_betas"),
        *("prediction_type", "variance_type", "rescale_betas_zero_snr", "set_alpha_to_one"),
        *("timestep_spacing", "timestep_type", "steps_offset", "clip_sample", "clip_sample_range"),
        *("thresholding", "dynamic_thresholding_ratio", "sample_max_value"),
        *("original_inference_steps", "timestep_scaling"),
        *("sigma_min", "sigma_max", "sigma_data", "sigma_schedule", "rho"),
        *("shift", "use_dynamic_shifting", "time_shift_type", "shift_terminal", "invert_sigmas"),
        *("base_shift", "max_shift", "base_image_seq_len", "max_image_seq_len"),
    }
)
"""What a checkpoint's own scheduler says of its training, and so holds for each that is named.
How its author liked to sample (Karras' sigmas, an SDE, a solver's order) is for the name to say."""

_STEADY = frozenset({"IPNDMScheduler", "LCMScheduler", "TCDScheduler"})
"""Classes of which `engine.steady` has one that does not heed torch's default dtype."""

SCHEDULERS = tuple(_SPECS)
"""Every scheduler that a job may name."""

SECOND_ORDER = frozenset({"heun", "dpm2", "dpm2-a", "flow-heun"})
"""Those that evaluate the model 2N − 1 times for N steps."""


def form_of(name: str) -> Form:
    """The form of checkpoint that a named scheduler is for."""
    return _SPECS[name].form


def names_for(*, flow: bool) -> tuple[str, ...]:
    """The schedulers that suit flow matching models, or those that predict noise."""
    wanted: Form = "flow" if flow else "noise"
    return tuple(name for name, spec in _SPECS.items() if spec.form == wanted)


def is_edm(scheduler: Any) -> bool:  # noqa: ANN401
    """Whether a scheduler is for a checkpoint in EDM's own form."""
    return hasattr(scheduler, "precondition_outputs")


def can_noise(scheduler: Any) -> bool:  # noqa: ANN401
    """Whether a scheduler can noise a picture, to begin a drawing from it."""
    return hasattr(scheduler, "add_noise") or hasattr(scheduler, "scale_noise")


def fewest_steps(scheduler: Any) -> int:  # noqa: ANN401
    """Below this many steps a scheduler does not go: PNDM begins with four of Runge and Kutta."""
    return 4 if scheduler.config.get("skip_prk_steps") is False else 1


def evaluations(name: str, steps: int) -> int:
    """How often the denoiser is asked for a drawing of `steps`."""
    if name in SECOND_ORDER:
        return 2 * steps - 1
    return steps + 1 if name == "pndm" and steps > 1 else steps


def build(name: str, own: Any) -> Any:  # noqa: ANN401 - diffusers' schedulers share no base type
    """The named scheduler for the model whose own is `own`; no name: `own` anew, as it is saved.

    ValueError or NotImplementedError where the class does not know the model's noise schedule.
    """
    if not name:
        known = type(own).__name__ in _STEADY
        return (_class(type(own).__name__) if known else type(own)).from_config(own.config)
    spec = _SPECS[name]
    scheduler_class = _class(spec.class_name)
    taken = inspect.signature(scheduler_class.__init__).parameters
    unsaid = own.config.get("_use_default_values", ())
    # Latents are never clipped, so a model that does not say so is no reason to.
    settings = {"clip_sample": False} | {
        key: value
        for key, value in own.config.items()
        if key in _OF_THE_MODEL and key not in unsaid
    }
    settings = {key: value for key, value in settings.items() if key in taken}
    return scheduler_class(**settings | dict(spec.settings))


def _class(name: str) -> Any:  # noqa: ANN401
    module = "engine.steady" if name in _STEADY else "diffusers"
    return getattr(importlib.import_module(module), name)
