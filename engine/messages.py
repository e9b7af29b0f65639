"""Everything that crosses between the bot and the engine: jobs going in, events coming out.

Bytes, numbers and strings only, so that a message can cross a thread, a process or a machine.
Pictures are encoded files (PNG, JPEG, WebP) in `bytes`; masks are 8-bit grey PNGs, white where to
draw anew.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Literal

from engine.errors import Sentence


class Lane(enum.IntEnum):
    """Which queue a job waits in; lower lanes are served first."""

    TURBO = 0
    FAST = 1
    RELAX = 2


class InitUse(enum.StrEnum):
    """How pictures given to a draw job take part in it."""

    IMG2IMG = "img2img"
    """The first picture is encoded, noised to `strength` and denoised."""
    MIX = "mix"
    """All pictures' latents are mixed on the sphere by weight, noised to `strength`, denoised."""
    PROMPT = "prompt"
    """All pictures guide the drawing beside its words, by weight (IP-Adapter). A model without an
    adapter mixes them instead, and says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightedText:
    """One part of a prompt; weights are relative, negative ones push away."""

    text: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class InputPicture:
    """A picture that a job starts from or looks at."""

    data: bytes
    """An encoded image file."""
    weight: float = 1.0
    """Relative to the other pictures of the job; > 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A rectangle on a drawing; parts of it may lie outside."""

    left_px: int
    """Of its left edge, from that of the drawing; negative: outside."""
    top_px: int
    width_px: int
    height_px: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A drawing's prompt in other words, such as with a style's, and how far it is led there."""

    prompt: tuple[WeightedText, ...]
    weight: float
    """0 = not at all, 1 = as if these were the words, above 1 beyond them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StyleCode:
    """A number that stands for a style which every model can draw; see `models/variation.py`."""

    code: int
    """0 … 2³²−1."""
    weight: float = 1.0
    """How much it counts; 0 = not at all, 1 = as usual."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawJob:
    """Draw `images` pictures; picture i uses seed + i (mod 2³²), or what `seed_of` says."""

    id: str
    owner: str
    """Whose turn it takes: one member across servers."""
    model: str
    """A name in the catalogue."""
    prompt: tuple[WeightedText, ...]
    """May be empty: an unguided drawing. Positive weights are normalised by their sum."""
    negative: str = ""
    seed: int = 0
    """0 … 2³²−1."""
    images: int = 4
    """1 … 16."""
    width_px: int = 512
    height_px: int = 512
    """Multiples of what the model's `size_step_px` says."""
    steps: int = 30
    """Denoising steps of a whole drawing, 1 … 150."""
    guidance: float = 7.0
    """Classifier-free guidance; 1 = none."""
    scheduler: str = ""
    """A name of `engine.SCHEDULERS`; empty: the model's own."""
    inputs: tuple[InputPicture, ...] = ()
    init_use: InitUse = InitUse.IMG2IMG
    strength: float = 0.8
    """With inputs: 0 keeps the picture, 1 ignores it."""
    image_scale: float = 0.6
    """How strongly pictures that are prompts guide the drawing, 0 … 1."""
    mask: bytes = b""
    """With one input: where to draw anew (white)."""
    place: Place | None = None
    """With one input: where the picture stands on the drawing, scaled to it. What is around it is
    drawn anew, and its own pixels are kept but for a band of at most 16 px, in which they are
    blended with drawn ones; with a mask, scaled to the drawing, its white part is new too."""
    style_inputs: tuple[InputPicture, ...] = ()
    """Pictures whose style is followed, by weight, where the model has an image adapter. They do
    not go with pictures that are prompts."""
    style_scale: float = 0.6
    """How strongly they are followed, 0 … 1."""
    looks: tuple[Look, ...] = ()
    """Each leads the prompt's conditioning towards its own; only for models that can `vary`."""
    style_codes: tuple[StyleCode, ...] = ()
    """Only for models that can `vary`."""
    chaos: float = 0.0
    """0 … 1: how unlike each other the pictures are; only for models that can `vary`."""
    weird: float = 0.0
    """0 … 1: how far all pictures are led off the usual, the same way; as `chaos`."""
    experiment: float = 0.0
    """0 … 1: more contrast and detail; as `chaos`."""
    stop: float = 1.0
    """End after this share of the steps (0.1 … 1); the picture is softer."""
    tile: bool = False
    """Seamless at the edges."""
    loras: tuple[tuple[str, float], ...] = ()
    """(name in the catalogue, weight)."""
    lane: Lane = Lane.FAST
    running_cap: int = 0
    """How many jobs of its owner may run, itself among them; 0: as many as the engine lets."""
    previews: bool = True
    """Whether somebody looks at previews."""
    enlarge: int = 1
    """With one input and one image: draw it anew 2 or 4 times as large as the job's size, in
    overlapping crops of that size (the creative upscale); best at a strength of 0.2 … 0.4."""
    name_inputs: bool = False
    """Where pictures are mixed: draw them with words that say what they show, found by the
    catalogue's captioner or CLIP pair before the job waits for its turn to be drawn."""
    translate: str = ""
    """The language of the words that are to be translated into English first, by its ISO 639 code;
    empty: they are drawn as they are."""
    film_frames: int = 0
    """How many small frames of its drawing to keep for each picture, evenly spaced; 0 … 60."""
    towards: tuple[WeightedText, ...] = ()
    """With `shares`: the words that the pictures go to; only for models that can `vary`."""
    shares: tuple[float, ...] = ()
    """Where the pictures are steps from one thing to another: how far each has gone, 0 … 1, from
    `prompt` to `towards`, or from the first of two mixed inputs to the second. At most 60; all of
    them have the same noise."""

    def seed_of(self, index: int) -> int:
        """The seed of one picture."""
        return (self.seed + (0 if self.shares else index)) % 2**32

    @property
    def guided(self) -> bool:
        """Whether guidance applies, so that each row has a sample for the negative too."""
        shown = bool(self.inputs) and self.init_use is InitUse.PROMPT
        words = bool(self.prompt) or self.name_inputs
        return self.guidance > 1 and (words or shown or bool(self.style_inputs))

    @property
    def samples_a_row(self) -> int:
        """Samples of one picture in each evaluation: the words, the negative, negative weights."""
        if not self.guided:
            return 1
        return 3 if any(part.weight < 0 for part in self.prompt) else 2


