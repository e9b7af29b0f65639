import struct
import tracemalloc
import zlib

import pytest

from bot.pictures import containers
from bot.pictures.containers import MAX_PIECES, MAX_TEXT_BYTES, Texts

PNG = b"\x89PNG\r\n\x1a\n"


def chunk(kind, body, length=None):
    length = len(body) if length is None else length
    return struct.pack(">I4s", length, kind) + body + b"\0\0\0\0"


def parameters(kind, text):
    if kind == "tEXt":
        return chunk(b"tEXt", b"parameters\0" + text)
    if kind == "zTXt":
        return chunk(b"zTXt", b"parameters\0\0" + zlib.compress(text, 9))
    packed = zlib.compress(text, 9) if kind == "packed" else text
    flag = b"\1" if kind == "packed" else b"\0"
    return chunk(b"iTXt", b"parameters\0" + flag + b"\0en\0x\0" + packed)


KINDS = ["tEXt", "zTXt", "iTXt", "packed"]


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_png_text_is_read(kind):
    assert containers.texts(PNG + parameters(kind, b"a cat")).by_keyword == {"parameters": "a cat"}


@pytest.mark.parametrize("kind", ["zTXt", "packed"])
def test_a_text_that_unpacks_to_too_much_is_left_packed(kind):
    bomb = PNG + parameters(kind, b"\0" * 300_000_000)
    assert len(bomb) < 400_000
    tracemalloc.start()
    found = containers.texts(bomb)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.by_keyword == {"parameters": ""}
    assert most < 8 * MAX_TEXT_BYTES


@pytest.mark.parametrize("name", [b"parameters", containers.XMP.encode()])
def test_of_many_texts_of_a_name_one_is_unpacked_though_it_is_too_much(name, monkeypatch):
    unpacked, inflate = [], containers._inflated
    monkeypatch.setattr(containers, "_inflated", lambda b: unpacked.append(b) or inflate(b))
    bomb = zlib.compress(bytes(MAX_TEXT_BYTES + 50), 9)
    found = containers.texts(PNG + 100 * chunk(b"iTXt", name + b"\0\1\0\0\0" + bomb))
    assert len(unpacked) == 1
    assert not any(found.by_keyword.values())
    assert not found.xmp


def test_an_unknown_way_of_packing_is_not_unpacked():
    body = b"parameters\0\1\1\0\0" + zlib.compress(b"a cat")
    assert containers.texts(PNG + chunk(b"iTXt", body)).by_keyword == {"parameters": ""}


@pytest.mark.parametrize(
    "data",
    [
        PNG + 50 * chunk(b"eXIf", b"II*\0"),
        b"\xff\xd8" + 50 * b"\xff\xe1\0\x0cExif\0\0II*\0",
        b"RIFF\0\0\0\0WEBP" + 50 * b"EXIF\4\0\0\0II*\0",
    ],
)
def test_of_many_directories_of_tags_one_is_read(data, monkeypatch):
    read = []
    monkeypatch.setattr(containers, "_read_exif", lambda body, _: read.append(bytes(body)))
    containers.texts(data)
    assert len(read) == 1
    assert read[0].endswith(b"II*\0")


@pytest.mark.parametrize("kind", KINDS)
def test_a_text_that_is_too_long_is_not_read(kind):
    data = PNG + parameters(kind, bytes(range(32, 127)) * 12_000)
    assert not containers.texts(data).by_keyword.get("parameters")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        PNG,
        PNG + chunk(b"tEXt", b"parameters\0a", length=2**32 - 1),
        PNG + chunk(b"tEXt", b"parameters"),
        PNG + chunk(b"iTXt", b"parameters\0\1"),
        PNG + chunk(b"zTXt", b"parameters\0\0not packed"),
        PNG + chunk(b"IEND", b"") + parameters("tEXt", b"behind the end"),
        b"\xff\xd8\xff\xe1\x00\x00",
        b"\xff\xd8\xff\xe1\xff\xffExif\0\0",
        b"\xff\xd8" + b"\xff" * 1000,
        b"RIFF\0\0\0\0WEBPEXIF\xff\xff\xff\xffII*\0",
        b"GIF89a",
    ],
)
def test_what_is_cut_short_or_lies_about_its_length_says_nothing(data):
    found = containers.texts(data)
    assert not any(found.by_keyword.values())
    assert (found.comment, found.xmp) == ("", "")


def test_only_so_many_pieces_are_looked_at():
    many = PNG + chunk(b"abCd", b"") * MAX_PIECES
    assert containers.texts(many + parameters("tEXt", b"a")) == Texts()
    few = PNG + chunk(b"abCd", b"") * (MAX_PIECES - 1)
    assert containers.texts(few + parameters("tEXt", b"a")).by_keyword == {"parameters": "a"}


def exif(comment, order="<", offset=None):
    """A TIFF with a UserComment."""
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8)
    first = struct.pack(f"{order}HHHII I".replace(" ", ""), 1, 0x8769, 4, 1, offset or 26, 0)
    second = struct.pack(f"{order}HHHIII", 1, 0x9286, 7, len(comment), 44, 0)
    return head + first + second + comment


def webp(kind, body):
    return b"RIFF\0\0\0\0WEBP" + struct.pack("<4sI", kind, len(body)) + body


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("code", ["utf-16-be", "utf-16-le"])
def test_a_comment_is_read_in_both_orders_of_bytes(order, code):
    comment = b"UNICODE\0" + "猫 Steps: 20".encode(code)
    assert containers.texts(webp(b"EXIF", exif(comment, order))).comment == "猫 Steps: 20"


def test_a_comment_may_be_ascii_or_nameless():
    for code in (b"ASCII\0\0\0", b"\0" * 8):
        assert containers.texts(webp(b"EXIF", exif(code + b"a cat"))).comment == "a cat"


@pytest.mark.parametrize("offset", [8, 10, 43, 60, 2**32 - 1])
def test_a_directory_that_leads_nowhere_or_to_itself_says_nothing(offset):
    assert containers.texts(webp(b"EXIF", exif(b"\0" * 12, offset=offset))).comment == ""
