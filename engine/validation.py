"""Checks of what a job asks for; each refusal is one sentence that contains the numbers."""

from __future__ import annotations

from collections.abc import Mapping

from engine.catalogue import ModelSpec
from engine.errors import Sentence
from engine.families import Role
from engine.messages import (
    DescribeJob,
    DrawJob,
    InitUse,
    Job,
    ModelInfo,
    Place,
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
MOST_WEIGHED_WORDS = 200
"""Of a WordWeightsJob's text."""
MAX_STYLES = 16
MAX_PLACED_PX = 8192
MAX_STYLE_WEIGHT = 4.0


def check(job: Job, models: Mapping[str, ModelSpec]) -> None:
    """Raise ValueError with a `Sentence` where no engine could ever do this job."""
    if not job.id or not job.owner:
        raise ValueError(Sentence("A job needs an id and an owner."))
    match job:
        case DrawJob():
            spec = _drawing(job.model, models)
            _check_text(job)
            _check_numbers(job)
            _check_size(job, spec.info)
            _check_scheduler(job, spec)
            _check_pictures(job)
            _check_styles(job)
            _check_enlarging(job)
            _check_steps_between(job, spec)
            _check_loras(job, spec)
            if job.name_inputs:
                _check_describer(models)
        case UpscaleJob(factor=factor) if factor not in {2, 4}:
            raise ValueError(
                Sentence("Upscaling by {factor} is not offered; choose 2 or 4.", factor=factor)
            )
        case DescribeJob(suggestions=suggestions) if not 1 <= suggestions <= MAX_IMAGES:
            raise ValueError(
                Sentence(
                    "{suggestions} suggestions were asked for; 1 to {most} can be.",
                    suggestions=suggestions,
                    most=MAX_IMAGES,
                )
            )
        case DescribeJob(together=together) if len(together) >= MAX_IMAGES:
            raise ValueError(
                Sentence(
                    "{count} pictures were given; at most {most} are taken.",
                    count=1 + len(together),
                    most=MAX_IMAGES,
                )
            )
        case DescribeJob(without=without) if len(without) > MAX_IMAGES:
            raise ValueError(
                Sentence(
                    "{count} earlier suggestions were given; at most {most} are left out.",
                    count=len(without),
                    most=MAX_IMAGES,
                )
            )
        case DescribeJob():
            _check_describer(models)
        case WordWeightsJob():
            _drawing(job.model, models)
        case _:
            pass


def _check_describer(models: Mapping[str, ModelSpec]) -> None:
    if not any(spec.family.role is Role.DESCRIBE for spec in models.values()):
        raise ValueError(
            Sentence(
                "This catalogue has no captioner and no CLIP pair, so pictures cannot be"
                " described. The operator of this bot adds one to models.toml: an entry with"
                ' family = "captioner" (such as BLIP) or family = "clip".'
            )
        )


def _drawing(name: str, models: Mapping[str, ModelSpec]) -> ModelSpec:
    spec = models.get(name)
    if spec is None or not spec.draws:
        known = ", ".join(name for name, spec in models.items() if spec.draws)
        raise ValueError(
            Sentence("There is no model {name!r}; there are {known}.", name=name, known=known)
        )
    return spec


def _check_text(job: DrawJob) -> None:
    prompts = (job.prompt, job.towards, *(look.prompt for look in job.looks))
    parts = [part for prompt in prompts for part in prompt]
    texts = [*(part.text for part in parts), job.negative]
    count = max(map(len, prompts)) + 1  # the negative
    characters = max(sum(len(part.text) for part in prompt) for prompt in prompts)
    characters += len(job.negative)
    if count > MAX_PARTS or characters > MAX_TEXT:
        raise ValueError(
            Sentence(
                "The prompt has {parts} and {characters:,} characters; at most {most_parts}"
                " and {most_characters:,} are read.",
                parts=Sentence.plural("{count} part", "{count} parts", count=count),
                characters=characters,
                most_parts=MAX_PARTS,
                most_characters=MAX_TEXT,
            )
        )
    if any("\ud800" <= character <= "\udfff" for text in texts for character in text):
        raise ValueError(
            Sentence("The prompt holds half a character (a lone surrogate); type it anew.")
        )
    if not all(abs(part.weight) <= MAX_WEIGHT for part in parts):
        raise ValueError(
            Sentence(
                "The weights of the prompt's parts must lie within ±{most:g}.", most=MAX_WEIGHT
            )
        )
    if any(prompt and not any(part.weight > 0 for part in prompt) for prompt in prompts):
        raise ValueError(
            Sentence("The weights of the prompt's parts must not all be zero or negative.")
        )


def _check_numbers(job: DrawJob) -> None:
    if not 1 <= job.steps <= MAX_STEPS:
        raise ValueError(
            Sentence(
                "{steps} steps were asked for; 1 to {most} are possible.",
                steps=job.steps,
                most=MAX_STEPS,
            )
        )
    most_images = MAX_FILM_FRAMES if job.shares else MAX_IMAGES
    if not 1 <= job.images <= most_images:
        raise ValueError(
            Sentence(
                "{images} pictures were asked for; 1 to {most} are possible.",
                images=job.images,
                most=most_images,
            )
        )
    if not 0 <= job.seed <= MAX_SEED:
        raise ValueError(
            Sentence("The seed {seed} is outside 0 to {most}.", seed=job.seed, most=MAX_SEED)
        )
    if not 0 <= job.guidance <= MAX_GUIDANCE:  # also false for NaN
        raise ValueError(
            Sentence(
                "The guidance {guidance} is outside 0 to {most:g}.",
                guidance=job.guidance,
                most=MAX_GUIDANCE,
            )
        )
    if not 0 <= job.strength <= 1:
        raise ValueError(
            Sentence("The strength {strength} is outside 0 to 1.", strength=job.strength)
        )
    if not 0.1 <= job.stop <= 1:
        raise ValueError(Sentence("The stop {stop} is outside 0.1 to 1.", stop=job.stop))
    if not 0 <= job.film_frames <= MAX_FILM_FRAMES:
        raise ValueError(
            Sentence(
                "{frames} frames were asked for; 0 to {most} can be.",
                frames=job.film_frames,
                most=MAX_FILM_FRAMES,
            )
        )


def _check_size(job: DrawJob, info: ModelInfo) -> None:
    limits = {"step": info.size_step_px, "least": info.min_side_px, "most": info.max_side_px}
    if not _suits(job.width_px, info):
        raise ValueError(
            Sentence(
                "The width {side} px does not suit {title}: it takes multiples of {step} from"
                " {least} to {most}.",
                side=job.width_px,
                title=info.title,
                **limits,
            )
        )
    if not _suits(job.height_px, info):
        raise ValueError(
            Sentence(
                "The height {side} px does not suit {title}: it takes multiples of {step} from"
                " {least} to {most}.",
                side=job.height_px,
                title=info.title,
                **limits,
            )
        )
    if job.width_px * job.height_px > info.max_pixels:
        raise ValueError(
            Sentence(
                "{width} × {height} px are {pixels:,} pixels; {title} draws at most {most:,}.",
                width=job.width_px,
                height=job.height_px,
                pixels=job.width_px * job.height_px,
                title=info.title,
                most=info.max_pixels,
            )
        )


def _suits(side_px: int, info: ModelInfo) -> bool:
    in_range = info.min_side_px <= side_px <= info.max_side_px
    return in_range and side_px % info.size_step_px == 0


def _check_scheduler(job: DrawJob, spec: ModelSpec) -> None:
    if not job.scheduler:
        return
    flow = spec.family.flow
    offered = names_for(flow=flow)
    known = ", ".join(offered)
    if job.scheduler not in SCHEDULERS:
        raise ValueError(
            Sentence(
                "There is no scheduler {name!r}; there are {known}.",
                name=job.scheduler,
                known=known,
            )
        )
    # Whether a checkpoint is of EDM's form is known only once it is loaded.
    if job.scheduler not in offered and (flow or form_of(job.scheduler) != "edm"):
        raise ValueError(
            Sentence(
                "The scheduler {name!r} does not suit {title}; {known} do.",
                name=job.scheduler,
                title=spec.info.title,
                known=known,
            )
        )


def _check_pictures(job: DrawJob) -> None:
    if job.mask and len(job.inputs) != 1:
        raise ValueError(
            Sentence(
                "A mask needs exactly one input picture; {count} were given.", count=len(job.inputs)
            )
        )
    if job.place is not None:
        _check_place(job, job.place)
    if not 0 <= job.image_scale <= 1:
        raise ValueError(
            Sentence("The image scale {scale} is outside 0 to 1.", scale=job.image_scale)
        )
    if job.init_use is InitUse.PROMPT and (job.mask or job.enlarge > 1):
        raise ValueError(Sentence("Pictures that are prompts go with no mask and no enlarging."))
    if job.init_use is InitUse.MIX and len(job.inputs) == 1:
        raise ValueError(Sentence("Mixing needs at least 2 pictures; 1 was given."))
    if job.name_inputs and (job.init_use is not InitUse.MIX or job.shares or not job.inputs):
        raise ValueError(Sentence("Words are found only for pictures that are mixed."))
    if len(job.inputs) > MAX_IMAGES:
        raise ValueError(
            Sentence(
                "{count} pictures were given; at most {most} are taken.",
                count=len(job.inputs),
                most=MAX_IMAGES,
            )
        )
    if not all(0 < picture.weight <= MAX_WEIGHT for picture in job.inputs):
        raise ValueError(
            Sentence(
                "The weight of an input picture must be above 0 and at most {most:g}.",
                most=MAX_WEIGHT,
            )
        )


def _check_place(job: DrawJob, place: Place) -> None:
    if len(job.inputs) != 1 or job.init_use is not InitUse.IMG2IMG or job.enlarge > 1:
        raise ValueError(
            Sentence(
                "A place on the drawing needs exactly one input picture; {count} were given.",
                count=len(job.inputs),
            )
        )
    inside = (
        place.left_px + place.width_px > 0
        and place.left_px < job.width_px
        and place.top_px + place.height_px > 0
        and place.top_px < job.height_px
    )
    sides = (place.width_px, place.height_px)
    if not inside or not all(1 <= side <= MAX_PLACED_PX for side in sides):
        raise ValueError(
            Sentence(
                "The picture would stand outside of the drawing, at {left}, {top} with"
                " {width} × {height} px on {wide} × {high}.",
                left=place.left_px,
                top=place.top_px,
                width=place.width_px,
                height=place.height_px,
                wide=job.width_px,
                high=job.height_px,
            )
        )


def _check_styles(job: DrawJob) -> None:
    if job.style_inputs and job.init_use is InitUse.PROMPT:
        raise ValueError(
            Sentence("Pictures whose style is followed do not go with pictures that are prompts.")
        )
    if len(job.style_inputs) > MAX_IMAGES or len(job.looks) + len(job.style_codes) > MAX_STYLES:
        raise ValueError(
            Sentence(
                "{count} styles were given; at most {most} are taken.",
                count=len(job.style_inputs) + len(job.looks) + len(job.style_codes),
                most=MAX_STYLES,
            )
        )
    weights = [
        *(look.weight for look in job.looks),
        *(code.weight for code in job.style_codes),
        *(picture.weight / MAX_WEIGHT for picture in job.style_inputs),
    ]
    if not all(0 < weight <= MAX_STYLE_WEIGHT for weight in weights):
        raise ValueError(
            Sentence(
                "The weight of a style must be above 0 and at most {most:g}.", most=MAX_STYLE_WEIGHT
            )
        )
    if not all(0 <= code.code <= MAX_SEED for code in job.style_codes):
        raise ValueError(Sentence("A style code lies from 0 to {most}.", most=MAX_SEED))
    shares = (job.chaos, job.weird, job.experiment, job.style_scale)
    if not all(0 <= share <= 1 for share in shares):
        raise ValueError(
            Sentence("Chaos, weirdness, experiment and the style's scale lie from 0 to 1.")
        )


def _check_enlarging(job: DrawJob) -> None:
    if job.enlarge == 1:
        return
    if job.enlarge not in {2, 4}:
        raise ValueError(
            Sentence("Enlarging by {factor} is not offered; choose 2 or 4.", factor=job.enlarge)
        )
    if len(job.inputs) != 1 or job.images != 1 or job.mask:
        raise ValueError(
            Sentence(
                "Enlarging takes 1 input, 1 image and no mask. Inputs: {inputs}; images: {images}.",
                inputs=len(job.inputs),
                images=job.images,
            )
        )


def _check_steps_between(job: DrawJob, spec: ModelSpec) -> None:
    if not (job.shares or job.towards):
        return
    if "vary" not in spec.family.operations:
        raise ValueError(
            Sentence(
                "{title} cannot go from one thing to another; choose another model.",
                title=spec.info.title,
            )
        )
    if len(job.shares) != job.images or not all(0 <= share <= 1 for share in job.shares):
        raise ValueError(
            Sentence(
                "Each picture between two things needs a share from 0 to 1. Shares: {shares};"
                " images: {images}.",
                shares=len(job.shares),
                images=job.images,
            )
        )
    mixes = len(job.inputs) == 2 and job.init_use is InitUse.MIX
    if mixes == bool(job.towards) or job.mask or (job.inputs and not mixes):
        raise ValueError(
            Sentence("Pictures lie between two texts or between two mixed pictures; no mask.")
        )


def _check_loras(job: DrawJob, spec: ModelSpec) -> None:
    known = {lora.name for lora in spec.loras}
    if len(job.loras) > MAX_LORAS or not all(abs(w) <= MAX_LORA_WEIGHT for _, w in job.loras):
        raise ValueError(
            Sentence(
                "At most {most} LoRAs can be taken, with weights within ±{most_weight:g}.",
                most=MAX_LORAS,
                most_weight=MAX_LORA_WEIGHT,
            )
        )
    for name, _ in job.loras:
        if name not in known:
            raise ValueError(
                Sentence(
                    "{title} has no LoRA {name!r}; it has {known}.",
                    title=spec.info.title,
                    name=name,
                    known=", ".join(sorted(known)) or Sentence("none"),
                )
            )