@dataclass(frozen=True, slots=True, kw_only=True)
class UpscaleJob:
    """Enlarge one picture with the catalogue's super-resolution network."""

    id: str
    owner: str
    picture: bytes
    factor: int = 2
    lane: Lane = Lane.FAST
    running_cap: int = 0
    """How many jobs of its owner may run, itself among them; 0: as many as the engine lets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribeJob:
    """Suggest prompts that could have made a picture."""

    id: str
    owner: str
    picture: bytes
    together: tuple[bytes, ...] = ()
    """More pictures: one text then names what all of them show, the place as in the first."""
    suggestions: int = 4
    without: tuple[str, ...] = ()
    """Earlier suggestions that are not to be made again."""
    lane: Lane = Lane.FAST
    running_cap: int = 0
    """How many jobs of its owner may run, itself among them; 0: as many as the engine lets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WordWeightsJob:
    """Tell how much each word of a prompt matters to the model (for /shorten)."""

    id: str
    owner: str
    model: str
    text: str
    lane: Lane = Lane.FAST
    running_cap: int = 0
    """How many jobs of its owner may run, itself among them; 0: as many as the engine lets."""


Job = DrawJob | UpscaleJob | DescribeJob | WordWeightsJob


@dataclass(frozen=True, slots=True, kw_only=True)
class Queued:
    """The job waits; sent again whenever its position changes."""

    job_id: str
    position: int
    """How many jobs are served before it, 0 = next."""
    loading: str = ""
    """The title of its model while that is being loaded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Translating:
    """The words of the job are being translated; then it waits its turn."""

    job_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The job's first work has begun."""

    job_id: str
    loading: str = ""
    """The title of its model while that is still being loaded; then Progress tells of the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenBack:
    """The machine that drew the job stopped, or failed at it: it waits for another one, and the try
    counts.
    """

    job_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Work done so far, in evaluations of the denoiser over the whole job."""

    job_id: str
    done: int
    total: int
    previews: tuple[bytes, ...] = ()
    """One small JPEG a picture of the job, or none where no new ones were made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One finished picture."""

    png: bytes
    seed: int
    width_px: int
    height_px: int
    safety_score: float | None = None
    """0 … 1, higher is less safe; None where the model has no checker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnWords:
    """The words that a job was drawn with, where they were to be translated or found."""

    prompt: tuple[WeightedText, ...]
    negative: str
    looks: tuple[Look, ...] = ()
    towards: tuple[WeightedText, ...] = ()
    found: str = ""
    """What was found for its pictures, which stands before its own words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """Of a DrawJob with `name_inputs`: the words were found with which it will be drawn."""

    job_id: str
    drawn: DrawnWords


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """The end: all pictures were drawn or all texts were found."""

    job_id: str
    pictures: tuple[Picture, ...] = ()
    texts: tuple[str, ...] = ()
    """Suggested prompts of a DescribeJob; the words of a WordWeightsJob."""
    weights: tuple[float, ...] = ()
    """One weight for each of `texts`."""
    notes: tuple[Sentence, ...] = ()
    """For the member, such as how an input picture was resized."""
    input_scores: tuple[float, ...] = ()
    """As `Picture.safety_score`, of the pictures that it started from or that guided it; none where
    the model has no checker."""
    films: tuple[tuple[bytes, ...], ...] = ()
    """Small JPEGs of the drawing of each picture, where frames were asked for."""
    drawn: DrawnWords | None = None
    """Of a DrawJob with `translate`: the translation, or the words as they were where it failed. Of
    one with `name_inputs`: the words that were found, with its own."""
    gpu_s: float = 0.0
    """Seconds of the device this job used, its share of shared passes."""


