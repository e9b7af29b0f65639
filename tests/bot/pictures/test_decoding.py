"""A picture that is made to be slow stops nobody's pictures but its own."""

import io
import subprocess
import sys

import pytest
from PIL import Image
from tests_support import png

from bot.errors import InvalidPicture
from bot.pictures import decoder, uploads
from bot.pictures.decoding import Decoding


@pytest.fixture
def decoding():
    made = Decoding()
    yield made
    made.close()


def progressive(side_px, empty_scans):
    """A JPEG whose last scan is repeated; each goes over the whole picture and changes nothing."""
    buffer = io.BytesIO()
    Image.new("L", (side_px, side_px)).save(buffer, "JPEG", progressive=True)
    whole = buffer.getvalue()
    last = whole.rindex(b"\xff\xda")
    return whole[:-2] + whole[last:-2] * empty_scans + whole[-2:]


def test_what_is_decoded_there_is_what_is_decoded_here(decoding):
    for data in (png(), png((4096, 1024)), progressive(64, 3)):
        assert decoding.clean(data) == uploads.clean(data)


@pytest.mark.parametrize(
    "data", [b"hello", png((8, 64)), png()[:100], progressive(64, 200), png((6001, 6000))]
)
def test_it_is_refused_with_the_same_sentence(decoding, data):
    with pytest.raises(InvalidPicture) as here:
        uploads.clean(data)
    with pytest.raises(InvalidPicture) as there:
        decoding.clean(data)
    assert str(there.value) == str(here.value)


def test_a_jpeg_of_a_thousand_empty_passes_is_refused_before_it_is_decoded(monkeypatch):
    monkeypatch.setattr(decoder, "_small", lambda _: pytest.fail("it was decoded"))
    with pytest.raises(InvalidPicture, match="far too many passes"):
        uploads.clean(progressive(600, 1000))


def test_a_decoder_that_does_not_end_is_killed_and_the_next_picture_is_read(monkeypatch):
    decoding = Decoding(time_limit_s=0.2)
    started = subprocess.Popen
    stuck = [sys.executable, "-c", "import time; time.sleep(600)"]
    monkeypatch.setattr(subprocess, "Popen", lambda _, **options: started(stuck, **options))
    with pytest.raises(InvalidPicture, match="takes too long"):
        decoding.clean(png())
    monkeypatch.undo()
    decoding._time_limit_s = 60
    assert decoding.clean(png()) == uploads.clean(png())
    decoding.close()


def test_a_decoder_that_crashed_is_started_again(decoding):
    decoding.clean(png())
    decoding._process.kill()
    decoding._process.wait()
    assert decoding.clean(png())


def test_the_decoder_knows_no_secret(decoding, monkeypatch):
    monkeypatch.setenv("DISCORD_TOKEN", "secret")
    seen = {}
    started = subprocess.Popen
    monkeypatch.setattr(
        subprocess,
        "Popen",
        lambda command, **options: seen.update(options) or started(command, **options),
    )
    decoding.clean(png())
    assert "DISCORD_TOKEN" not in seen["env"]
