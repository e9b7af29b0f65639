import dataclasses
import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin
from tests_support import png

import engine
from bot.pictures import containers, grid, metadata
from bot.pictures.making import Making, Program

JOB = engine.DrawJob(
    id="abcdefghijklmnop",
    owner="4242",
    model="doodle",
    prompt=(engine.WeightedText(text="猫 a red cat"), engine.WeightedText(text="hats & <b>")),
    negative="blur",
    steps=20,
    guidance=4.5,
    scheduler="euler",
    loras=(("ink", 0.5),),
    style_codes=(engine.StyleCode(code=77, weight=2.0),),
)
PICTURE = engine.Picture(png=b"", seed=9, width_px=128, height_px=64)


def opened(data):
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def making(job=JOB, **fields):
    told = {
        "position": 2,
        "prompt": "猫 a red cat:: hats & <b> --ar 2:1",
        "canonical": "猫 a red cat:: hats & <b> --ar 2:1",
        "parameters": {"ar": (2, 1), "chaos": 0, "given": ["ar"]},
    }
    return metadata.of(job, PICTURE, **{**told, **fields})


def test_signing_keeps_the_pixels_and_tells_everything():
    told = making()
    signed = metadata.sign(png(), told)
    assert opened(signed).tobytes() == opened(png()).tobytes()
    assert metadata.read(signed) == told
    assert (told.prompt, told.seed, told.picture) == ("猫 a red cat:: hats & <b> --ar 2:1", 9, 2)
    assert told.job_id == JOB.id
    assert told.parameters["ar"] == [2, 1]
    assert told.parameters["drawn_loras"] == [["ink", 0.5]]
    assert told.parameters["drawn_style_codes"] == [[77, 2.0]]


def test_other_programs_find_their_form_in_it():
    text = opened(metadata.sign(png(), making())).text["parameters"]
    assert text.splitlines() == [
        "猫 a red cat hats & <b>",
        "Negative prompt: blur",
        (
            "Steps: 20, Sampler: euler, CFG scale: 4.5, Seed: 9, Size: 128x64, Model: doodle, "
            "Job: abcdefghijklmnop, Version: Darkroom"
        ),
    ]


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "JPEG"])
def test_every_kind_of_file_carries_all_of_it(kind):
    told, buffer = making(), io.BytesIO()
    opened(png()).save(buffer, kind, **metadata.options(told, kind))
    assert metadata.read(buffer.getvalue()) == told
    texts = containers.texts(buffer.getvalue())
    assert "/trainedAlgorithmicMedia</Iptc4xmpExt:DigitalSourceType>" in texts.xmp
    in_its_form = texts.comment or texts.by_keyword["parameters"]
    assert "Steps: 20, Sampler: euler" in in_its_form
    assert in_its_form.startswith("猫 a red cat")
    read_by_pillow = opened(buffer.getvalue())
    assert b"trainedAlgorithmicMedia" in read_by_pillow.info["xmp"]
    if kind != "PNG":
        comment = read_by_pillow.getexif().get_ifd(0x8769)[0x9286]
        assert comment.startswith(b"UNICODE\0")
        assert comment[8:].decode("utf-16-be") == in_its_form


def test_every_step_of_the_upload_ladder_carries_it():
    sheet, told = opened(png((200, 100))), making()
    steps = list(grid.encodings(sheet, told))
    assert {extension for extension, _ in steps} == {"png", "webp"}
    assert [metadata.read(data) for _, data in steps] == [told] * len(steps)
    assert metadata.read(grid.within(sheet, 1, told)[1]) == told


def test_what_is_too_long_for_webp_is_a_jpeg_that_carries_it():
    steps = list(grid.encodings(Image.new("RGB", (16_384, 8)), making()))
    assert {extension for extension, _ in steps} == {"png", "jpg"}
    assert metadata.read(steps[-1][1]) == making()


def test_a_film_carries_it_and_keeps_it_when_it_shrinks():
    noise = [Image.effect_noise((200, 200), 90).convert("RGB") for _ in range(2)]
    frames = []
    for each in noise:
        buffer = io.BytesIO()
        each.save(buffer, "PNG")
        frames.append(buffer.getvalue())
    film = grid.film([frames], making(position=None))
    smaller = grid.film_within(film, len(film) - 1)
    assert len(smaller) < len(film)
    assert metadata.read(film) == metadata.read(smaller) == making(position=None)


def test_a_grid_tells_the_first_seed_and_no_single_picture():
    stored = [
        metadata.sign(png(), dataclasses.replace(making(), picture=at, seed=at)) for at in (1, 2)
    ]
    assert metadata.of_several(stored) == dataclasses.replace(making(), picture=None, seed=1)
    assert metadata.of_several(stored[:1]).picture == 1
    assert metadata.of_several([png()]) is None


def test_a_preview_says_that_a_model_made_it():
    assert "trainedAlgorithmicMedia" in containers.texts(grid.preview([png()])).xmp


LINK = "https://cdn.discordapp.com/attachments/918273645546372819/827364554637281909/a.png?ex=1"


SECRETS = (
    *(b"918273645546372819", b"827364554637281909", b"736455463728190918", b"645546372819091827"),
    *(b"555", b"discord"),
)