class FailureKind(enum.StrEnum):
    """Why a job failed; decides whether the operator is told as well."""

    BAD_INPUT = "bad_input"
    OUT_OF_MEMORY = "out_of_memory"
    BROKEN_MODEL = "broken_model"
    BAD_PICTURE = "bad_picture"
    """The model made numbers that are not a picture (NaN)."""
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The end: nothing was drawn, and the member need not pay."""

    job_id: str
    reason: Sentence
    """For the member."""
    kind: FailureKind = FailureKind.INTERNAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled:
    """The end: `cancel` was called."""

    job_id: str


Event = (
    Queued | Translating | Started | Named | GivenBack | Progress | Finished | Failed | Cancelled
)
End = Finished | Failed | Cancelled


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """All words that a small model knows."""

    draws: tuple[tuple[str, tuple[str, ...]], ...]
    """For each language, what can be asked for: one word for each thing."""
    knows: frozenset[str]
    """Words and phrases of all its languages, those of `draws` among them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A named way to draw with one model; what is None or empty is as the model's own."""

    name: str
    prefix: str = ""
    suffix: str = ""
    """Put around the member's prompt in place of the model's own, scaled by --stylize."""
    negative: str = ""
    """In addition to the model's own."""
    steps: int | None = None
    guidance: float | None = None
    scheduler: str = ""
    loras: tuple[tuple[str, float], ...] = ()
    """(name among the model's LoRAs, weight), in addition to those a member adds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """What the bot may know of one catalogue entry."""

    name: str
    title: str
    aliases: tuple[str, ...]
    """Values of `--v` (or `niji …`) that choose it."""
    family: str
    width_px: int
    height_px: int
    """Of the default square picture."""
    size_step_px: int
    """Widths and heights are multiples of this."""
    min_side_px: int
    max_side_px: int
    max_pixels: int
    steps: int
    guidance: float
    scheduler: str
    few_sizes: bool = False
    """Whether it is fast only in sizes that were drawn before, since code is compiled for each."""
    prompt_prefix: str = ""
    prompt_suffix: str = ""
    """Style of the house, added to the member's prompt by the bot (scaled by --stylize)."""
    negative: str = ""
    price_factor: float = 1.0
    vram_gb: float = 0.0
    download_gb: float = 0.0
    licence: str = ""
    may_sell: bool = False
    gated: bool = False
    languages: tuple[str, ...] = ("en",)
    """What it reads, by ISO 639 codes."""
    translates: tuple[str, ...] = ()
    """Languages that it does not read and the catalogue's translation models translate for it."""
    names_inputs: bool = False
    """Whether `DrawJob.name_inputs` has an effect on it."""
    vocabulary: Vocabulary | None = None
    """None: it knows more words than can be listed."""
    operations: frozenset[str] = frozenset({"text", "image"})
    """Of: text, image, mask, mix, image_prompt, tile, lora, weights, negative, vary. No prompt
    chooses a model without text."""
    inpaint: str = ""
    """The name of the entry that draws within a mask in its place; empty: it does itself."""
    outpaint_strength: float = 1.0
    """`DrawJob.strength` with which it draws what is around a picture for the same words."""
    schedulers: tuple[str, ...] = ()
    """Those that members may name for it."""
    styles: tuple[Preset, ...] = ()
    """What `--style NAME` chooses."""
    draft: Preset | None = None
    """How `--draft` draws; None: as usual, with half the steps."""
    code_words: tuple[tuple[str, ...], ...] = ()
    """Lists of words of which a style code takes one each; none: the bot's own lists."""
    installed: bool = True
    """Whether its files are on this machine."""
    source: str = ""
    """Path or hub id, for the operator's eyes."""
    weight_bytes: int = 0
    """Of its weight files on this machine; 0 where it is not installed."""
    loras: tuple[str, ...] = ()
    """Names of the LoRAs that members may add."""
    safety_threshold: float | None = None
    """Pictures with a higher `Picture.safety_score` must not be shown, 0 … 1; None where the model
    has no checker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerStatus:
    """One worker of a cluster."""

    name: str
    """Of the worker and its machine, such as "2 on node-b"; the same for as long as it lives."""
    pid: int
    """Of its process there."""
    device: str
    running: tuple[str, ...] = ()
    """Ids of its jobs."""
    resident_models: tuple[str, ...] = ()
    busy_share: float = 0.0
    last_tick_ms: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineStatus:
    """A snapshot of the engine's state."""

    device: str
    """Such as "cpu", "cuda:0 NVIDIA RTX 4090"; "" while a cluster has no worker."""
    running: tuple[str, ...] = ()
    """Ids of jobs in flight."""
    queued: tuple[str, ...] = ()
    """Ids of waiting jobs, next first."""
    resident_models: tuple[str, ...] = ()
    compiling: tuple[str, ...] = ()
    """Resident models that draw eagerly until the shapes they were asked for are compiled."""
    solo: str | None = None
    """The id of the job that has the device to itself now."""
    busy_share: float = 0.0
    """Share of the last minute in which the device worked, 0 … 1."""
    last_tick_ms: float = 0.0
    batch_fill: float = 0.0
    """Samples of the last pass, of those that a pass of its group may hold, 0 … 1."""
    memory_bytes: int = 0
    """What this process has reserved on a CUDA card; 0 elsewhere."""
    turns: int = 0
    """How often whatever draws has looked for work, which it also does while it waits or models
    are loaded. Where this stands still, it hangs."""
    alive: bool = True
    """False once the device is lost: the process must be started anew."""
    extras: dict[Literal["reason"], str] = field(default_factory=dict)
    """`reason`: why `alive` is false, why a CPU is used beside an NVIDIA card, or what keeps the
    workers of a cluster from their work."""
    workers: tuple[WorkerStatus, ...] = ()
    """Of a cluster: the figures above are theirs together."""
    places: int = 0
    """Of a cluster: how many workers there is room for; some may be missing."""

    @property
    def can_draw(self) -> bool:
        """Whether a job would be drawn now; in a cluster without workers it would wait."""
        return self.alive and bool(self.device)
