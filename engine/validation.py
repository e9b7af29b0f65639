"""What a job may ask for: pure checks, each refusal one sentence with the numbers in it."""

from __future__ import annotations

from collections.abc import Mapping

from engine.catalogue import ModelSpec
from engine.messages import (
    DescribeJob,
    DrawJob,
    InitUse,
    Job,
    ModelInfo,
    UpscaleJob,
    WordWeightsJob,
)
from engine.scheduler_table import SCHEDULERS, form_of, names_for

MAX_STEPS = 150
MAX_IMAGES = 16
MAX_GUIDANCE = 50.0
MAX_FILM_FRAMES = 60
MAX_PARTS = 40
MAX_TEXT = 20_000
MAX_WEIGHT = 1000.0
MAX_LORAS = 4
MAX_LORA_WEIGHT = 4.0
MAX_SEED = 2**32 - 1
DESCRIBING = frozenset({"clip", "captioner"})
FLOW_FAMILIES = frozenset({"sd3", "flux", "z-image"})


def check(job: Job, models: Mapping[str, ModelSpec]) -> None:
    """Raise ValueError where no engine could ever do this job."""
    if not job.id or not job.owner:
        raise ValueError("A job needs an id and an owner.")
    match job:
        case DrawJob():
            spec = _drawing(job.model, models)
            _check_text(job)
            _check_numbers(job)
            _check_size(job, spec.info)
            _check_scheduler(job, spec.info)
            _check_pictures(job)
            _check_enlarging(job)
            _check_loras(job, spec)
        case UpscaleJob(factor=factor) if factor not in {2, 4}:
            raise ValueError(f"Upscaling by {factor} is not offered; choose 2 or 4.")
        case DescribeJob(suggestions=suggestions) if not 1 <= suggestions <= MAX_IMAGES:
            raise ValueError(f"{suggestions} suggestions were asked for; 1 to {MAX_IMAGES} can be.")
        case DescribeJob() if not any(s.info.family in DESCRIBING for s in models.values()):
            raise ValueError(
                "This catalogue has no captioner and no CLIP pair, so pictures cannot be described."
            )
        case WordWeightsJob():
            _drawing(job.model, models)
        case _:
            pass


def _drawing(name: str, models: Mapping[str, ModelSpec]) -> ModelSpec:
    spec = models.get(name)
    if spec is None or not spec.draws:
        known = ", ".join(name for name, spec in models.items() if spec.draws)
        raise ValueError(f"There is no model {name!r}; there are {known}.")
    return spec


def _check_text(job: DrawJob) -> None:
    texts = [*(part.text for part in job.prompt), job.negative]
    if len(texts) > MAX_PARTS or sum(map(len, texts)) > MAX_TEXT:
        raise ValueError(
            f"The prompt has {len(texts)} parts and {sum(map(len, texts)):,} characters; at most"
            f" {MAX_PARTS} and {MAX_TEXT:,} are read."
        )
    if any("\ud800" <= character <= "\udfff" for text in texts for character in text):
        raise ValueError("The prompt holds half a character (a lone surrogate); type it anew.")
    if not all(abs(part.weight) <= MAX_WEIGHT for part in job.prompt):
        raise ValueError(f"The weights of the prompt's parts must lie within ±{MAX_WEIGHT:g}.")
    if job.prompt and not any(part.weight > 0 for part in job.prompt):
        raise ValueError("The weights of the prompt's parts must not all be zero or negative.")


def _check_numbers(job: DrawJob) -> None:
    if not 1 <= job.steps <= MAX_STEPS:
        raise ValueError(f"{job.steps} steps were asked for; 1 to {MAX_STEPS} are possible.")
    if not 1 <= job.images <= MAX_IMAGES:
        raise ValueError(f"{job.images} pictures were asked for; 1 to {MAX_IMAGES} are possible.")
    if not 0 <= job.seed <= MAX_SEED:
        raise ValueError(f"The seed {job.seed} is outside 0 to {MAX_SEED}.")
    if not 0 <= job.guidance <= MAX_GUIDANCE:  # also false for NaN
        raise ValueError(f"The guidance {job.guidance} is outside 0 to {MAX_GUIDANCE:g}.")
    if not 0 <= job.strength <= 1:
        raise ValueError(f"The strength {job.strength} is outside 0 to 1.")
    if not 0.1 <= job.stop <= 1:
        raise ValueError(f"The stop {job.stop} is outside 0.1 to 1.")
    if not 0 <= job.film_frames <= MAX_FILM_FRAMES:
        raise ValueError(f"{job.film_frames} frames were asked for; 0 to {MAX_FILM_FRAMES} can be.")


