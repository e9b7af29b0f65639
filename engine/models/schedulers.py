"""diffusers' schedulers, configured for a checkpoint under the names of `scheduler_table`."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

from engine.scheduler_table import SPECS

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
"""Settings that describe how a checkpoint was trained, and so are kept whichever scheduler is
named. How its author liked to sample (Karras' sigmas, an SDE, a solver's order) follows from the
name."""

_FIXED = frozenset({"IPNDMScheduler", "LCMScheduler", "TCDScheduler"})
"""Classes that `scheduler_fixes` replaces, so that torch's default dtype changes nothing."""


def is_edm(scheduler: Any) -> bool:  # noqa: ANN401
    """Whether a scheduler is for a checkpoint in EDM's own form."""
    return hasattr(scheduler, "precondition_outputs")


def can_noise(scheduler: Any) -> bool:  # noqa: ANN401
    """Whether a scheduler can noise a picture, to begin a drawing from it."""
    return hasattr(scheduler, "add_noise") or hasattr(scheduler, "scale_noise")


def fewest_steps(scheduler: Any) -> int:  # noqa: ANN401
    """The fewest steps that a scheduler can do: PNDM begins with four Runge–Kutta steps."""
    return 4 if scheduler.config.get("skip_prk_steps") is False else 1


def build(name: str, own: Any) -> Any:  # noqa: ANN401 - diffusers' schedulers share no base type
    """The named scheduler, configured for the model whose own scheduler is `own`.

    Without a name: a copy of `own`, as it was saved. Raises ValueError or NotImplementedError where
    the class does not know the model's noise schedule.
    """
    if not name:
        known = type(own).__name__ in _FIXED
        return (_class(type(own).__name__) if known else type(own)).from_config(own.config)
    spec = SPECS[name]
    scheduler_class = _class(spec.class_name)
    taken = inspect.signature(scheduler_class.__init__).parameters
    unsaid = own.config.get("_use_default_values", ())
    # Latents must not be clipped, though the classes' default is to clip.
    settings = {"clip_sample": False} | {
        key: value
        for key, value in own.config.items()
        if key in _OF_THE_MODEL and key not in unsaid
    }
    settings = {key: value for key, value in settings.items() if key in taken}
    return scheduler_class(**settings | dict(spec.settings))


def _class(name: str) -> Any:  # noqa: ANN401
    module = "engine.models.scheduler_fixes" if name in _FIXED else "diffusers"
    return getattr(importlib.import_module(module), name)
