"""`models.toml` → `ModelSpec`: what a model is, where its files lie, what it needs and can do."""

from __future__ import annotations

import difflib
import sysconfig
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, NoReturn

from babel import Locale
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from engine.errors import CatalogueError
from engine.families import FAMILIES, Family, Role
from engine.messages import ModelInfo, Preset, Vocabulary
from engine.scheduler_table import FEW_STEPS, SCHEDULERS, form_of, names_for
from engine.vocabulary import read_vocabulary


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
    """Where `fetch` gets the files from; empty: the operator copies them here."""
    hub_file: str = ""
    """The one file to fetch, for single-file checkpoints."""
    config: Path | None = None
    """For single files: the directory of the model that this one was made from, in diffusers'
    layout. Its configs and vocabularies are read, and weights of parts that the file lacks."""
    dtype: str = "auto"
    """auto, float32, float16, bfloat16; auto takes what the device is best at."""
    quantise: str = ""
    """Empty, "4bit" (bitsandbytes, CUDA only), "int8" or "fp8" (torchao)."""
    denoiser: Path | None = None
    """A `.gguf` file with the quantised denoiser; the directory at `place` has all the rest."""
    offload: bool = False
    """Keep the denoiser's groups in host memory and stream them, for small cards."""
    compiled: str = ""
    """What of the denoiser is compiled in the background while the uncompiled one serves: "off"
    (nothing), "blocks" (the repeated and residual blocks where the class lists those that it
    repeats, else all of it) or "whole". Empty: the blocks on a card with a C compiler beside it,
    else nothing."""
    autotune: bool = False
    """Whether what is compiled is made of the quickest of several kernels, tried one by one."""
    memory_order: str = ""
    """Of the denoiser and the autoencoder where they convolve: "plain" or "channels_last". Empty:
    on a card the last, but plain for a denoiser that is not compiled."""
    cuda_graphs: bool = False
    """Whether compiled passes of one or two pictures are recorded as CUDA graphs."""
    tile_from: float = 0.0
    """From which share of a drawing on a seamless tile goes on over its edges."""
    deep_every: int = 1
    """All of the denoiser runs in one of so many steps; in the others its outermost blocks do."""
    fused_qkv: bool = False
    """Whether queries, keys and values of an attention are one product of matrices."""
    try_convolutions: bool = False
    """Whether cuDNN tries its ways at each new shape; where one entry says so, for all of them."""
    safety_checker: Path | None = None
    preview_vae: Path | None = None
    """An AutoencoderTiny for previews; else they are linear."""
    loras: tuple[LoraSpec, ...] = ()
    few_steps: str = ""
    """The kind of the LoRA with which it draws in few steps, of `FEW_STEPS`; empty: none."""
    few_steps_lora: Path | None = None
    """Its `.safetensors` file, which is merged into the weights."""
    ip_adapter: Path | None = None
    """An IP-Adapter's `.safetensors`, for families that can take one: pictures can be prompts."""
    image_encoder: Path | None = None
    """The directory of the CLIP vision tower that the IP-Adapter was trained with."""

    @property
    def family(self) -> Family:
        """Its row of the table of families."""
        return FAMILIES[self.info.family]

    @property
    def draws(self) -> bool:
        """Whether a prompt may choose it."""
        return self.family.draws


IN_8_BITS = ("int8", "fp8")
"""Forms of weights for which the denoiser is loaded whole and then made smaller."""
DEFAULT = Path("models.toml")
"""In the folder in which Darkroom runs."""
PACKAGES = Path(__file__).parents[1]
"""Where Darkroom's packages lie, and doodle's weights in them."""


