"""Encoded pictures in, encoded pictures out; runs in the thread pool, never on the event loop."""

from __future__ import annotations

import io
import re
import warnings
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from engine.errors import JobError, Sentence
from engine.messages import DescribeJob, DrawJob, InitUse, InputPicture, Job, UpscaleJob
from engine.pictures.crops import split
from engine.pictures.outpainting import Kept, canvas

MAX_PICTURE_PIXELS = 50_000_000
PROMPT_SIDE_PX = 1024
"""Longest side of a picture that is a prompt; vision towers look at 224 or 336 px of it."""
MOST_ASPECT = 4
"""Largest ratio of the sides: preprocessing scales the shorter side to a fixed length before it
crops, so a line of pixels would become gigabytes."""
PREVIEW_SIDE_PX = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """The pictures of a job, decoded and brought to its size."""

    pictures: tuple[Image.Image, ...] = ()
    prompts: tuple[Image.Image, ...] = ()
    """Pictures that guide the drawing as words do, or whose style is followed, in their own
    shapes."""
    mask: Image.Image | None = None
    kept: Kept | None = None
    """Pixels that are put back over each drawing."""
    notes: tuple[Sentence, ...] = ()


def brings_pictures(job: Job) -> bool:
    """Whether there is anything to decode."""
    if isinstance(job, DrawJob):
        return bool(job.inputs or job.style_inputs)
    return isinstance(job, UpscaleJob | DescribeJob)


def prepare(job: Job, *, guides: bool = False) -> Inputs:
    """Decode the pictures of a job; JobError with one sentence where one is no picture.

    guides: whether its model takes pictures as prompts.
    """
    match job:
        case DrawJob(init_use=InitUse.PROMPT) if guides:
            return _guided(Inputs(), job.inputs)
        case DrawJob():
            inputs = _prepare_drawing(job)
            return _styled(inputs, job.style_inputs, guides=guides) if job.style_inputs else inputs
        case DescribeJob():
            seen = [_to_look_at(data) for data in (job.picture, *job.together)]
            notes = dict.fromkeys(note for _, note in seen if note)
            return Inputs(pictures=tuple(picture for picture, _ in seen), notes=tuple(notes))
        case UpscaleJob():
            return Inputs(pictures=(decode(job.picture),))
        case _:
            return Inputs()


