"""A member's file → pixels. Run as a program it does so for `decoding`, until it is killed.

It needs Pillow and nothing else, so that it starts at once and knows no secret of the bot's. Of the
decoders of hostile files the worst is expected: that they run for ever, take all memory, or crash.
"""

from __future__ import annotations

import io
import sys
import warnings
from collections.abc import Callable
from typing import BinaryIO

from PIL import ExifTags, Image, UnidentifiedImageError

MAX_PIXELS = 36_000_000
"""Of a picture that a member sends; more is refused from its header alone."""
MIN_SIDE_PX = 16
STORED_SIDE_PX = 2048
"""Members' pictures are kept no larger than this: models look at no more."""
MAX_SCANS = 100
"""Of a progressive JPEG, each of which goes over the whole picture; programs write ten or so."""
MAX_MEMORY_BYTES = 3 * 2**30
"""Of the program, where the system can hold it to that."""
FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
_START_OF_SCAN = b"\xff\xda"
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


class UnreadableError(Exception):
    """Why a file is refused: a word for it, and the picture's size where it is known."""

    def __init__(self, why: str, width: int = 0, height: int = 0) -> None:
        super().__init__(why)
        self.why, self.width, self.height = why, width, height


def decoded(data: bytes) -> Image.Image:
    """The picture upright, in RGB, no larger than is kept; of an animated one its first.

    UnreadableError says "strange" (no picture), "huge", "large", "small", "scans" or "damaged".
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(data), formats=FORMATS)
    except Image.DecompressionBombError:
        raise UnreadableError("huge") from None
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError):
        raise UnreadableError("strange") from None
    with image:
        width, height = image.size
        if width * height > MAX_PIXELS:
            raise UnreadableError("large", width, height)
        if min(width, height) < MIN_SIDE_PX:
            raise UnreadableError("small", width, height)
        if image.format == "JPEG" and data.count(_START_OF_SCAN) > MAX_SCANS:
            raise UnreadableError("scans", width, height)
        try:
            return _small(image)
        except Exception:  # noqa: BLE001 - decoders of hostile files raise whatever they like
            raise UnreadableError("damaged", width, height) from None


def png_of(image: Image.Image) -> bytes:
    """A plain PNG without metadata."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=4)
    return buffer.getvalue()


def send(stream: BinaryIO, word: bytes, data: bytes = b"") -> None:
    """Write one message: a word, a space, how many bytes follow, a line's end, those bytes."""
    stream.write(b"%s %d\n" % (word, len(data)))
    stream.write(data)
    stream.flush()


def receive(stream: BinaryIO, most_bytes: int) -> tuple[bytes, bytes]:
    """Read one message; EOFError where none comes any more, or one that is not as it should be."""
    words = stream.readline(100).split()
    if len(words) != 2 or not words[1].isdigit() or int(words[1]) > most_bytes:
        raise EOFError
    data = stream.read(int(words[1]))
    if len(data) < int(words[1]):
        raise EOFError
    return words[0], data


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Decode one file after the other until no more come."""
    while True:
        try:
            _, data = receive(requests, sys.maxsize)
        except EOFError:
            return
        try:
            send(answers, b"png", png_of(decoded(data)))
        except UnreadableError as error:
            send(answers, b"%s,%d,%d" % (error.why.encode(), error.width, error.height))


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


def _hold_memory() -> None:
    try:
        import resource  # noqa: PLC0415 - POSIX alone has it
    except ImportError:
        return
    limit: Callable[[int, tuple[int, int]], None] = resource.setrlimit
    limit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))


if __name__ == "__main__":
    _hold_memory()
    serve(sys.stdin.buffer, sys.stdout.buffer)
