"""What members send → plain pictures: checked, upright, flat, without their metadata.

Everything here blocks; the callers run it in a thread.
"""

from __future__ import annotations

import io

from PIL import Image

from bot.errors import InvalidPicture
from bot.pictures.decoder import FORMATS, MAX_PIXELS, UnreadableError, decoded, png_of
from engine import Sentence

MAX_UPLOAD_BYTES = 25 * 1024 * 1024
SHOWN_SIDE_PX = 512


def clean(data: bytes) -> bytes:
    """A member's picture as a plain upright RGB PNG without its metadata; as `picture` refuses."""
    return png_of(picture(data))


def picture(data: bytes) -> Image.Image:
    """A member's picture, upright, in RGB, no larger than is kept; of an animated one its first.

    InvalidPicture says what is wrong: not a picture, too large, cut short. Of what a member has
    just sent, `decoding` makes a picture in a process that can be killed.
    """
    check_length(data)
    try:
        return decoded(data)
    except UnreadableError as error:
        raise refusal(error) from None


def check_length(data: bytes) -> None:
    """InvalidPicture where a file is larger than is looked at."""
    if len(data) > MAX_UPLOAD_BYTES:
        raise InvalidPicture(
            Sentence(
                "This file has {size} MiB; send one of at most {limit} MiB.",
                size=f"{len(data) / 2**20:.0f}",
                limit=MAX_UPLOAD_BYTES // 2**20,
            )
        )


def refusal(error: UnreadableError) -> InvalidPicture:
    """What a member is told of it."""
    match error.why:
        case "huge":
            return InvalidPicture(
                Sentence(
                    "This picture has far too many pixels; send one of at most {limit} megapixels, "
                    "such as 6000×6000.",
                    limit=MAX_PIXELS // 1_000_000,
                )
            )
        case "strange":
            return InvalidPicture("This file is not a picture; send a PNG, JPEG, WebP or GIF.")
        case "large":
            return InvalidPicture(
                Sentence(
                    "This picture has {width}×{height} pixels; send one of at most {limit} "
                    "megapixels, such as 6000×6000.",
                    width=error.width,
                    height=error.height,
                    limit=MAX_PIXELS // 1_000_000,
                )
            )
        case "small":
            return InvalidPicture(
                Sentence(
                    "This picture has only {width}×{height} pixels; send one of at least 16×16.",
                    width=error.width,
                    height=error.height,
                )
            )
        case "scans":
            return InvalidPicture(
                "This picture is built up in far too many passes; save it again as a plain PNG or "
                "JPEG and send it anew."
            )
        case _:
            return InvalidPicture(
                "This picture is damaged or cut short; save it again and send it anew."
            )


def size_of(data: bytes) -> tuple[int, int]:
    """(width, height) of a picture that `clean` took, before it was made smaller."""
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        return image.size


def is_animated(data: bytes) -> bool:
    """Whether a picture that `clean` took has several frames, of which the first is kept."""
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        return bool(getattr(image, "is_animated", False))


def small(png: bytes) -> bytes:
    """A cleaned picture as a JPEG to be shown beside words, at most `SHOWN_SIDE_PX` a side."""
    with Image.open(io.BytesIO(png)) as image:
        shown = image.convert("RGB")
    shown.thumbnail((SHOWN_SIDE_PX, SHOWN_SIDE_PX), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    shown.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def _plain_png() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16)).save(buffer, "PNG")
    return buffer.getvalue()


PLACEHOLDER = _plain_png()
"""A picture that stands for one that is not fetched yet."""
