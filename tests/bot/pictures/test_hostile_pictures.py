"""Pictures made to do harm: floods of pixels, lying headers, formats within formats, odd EXIF."""

import io
import struct
import zlib

import pytest
from PIL import Image
from tests_support import png

from bot.errors import InvalidPicture
from bot.pictures import decoder, uploads


def encoded(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_of(width, height, packed, *before, bits=8, colours=2):
    head = struct.pack(">IIBBBBB", width, height, bits, colours, 0, 0, 0)
    pieces = (chunk(b"IHDR", head), *before, chunk(b"IDAT", packed), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(pieces)


def gif_of(width, height):
    data = bytearray(encoded(Image.new("P", (16, 16)), "GIF"))
    data[6:10] = struct.pack("<HH", width, height)
    return bytes(data)


FLOODS = {
    "a PNG of 3.6 gigapixels": png_of(60_000, 60_000, zlib.compress(b"\0" * 1000)),
    "a PNG of 2^62 pixels": png_of(2**31 - 1, 2**31 - 1, b""),
    "a PNG as wide as it may be": png_of(2**31 - 1, 16, b""),
    "a PNG of one colour, highly packed": png_of(
        12_000, 12_000, zlib.compress(b"\0" * (12_000 * 1501), 9), bits=1, colours=0
    ),
    "a GIF of 4 gigapixels": gif_of(65_535, 65_535),
    "a JPEG of 4 gigapixels": encoded(Image.new("RGB", (16, 16)), "JPEG").replace(
        b"\x00\x10\x00\x10\x03", b"\xff\xff\xff\xff\x03"
    ),
}


@pytest.mark.parametrize("flood", FLOODS)
def test_a_flood_of_pixels_is_refused_from_its_header(flood, monkeypatch):
    monkeypatch.setattr(decoder, "_small", lambda _: pytest.fail("it was decoded"))
    with pytest.raises(InvalidPicture, match=r"pixels|not a picture"):
        uploads.clean(FLOODS[flood])


def test_a_png_with_more_pixels_than_its_header_says_holds_no_more():
    inside = zlib.compress(b"\0" * 50_000_000, 9)
    with Image.open(io.BytesIO(uploads.clean(png_of(16, 16, inside)))) as cleaned:
        assert cleaned.size == (16, 16)


@pytest.mark.parametrize("name", [b"iCCP", b"zTXt", b"iTXt"])
def test_what_unpacks_to_too_much_beside_the_pixels_is_not_unpacked(name):
    bomb = zlib.compress(b"\0" * 100_000_000, 9)
    data = {
        b"iCCP": b"p\0\0" + bomb,
        b"zTXt": b"parameters\0\0" + bomb,
        b"iTXt": b"parameters\0\1\0\0\0" + bomb,
    }[name]
    rows = zlib.compress(b"".join(b"\0" + b"\xff\0\0" * 16 for _ in range(16)))
    try:
        cleaned = uploads.clean(png_of(16, 16, rows, chunk(name, data)))
    except InvalidPicture:
        return
    with Image.open(io.BytesIO(cleaned)) as shown:
        assert shown.getpixel((3, 3)) == (255, 0, 0)
        assert "icc_profile" not in shown.info and not shown.text


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_of_many_frames_only_the_first_is_decoded(kind, monkeypatch):
    frames = [Image.new("RGB", (24, 24), (shade, 0, 0)) for shade in range(200)]
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
    monkeypatch.setattr(Image.Image, "seek", lambda *_: pytest.fail("another frame was asked for"))
    with Image.open(io.BytesIO(uploads.clean(data))) as cleaned:
        assert cleaned.size == (24, 24)
        assert getattr(cleaned, "n_frames", 1) == 1


@pytest.mark.parametrize(
    "kind", ["BMP", "TIFF", "ICO", "PPM", "PCX", "TGA", "PDF", "EPS", "JPEG2000", "AVIF", "DDS"]
)
def test_other_formats_are_not_even_tried(kind):
    try:
        data = encoded(Image.new("RGB", (32, 32)), kind)
    except (KeyError, OSError):
        pytest.skip(f"this Pillow writes no {kind}")
    with pytest.raises(InvalidPicture, match="not a picture"):
        uploads.clean(data)


@pytest.mark.parametrize(
    "data",
    [
        b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 16 16\n(/etc/passwd) (r) file",
        b"push graphic-context\nimage over 0,0 0,0 'https://127.0.0.1/'\npop graphic-context",
        b"\0\0\1\0\1\0\x10\x10" + png(),
        b"PK\3\4" + png(),
    ],
    ids=["SVG", "EPS", "MVG", "a PNG in an ICO", "a PNG in a ZIP"],
)
def test_formats_that_lead_elsewhere_or_hold_others_are_no_pictures(data):
    with pytest.raises(InvalidPicture, match="not a picture"):
        uploads.clean(data)


def test_what_stands_behind_a_picture_is_not_kept():
    hidden = b"<?php evil ?>" + b"PK\3\4"
    for kind in ("PNG", "JPEG", "WEBP", "GIF"):
        cleaned = uploads.clean(encoded(Image.new("RGB", (32, 32)), kind) + hidden)
        assert b"php" not in cleaned and cleaned.startswith(b"\x89PNG")


def exif(entries, *, offset=8, next_=0):
    """A TIFF directory: (tag, type, count, value) each."""
    body = struct.pack("<H", len(entries))
    for entry in entries:
        body += struct.pack("<HHII", *entry)
    return b"Exif\0\0II*\0" + struct.pack("<I", offset) + body + struct.pack("<I", next_)


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # Pillow says what it skips
@pytest.mark.parametrize(
    "block",
    [
        exif([(0x0112, 3, 1, 99)]),
        exif([(0x0112, 3, 1, 0)]),
        exif([(0x0112, 2, 4, 0x41414141)]),
        exif([(0x0112, 5, 1, 8)]),
        exif([(0x0112, 3, 2**31, 8)]),
        exif([(0x0112, 250, 1, 6)]),
        exif([(0x8769, 4, 1, 8)]),
        exif([(0x8769, 4, 1, 2**31)]),
        exif([(0x8825, 4, 1, 8)], next_=8),
        exif([(0x0112, 3, 1, 6)] * 2000),
        exif([], offset=2**31),
        b"Exif\0\0",
        b"Exif\0\0II*\0\xff",
    ],
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_odd_exif_changes_nothing_or_is_refused(kind, block):
    data = encoded(Image.new("RGB", (40, 20), "red"), kind, exif=block)
    try:
        cleaned = uploads.clean(data)
    except InvalidPicture:
        return
    with Image.open(io.BytesIO(cleaned)) as shown:
        assert shown.size in {(40, 20), (20, 40)}
        assert not shown.getexif()
