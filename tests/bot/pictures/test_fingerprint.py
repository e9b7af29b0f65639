import pytest
from PIL import Image, ImageDraw

from bot.pictures import fingerprint


def drawing(size=(96, 96)):
    picture = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(picture)
    draw.ellipse((size[0] // 8, size[1] // 8, size[0] // 2, size[1] * 3 // 4), "red")
    draw.rectangle((size[0] // 2, size[1] // 2, size[0], size[1]), "navy")
    return picture


@pytest.mark.parametrize("size", [(48, 48), (128, 128), (192, 192)])
def test_another_size_looks_the_same(size):
    one, other = fingerprint.of(drawing()), fingerprint.of(drawing().resize(size))
    assert one.bits_apart(other) <= 3
    assert one.tones_apart(other) <= 2


def test_a_turned_picture_looks_different():
    one, other = (fingerprint.of(picture) for picture in (drawing(), drawing().rotate(90)))
    assert one.bits_apart(other) > 10


def test_colours_tell_apart_what_has_the_same_shapes():
    red, green, blue = drawing().split()
    one, other = fingerprint.of(drawing()), fingerprint.of(Image.merge("RGB", (red, blue, green)))
    assert one.bits_apart(other) <= 20
    assert one.tones_apart(other) > 8


@pytest.mark.parametrize("colour", ["white", "black", "teal"])
def test_a_picture_of_one_colour_has_no_fingerprint(colour):
    assert fingerprint.of(Image.new("RGB", (64, 64), colour)) is None


def test_the_transform_is_the_cosine_transform():
    """A wave of three half turns across and two down has one coefficient."""
    import math

    def wave(x, y):
        across, down = (
            math.cos(math.pi * (at + 0.5) * turns / 32) for at, turns in ((x, 3), (y, 2))
        )
        return 128 + 100 * across * down

    cosines = fingerprint._low_cosines([wave(x, y) for y in range(32) for x in range(32)])
    largest = max(range(64), key=lambda at: abs(cosines[at]))
    assert (largest, round(cosines[largest])) == (3 * 8 + 2, 1600)
    assert sum(abs(value) > 1 for value in cosines) == 1
