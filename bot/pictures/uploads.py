"""What members send → plain pictures: checked, upright, flat, without their metadata.

Everything here blocks; the callers run it in a thread.
"""

from __future__ import annotations

import io
import warnings

from PIL import ExifTags, Image, UnidentifiedImageError

from bot.errors import InvalidPicture
from engine import Sentence

MAX_PIXELS = 36_000_000
"""Of a picture that a member sends; more is refused from its header alone."""
MAX_UPLOAD_BYTES = 25 * 1024 * 1024
SHOWN_SIDE_PX = 512
STORED_SIDE_PX = 2048
"""Members' pictures are kept no larger than this: models look at no more."""
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What brings a picture of each EXIF orientation upright."""


def clean(data: bytes) -> bytes:
    """A member's picture as a plain upright RGB PNG without its metadata; as `picture` refuses."""
    buffer = io.BytesIO()
    picture(data).save(buffer, "PNG", compress_level=4)
    return buffer.getvalue()


def picture(data: bytes) -> Image.Image:
    """A member's picture, upright, in RGB, no larger than is kept; of an animated one its first.

    InvalidPicture says what is wrong: not a picture, too large, cut short.
    """
    if len(data) > MAX_UPLOAD_BYTES:
        raise InvalidPicture(
            Sentence(
                "This file has {size} MiB; send one of at most {limit} MiB.",
                size=f"{len(data) / 2**20:.0f}",
                limit=MAX_UPLOAD_BYTES // 2**20,
            )
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(data), formats=_FORMATS)
    except Image.DecompressionBombError:
        raise InvalidPicture(
            Sentence(
                "This picture has far too many pixels; send one of at most {limit} megapixels, "
                "such as 6000×6000.",
                limit=MAX_PIXELS // 1_000_000,
            )
        ) from None
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError):
        raise InvalidPicture("This file is not a picture; send a PNG, JPEG, WebP or GIF.") from None
    with image:
        width, height = image.size
        if width * height > MAX_PIXELS:
            raise InvalidPicture(
                Sentence(
                    "This picture has {width}×{height} pixels; send one of at most {limit} "
                    "megapixels, such as 6000×6000.",
                    width=width,
                    height=height,
                    limit=MAX_PIXELS // 1_000_000,
                )
            )
        if min(width, height) < 16:
            raise InvalidPicture(
                Sentence(
                    "This picture has only {width}×{height} pixels; send one of at least 16×16.",
                    width=width,
                    height=height,
                )
            )
        try:
            return _small(image)
        except Exception:  # noqa: BLE001 - decoders of hostile files raise whatever they like
            raise InvalidPicture(
                "This picture is damaged or cut short; save it again and send it anew."
            ) from None


def size_of(data: bytes) -> tuple[int, int]:
    """(width, height) of a picture that `clean` took, before it was made smaller."""
    with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
        return image.size


def is_animated(data: bytes) -> bool:
    """Whether a picture that `clean` took has several frames, of which the first is kept."""
    with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
        return bool(getattr(image, "is_animated", False))


def small(png: bytes) -> bytes:
    """A cleaned picture as a JPEG to be shown beside words, at most `SHOWN_SIDE_PX` a side."""
    with Image.open(io.BytesIO(png)) as image:
        shown = image.convert("RGB")
    shown.thumbnail((SHOWN_SIDE_PX, SHOWN_SIDE_PX), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    shown.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def _small(image: Image.Image) -> Image.Image:
    """Decoded, at most `STORED_SIDE_PX` a side, upright and flat; small before it is copied."""
    image.draft("RGB", (STORED_SIDE_PX, STORED_SIDE_PX))
    image.load()
    orientation = image.getexif().get(ExifTags.Base.Orientation)
    if image.mode not in ("RGB", "RGBA", "L"):
        image = image.convert("RGBA")
    image.thumbnail((STORED_SIDE_PX, STORED_SIDE_PX), Image.Resampling.LANCZOS)
    turn = _UPRIGHT.get(orientation) if isinstance(orientation, int) else None
    return _flatten(image if turn is None else image.transpose(turn))


def _flatten(image: Image.Image) -> Image.Image:
    """RGB, with what was transparent on white."""
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")


def _plain_png() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16)).save(buffer, "PNG")
    return buffer.getvalue()


PLACEHOLDER = _plain_png()
"""A picture that stands for one that is not fetched yet."""
