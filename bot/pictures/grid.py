"""Four pictures → one 2×2 grid, and the smaller encodings that Discord's upload limit asks for."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence

from PIL import Image

COLUMNS = 2


def grid(pictures: Sequence[bytes]) -> Image.Image:
    """The encoded pictures side by side, two a row, at their full size; one picture stays alone."""
    tiles = [_open(picture) for picture in pictures]
    if len(tiles) == 1:
        return tiles[0]
    width, height = tiles[0].size
    rows = -(-len(tiles) // COLUMNS)
    sheet = Image.new("RGB", (width * COLUMNS, height * rows))
    for index, tile in enumerate(tiles):
        row, column = divmod(index, COLUMNS)
        sheet.paste(
            tile if tile.size == (width, height) else tile.resize((width, height)),
            (column * width, row * height),
        )
    return sheet


def preview(pictures: Sequence[bytes], *, side_px: int = 512) -> bytes:
    """A grid of previews as a small JPEG whose longer side is `side_px`."""
    sheet = grid(pictures)
    scale = side_px / max(sheet.size)
    size = (max(round(sheet.width * scale), 1), max(round(sheet.height * scale), 1))
    return _encode(sheet.resize(size, Image.Resampling.BICUBIC), "JPEG", quality=80)


def encodings(picture: Image.Image) -> Iterator[tuple[str, bytes]]:
    """(file extension, bytes), best first: PNG, then WebP ever smaller."""
    yield "png", _encode(picture, "PNG", optimize=False)
    for quality in (95, 85, 70):
        yield "webp", _encode(picture, "WEBP", quality=quality)
    half = picture
    while min(half.size) > 64:
        half = half.resize((half.width // 2, half.height // 2), Image.Resampling.LANCZOS)
        yield "webp", _encode(half, "WEBP", quality=85)


def within(picture: Image.Image, limit_bytes: int) -> tuple[str, bytes]:
    """The best encoding of at most `limit_bytes`; the smallest there is if none fits."""
    extension, data = "png", b""
    for extension, data in encodings(picture):  # noqa: B007 - the last one is the answer
        if len(data) <= limit_bytes:
            break
    return extension, data


def _open(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data)) as image:
        return image.convert("RGB")


def _encode(image: Image.Image, kind: str, **options: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()
