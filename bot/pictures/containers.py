"""The texts that a picture's file carries beside its pixels: PNG chunks, EXIF comments, XMP.

Only the file's structure is walked, never a pixel decoded: what hostile files claim of their size
is held to the limits here. Nothing raises.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

PARAMETERS, PROMPT, WORKFLOW, DARKROOM = "parameters", "prompt", "workflow", "Darkroom"
"""Keywords of the PNG texts that tell a making: of Automatic1111, of ComfyUI twice, ours."""
XMP = "XML:com.adobe.xmp"
"""The keyword under which a PNG carries XMP."""
KEYWORDS = frozenset({PARAMETERS, PROMPT, WORKFLOW, DARKROOM, XMP})
MAX_TEXT_BYTES = 1 << 20
"""Of one text, unpacked."""
MAX_PIECES = 10_000
"""Chunks or segments that are looked at."""

_MAKE, _MODEL, _EXIF, _USER_COMMENT = 0x010F, 0x0110, 0x8769, 0x9286
_MAX_TAGS = 500
_EXIF_SEGMENT = b"Exif\0\0"
_XMP_SEGMENT = b"http://ns.adobe.com/xap/1.0/\0"
_NOTHING = memoryview(b"")


@dataclass(slots=True)
class Texts:
    """What was found; the first of each where there are several."""

    by_keyword: dict[str, str] = field(default_factory=dict)
    """Of `KEYWORDS`, XMP apart."""
    comment: str = ""
    """EXIF's UserComment."""
    xmp: str = ""


def texts(data: bytes) -> Texts:
    """The texts of a PNG, JPEG or WebP; none of any other file."""
    found = Texts()
    view = memoryview(data)
    first: dict[bytes, memoryview] = {}  # of each kind of piece, in a JPEG or a WebP
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        _read_png(view, found)
    elif data.startswith(b"\xff\xd8\xff"):
        for marker, body in _segments(view):
            for head in (_EXIF_SEGMENT, _XMP_SEGMENT):
                if marker == 0xE1 and bytes(body[: len(head)]) == head:
                    first.setdefault(head, body)
        _read_exif(first.get(_EXIF_SEGMENT, _NOTHING), found)
        found.xmp = _utf8(first.get(_XMP_SEGMENT, _NOTHING)[len(_XMP_SEGMENT) :])
    elif data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        for name, body in _chunks(view, 12, "<4sI"):
            first.setdefault(name, body)
        _read_exif(first.get(b"EXIF", _NOTHING), found)
        found.xmp = _utf8(first.get(b"XMP ", _NOTHING))
    return found


# Pieces of a file.


def _chunks(view: memoryview, at: int, form: str) -> Iterator[tuple[bytes, memoryview]]:
    """(kind, body) of the chunks of a PNG or a WebP, as far as they are whole.

    form: "<4sI" where the kind stands before the length, ">I4s" where after it.
    """
    riff = form.startswith("<")
    for _ in range(MAX_PIECES):
        if at + 8 > len(view):
            return
        first, second = struct.unpack_from(form, view, at)
        kind, length = (first, second) if riff else (second, first)
        body = view[at + 8 : at + 8 + length]
        if len(body) < length:
            return
        yield kind, body
        at += 8 + length + (length % 2 if riff else 4)  # padding, or a checksum


def _segments(view: memoryview) -> Iterator[tuple[int, memoryview]]:
    """(marker, body) of the segments of a JPEG before its first scan."""
    at = 2
    for _ in range(MAX_PIECES):
        if at + 4 > len(view) or view[at] != 0xFF:
            return
        marker, (length,) = view[at + 1], struct.unpack_from(">H", view, at + 2)
        if marker == 0xFF:  # fill
            at += 1
            continue
        body = view[at + 4 : at + 2 + length]
        if marker in (0xD9, 0xDA) or length < 2 or len(body) < length - 2:
            return
        yield marker, body
        at += 2 + length


# Texts in them. Only the first of a kind is read, whatever is in it: a file may repeat one that
# takes long ten thousand times.


