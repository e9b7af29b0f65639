"""Pictures on disk, in grids, and jobs as text."""

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tests_support import png

import engine
from bot.errors import InvalidPicture
from bot.jobs import codec as stored
from bot.pictures import grid
from bot.pictures import store as gallery
from bot.pictures.store import Gallery


def encoded(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def opened(data):
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def test_what_is_stored_twice_is_there_once(tmp_path):
    pictures = Gallery(tmp_path)
    first, second = pictures.store(png()), pictures.store(png())
    assert first == second
    assert pictures.load(first) == png()
    assert len(list(tmp_path.rglob("*.*"))) == 1, "no temporary file is left"


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "A" * 64, "g" * 64, "a" * 63])
def test_only_hashes_name_pictures(tmp_path, name):
    with pytest.raises(ValueError, match="SHA-256"):
        Gallery(tmp_path).load(name)


def test_signing_keeps_the_pixels_and_carries_any_text():
    words = "猫 cat\nSteps: 4, Seed: 7"
    signed = gallery.sign(png(), words)
    assert opened(signed).tobytes() == opened(png()).tobytes()
    assert opened(signed).text["parameters"] == words


def test_a_members_picture_is_upright_flat_and_without_metadata():
    image = Image.new("RGBA", (40, 20), (255, 0, 0, 0))
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    exif[0x8825] = {1: "N"}
    cleaned = opened(gallery.clean(encoded(image, "PNG", exif=exif)))
    assert cleaned.mode == "RGB"
    assert cleaned.size == (20, 40)
    assert cleaned.getpixel((0, 0)) == (255, 255, 255), "what was transparent is white"
    assert not cleaned.getexif()


def test_a_large_picture_is_made_smaller_in_its_shape():
    cleaned = opened(gallery.clean(png((4096, 1024))))
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
            gallery.clean(prefix + data)


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


texts = st.text(max_size=30)
drawn = st.builds(
    engine.DrawJob,
    id=texts,
    owner=texts,
    model=texts,
    prompt=st.lists(
        st.builds(engine.WeightedText, text=texts, weight=st.floats(-2, 2)), max_size=3
    ).map(tuple),
    negative=texts,
    seed=st.integers(0, 2**32 - 1),
    images=st.integers(1, 16),
    strength=st.floats(0, 1),
    inputs=st.lists(
        st.builds(engine.InputPicture, data=st.binary(max_size=9), weight=st.floats(0.1, 2)),
        max_size=3,
    ).map(tuple),
    init_use=st.sampled_from(engine.InitUse),
    lane=st.sampled_from(engine.Lane),
    loras=st.lists(st.tuples(texts, st.floats(-1, 1)), max_size=2).map(tuple),
    tile=st.booleans(),
)


@given(drawn)
def test_a_stored_job_comes_back_the_same(job):
    hashes = tuple(str(number) for number, _ in enumerate(job.inputs))
    text = stored.dump(job, hashes)
    assert stored.hashes(text) == hashes
    pictures = dict(zip(hashes, (picture.data for picture in job.inputs), strict=True))
    assert stored.load(text, stored.VERSION, pictures) == job


def test_a_job_stored_before_pictures_could_be_prompts_is_still_read():
    job = engine.DrawJob(id="a", owner="b", model="m", prompt=())
    fields = json.loads(stored.dump(job, ()))
    del fields["image_scale"]
    assert stored.load(json.dumps(fields), 1, {}) == job


def test_a_job_of_another_format_is_refused_with_both_numbers():
    with pytest.raises(stored.StoredJobError, match="format 99, not 2"):
        stored.load("{}", 99, {})