def load_catalogue(path: Path) -> tuple[ModelSpec, ...]:
    """Every entry of a `models.toml`, in its order; paths are relative to the file.

    What is not there and lies in one of Darkroom's packages, as doodle does, is found in it. Where
    the default file is not there, the one that was installed with Darkroom is read in its place.
    Raises CatalogueError with one sentence that names the file, the entry and the field.
    """
    try:
        text = _installed_if_missing(path).read_text(encoding="utf-8")
        table = tomllib.loads(text)
    except FileNotFoundError:
        raise CatalogueError(
            f"The catalogue {path} does not exist; set MODELS to a models.toml."
        ) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise CatalogueError(f"The catalogue {path} cannot be read: {error}.") from error
    specs = tuple(_Reader(path, name, fields).spec() for name, fields in table.items())
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
    for spec in specs:
        _check_inpaint(path, spec, specs)
    named = {spec.info.inpaint for spec in specs}
    specs = tuple(_only_within(spec) if spec.info.name in named else spec for spec in specs)
    return tuple(_with_names(_with_translations(spec, specs), specs) for spec in specs)


def _check_inpaint(path: Path, spec: ModelSpec, specs: Sequence[ModelSpec]) -> None:
    """CatalogueError where `inpaint` names no other entry that draws within a mask."""
    wanted = spec.info.inpaint
    if not wanted:
        return
    able = [
        other.info.name
        for other in specs
        if other is not spec and "mask" in other.info.operations and not other.info.inpaint
    ]
    if wanted not in able:
        raise CatalogueError(
            f"{path}, [{spec.info.name}], inpaint: {wanted!r} is no other entry that draws within "
            f"a mask; there are {', '.join(able) or 'none'}."
        )


def _only_within(spec: ModelSpec) -> ModelSpec:
    """The entry as one that no prompt chooses: it draws what another entry leaves to it."""
    operations = spec.info.operations - {"text", "image", "mix", "image_prompt"}
    return replace(spec, info=replace(spec.info, operations=operations))


def _with_translations(spec: ModelSpec, specs: Sequence[ModelSpec]) -> ModelSpec:
    """The entry with the languages that installed translators read for it; they write English."""
    reads = spec.info.languages
    if not spec.draws or "en" not in reads:
        return spec
    translates = (
        language
        for other in specs
        if other.family.role is Role.TRANSLATE and other.info.installed
        for language in other.info.languages
        if language not in reads
    )
    return replace(spec, info=replace(spec.info, translates=tuple(dict.fromkeys(translates))))


def _with_names(spec: ModelSpec, specs: Sequence[ModelSpec]) -> ModelSpec:
    """The entry; if it mixes pictures and has no image adapter, it says whether words can be found
    for them: by an installed captioner or pair, which write English.
    """
    mixes = "mix" in spec.info.operations and "image_prompt" not in spec.info.operations
    if not (spec.draws and mixes and "en" in spec.info.languages):
        return spec
    found = any(each.family.role is Role.DESCRIBE and each.info.installed for each in specs)
    return replace(spec, info=replace(spec.info, names_inputs=found))


def _installed_if_missing(path: Path) -> Path:
    shipped = Path(sysconfig.get_path("data"), "share", "darkroom", DEFAULT.name)
    return shipped if path == DEFAULT and not path.exists() and shipped.exists() else path


def _one_of(*offered: str) -> BeforeValidator:
    def check(value: object) -> object:
        if value not in offered:
            known = ", ".join(filter(None, offered))
            raise ValueError(
                f"is missing; choose one of {known}"
                if value is None
                else f"{value!r} is none of {known}"
            )
        return value

    return BeforeValidator(check)


def _whole(low: int) -> Any:  # noqa: ANN401 - what `Field` is typed to return
    return Field(ge=low, description=f"a whole number of at least {low}")


def _at_least_0() -> Any:  # noqa: ANN401 - what `Field` is typed to return
    return Field(ge=0, allow_inf_nan=False, description="a number of at least 0")


# The description of a type ends the sentence "must be …, not 5".
_Text = Annotated[str, Field(description="text")]
_Texts = Annotated[list[str], Field(description="a list of texts")]
_LANGUAGES = frozenset(Locale("en").languages)
"""ISO codes of the languages that CLDR has a name for."""


def _known_language(code: str) -> str:
    if code not in _LANGUAGES:
        raise ValueError(f"{code!r} is no ISO code of a language, such as 'en' or 'ja'")
    return code


