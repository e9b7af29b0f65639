from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import CLIPTokenizer

from doodle import text_encoder, weights
from doodle import tokenizer as tokenizers
from doodle.next import __main__ as command
from doodle.next import autoencoder
from doodle.next import denoiser as unets
from doodle.next import recipe as recipes
from doodle.next.timed import denoiser, training
from doodle.next.timed.parts import Parts
from doodle.next.timed.stock import Plan
from doodle.next.timed.training import Wish
from doodle.recipe import RecipeError

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation"  # of diffusers' DPM-Solver, with numpy 2
)

PLAN = Plan(scenes=128, texts=32, tuning=8, chunk=8, text_chunk=16)
SECONDS = 60.0


class Clock:
    """Goes on by a second with each look at it."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        self.now += 1.0
        return self.now


@pytest.fixture(scope="module")
def recipe(tiny_file, tmp_path_factory):
    text = Path(tiny_file).read_text(encoding="utf-8")
    file = tmp_path_factory.mktemp("recipe") / "timed.toml"
    file.write_text(text.replace('["red", "blue"]', '["red", "blue", "green", "pink", "white"]'))
    return recipes.load(str(file))


def run(recipe, out, **more):
    said = []
    wish = Wish(seconds=SECONDS, out=out, plan=PLAN, workers=2, device="cpu", batch=1 / 64, **more)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tokenizers, "CORPUS_CAPTIONS", 500)
        patch.setattr(denoiser, "GUIDANCES", ((2.0, 2.0),))
        patch.setattr(denoiser, "SOUGHT_STEPS", 2)
        patch.setattr(denoiser, "FEW_STEPS", (2,))
        failed = training.train(recipe, wish, say=said.append, clock=Clock())
    return failed, said


@pytest.fixture(scope="module")
def trained(recipe, tmp_path_factory):
    out = tmp_path_factory.mktemp("timed")
    failed, said = run(recipe, out)
    assert failed == [], "\n".join(said)
    return out, said


def steps(said, stage):
    line = next(line for line in said if line.startswith(f"{stage}: done after"))
    return int(line.split()[3])


def test_every_stage_takes_its_share_of_the_seconds_by_the_given_clock(trained):
    _, said = trained
    counts = {stage: steps(said, stage) for stage in training.STAGES}
    assert all(count >= 1 for count in counts.values()), counts
    assert sum(counts.values()) < SECONDS
    assert counts["denoiser"] == max(counts.values())


def test_it_leaves_weights_a_sheet_and_a_pipeline_that_the_engine_loads(trained):
    out, _ = trained
    parts = {key.split(".")[0] for file in out.glob("*.safetensors") for key in load_file(file)}
    assert parts == {"vae", "text", "judge", "pair", "unet", "folded"}
    assert (out / "autoencoder.png").is_file()
    assert not list(out.glob("*.partial"))
    pipeline = weights.load(out / "pipeline")
    image = pipeline("a red cat", width=64, height=64, num_inference_steps=1).images[0]
    assert image.size == (64, 64)
    kept = load_file(out / "small.safetensors")["vae.scaling_factor"]
    assert pipeline.vae.config.scaling_factor == pytest.approx(float(kept))


def test_a_second_training_goes_on_from_the_first_and_what_is_skipped_stays(
    trained, recipe, tmp_path
):
    out, _ = trained
    skip = ("text", "autoencoder", "judge", "pair", "decoder", "folded")
    failed, said = run(recipe, tmp_path, begin_with=out, skip=skip)
    assert failed == [], "\n".join(said)
    assert [line for line in said if ": done after" in line] == [
        f"denoiser: done after {steps(said, 'denoiser')} steps"
    ]
    before, after = (load_file(folder / "small.safetensors") for folder in (out, tmp_path))
    assert before.keys() == after.keys()
    changed = {key.split(".")[0] for key in before if not torch.equal(before[key], after[key])}
    assert changed == {"text"}  # which the denoiser trains along
    first, second = (load_file(folder / "unet-0.safetensors") for folder in (out, tmp_path))
    apart = [float((first[key].float() - second[key].float()).abs().max()) for key in first]
    assert 0 < max(apart) < 0.05  # a few steps at a rate of less than 1e-3, not new weights
    assert (tmp_path / "tokenizer" / "tokenizer.json").read_text() == (
        out / "tokenizer" / "tokenizer.json"
    ).read_text()


def test_a_stage_that_fails_is_told_and_the_next_ones_go_on(trained, recipe, tmp_path, monkeypatch):
    def fails(_):
        raise RuntimeError("no card")

    monkeypatch.setitem(training.STAGES, "judge", fails)
    skip = ("text", "autoencoder", "decoder", "denoiser", "folded")
    failed, said = run(recipe, tmp_path, begin_with=trained[0], skip=skip)
    assert failed == ["judge"]
    assert any("no card" in line for line in said)
    assert steps(said, "pair") >= 1


def test_what_cannot_be_begun_with_is_said(trained, recipe, tmp_path):
    with pytest.raises(RecipeError, match="holds no weights"):
        run(recipe, tmp_path / "out", begin_with=tmp_path)
    with pytest.raises(RecipeError, match="leave out autoencoder"):
        run(recipe, tmp_path / "out", skip=("autoencoder",))
    other = recipes.load("cpu")
    with pytest.raises(RecipeError, match="another recipe"):
        run(other, tmp_path / "out", begin_with=trained[0])


def test_the_training_that_was_begun_fits_the_full_recipe(tmp_path):
    full = recipes.load("full")
    parts = Parts(tmp_path)
    parts.read(command.BEGUN)
    words = CLIPTokenizer.from_pretrained(command.BEGUN / "tokenizer", local_files_only=True)
    assert len(words) == full.tokenizer.vocabulary
    models = {
        "vae": autoencoder.build(full),
        "text": text_encoder.build(full, words),
        "unet": unets.build(full),
    }
    for part, model in models.items():
        before = {key: value.clone() for key, value in model.state_dict().items()}
        parts.give(part, model)
        left = [k for k, v in model.state_dict().items() if torch.equal(v, before[k])]
        assert not [key for key in left if "position_ids" not in key], part
    assert parts.number("vae", "scaling_factor") == pytest.approx(0.367, abs=1e-3)


def test_the_command_line_knows_every_stage_and_passes_on_what_is_wished(
    tiny_file, tmp_path, monkeypatch, capsys
):
    assert tuple(training.STAGES) == command.TIMED
    wishes = []

    def train(recipe, wish, *, say):
        wishes.append((recipe.name, wish))
        say("begun")
        return ["judge"]

    monkeypatch.setattr(training, "train", train)
    words = ["train", "--recipe", str(tiny_file), "--runs", str(tmp_path)]
    more = ["--seconds", "5", "--begin-with", str(tmp_path), "--skip", "text", "--scenes", "64"]
    monkeypatch.setattr("sys.argv", ["next", *words, *more])
    assert command.main() == 1
    ((name, wish),) = wishes
    assert (name, wish.seconds, wish.skip, wish.plan.scenes) == ("tiny", 5.0, ("text",), 64)
    assert (wish.begin_with, wish.out) == (tmp_path, tmp_path / "tiny" / "timed")
    assert "failed: judge" in capsys.readouterr().err

    monkeypatch.setattr("sys.argv", ["next", *words, "--skip", "text"])
    assert command.main() == 1
    assert "go with --seconds" in capsys.readouterr().err
    assert len(wishes) == 1
