import os

import pytest
from tests_support import png

from bot.pictures.store import TEMPORARY, PictureStore


def test_what_is_stored_twice_is_there_once(tmp_path):
    pictures = PictureStore(tmp_path)
    first, second = pictures.store(png()), pictures.store(png())
    assert first == second
    assert pictures.load(first) == png()
    assert len(list(tmp_path.rglob("*.*"))) == 1, "no temporary file is left"


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "A" * 64, "g" * 64, "a" * 63])
def test_only_hashes_name_pictures(tmp_path, name):
    with pytest.raises(ValueError, match="SHA-256"):
        PictureStore(tmp_path).load(name)


def test_a_film_is_kept_under_its_own_suffix(tmp_path):
    pictures = PictureStore(tmp_path)
    film = pictures.store(b"frames", suffix=".webp")
    assert pictures.load(film, suffix=".webp") == b"frames"
    with pytest.raises(FileNotFoundError):
        pictures.load(film)


def test_what_a_killed_writer_left_is_cleared_once_it_is_old(tmp_path):
    pictures = PictureStore(tmp_path)
    kept = pictures.store(png())
    folder = tmp_path / kept[:2]
    old, young = folder / f"{TEMPORARY}old", folder / f"{TEMPORARY}young"
    for file in (old, young):
        file.write_bytes(b"half a picture")
    os.utime(old, (0, 0))
    assert pictures.clear_temporary(older_than_s=3600) == 1
    assert [old.exists(), young.exists()] == [False, True]
    assert pictures.load(kept) == png()
