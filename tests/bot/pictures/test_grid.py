import io

import pytest
from PIL import Image, ImageChops, ImageSequence
from tests_support import png

from bot.pictures import grid


def opened(data):
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def as_png(image):
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def test_four_pictures_stand_two_by_two_in_reading_order():
    colours = ["red", "lime", "blue", "white"]
    sheet = grid.grid([png((10, 6), colour) for colour in colours])
    assert sheet.size == (20, 12)
    corners = [sheet.getpixel(at) for at in ((0, 0), (19, 0), (0, 11), (19, 11))]
    assert corners == [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)]


def test_the_best_encoding_that_fits_is_taken():
    noise = Image.effect_noise((256, 256), 90).convert("RGB")
    whole = len(grid.within(noise, 10**9)[1])
    extension, data = grid.within(noise, 10**9)
    assert extension == "png"
    for limit in (whole - 1, whole // 4, whole // 16):
        extension, data = grid.within(noise, limit)
        assert extension == "webp"
        assert len(data) <= limit


def test_a_preview_has_the_shape_of_its_grid():
    preview = opened(grid.preview([png((24, 16))] * 4))
    assert preview.format == "JPEG"
    assert preview.size == (512, 341)


def test_a_blurred_preview_shows_colours_and_no_shapes():
    stripes = Image.new("RGB", (64, 64), "white")
    for x in range(0, 64, 2):
        stripes.paste("black", (x, 0, x + 1, 64))
    buffer = io.BytesIO()
    stripes.save(buffer, "PNG")
    low, high = (
        opened(grid.preview([buffer.getvalue()] * 4, blurred=True)).convert("L").getextrema()
    )
    assert high - low < 20
    blurred = opened(grid.preview([png((64, 64), "red")] * 4, blurred=True))
    assert blurred.size == (512, 512)
    red, green, blue = blurred.getpixel((100, 100))
    assert red > 200
    assert max(green, blue) < 60


def noise(seed, size=(96, 96)):
    return png(size, (seed * 40 % 256, seed * 90 % 256, seed * 10 % 256))


def test_a_film_shows_all_pictures_in_each_of_its_frames():
    film = opened(grid.film([[noise(f + p) for f in range(3)] for p in range(4)]))
    assert film.format == "WEBP"
    assert (film.size, film.n_frames) == ((192, 192), 3)


def test_pictures_with_different_counts_of_frames_make_no_film():
    with pytest.raises(ValueError, match="zip"):
        grid.film([[png()] * 2, [png()] * 3])


def test_a_film_that_is_too_large_keeps_its_frames_at_half_its_size():
    frames = [Image.effect_noise((256, 256), 90 + step) for step in range(3)]
    encoded = []
    for frame in frames:
        buffer = io.BytesIO()
        frame.convert("RGB").save(buffer, "PNG")
        encoded.append(buffer.getvalue())
    film = grid.film([encoded])
    smaller = grid.film_within(film, len(film) // 3)
    assert len(smaller) <= len(film) // 3
    with Image.open(io.BytesIO(smaller)) as image:
        assert image.size == (128, 128)
        assert len(list(ImageSequence.Iterator(image))) == 3
    assert grid.film_within(film, len(film)) == film


def test_a_film_that_is_a_little_too_large_keeps_its_size_at_a_lower_quality():
    frames = [noisy((128, 128)) for _ in range(6)]
    film = grid.film([frames])
    smaller = grid.film_within(film, len(film) - 1)
    assert len(smaller) < len(film)
    with Image.open(io.BytesIO(smaller)) as picture:
        assert (picture.size, picture.n_frames) == ((128, 128), 6)


def test_frames_of_other_sizes_are_brought_to_the_last_ones():
    film = grid.film([[noisy((32, 16)), noisy((32, 16)), noisy((1024, 512))]])
    with Image.open(io.BytesIO(film)) as picture:
        assert (picture.size, picture.n_frames) == ((512, 256), 3)


def test_many_previews_stand_in_about_as_many_columns_as_rows():
    with Image.open(io.BytesIO(grid.preview([noisy((32, 32))] * 60))) as picture:
        assert picture.size == (512, 512)


def noisy(size):
    buffer = io.BytesIO()
    Image.effect_noise(size, 90).convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()


def test_of_a_blurred_picture_only_some_colours_are_left():
    """Two that differ in every detail, and not in the colours of their parts, are then the same."""
    ones = Image.new("L", (64, 64))
    ones.putdata([255 * ((x + y) % 2) for y in range(64) for x in range(64)])
    others = ImageChops.invert(ones)
    first, second = (as_png(each.convert("RGB")) for each in (ones, others))
    assert first != second
    assert grid.blurred(first) == grid.blurred(second)
