import io

from PIL import Image
from tests_support import png

import engine
from bot.pictures import metadata


def opened(data):
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def test_signing_keeps_the_pixels_and_carries_any_text():
    words = "猫 cat\nSteps: 4, Seed: 7"
    signed = metadata.sign(png(), words)
    assert opened(signed).tobytes() == opened(png()).tobytes()
    assert opened(signed).text["parameters"] == words


def test_parameters_have_the_form_that_other_programs_read():
    job = engine.DrawJob(
        id="a",
        owner="b",
        model="doodle",
        prompt=(engine.WeightedText(text="a red cat"), engine.WeightedText(text="hats")),
        negative="blur",
        steps=20,
        guidance=4.5,
        scheduler="euler",
    )
    picture = engine.Picture(png=b"", seed=7, width_px=128, height_px=64)
    assert metadata.parameters(job, picture, prompt="typed").splitlines() == [
        "a red cat hats",
        "Negative prompt: blur",
        "Steps: 20, Sampler: euler, CFG scale: 4.5, Seed: 7, Size: 128x64, Model: doodle, Job: a",
    ]


def test_an_enlarged_picture_names_the_prompt_it_was_made_from():
    job = engine.UpscaleJob(id="a", owner="b", picture=b"")
    picture = engine.Picture(png=b"", seed=0, width_px=256, height_px=256)
    assert metadata.parameters(job, picture, prompt="a cat") == "a cat\nSize: 256x256, Job: a"
