import pytest

pytest.importorskip("skia", reason="the scenes need skia and libGL", exc_type=ImportError)

from doodle import recipe as recipes
from doodle import shipping
from doodle import tokenizer as tokenizers
from doodle.training import stages
from doodle.training.stock import Plan

SECONDS = 100.0
PLAN = Plan(scenes=128, texts=32, chunk=8, text_chunk=16)

TINY = """
name = "tiny"
seed = 1
[scenes]
subjects = ["cat", "star", "boat"]
colours = ["red", "blue", "green", "pink", "white"]
places = ["night", "sea"]
styles = ["flat", "neon"]
counts = [1, 2]
relations = ["on"]
[autoencoder]
channels = [8, 8, 8, 8]
latents = 4
[tokenizer]
vocabulary = 640
[text_encoder]
width = 32
layers = 1
heads = 2
[denoiser]
channels = [32, 32, 32]
[pair]
width = 32
layers = 1
heads = 2
"""


@pytest.fixture(scope="session")
def tiny_file(tmp_path_factory):
    file = tmp_path_factory.mktemp("recipe") / "tiny.toml"
    file.write_text(TINY)
    return file


@pytest.fixture(scope="session")
def tiny(tiny_file):
    return recipes.load(str(tiny_file))


class Clock:
    """Goes on by a second with each look at it."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        self.now += 1.0
        return self.now


@pytest.fixture(scope="session")
def train():
    """Train for so many seconds of a clock that goes on by a second with each look at it."""

    def run(recipe, out, **more):
        said = []
        wish = stages.Wish(
            out=out,
            **{"seconds": SECONDS, "plan": PLAN, "workers": 2, "batch": 1 / 64, "compiled": False}
            | more,
        )
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(tokenizers, "CORPUS_CAPTIONS", 500)
            failed = stages.train(recipe, wish, say=said.append, clock=Clock())
        return failed, said

    return run


@pytest.fixture(scope="session")
def trained(train, tiny, tmp_path_factory):
    """The folder of a training of all stages, and what it said."""
    out = tmp_path_factory.mktemp("trained")
    failed, said = train(tiny, out)
    assert failed == [], "\n".join(said)
    return out, said


@pytest.fixture(scope="session")
def written(trained, tiny_file, tmp_path_factory):
    """The folder of weights as they ship, of that training."""
    folder = tmp_path_factory.mktemp("written") / "weights"
    shipping.write(str(tiny_file), trained[0], folder)
    return folder