_Language = Annotated[str, Field(pattern="^[a-z]{2,3}$"), AfterValidator(_known_language)]
_Languages = Annotated[
    list[_Language], Field(min_length=1, description='a list of ISO codes such as "en"')
]
_Table = Annotated[dict[str, str], Field(description="a table of name = path")]
_Flag = Annotated[bool, Field(description="true or false")]
_Number = Annotated[float, _at_least_0()]
_Share = Annotated[
    float, Field(ge=0, le=1, allow_inf_nan=False, description="a number from 0 to 1")
]
_Count = Annotated[int, _whole(1)]
_Side = Annotated[int, _whole(8)]
_OwnCount = Annotated[int | None, _whole(1)]
"""The default is computed from other fields."""
_OwnSide = Annotated[int | None, _whole(8)]


class _Preset(BaseModel):
    """A table under `styles`, or `draft`, as it is written."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    prefix: _Text = ""
    suffix: _Text = ""
    negative: _Text = ""
    steps: _OwnCount = None
    guidance: Annotated[float | None, _at_least_0()] = None
    scheduler: Annotated[str, _one_of("", *SCHEDULERS)] = ""
    loras: Annotated[
        dict[str, Annotated[float, Field(allow_inf_nan=False)]],
        Field(description="a table of name = weight"),
    ] = {}

    def read(self, name: str) -> Preset:
        fields = self.model_dump()
        return Preset(name=name, **{**fields, "loras": tuple(self.loras.items())})


class _Entry(BaseModel):
    """One table of the file as it is written; paths are still texts."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    path: _Text = ""
    family: Annotated[str | None, _one_of(*FAMILIES)] = Field(default=None, validate_default=True)
    title: Annotated[str | None, Field(description="text")] = None
    aliases: _Texts = []
    size_px: _Side = 512
    size_step_px: _OwnSide = None
    min_side_px: _OwnSide = None
    max_side_px: _OwnSide = None
    max_pixels: _OwnCount = None
    steps: _Count = 30
    guidance: _Number = 7.0
    scheduler: Annotated[str, _one_of("", *SCHEDULERS)] = ""
    prompt_prefix: _Text = ""
    prompt_suffix: _Text = ""
    negative: _Text = ""
    price_factor: _Number = 1.0
    vram_gb: _Number = 0.0
    download_gb: _Number = 0.0
    licence: _Text = ""
    may_sell: _Flag = False
    gated: _Flag = False
    languages: _Languages = ["en"]
    vocabulary: _Text = ""
    operations: _Texts = []
    hub_id: _Text = ""
    hub_file: _Text = ""
    config: _Text = ""
    dtype: Annotated[str, _one_of("auto", "float32", "float16", "bfloat16")] = "auto"
    quantise: Annotated[str, _one_of("", "4bit", *IN_8_BITS)] = ""
    denoiser: _Text = ""
    offload: _Flag = False
    compiled: Annotated[str, _one_of("", "off", "blocks", "whole")] = ""
    autotune: _Flag = False
    memory_order: Annotated[str, _one_of("", "plain", "channels_last")] = ""
    cuda_graphs: _Flag = False
    tile_from: _Share = 0.0
    deep_every: _Count = 1
    fused_qkv: _Flag = False
    try_convolutions: _Flag = False
    safety_checker: _Text = ""
    safety_threshold: _Share = 0.5
    preview_vae: _Text = ""
    loras: _Table = {}
    few_steps: Annotated[str, _one_of("", *FEW_STEPS)] = ""
    few_steps_lora: _Text = ""
    ip_adapter: _Text = ""
    image_encoder: _Text = ""
    inpaint: _Text = ""
    outpaint_strength: _Share = 1.0
    styles: Annotated[dict[str, _Preset], Field(description="a table of name = { … }")] = {}
    draft: Annotated[_Preset | None, Field(description="a table")] = None
    style_code_words: Annotated[list[list[str]], Field(description="a list of lists of texts")] = []


