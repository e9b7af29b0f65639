"""The families of models: what each can do and which module loads it; imports no torch.

To add a family, add a row here, a module in `engine/models/` and a tiny model in `tests/engine/`.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass

from engine.errors import Sentence


class Role(enum.Enum):
    """What the models of a family are for."""

    DRAW = enum.auto()
    UPSCALE = enum.auto()
    DESCRIBE = enum.auto()
    TRANSLATE = enum.auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One row of the table."""

    name: str
    """The catalogue's value of `family`."""
    title: str
    """For the page of families."""
    module: str
    """A module of `engine.models` with a function `load(spec, device, dtype)`."""
    role: Role = Role.DRAW
    operations: frozenset[str] = frozenset()
    """What all of its models can do, by the names of `ModelInfo.operations`."""
    pipelines: tuple[str, ...] = ()
    """Classes of diffusers whose files it can load; empty: no `model_index.json` is looked at."""
    flow: bool = False
    """Whether it is trained for flow matching, and so takes the schedulers for that."""
    image_prompted: bool = False
    """Whether an IP-Adapter can be named for it, so that pictures can be prompts."""
    has_unet: bool = False
    """Whether its denoiser is a UNet, whose deep features can be kept for some steps."""
    shares_passes: bool = True
    """Whether its images in flight share forward passes; else a job has the device to itself."""
    missing_part_hint: Sentence | None = None
    """What files of its pipeline usually are that lack a part."""

    @property
    def draws(self) -> bool:
        """Whether a prompt may choose its models."""
        return self.role is Role.DRAW


def _pipelines(form: str) -> tuple[str, ...]:
    return tuple(form.format(kind) for kind in ("", "Img2Img", "Inpaint"))


_ALL = frozenset({"text", "image", "mask", "mix", "weights", "negative", "lora", "vary"})

FAMILIES: Mapping[str, Family] = {
    family.name: family
    for family in (
        Family(
            name="sd",
            title="Stable Diffusion 1.x, 2.x",
            module="stable_diffusion",
            operations=_ALL | {"tile"},
            pipelines=_pipelines("StableDiffusion{}Pipeline"),
            image_prompted=True,
            has_unet=True,
        ),
        Family(
            name="sdxl",
            title="SDXL",
            module="sdxl",
            operations=_ALL | {"tile"},
            pipelines=_pipelines("StableDiffusionXL{}Pipeline"),
            image_prompted=True,
            has_unet=True,
            missing_part_hint=Sentence("it may be a refiner"),
        ),
        Family(
            name="sd3",
            title="SD 3, 3.5",
            module="sd3",
            operations=_ALL,
            pipelines=_pipelines("StableDiffusion3{}Pipeline"),
            flow=True,
        ),
        Family(
            name="flux",
            title="Flux.1",
            module="flux",
            operations=_ALL - {"negative"},
            pipelines=_pipelines("Flux{}Pipeline"),
            flow=True,
        ),
        Family(
            name="z-image",
            title="Z-Image",
            module="z_image",
            operations=_ALL,
            pipelines=_pipelines("ZImage{}Pipeline"),
            flow=True,
        ),
        Family(
            name="pipeline",
            title="any other pipeline of diffusers, run by itself",
            module="solo_pipeline",
            operations=frozenset({"text"}),
            shares_passes=False,
        ),
        Family(
            name="swin2sr",
            title="Swin2SR",
            module="swin2sr",
            role=Role.UPSCALE,
            shares_passes=False,
        ),
        Family(
            name="spandrel",
            title="the community's upscalers",
            module="community_upscaler",
            role=Role.UPSCALE,
            shares_passes=False,
        ),
        Family(
            name="clip",
            title="a CLIP pair",
            module="clip_ranking",
            role=Role.DESCRIBE,
            shares_passes=False,
        ),
        Family(
            name="captioner",
            title="a captioner of transformers",
            module="captioner",
            role=Role.DESCRIBE,
            shares_passes=False,
        ),
        Family(
            name="translator",
            title="a translation model of transformers",
            module="translator",
            role=Role.TRANSLATE,
            shares_passes=False,
        ),
    )
}
"""By name, those that draw first."""


def family_for(pipeline_class: str) -> Family:
    """The family that can load the files of a pipeline's class; the last resort takes any."""
    last_resort = next(f for f in FAMILIES.values() if f.draws and not f.shares_passes)
    return next((f for f in FAMILIES.values() if pipeline_class in f.pipelines), last_resort)