def decode(data: bytes) -> Image.Image:
    """An upright RGB picture from a PNG, JPEG or WebP file, transparency over white.

    The size is read from the header first: a small file can unpack to gigabytes.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            picture = Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "WEBP", "GIF"))
        pixels = picture.width * picture.height
        if pixels > MAX_PICTURE_PIXELS:
            raise JobError(
                Sentence(
                    "The picture has {width} × {height} px, {megapixels:.0f} megapixels; at most"
                    " {most} are taken; shrink it.",
                    width=picture.width,
                    height=picture.height,
                    megapixels=pixels / 1e6,
                    most=MAX_PICTURE_PIXELS // 1_000_000,
                )
            )
        picture.load()
    except Image.DecompressionBombError as error:
        # Pillow's own limit; its message contains the number of pixels.
        pixels = int(re.sub(r"\D*(\d+).*", r"\1", str(error)) or 0)
        raise JobError(
            Sentence(
                "The picture has {megapixels:.0f} megapixels; at most {most} are taken; shrink it"
                " first.",
                megapixels=pixels / 1e6,
                most=MAX_PICTURE_PIXELS // 1_000_000,
            )
        ) from None
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise JobError(
            Sentence(
                "The picture cannot be read ({bytes} bytes: it is damaged, cut short, or no PNG,"
                " JPEG or WebP).",
                bytes=len(data),
            )
        ) from error
    upright = ImageOps.exif_transpose(picture)
    if upright.has_transparency_data:
        upright = upright.convert("RGBA")
        white = Image.new("RGBA", upright.size, "white")
        upright = Image.alpha_composite(white, upright)
    return upright.convert("RGB")


def to_png(pixels: NDArray[np.uint8]) -> bytes:
    """(H, W, 3) → a PNG file.

    Deflate looks for repetitions of one byte only: the filters of PNG leave few others, and looking
    for them took half the time (docs/benchmarks.md).
    """
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=1, compress_type=zlib.Z_RLE)
    return buffer.getvalue()


def to_preview(pixels: NDArray[np.uint8], side_px: int = PREVIEW_SIDE_PX) -> bytes:
    """A rough (h, w, 3) → a small JPEG whose longer side is `side_px`, at most 256."""
    picture = Image.fromarray(pixels)
    scale = min(side_px, PREVIEW_SIDE_PX) / max(picture.size)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    buffer = io.BytesIO()
    picture.resize(size, Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=80)
    return buffer.getvalue()


def _to_look_at(data: bytes) -> tuple[Image.Image, Sentence | None]:
    """A picture for a vision tower, no larger and no narrower than useful; a note where it was
    cropped.
    """
    picture, note = decode(data), None
    (width, height), most = picture.size, MOST_ASPECT * min(picture.size)
    if max(width, height) > most:
        size = (min(width, most), min(height, most))
        left, top = (width - size[0]) // 2, (height - size[1]) // 2
        picture = picture.crop((left, top, left + size[0], top + size[1]))
        note = Sentence(
            "Only the middle {kept_width} × {kept_height} px of the picture of {width} × {height}"
            " px are looked at: one side may be at most {most} times the other.",
            kept_width=size[0],
            kept_height=size[1],
            width=width,
            height=height,
            most=MOST_ASPECT,
        )
    picture.thumbnail((PROMPT_SIDE_PX, PROMPT_SIDE_PX))
    return picture, note


def _guided(inputs: Inputs, given: Sequence[InputPicture]) -> Inputs:
    """The inputs with pictures to look at."""
    seen = [_to_look_at(picture.data) for picture in given]
    notes = dict.fromkeys((*inputs.notes, *(note for _, note in seen if note)))
    return replace(inputs, prompts=tuple(picture for picture, _ in seen), notes=tuple(notes))


def _styled(inputs: Inputs, given: Sequence[InputPicture], *, guides: bool) -> Inputs:
    """The inputs with pictures whose style is followed, or a note that it is not."""
    if guides:
        return _guided(inputs, given)
    note = Sentence("This model has no image adapter, so it follows no picture's style.")
    return replace(inputs, notes=(*inputs.notes, note))


def _prepare_drawing(job: DrawJob) -> Inputs:
    pictures: list[Image.Image] = []
    notes: list[Sentence] = []
    target = (job.width_px, job.height_px)
    if job.enlarge > 1:
        large = (job.width_px * job.enlarge, job.height_px * job.enlarge)
        picture = decode(job.inputs[0].data)
        if picture.width * target[1] != picture.height * target[0]:
            notes.append(_picture_fitted(picture, large))
        enlarged = ImageOps.fit(picture, large, Image.Resampling.LANCZOS)
        return Inputs(pictures=tuple(split(enlarged, target)), notes=tuple(notes))
    if job.place is not None:
        painted = _mask(job, notes)
        laid = canvas(decode(job.inputs[0].data), job.place, target, painted)
        return Inputs(pictures=(laid.picture,), mask=laid.mask, kept=laid.kept, notes=tuple(notes))
    for given in job.inputs:
        picture = decode(given.data)
        if picture.size != target:
            notes.append(_picture_fitted(picture, target))
            picture = ImageOps.fit(picture, target, Image.Resampling.LANCZOS)
        pictures.append(picture)
    if job.init_use is InitUse.PROMPT:
        notes.append(
            Sentence("This model takes no pictures as prompts; the drawing starts from their mix.")
        )
    mask = _mask(job, notes)
    return Inputs(pictures=tuple(pictures), mask=mask, notes=tuple(dict.fromkeys(notes)))


def _mask(job: DrawJob, notes: list[Sentence]) -> Image.Image | None:
    """The mask of a job in its size; None where it has none."""
    if not job.mask:
        return None
    target = (job.width_px, job.height_px)
    mask = decode(job.mask).convert("L")
    if mask.size != target and job.place is not None:
        mask = mask.resize(target, Image.Resampling.NEAREST)
    if mask.size != target:
        notes.append(_mask_fitted(mask, target))
        mask = ImageOps.fit(mask, target, Image.Resampling.NEAREST)
    if np.asarray(mask).max() < 128:
        raise JobError(
            Sentence("The mask is black all over, so nothing would be drawn; paint it white.")
        )
    return mask


def _picture_fitted(picture: Image.Image, size: tuple[int, int]) -> Sentence:
    if picture.width * size[1] == picture.height * size[0]:
        return Sentence(
            "The picture of {width} × {height} px was scaled to {new_width} × {new_height}.",
            width=picture.width,
            height=picture.height,
            new_width=size[0],
            new_height=size[1],
        )
    return Sentence(
        "The picture of {width} × {height} px was scaled and cropped about its middle to"
        " {new_width} × {new_height}.",
        width=picture.width,
        height=picture.height,
        new_width=size[0],
        new_height=size[1],
    )


def _mask_fitted(mask: Image.Image, size: tuple[int, int]) -> Sentence:
    return Sentence(
        "The mask of {width} × {height} px was scaled and cropped about its middle to"
        " {new_width} × {new_height}.",
        width=mask.width,
        height=mask.height,
        new_width=size[0],
        new_height=size[1],
    )