def test_nothing_private_gets_in():
    job = dataclasses.replace(
        JOB,
        owner="736455463728190918",
        prompt=(engine.WeightedText(text="a cat for <@!645546372819091827>"),),
    )
    told = making(
        job,
        prompt=f"{LINK} a cat for <@!645546372819091827> in <#555> --sref {LINK} {LINK} --ar 2:1",
        canonical=f"{LINK} a cat for <@!645546372819091827> --sref {LINK} --ar 2:1",
        parameters={"sref": [LINK, "mood"], "cref": LINK, "ar": [2, 1]},
    )
    assert told.prompt == "a cat for in --ar 2:1"
    assert told.canonical == "a cat for --ar 2:1"
    for kind in ("PNG", "WEBP", "JPEG"):
        buffer = io.BytesIO()
        opened(png()).save(buffer, kind, **metadata.options(told, kind))
        for texts in (buffer.getvalue(), *map(str.encode, [str(metadata.read(buffer.getvalue()))])):
            for secret in SECRETS:
                assert secret not in texts


def test_a_private_job_tells_nothing_that_was_asked_for():
    told = making(private=True)
    signed = metadata.sign(png(), told)
    assert metadata.read(signed) == told
    assert (told.prompt, told.words, told.seed, told.parameters) == ("", "", None, {})
    assert b"cat" not in signed
    assert "trainedAlgorithmicMedia" in containers.texts(signed).xmp


def test_an_enlarged_picture_names_the_prompt_it_was_made_from():
    told = making(engine.UpscaleJob(id="a", owner="b", picture=b""), prompt="a cat")
    assert metadata.read(metadata.sign(png(), told)) == told
    assert (told.prompt, told.model, told.steps) == ("a cat", "", None)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "JPEG"])
def test_the_longest_texts_fit_every_kind_of_file(kind):
    long = "&" * 16_000
    told, buffer = making(prompt=long, canonical=long, parameters={"no": long}), io.BytesIO()
    opened(png()).save(buffer, kind, **metadata.options(told, kind))
    assert "trainedAlgorithmicMedia" in containers.texts(buffer.getvalue()).xmp
    assert metadata.read(buffer.getvalue()).job_id == JOB.id


def test_words_that_no_file_can_hold_do_no_harm():
    told = making(prompt="a \ud800 cat\0")
    assert metadata.read(metadata.sign(png(), told)).prompt == "a ? cat"


# Reading what others wrote.


def with_texts(**texts):
    info = PngImagePlugin.PngInfo()
    for name, text in texts.items():
        info.add_itxt(name, text)
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16)).save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


def test_pictures_from_before_the_json_are_read():
    old = "a red cat\nSteps: 20, Sampler: euler, CFG scale: 4, Seed: 7, Size: 8x8, Model: m, Job: x"
    read = metadata.read(with_texts(parameters=old))
    assert (read.program, read.prompt, read.job_id) == (Program.DARKROOM, "a red cat", "x")


@pytest.mark.parametrize(
    "texts",
    [
        {},
        {"parameters": "just words"},
        {"Darkroom": "{"},
        {"Darkroom": '{"version": 2, "program": "Darkroom"}'},
        {"Darkroom": '{"version": 1, "program": "Other"}'},
        {"Darkroom": "[" * 500_000},
        {"prompt": "[" * 500_000},
        {"prompt": '{"1": {"inputs": {"text": "a"}}}', "workflow": "{}"},
    ],
)
def test_what_is_not_understood_is_nothing(texts):
    assert metadata.read(with_texts(**texts)) is None


def test_fields_of_other_types_are_left_out():
    told = {
        "version": 1,
        "program": "Darkroom",
        "prompt": ["a"],
        "seed": "7",
        "steps": -1,
        "guidance": float("inf"),
        "width_px": 1e400,
        "parameters": {"deep": [[[[[]]]]], "map": {"a": 1}, "fine": [1, "a"], "x" * 99: 1},
    }
    assert metadata.read(with_texts(Darkroom=json.dumps(told))) == Making(
        program=Program.DARKROOM, seed=7, parameters={"fine": [1, "a"]}
    )


def test_no_entity_of_xmp_is_expanded():
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>'
    inside = '{"version": 1, "program": "Darkroom", "prompt": "&b;"}'
    xmp = f"{bomb}<darkroom:making>{inside}</darkroom:making>"
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16)).save(buffer, "WEBP", xmp=xmp.encode())
    assert metadata.read(buffer.getvalue()).prompt == "&b;"


SIGNED = metadata.sign(png(), making())
FILES = [SIGNED, *(data for _, data in grid.encodings(opened(png()), making()))]
with io.BytesIO() as _jpeg:
    opened(png()).save(_jpeg, "JPEG", **metadata.options(making(), "JPEG"))
    FILES.append(_jpeg.getvalue())


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(FILES),
    st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), max_size=8),
    st.integers(0, 4000),
)
def test_a_damaged_file_is_read_as_nothing_or_as_something(file, changes, cut):
    data = bytearray(file)
    for place, value in changes:
        data[place % len(data)] = value
    found = metadata.read(bytes(data[: max(len(data) - cut, 0)]))
    assert found is None or isinstance(found, Making)
    if isinstance(found, Making):
        json.dumps(dataclasses.asdict(found))


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF\0\0\0\0WEBP"]), st.binary()
)
def test_any_bytes_are_read_as_nothing_or_as_something(head, rest):
    assert metadata.read(head + rest) is None or isinstance(metadata.read(head + rest), Making)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=5)
    | st.dictionaries(
        st.sampled_from(
            ["1", "2", "inputs", "positive", "negative", "latent_image", "seed", "text", "nodes",
             "links", "id", "type", "widgets_values", "model", "guider", "version", "parameters"]
        ),
        inner,
        max_size=5,
    ),
    max_leaves=40,
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(["Darkroom", "prompt", "workflow"]), JSON)
def test_any_json_is_read_as_nothing_or_as_something(keyword, value):
    found = metadata.read(with_texts(**{keyword: json.dumps(value)}))
    assert found is None or isinstance(found, Making)
