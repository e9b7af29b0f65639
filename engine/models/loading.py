"""From a catalogue entry to a model on the device: no pickles, and never over the network."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path

import torch

import darkroom
from engine.catalogue import ModelSpec
from engine.device.faults import is_out_of_memory
from engine.errors import BrokenModelError, JobError, Sentence, first_line, sentence_of
from engine.families import Role
from engine.messages import ModelInfo
from engine.models import Denoiser, Solo, constructing
from engine.models.checked import Checked
from engine.models.safety import load_safety
from engine.models.upscaler import Lanczos
from engine.policy.cost import DESCRIBER, UPSCALER

_TICKET_NAMES = {Role.UPSCALE: UPSCALER, Role.DESCRIBE: DESCRIBER}


def by_role(specs: Mapping[str, ModelSpec]) -> dict[str, ModelSpec]:
    """Every entry by the name that tickets use; upscaler and describer are named by their role.

    Of several of a role it is the catalogue's first that is installed, or else the first.
    """
    named = {UPSCALER: _LANCZOS}
    for name, spec in sorted(specs.items(), key=lambda entry: not entry[1].info.installed):
        role = _TICKET_NAMES.get(spec.family.role, name)
        if named.get(role, _LANCZOS) is _LANCZOS:
            named[role] = spec
    return named


def load(spec: ModelSpec, device: torch.device, dtype: torch.dtype) -> Denoiser | Solo:
    """The model, ready on the device; BrokenModelError with one sentence where it cannot be."""
    if spec is _LANCZOS:
        return Lanczos()
    try:
        return _loaded(spec, device, dtype)
    except JobError as error:
        # Members read it; the log has the original error with its full paths.
        raise BrokenModelError(_without_folders(sentence_of(error), spec)) from error


def _loaded(spec: ModelSpec, device: torch.device, dtype: torch.dtype) -> Denoiser | Solo:
    if not spec.place.exists():
        raise BrokenModelError(_missing(spec))
    if device.type == "cuda":
        device = torch.device("cuda", device.index or 0)
        # Each thread has its own current device; 4-bit weights and streams are placed on it.
        torch.cuda.set_device(device)
    try:
        with constructing():
            module = importlib.import_module(f"engine.models.{spec.family.module}")
            model: Denoiser | Solo = module.load(spec, device, dtype)
            if spec.family.draws or spec.safety_checker is None:
                return model
            assert isinstance(model, Solo)  # as all that draw nothing
            return Checked(model, load_safety(spec.safety_checker, device, dtype))
    except JobError:
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise BrokenModelError(
                Sentence(
                    "{title} does not fit into the device's memory; choose a smaller model, or let"
                    " the catalogue offload or quantise it.",
                    title=spec.info.title,
                )
            ) from error
        raise BrokenModelError(
            Sentence(
                "{title} cannot be loaded from {place}: {why}.",
                title=spec.info.title,
                place=str(spec.place),
                why=first_line(error),
            )
        ) from error


def _missing(spec: ModelSpec) -> Sentence:
    title, place = spec.info.title, str(spec.place)
    if not spec.hub_id:
        return Sentence("The files of {title} are not at {place}.", title=title, place=place)
    return Sentence(
        "The files of {title} are not at {place}; get it with: {command} engine fetch {name}.",
        title=title,
        place=place,
        command=darkroom.command(),
        name=spec.info.name,
    )


def _without_folders(sentence: Sentence, spec: ModelSpec) -> Sentence:
    """The same sentence with only the last part of each path in its values."""
    places = (
        spec.place,
        spec.config,
        spec.denoiser,
        spec.safety_checker,
        spec.preview_vae,
        spec.few_steps_lora,
        spec.ip_adapter,
        spec.image_encoder,
    )

    def shortened(value: object) -> object:
        if isinstance(value, str) and not isinstance(value, Sentence):
            for place in filter(None, places):
                value = value.replace(str(place), place.name)
        return value

    values = {name: shortened(value) for name, value in sentence.values.items()}
    return Sentence.of(sentence.template, sentence.many, values)


_LANCZOS = ModelSpec(
    info=ModelInfo(
        name="lanczos",
        title="Lanczos",
        aliases=(),
        family="lanczos",
        width_px=0,
        height_px=0,
        size_step_px=1,
        min_side_px=0,
        max_side_px=0,
        max_pixels=0,
        steps=1,
        guidance=1.0,
        scheduler="",
    ),
    place=Path(),
)
