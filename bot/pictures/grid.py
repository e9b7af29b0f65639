"""Four pictures → one 2×2 grid; films; the smaller encodings that upload limits ask for.

Every file made here carries the making of its pictures, see `metadata`.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence
from typing import Any

from PIL import Image, ImageSequence

from bot.pictures import metadata
from bot.pictures.making import Making

COLUMNS = 2
"""Of a grid of up to four; more pictures make about as many columns as rows."""
BLURRED_SIDE = 4
"""What is left of a blurred preview: so many colours across and down."""
FRAME_MS = 120
"""How long a frame of a film is shown."""
LAST_FRAME_MS = 2000
_FILM_SIDE_PX = 512
_WEBP_SIDE_PX = 16383
"""The largest of a WebP."""


def grid(pictures: Sequence[bytes]) -> Image.Image:
    """The encoded pictures side by side at their full size, two a row; one picture stays alone."""
    cells = [_open(picture) for picture in pictures]
    if len(cells) == 1:
        return cells[0]
    width, height = cells[0].size
    columns = COLUMNS if len(cells) <= COLUMNS**2 else math.ceil(math.sqrt(len(cells)))
    rows = -(-len(cells) // columns)
    sheet = Image.new("RGB", (width * columns, height * rows))
    for index, cell in enumerate(cells):
        row, column = divmod(index, columns)
        sheet.paste(
            cell if cell.size == (width, height) else cell.resize((width, height)),
            (column * width, row * height),
        )
    return sheet


def preview(pictures: Sequence[bytes], *, side_px: int = 512, blurred: bool = False) -> bytes:
    """A grid of previews as a small JPEG whose longer side is `side_px`.

    blurred: of each preview only some colours are left.
    """
    sheet = grid(pictures)
    if blurred:
        sheet = sheet.resize((2 * BLURRED_SIDE, 2 * BLURRED_SIDE), Image.Resampling.BOX).resize(
            sheet.size, Image.Resampling.BICUBIC
        )
    scale = side_px / max(sheet.size)
    size = (max(round(sheet.width * scale), 1), max(round(sheet.height * scale), 1))
    return _encode(sheet.resize(size, Image.Resampling.BICUBIC), "JPEG", None, quality=80)


def blurred(png: bytes) -> bytes:
    """The picture as a PNG of which only some colours are left; it cannot be brought back."""
    picture = _open(png)
    few = picture.resize((BLURRED_SIDE, BLURRED_SIDE), Image.Resampling.BOX)
    return _encode(few.resize(picture.size, Image.Resampling.BICUBIC), "PNG", None)


def encodings(picture: Image.Image, making: Making | None) -> Iterator[tuple[str, bytes]]:
    """(file extension, bytes), best first: PNG, then WebP ever smaller.

    JPEG instead of WebP where a side is too long for that.
    """
    yield "png", _encode(picture, "PNG", making)
    for quality in (95, 85, 70):
        yield _lossy(picture, making, quality)
    half = picture
    while min(half.size) > 64:
        half = half.resize((half.width // 2, half.height // 2), Image.Resampling.LANCZOS)
        yield _lossy(half, making, 85)


def within(
    picture: Image.Image, limit_bytes: int, making: Making | None = None
) -> tuple[str, bytes]:
    """The best encoding of at most `limit_bytes`; the smallest there is if none fits."""
    extension, data = "png", b""
    for extension, data in encodings(picture, making):  # noqa: B007 - the last one is the answer
        if len(data) <= limit_bytes:
            break
    return extension, data


def film(frames: Sequence[Sequence[bytes]], making: Making | None = None) -> bytes:
    """An animated WebP. frames: for each picture the frames of its making, as many for each.

    Where they are not all of one size, they are brought to the last one's, within some limit.
    """
    shown = [grid(pictures) for pictures in zip(*frames, strict=True)]
    size = shown[-1].size
    if any(frame.size != size for frame in shown):
        scale = min(1.0, _FILM_SIDE_PX / max(size))
        size = (max(round(size[0] * scale), 1), max(round(size[1] * scale), 1))
        shown = [frame.resize(size, Image.Resampling.BICUBIC) for frame in shown]
    return _animate(shown, making)


def film_within(webp: bytes, limit_bytes: int) -> bytes:
    """The film at a lower quality, then at half its size, again and again, until it fits.

    At 64 px a side no frame has to be left out: 60 of them are far below any limit.
    """
    making = metadata.read(webp)
    for quality in (60, 40):
        if len(webp) > limit_bytes:
            with Image.open(io.BytesIO(webp)) as film_:
                frames = [frame.convert("RGB") for frame in ImageSequence.Iterator(film_)]
            webp = _animate(frames, making, quality=quality)
    while len(webp) > limit_bytes:
        with Image.open(io.BytesIO(webp)) as film_:
            if min(film_.size) <= 64:
                break
            half = (film_.width // 2, film_.height // 2)
            frames = [frame.convert("RGB").resize(half) for frame in ImageSequence.Iterator(film_)]
            webp = _animate(frames, making, quality=60)
    return webp


def _animate(frames: Sequence[Image.Image], making: Making | None, *, quality: int = 80) -> bytes:
    shown_ms = [FRAME_MS] * (len(frames) - 1) + [LAST_FRAME_MS]
    buffer = io.BytesIO()
    frames[0].save(
        buffer,
        "WEBP",
        save_all=True,
        append_images=frames[1:],
        duration=shown_ms,
        loop=0,
        quality=quality,
        **metadata.options(making, "WEBP"),
    )
    return buffer.getvalue()


def _open(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data)) as image:
        return image.convert("RGB")


def _lossy(picture: Image.Image, making: Making | None, quality: int) -> tuple[str, bytes]:
    if max(picture.size) > _WEBP_SIDE_PX:
        return "jpg", _encode(picture, "JPEG", making, quality=quality)
    return "webp", _encode(picture, "WEBP", making, quality=quality)


def _encode(image: Image.Image, kind: str, making: Making | None, **options: Any) -> bytes:  # noqa: ANN401 - of Pillow's encoders
    buffer = io.BytesIO()
    image.save(buffer, kind, **options, **metadata.options(making, kind))
    return buffer.getvalue()
