from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file
from transformers import CLIPTokenizer

from doodle import text_encoder
from doodle.next import __main__ as command
from doodle.next import autoencoder
from doodle.next import denoiser as unets
from doodle.next import recipe as recipes
from doodle.next.training import stages
from doodle.next.training.parts import Parts
from doodle.recipe import RecipeError

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation"  # of diffusers' DPM-Solver, with numpy 2
)


def steps(said, stage):
    line = next(line for line in said if line.startswith(f"{stage}: done after"))
    return int(line.split()[3])


def test_every_stage_takes_its_share_of_the_seconds_by_the_given_clock(trained):
    _, said = trained
    counts = {stage: steps(said, stage) for stage in stages.STAGES}
    assert all(count >= 1 for count in counts.values()), counts
    assert sum(counts.values()) < 60
    assert counts["denoiser"] == max(counts.values())


def test_it_leaves_weights_and_a_sheet(trained):
    out, _ = trained
    parts = {key.split(".")[0] for file in out.glob("*.safetensors") for key in load_file(file)}
    assert parts == {"vae", "text", "judge", "pair", "unet", "folded"}
    assert (out / "autoencoder.png").is_file()
    assert not list(out.glob("*.partial"))


def test_a_second_training_goes_on_from_the_first_and_what_is_skipped_stays(
    train, trained, tiny, tmp_path
):
    out, _ = trained
    skip = ("text", "autoencoder", "judge", "pair", "decoder", "folded")
    failed, said = train(tiny, tmp_path, begin_with=out, skip=skip)
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


def test_a_stage_that_fails_is_told_and_the_next_ones_go_on(
    train, trained, tiny, tmp_path, monkeypatch
):
    def fails(_):
        raise RuntimeError("no card")

    monkeypatch.setitem(stages.STAGES, "judge", fails)
    skip = ("text", "autoencoder", "decoder", "denoiser", "folded")
    failed, said = train(tiny, tmp_path, begin_with=trained[0], skip=skip)
    assert failed == ["judge"]
    assert any("no card" in line for line in said)
    assert steps(said, "pair") >= 1


def test_what_cannot_be_begun_with_is_said(train, trained, tiny, tmp_path):
    with pytest.raises(RecipeError, match="holds no weights"):
        train(tiny, tmp_path / "out", begin_with=tmp_path)
    with pytest.raises(RecipeError, match="leave out autoencoder"):
        train(tiny, tmp_path / "out", skip=("autoencoder",))
    other = replace(tiny, denoiser=recipes.Denoiser(channels=(64, 64, 64)))
    with pytest.raises(RecipeError, match="another recipe"):
        train(other, tmp_path / "out", begin_with=trained[0])


def test_the_training_that_was_begun_fits_the_recipe():
    full = recipes.load("doodle")
    parts = Parts(command.BEGUN)
    parts.read()
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