class _Reader:
    """Makes the specification of one table of a file."""

    def __init__(self, file: Path, name: str, fields: object) -> None:
        self._file, self._name = file, name
        if not isinstance(fields, dict):
            raise CatalogueError(f"{file}: {name!r} stands outside of any [model]; move it.")
        try:
            self._entry = _Entry.model_validate(fields)
        except ValidationError as errors:
            self._refuse(*_first_refusal(errors, fields))

    def spec(self) -> ModelSpec:
        entry = self._entry
        family = FAMILIES[str(entry.family)]
        place = self._place()
        side = entry.size_px
        denoiser = self._denoiser(family, place)
        self._check_together(family, place)
        for name, preset in entry.styles.items():
            self._check_style(name)
            self._check_preset(f"styles.{name}", preset, family)
        if entry.draft is not None:
            self._check_preset("draft", entry.draft, family)
        loras = tuple(
            LoraSpec(name=name, path=self._near(value)) for name, value in entry.loras.items()
        )
        operations = family.operations | ({"image_prompt"} if entry.ip_adapter else set())
        few = FEW_STEPS.get(entry.few_steps)
        weight_bytes = _weight_bytes(place, denoiser)
        info = ModelInfo(
            name=self._name,
            title=self._name if entry.title is None else entry.title,
            aliases=tuple(entry.aliases),
            family=family.name,
            width_px=side,
            height_px=side,
            size_step_px=entry.size_step_px or (64 if side >= 512 else 16),
            min_side_px=entry.min_side_px or side // 2,
            max_side_px=self._at_least("max_side_px", entry.max_side_px, side) or side * 2,
            max_pixels=self._at_least("max_pixels", entry.max_pixels, side * side)
            or side * side * 2,
            steps=entry.steps if few is None or self._says("steps") else few.steps,
            guidance=entry.guidance if few is None or self._says("guidance") else few.guidance,
            scheduler=entry.scheduler if few is None or entry.scheduler else few.scheduler,
            prompt_prefix=entry.prompt_prefix,
            prompt_suffix=entry.prompt_suffix,
            negative=entry.negative,
            price_factor=entry.price_factor,
            vram_gb=entry.vram_gb,
            download_gb=entry.download_gb,
            licence=entry.licence,
            may_sell=entry.may_sell,
            gated=entry.gated,
            languages=tuple(entry.languages),
            vocabulary=self._vocabulary(installed=weight_bytes is not None),
            operations=frozenset(entry.operations) or operations,
            installed=weight_bytes is not None,
            source=entry.hub_id or str(place),
            weight_bytes=weight_bytes or 0,
            loras=tuple(lora.name for lora in loras),
            schedulers=names_for(flow=family.flow) if family.draws else (),
            styles=tuple(preset.read(name) for name, preset in entry.styles.items()),
            draft=None if entry.draft is None else entry.draft.read("draft"),
            code_words=tuple(map(tuple, filter(None, entry.style_code_words))),
            safety_threshold=entry.safety_threshold if entry.safety_checker else None,
            inpaint=entry.inpaint,
            outpaint_strength=entry.outpaint_strength,
        )
        return ModelSpec(
            info=info,
            place=place,
            hub_id=entry.hub_id,
            hub_file=entry.hub_file,
            config=self._near_or_none(entry.config),
            dtype=entry.dtype,
            quantise=entry.quantise,
            denoiser=denoiser,
            offload=entry.offload,
            compiled=entry.compiled,
            autotune=entry.autotune,
            memory_order=entry.memory_order,
            cuda_graphs=entry.cuda_graphs,
            tile_from=entry.tile_from,
            deep_every=entry.deep_every,
            fused_qkv=entry.fused_qkv,
            try_convolutions=entry.try_convolutions,
            safety_checker=self._near_or_none(entry.safety_checker),
            preview_vae=self._near_or_none(entry.preview_vae),
            loras=loras,
            few_steps=entry.few_steps,
            few_steps_lora=self._near_or_none(entry.few_steps_lora),
            ip_adapter=self._near_or_none(entry.ip_adapter),
            image_encoder=self._near_or_none(entry.image_encoder),
        )

    def _says(self, field: str) -> bool:
        return field in self._entry.model_fields_set

    def _place(self) -> Path:
        value = self._entry.path
        if not value:
            self._refuse("path", "is missing; name a directory or a .safetensors file")
        place = self._near(value)
        if place.suffix in {".ckpt", ".pt", ".pth", ".bin", ".pkl"}:
            self._refuse("path", f"{value!r} is a pickle, which can run code; use a .safetensors")
        return place

    def _denoiser(self, family: Family, place: Path) -> Path | None:
        value = self._entry.denoiser
        if not value:
            return None
        if not value.endswith(".gguf"):
            self._refuse("denoiser", f"{value!r} is no .gguf; leave it out to use the directory's")
        if not family.shares_passes or place.suffix:
            self._refuse("denoiser", "needs a directory as path, and a family that shares passes")
        return self._near(value)

    def _vocabulary(self, *, installed: bool) -> Vocabulary | None:
        """What the entry's file lists; None also where the model's files are not here yet."""
        if not self._entry.vocabulary:
            return None
        path = self._near(self._entry.vocabulary)
        if not installed and not path.exists():
            return None
        try:
            return read_vocabulary(path)
        except ValueError as error:
            self._refuse("vocabulary", str(error))

    def _check_together(self, family: Family, place: Path) -> None:
        """Fields that depend on each other."""
        entry = self._entry
        if place.suffix == ".safetensors" and family.draws and not entry.config:
            self._refuse(
                "config", "is missing; a single file needs the directory of its base model"
            )
        if family.role is Role.TRANSLATE and "en" in entry.languages:
            self._refuse("languages", 'must name what it translates into English, such as ["ja"]')
        if bool(entry.ip_adapter) != bool(entry.image_encoder):
            self._refuse("ip_adapter", "needs image_encoder beside it, and the other way round")
        if entry.ip_adapter and not family.image_prompted:
            able = " and ".join(name for name, each in FAMILIES.items() if each.image_prompted)
            self._refuse("ip_adapter", f"is for the families {able}")
        if entry.ip_adapter and not entry.ip_adapter.endswith(".safetensors"):
            self._refuse(
                "ip_adapter", f"{entry.ip_adapter!r} is no .safetensors; others can run code"
            )
        if entry.quantise and entry.denoiser:
            self._refuse(
                "quantise", "cannot be combined with denoiser: a GGUF is quantised already"
            )
        self._check_how(family)
        self._check_few_steps(family)

    def _check_few_steps(self, family: Family) -> None:
        entry = self._entry
        if bool(entry.few_steps) != bool(entry.few_steps_lora):
            self._refuse("few_steps", "needs few_steps_lora beside it, and the other way round")
        if not entry.few_steps:
            return
        if not family.has_unet:
            able = " and ".join(name for name, each in FAMILIES.items() if each.has_unet)
            self._refuse("few_steps", f"is for the families {able}")
        if not entry.few_steps_lora.endswith(".safetensors"):
            self._refuse(
                "few_steps_lora",
                f"{entry.few_steps_lora!r} is no .safetensors; others can run code",
            )
        for other in ("quantise", "denoiser"):
            if getattr(entry, other) not in {"", *IN_8_BITS}:
                self._refuse("few_steps", f"cannot be combined with {other}, which takes no merge")

    def _check_how(self, family: Family) -> None:
        """Fields on how the denoiser runs."""
        entry = self._entry
        if entry.autotune and entry.compiled == "off":
            self._refuse("autotune", 'is for compiled code; leave out compiled = "off" or autotune')
        able = " and ".join(name for name, each in FAMILIES.items() if each.has_unet)
        for field, wanted in (
            ("deep_every", entry.deep_every > 1),
            ("fused_qkv", entry.fused_qkv),
            ("tile_from", entry.tile_from > 0),
        ):
            if wanted and not family.has_unet:
                self._refuse(field, f"is for the families {able}")
        for other in ("loras", "ip_adapter", "quantise", "denoiser"):
            given = getattr(entry, other)
            if entry.fused_qkv and given and given not in IN_8_BITS:
                self._refuse("fused_qkv", f"cannot be combined with {other}, which changes parts")
        if entry.deep_every > 1 and (entry.offload or entry.compiled == "whole"):
            self._refuse("deep_every", 'cannot be combined with offload or compiled = "whole"')
        if entry.quantise in IN_8_BITS and not family.shares_passes:
            self._refuse("quantise", f"{entry.quantise!r} needs a family that shares passes")
        if entry.quantise in IN_8_BITS and (entry.loras or entry.offload):
            self._refuse("quantise", f"{entry.quantise!r} cannot be combined with loras or offload")
        if entry.offload and entry.compiled not in {"", "off"}:
            self._refuse(
                "offload", "cannot be combined with compiled: compiled code cannot be streamed"
            )

    def _check_style(self, name: str) -> None:
        """Its name is what a member types as one word; `raw` is the prompt's own."""
        others = [other.casefold() for other in self._entry.styles if other != name]
        if not name or name.split() != [name] or name.startswith("-"):
            self._refuse("styles", f"{name!r} is no one word; members type it after --style")
        if name.casefold() == "raw" or name.casefold() in others:
            self._refuse("styles", f"{name!r} is taken; choose another name")

    def _check_preset(self, field: str, preset: _Preset, family: Family) -> None:
        known = self._entry.loras
        for lora in preset.loras:
            if lora not in known:
                there = ", ".join(known) or "none"
                self._refuse(f"{field}.loras", f"{lora!r} is no LoRA of this entry; it has {there}")
        name = preset.scheduler
        if name and form_of(name) != "edm" and (form_of(name) == "flow") is not family.flow:
            suiting = ", ".join(names_for(flow=family.flow))
            self._refuse(f"{field}.scheduler", f"{name!r} does not suit {family.title}; {suiting}")

    def _at_least(self, field: str, value: int | None, low: int) -> int | None:
        if value is not None and value < low:
            self._refuse(field, f"must be a whole number of at least {low}, not {value!r}")
        return value

    def _near(self, value: str) -> Path:
        place = (self._file.parent / value).resolve()
        packaged = PACKAGES / value
        return packaged if not place.exists() and packaged.exists() else place

    def _near_or_none(self, value: str) -> Path | None:
        return self._near(value) if value else None

    def _refuse(self, field: str, why: str) -> NoReturn:
        raise CatalogueError(f"{self._file}, [{self._name}], {field}: {why}.") from None


