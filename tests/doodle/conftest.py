import tomllib
from dataclasses import replace

import pytest

from doodle import recipe as recipes

TINY = """
name = "tiny"
seed = 1
wide_share = 0.3
[scenes]
subjects = ["cat", "star", "boat"]
colours = ["red", "blue"]
places = ["night", "sea"]
styles = ["flat", "neon"]
counts = [1, 2]
relations = ["above"]
[autoencoder]
channels = [8, 8, 8, 8]
pictures = 24
steps = 2
batch = 4
crop_px = 32
learning_rate = 1e-3
kl_weight = 1e-4
[tokenizer]
vocabulary = 640
[text_encoder]
width = 32
layers = 1
heads = 2
steps = 2
batch = 4
learning_rate = 1e-3
[denoiser]
channels = [32, 32]
pictures = 30
steps = 2
batch = 4
learning_rate = 1e-3
decay_from = 0.5
[judge]
pictures = 24
steps = 2
batch = 4
learning_rate = 1e-3
[pair]
width = 32
layers = 1
heads = 2
pictures = 24
steps = 2
batch = 4
learning_rate = 1e-3
"""


@pytest.fixture(scope="session")
def tiny():
    return recipes.parse(tomllib.loads(TINY))


@pytest.fixture(scope="module")
def few_captions():
    """Let tokenizer and text encoder learn from few captions, and measure the judge on few scenes.

    Tests that train a tiny model need no more, and drawing and reading them takes most of the time.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("doodle.tokenizer.CORPUS_CAPTIONS", 2000)
        patch.setattr("doodle.text_encoder.CAPTIONS", 500)
        patch.setattr("doodle.evaluation.JUDGED_SCENES", 50)
        yield


@pytest.fixture
def other(tiny):
    return replace(tiny, seed=tiny.seed + 1)


@pytest.fixture(scope="session")
def tiny_file(tmp_path_factory):
    file = tmp_path_factory.mktemp("recipe") / "tiny.toml"
    file.write_text(TINY)
    return file