def _check_size(job: DrawJob, info: ModelInfo) -> None:
    for name, side in (("width", job.width_px), ("height", job.height_px)):
        if side % info.size_step_px or not info.min_side_px <= side <= info.max_side_px:
            raise ValueError(
                f"The {name} {side} px does not suit {info.title}: it takes multiples of"
                f" {info.size_step_px} from {info.min_side_px} to {info.max_side_px}."
            )
    if job.width_px * job.height_px > info.max_pixels:
        raise ValueError(
            f"{job.width_px} × {job.height_px} px are {job.width_px * job.height_px:,} pixels;"
            f" {info.title} draws at most {info.max_pixels:,}."
        )


def _check_scheduler(job: DrawJob, info: ModelInfo) -> None:
    if not job.scheduler:
        return
    flow = info.family in FLOW_FAMILIES
    offered = names_for(flow=flow)
    if job.scheduler not in SCHEDULERS:
        raise ValueError(
            f"There is no scheduler {job.scheduler!r}; there are {', '.join(offered)}."
        )
    # Whether a checkpoint is of EDM's form is known only once it is loaded.
    if job.scheduler not in offered and (flow or form_of(job.scheduler) != "edm"):
        raise ValueError(
            f"The scheduler {job.scheduler!r} does not suit {info.title}; {', '.join(offered)} do."
        )


def _check_pictures(job: DrawJob) -> None:
    if job.mask and len(job.inputs) != 1:
        raise ValueError(f"A mask needs exactly one input picture; {len(job.inputs)} were given.")
    if not 0 <= job.image_scale <= 1:
        raise ValueError(f"The image scale {job.image_scale} is outside 0 to 1.")
    if job.init_use is InitUse.PROMPT and (job.mask or job.enlarge > 1):
        raise ValueError("Pictures that are prompts go with no mask and no enlarging.")
    if job.init_use is InitUse.MIX and len(job.inputs) == 1:
        raise ValueError("Mixing needs at least 2 pictures; 1 was given.")
    if len(job.inputs) > MAX_IMAGES:
        raise ValueError(f"{len(job.inputs)} pictures were given; at most {MAX_IMAGES} are taken.")
    if not all(0 < picture.weight <= MAX_WEIGHT for picture in job.inputs):
        raise ValueError(
            f"The weight of an input picture must be above 0 and at most {MAX_WEIGHT:g}."
        )


def _check_enlarging(job: DrawJob) -> None:
    if job.enlarge == 1:
        return
    if job.enlarge not in {2, 4}:
        raise ValueError(f"Enlarging by {job.enlarge} is not offered; choose 2 or 4.")
    if len(job.inputs) != 1 or job.images != 1 or job.mask:
        raise ValueError(
            f"Enlarging takes one input, one image and no mask; {len(job.inputs)} inputs and"
            f" {job.images} images were asked for."
        )


def _check_loras(job: DrawJob, spec: ModelSpec) -> None:
    known = {lora.name for lora in spec.loras}
    if len(job.loras) > MAX_LORAS or not all(abs(w) <= MAX_LORA_WEIGHT for _, w in job.loras):
        raise ValueError(
            f"At most {MAX_LORAS} LoRAs can be taken, with weights within ±{MAX_LORA_WEIGHT:g}."
        )
    for name, _ in job.loras:
        if name not in known:
            raise ValueError(
                f"{spec.info.title} has no LoRA {name!r}; it has"
                f" {', '.join(sorted(known)) or 'none'}."
            )