def _first_refusal(errors: ValidationError, fields: Mapping[str, object]) -> tuple[str, str]:
    """The field of the first error, and what is wrong with it."""
    error = errors.errors()[0]
    first, *inner = map(str, error["loc"])
    known, name, found = _Entry.model_fields, first, fields.get(first)
    # Only presets are tables of tables: `styles.NAME.field` and `draft.field`.
    path = inner[1:] if first == "styles" else inner
    if first in {"styles", "draft"} and path:
        known, name, found = _Preset.model_fields, path[0], error["input"]
    elif first == "styles" and inner:
        return ".".join((first, *inner)), f"must be a table, not {error['input']!r}"
    field = ".".join((first, *inner)) if known is not _Entry.model_fields else first
    if error["type"] == "extra_forbidden":
        names = sorted(known)
        (nearest,) = difflib.get_close_matches(name, names, n=1, cutoff=0.0)
        return field, f"is not known; did you mean {nearest}? There are {', '.join(names)}"
    if error["type"] == "value_error":
        return field, str(error["ctx"]["error"])
    return field, f"must be {known[name].description}, not {found!r}"


def weight_bytes_here(spec: ModelSpec) -> int | None:
    """The bytes of an entry's weights on this machine; None where its files are not all here."""
    return _weight_bytes(spec.place, spec.denoiser)


def _weight_bytes(place: Path, denoiser: Path | None) -> int | None:
    if not _is_complete(place) or not (denoiser is None or denoiser.is_file()):
        return None
    files: list[Path] = [*(place.rglob("*.safetensors") if place.is_dir() else [place])]
    files += [denoiser] if denoiser is not None else []
    return sum(file.stat().st_size for file in files if file.is_file())


def _is_complete(place: Path) -> bool:
    """Whether a model's files are there; `fetch` writes the index of a directory last."""
    if place.is_file():
        return True
    return (place / "model_index.json").is_file() or (place / "config.json").is_file()