def _read_png(view: memoryview, found: Texts) -> None:
    met: set[str] = set()
    for kind, body in _chunks(view, 8, ">I4s"):
        if kind == b"IEND":
            return
        if kind == b"eXIf" and "eXIf" not in met:
            met.add("eXIf")
            _read_exif(body, found)
        if kind not in (b"tEXt", b"zTXt", b"iTXt") or len(body) > MAX_TEXT_BYTES:
            continue
        name, mark, rest = bytes(body).partition(b"\0")
        keyword = name.decode("latin-1")
        if not mark or keyword not in KEYWORDS or keyword in met:
            continue
        met.add(keyword)
        if keyword == XMP:
            found.xmp = _png_text(kind, rest)
        else:
            found.by_keyword[keyword] = _png_text(kind, rest)


def _png_text(kind: bytes, rest: bytes) -> str:
    """What stands behind the keyword; empty where it is damaged or too long."""
    if kind == b"tEXt":
        return rest.decode("latin-1")
    if kind == b"zTXt":
        return _inflated(rest[1:]).decode("latin-1")
    packed, pieces = rest[:1] == b"\1", rest[2:].split(b"\0", 2)
    if len(pieces) < 3 or (packed and rest[1:2] != b"\0"):  # the only method there is
        return ""
    return _utf8(_inflated(pieces[2]) if packed else pieces[2])


def _inflated(packed: bytes) -> bytes:
    unpacking = zlib.decompressobj()
    try:
        text = unpacking.decompress(packed, MAX_TEXT_BYTES)
    except zlib.error:
        return b""
    return text if unpacking.eof else b""


def _utf8(body: bytes | memoryview) -> str:
    return "" if len(body) > MAX_TEXT_BYTES else bytes(body).decode("utf-8", "replace")


# EXIF: a TIFF of tags.


def _read_exif(body: memoryview, found: Texts) -> None:
    """UserComment, where Automatic1111 writes; Make and Model, where ComfyUI does in a WebP."""
    if len(body) > MAX_TEXT_BYTES:
        return
    tiff = bytes(body).removeprefix(_EXIF_SEGMENT)
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None or len(tiff) < 8:
        return
    first = _tags(tiff, struct.unpack_from(f"{order}I", tiff, 4)[0], order, (_MAKE, _MODEL, _EXIF))
    for tag in (_MAKE, _MODEL):
        keyword, mark, text = _utf8(first.get(tag, b"")).rstrip("\0").partition(":")
        if mark and keyword in (PROMPT, WORKFLOW):
            found.by_keyword.setdefault(keyword, text)
    where = first.get(_EXIF, b"")
    if len(where) == 4 and not found.comment:
        at = struct.unpack(f"{order}I", where)[0]
        found.comment = _comment(_tags(tiff, at, order, (_USER_COMMENT,)).get(_USER_COMMENT, b""))


def _tags(tiff: bytes, at: int, order: str, wanted: Collection[int]) -> dict[int, bytes]:
    """The bytes of the wanted tags of the directory at `at`."""
    found: dict[int, bytes] = {}
    if at + 2 > len(tiff):
        return found
    count = struct.unpack_from(f"{order}H", tiff, at)[0]
    for place in range(at + 2, at + 2 + 12 * min(count, _MAX_TAGS), 12):
        if place + 12 > len(tiff):
            break
        tag, kind, length = struct.unpack_from(f"{order}HHI", tiff, place)
        size = length * {1: 1, 2: 1, 4: 4, 7: 1}.get(kind, 0)
        start = place + 8 if size <= 4 else struct.unpack_from(f"{order}I", tiff, place + 8)[0]
        if tag in wanted and tag not in found and 0 < size <= len(tiff) - start:
            found[tag] = tiff[start : start + size]
    return found


def _comment(raw: bytes) -> str:
    """EXIF 2.3's UserComment: eight bytes name the character code.

    Programs do not agree on the order of UTF-16's bytes: the one in which more of them are ASCII.
    """
    code, text = raw[:8], raw[8:]
    if code != b"UNICODE\0":
        return text.decode("utf-8", "replace").strip("\0")
    big = text[0::2].count(0) >= text[1::2].count(0)
    return text.decode("utf-16-be" if big else "utf-16-le", "replace").strip("\0")
