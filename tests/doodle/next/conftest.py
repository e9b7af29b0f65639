import pytest

pytest.importorskip("skia", reason="the scenes need skia and libGL", exc_type=ImportError)

from doodle.next import recipe as recipes

TINY = """
name = "tiny"
seed = 1
[scenes]
subjects = ["cat", "star", "boat"]
colours = ["red", "blue"]
places = ["night", "sea"]
styles = ["flat", "neon"]
counts = [1, 2]
relations = ["on"]
[autoencoder]
channels = [8, 8, 8, 8]
latents = 4
steps = 2
batch = 4
learning_rate = 1e-3
kl_weight = 1e-4
[decoder]
steps = 2
learning_rate = 1e-3
[tokenizer]
vocabulary = 640
[text_encoder]
width = 32
layers = 1
heads = 2
steps = 2
batch = 4
learning_rate = 1e-3
[latents]
pictures = 16
wide_share = 0.5
[denoiser]
channels = [32, 32, 32]
steps = 2
batch = 4
learning_rate = 1e-3
decay_from = 0.5
[judge]
steps = 2
batch = 4
learning_rate = 1e-3
[pair]
width = 32
layers = 1
heads = 2
steps = 2
batch = 8
learning_rate = 1e-3
"""


@pytest.fixture(scope="session")
def tiny_file(tmp_path_factory):
    file = tmp_path_factory.mktemp("recipe") / "tiny.toml"
    file.write_text(TINY)
    return file


@pytest.fixture(scope="session")
def tiny(tiny_file):
    return recipes.load(str(tiny_file))
