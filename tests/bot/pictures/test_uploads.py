import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tests_support import png

from bot.errors import InvalidPicture
from bot.pictures import uploads


def encoded(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def opened(data):
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def test_a_members_picture_is_upright_flat_and_without_metadata():
    image = Image.new("RGBA", (40, 20), (255, 0, 0, 0))
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    exif[0x8825] = {1: "N"}
    cleaned = opened(uploads.clean(encoded(image, "PNG", exif=exif)))
    assert cleaned.mode == "RGB"
    assert cleaned.size == (20, 40)
    assert cleaned.getpixel((0, 0)) == (255, 255, 255), "what was transparent is white"
    assert not cleaned.getexif()


def test_a_large_picture_is_made_smaller_in_its_shape():
    cleaned = opened(uploads.clean(png((4096, 1024))))
    assert cleaned.size == (2048, 512)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_picture_or_a_sentence(data):
    for prefix in (
        b"",
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff",
        b"GIF89a",
        b"RIFF\x00\x00\x00\x00WEBP",
    ):
        with pytest.raises(InvalidPicture):
            uploads.clean(prefix + data)
