"""`models.toml` → `ModelSpec`: what a model is, where its files lie, what it needs and can do."""

from __future__ import annotations

import dataclasses
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import CatalogueError
from engine.messages import ModelInfo
from engine.scheduler_table import SCHEDULERS

DRAWING_FAMILIES = ("sd", "sdxl", "sd3", "flux", "z-image", "pipeline")
OTHER_FAMILIES = ("swin2sr", "spandrel", "clip", "captioner")
"""Networks that no prompt chooses: super-resolution, ranking by a CLIP pair, captioning."""

IMAGE_PROMPTED = ("sd", "sdxl")
"""Families that an IP-Adapter can be named for."""

_LATENT = frozenset({"text", "image", "mask", "mix", "weights", "negative"})
_OPERATIONS: Mapping[str, frozenset[str]] = {
    "sd": _LATENT | {"tile", "lora"},
    "sdxl": _LATENT | {"tile", "lora"},
    "sd3": _LATENT | {"lora"},
    "flux": _LATENT - {"negative"} | {"lora"},
    "z-image": _LATENT | {"lora"},
    "pipeline": frozenset({"text"}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LoraSpec:
    """A LoRA of one model's catalogue entry."""

    name: str
    path: Path
    """A `.safetensors` file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """One catalogue entry."""

    info: ModelInfo
    place: Path
    """A directory in diffusers' layout, or one `.safetensors` file."""
    hub_id: str = ""
    """Where `fetch` gets the files from; empty: they are brought by hand."""
    hub_file: str = ""
    """The one file to fetch, for single-file checkpoints."""
    config: Path | None = None
    """For single files: the directory of the model that this one was made from, in diffusers'
    layout. Its configs and vocabularies are read, and weights of parts that the file lacks."""
    dtype: str = "auto"
    """auto, float32, float16, bfloat16; auto takes what the device is best at."""
    quantise: str = ""
    """Empty, or "4bit" (bitsandbytes, CUDA only)."""
    denoiser: Path | None = None
    """A `.gguf` file with the quantised denoiser; the directory at `place` has all the rest."""
    offload: bool = False
    """Keep the denoiser's groups in host memory and stream them, for small cards."""
    compiled: str = ""
    """Empty, "blocks" (the repeated ones where the class lists them, else the whole) or "whole":
    what of the denoiser is compiled in the background; eager serves meanwhile."""
    safety_checker: Path | None = None
    preview_vae: Path | None = None
    """An AutoencoderTiny for previews; else they are linear."""
    loras: tuple[LoraSpec, ...] = ()
    ip_adapter: Path | None = None
    """An IP-Adapter's `.safetensors` (families sd and sdxl): pictures can be prompts."""
    image_encoder: Path | None = None
    """The directory of the CLIP vision tower that the IP-Adapter was trained with."""

    @property
    def draws(self) -> bool:
        """Whether a prompt may choose it."""
        return self.info.family in DRAWING_FAMILIES


def operations_of(family: str) -> frozenset[str]:
    """What a family can do, by the names of `ModelInfo.operations`."""
    return _OPERATIONS.get(family, frozenset())


def load_catalogue(path: Path) -> tuple[ModelSpec, ...]:
    """Every entry of a `models.toml`, in its order; paths are relative to the file.

    Raises CatalogueError with one sentence that names the file, the entry and the field.
    """
    try:
        text = path.read_text(encoding="utf-8")
        table = tomllib.loads(text)
    except FileNotFoundError:
        raise CatalogueError(
            f"The catalogue {path} does not exist; set MODELS to a models.toml."
        ) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise CatalogueError(f"The catalogue {path} cannot be read: {error}.") from error
    specs = tuple(_Entry(path, name, fields).spec() for name, fields in table.items())
    if not any(spec.draws for spec in specs):
        raise CatalogueError(f"The catalogue {path} has no model that draws; add one.")
    owner_of: dict[str, str] = {}
    for spec in specs:
        for alias in (spec.info.name, *spec.info.aliases):
            other = owner_of.setdefault(alias.casefold(), spec.info.name)
            if other != spec.info.name:
                raise CatalogueError(
                    f"{path}, [{spec.info.name}], aliases: {alias!r} is taken by [{other}]."
                )
    return specs


class _Entry:
    """One table of the file, read field by field; what is left over is unknown."""

    def __init__(self, file: Path, name: str, fields: Any) -> None:  # noqa: ANN401 - from TOML
        self._file, self._name = file, name
        if not isinstance(fields, dict):
            raise CatalogueError(f"{file}: {name!r} stands outside of any [model]; move it.")
        self._fields: dict[str, Any] = dict(fields)

    def spec(self) -> ModelSpec:
        family = self._choice("family", (*DRAWING_FAMILIES, *OTHER_FAMILIES))
        place = self._path("path")
        side = self._whole("size_px", 512, low=8)
        max_side = self._whole("max_side_px", side * 2, low=side)
        hub_id, hub_file = self._text("hub_id"), self._text("hub_file")
        loras = tuple(
            LoraSpec(name=name, path=self._near(value))
            for name, value in self._table("loras").items()
        )
        config = self._text("config")
        if place.suffix == ".safetensors" and family in DRAWING_FAMILIES and not config:
            self._refuse(
                "config", "is missing; a single file needs the directory of its base model"
            )
        denoiser = self._denoiser(family, place)
        adapter, encoder = self._text("ip_adapter"), self._text("image_encoder")
        if bool(adapter) != bool(encoder):
            self._refuse("ip_adapter", "needs image_encoder beside it, and the other way round")
        if adapter and family not in IMAGE_PROMPTED:
            self._refuse("ip_adapter", f"is for the families {' and '.join(IMAGE_PROMPTED)}")
        if adapter and not adapter.endswith(".safetensors"):
            self._refuse("ip_adapter", f"{adapter!r} is no .safetensors; others can run code")
        info = ModelInfo(
            name=self._name,
            title=self._text("title", self._name),
            aliases=self._texts("aliases"),
            family=family,
            width_px=side,
            height_px=side,
            size_step_px=self._whole("size_step_px", 64 if side >= 512 else 16, low=8),
            min_side_px=self._whole("min_side_px", side // 2, low=8),
            max_side_px=max_side,
            max_pixels=self._whole("max_pixels", side * side * 2, low=side * side),
            steps=self._whole("steps", 30),
            guidance=self._number("guidance", 7.0),
            scheduler=self._choice("scheduler", ("", *SCHEDULERS), ""),
            prompt_prefix=self._text("prompt_prefix"),
            prompt_suffix=self._text("prompt_suffix"),
            negative=self._text("negative"),
            price_factor=self._number("price_factor", 1.0),
            vram_gb=self._number("vram_gb", 0.0),
            download_gb=self._number("download_gb", 0.0),
            licence=self._text("licence"),
            may_sell=self._flag("may_sell"),
            gated=self._flag("gated"),
            languages=self._texts("languages", ("en",)),
            operations=frozenset(self._texts("operations"))
            or operations_of(family) | ({"image_prompt"} if adapter else set()),
            installed=_is_complete(place) and (denoiser is None or denoiser.is_file()),
            source=hub_id or str(place),
            weight_bytes=sum(map(_weight_bytes, filter(None, (place, denoiser)))),
            loras=tuple(lora.name for lora in loras),
            safety_threshold=self._share("safety_threshold", 0.5),
        )
        checker, preview = self._text("safety_checker"), self._text("preview_vae")
        spec = ModelSpec(
            info=info,
            place=place,
            hub_id=hub_id,
            hub_file=hub_file,
            config=self._near(config) if config else None,
            dtype=self._choice("dtype", ("auto", "float32", "float16", "bfloat16"), "auto"),
            quantise=self._choice("quantise", ("", "4bit"), ""),
            denoiser=denoiser,
            offload=self._flag("offload"),
            compiled=self._choice("compiled", ("", "blocks", "whole"), ""),
            safety_checker=self._near(checker) if checker else None,
            preview_vae=self._near(preview) if preview else None,
            loras=loras,
            ip_adapter=self._near(adapter) if adapter else None,
            image_encoder=self._near(encoder) if encoder else None,
        )
        if spec.quantise and spec.denoiser is not None:
            self._refuse("quantise", "goes with no denoiser: a GGUF is quantised already")
        if spec.offload and spec.compiled:
            self._refuse("offload", "goes not with compiled: compiled code cannot be streamed")
        if self._fields:
            known = sorted({f.name for f in dataclasses.fields(ModelInfo)} | {"path", "size_px"})
            self._refuse(next(iter(self._fields)), f"is not known; see {', '.join(known)}")
        return spec

    def _denoiser(self, family: str, place: Path) -> Path | None:
        value = self._text("denoiser")
        if not value:
            return None
        if not value.endswith(".gguf"):
            self._refuse("denoiser", f"{value!r} is no .gguf; leave it out to use the directory's")
        if family == "pipeline" or family not in DRAWING_FAMILIES or place.suffix:
            self._refuse("denoiser", "needs a directory as path, and a family that shares passes")
        return self._near(value)

    def _refuse(self, field: str, why: str) -> None:
        raise CatalogueError(f"{self._file}, [{self._name}], {field}: {why}.")

    def _near(self, value: Any) -> Path:  # noqa: ANN401 - from TOML
        return (self._file.parent / str(value)).resolve()

    def _path(self, field: str) -> Path:
        value = self._text(field)
        if not value:
            self._refuse(field, "is missing; name a directory or a .safetensors file")
        place = self._near(value)
        if place.suffix in {".ckpt", ".pt", ".pth", ".bin", ".pkl"}:
            self._refuse(field, f"{value!r} is a pickle, which can run code; use a .safetensors")
        return place

    def _text(self, field: str, default: str = "") -> str:
        value = self._fields.pop(field, default)
        if not isinstance(value, str):
            self._refuse(field, f"must be text, not {value!r}")
        return str(value)

    def _texts(self, field: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        value = self._fields.pop(field, list(default))
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self._refuse(field, f"must be a list of texts, not {value!r}")
        return tuple(value)

    def _table(self, field: str) -> dict[str, str]:
        value = self._fields.pop(field, {})
        if not isinstance(value, dict) or not all(isinstance(v, str) for v in value.values()):
            self._refuse(field, f"must be a table of name = path, not {value!r}")
        return dict(value)

    def _choice(self, field: str, offered: tuple[str, ...], default: str | None = None) -> str:
        value = self._fields.pop(field, default)
        if value not in offered:
            self._refuse(field, f"{value!r} is none of {', '.join(filter(None, offered))}")
        return str(value)

    def _flag(self, field: str) -> bool:
        value = self._fields.pop(field, False)
        if not isinstance(value, bool):
            self._refuse(field, f"must be true or false, not {value!r}")
        return bool(value)

    def _whole(self, field: str, default: int, *, low: int = 1) -> int:
        value = self._fields.pop(field, default)
        if not isinstance(value, int) or isinstance(value, bool) or value < low:
            self._refuse(field, f"must be a whole number of at least {low}, not {value!r}")
        return int(value)

    def _number(self, field: str, default: float) -> float:
        value = self._fields.pop(field, default)
        fits = isinstance(value, int | float) and not isinstance(value, bool)
        if not fits or not math.isfinite(value) or value < 0:
            self._refuse(field, f"must be a number of at least 0, not {value!r}")
        return float(value)

    def _share(self, field: str, default: float) -> float:
        value = self._number(field, default)
        if value > 1:
            self._refuse(field, f"must be a number from 0 to 1, not {value:g}")
        return value


def _weight_bytes(place: Path) -> int:
    """Of the weights at `place`, a file or a directory; 0 where nothing is."""
    files = place.rglob("*.safetensors") if place.is_dir() else [place]
    return sum(file.stat().st_size for file in files if file.is_file())


def _is_complete(place: Path) -> bool:
    """Whether a model's files are there; `fetch` writes the index of a directory last."""
    if place.is_file():
        return True
    return (place / "model_index.json").is_file() or (place / "config.json").is_file()
