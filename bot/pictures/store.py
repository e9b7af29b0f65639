"""Pictures on disk by the SHA-256 of their bytes: those we made and those members sent.

A made picture carries its parameters inside the file (the PNG text chunk "parameters", which other
programs of the field read too). Writing is atomic: a temporary file, fsync, rename. Everything
here blocks; the callers run it in a thread.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import tempfile
import warnings
from pathlib import Path

from PIL import ExifTags, Image, PngImagePlugin, UnidentifiedImageError

from bot.errors import InvalidPicture

MAX_PIXELS = 36_000_000
"""Of a picture that a member sends; more is refused from its header alone."""
MAX_UPLOAD_BYTES = 25 * 1024 * 1024
_STORED_SIDE_PX = 2048
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
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Gallery:
    """The pictures under one folder, as `ab/abcdef….png`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def store(self, png: bytes) -> str:
        """Keep the PNG; returns its SHA-256 in hex. Keeping it again changes nothing."""
        sha256 = hashlib.sha256(png).hexdigest()
        target = self._path(sha256)
        if target.exists():
            return sha256
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".new-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(png)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(target)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        _fsync_folder(target.parent)
        return sha256

    def load(self, sha256: str) -> bytes:
        """The picture's bytes; FileNotFoundError if it was deleted."""
        return self._path(sha256).read_bytes()

    def delete(self, sha256: str) -> None:
        """Forget the picture, if it is there."""
        self._path(sha256).unlink(missing_ok=True)

    def _path(self, sha256: str) -> Path:
        if not _SHA256.fullmatch(sha256):
            raise ValueError(f"not a SHA-256: {sha256!r}")
        return self.folder / sha256[:2] / f"{sha256}.png"


def sign(png: bytes, parameters: str) -> bytes:
    """The same picture with its parameters inside the file; pixels are untouched."""
    with Image.open(io.BytesIO(png)) as image:
        image.load()
        text = PngImagePlugin.PngInfo()
        text.add_itxt("parameters", parameters)
        text.add_text("Software", "Darkroom")
        buffer = io.BytesIO()
        image.save(buffer, "PNG", pnginfo=text, compress_level=4)
    return buffer.getvalue()


def clean(data: bytes) -> bytes:
    """A member's picture as a plain upright RGB PNG without its metadata.

    InvalidPicture says what is wrong: not a picture, too large, cut short.
    """
    if len(data) > MAX_UPLOAD_BYTES:
        raise InvalidPicture(
            f"This file has {len(data) / 2**20:.0f} MiB; send one of at most "
            f"{MAX_UPLOAD_BYTES // 2**20} MiB."
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(data), formats=_FORMATS)
    except Image.DecompressionBombError:
        raise InvalidPicture(
            f"This picture has far too many pixels; send one of at most "
            f"{MAX_PIXELS // 1_000_000} megapixels, such as 6000×6000."
        ) from None
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError):
        raise InvalidPicture("This file is not a picture; send a PNG, JPEG, WebP or GIF.") from None
    with image:
        width, height = image.size
        if width * height > MAX_PIXELS:
            raise InvalidPicture(
                f"This picture has {width}×{height} pixels; send one of at most "
                f"{MAX_PIXELS // 1_000_000} megapixels, such as 6000×6000."
            )
        if min(width, height) < 16:
            raise InvalidPicture(f"This picture has only {width}×{height} pixels.")
        try:
            flat = _small(image)
        except Exception:  # noqa: BLE001 - decoders of hostile files raise whatever they like
            raise InvalidPicture(
                "This picture is damaged or cut short; save it again and send it anew."
            ) from None
    buffer = io.BytesIO()
    flat.save(buffer, "PNG", compress_level=4)
    return buffer.getvalue()


def _small(image: Image.Image) -> Image.Image:
    """Decoded, at most `_STORED_SIDE_PX` a side, upright and flat; small before it is copied."""
    image.draft("RGB", (_STORED_SIDE_PX, _STORED_SIDE_PX))
    image.load()
    orientation = image.getexif().get(ExifTags.Base.Orientation)
    if image.mode not in ("RGB", "RGBA", "L"):
        image = image.convert("RGBA")
    image.thumbnail((_STORED_SIDE_PX, _STORED_SIDE_PX), Image.Resampling.LANCZOS)
    turn = _UPRIGHT.get(orientation) if isinstance(orientation, int) else None
    return _flatten(image if turn is None else image.transpose(turn))


def _flatten(image: Image.Image) -> Image.Image:
    """RGB, with what was transparent on white."""
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")


def _fsync_folder(folder: Path) -> None:
    """Make the rename itself durable; Windows has no such call and needs none."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
