import shutil
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from doodle import autoencoder, shipping, text_encoder, weights
from doodle import denoiser as unets
from doodle import pair as pairs
from doodle import recipe as recipes
from doodle import tokenizer as tokenizers
from doodle.recipe import RecipeError
from doodle.training import course, pictures, stages
from doodle.training.parts import Parts

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation"  # of diffusers' schedulers, with numpy 2
)


def steps(said, stage):
    line = next(line for line in said if line.startswith(f"{stage}: done after"))
    return int(line.split()[3])


def test_every_stage_takes_its_share_of_the_seconds_by_the_given_clock(trained):
    _, said = trained
    counts = {stage: steps(said, stage) for stage in stages.STAGES}
    assert all(count >= 1 for count in counts.values()), counts
    assert sum(counts.values()) < 100
    assert counts["denoiser"] == max(counts.values())


def test_it_leaves_weights_and_a_sheet(trained):
    out, _ = trained
    parts = {key.split(".")[0] for file in out.glob("*.safetensors") for key in load_file(file)}
    assert parts == {"vae", "text", "judge", "pair", "unet"}
    assert (out / "autoencoder.png").is_file()
    assert not list(out.glob("*.partial"))


def test_a_second_training_goes_on_from_the_first_and_the_other_parts_stay(
    train, trained, tiny, tmp_path
):
    out, _ = trained
    failed, said = train(tiny, tmp_path, begin_with=out, only=("denoiser",))
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


def tower(folder):
    """The text tower of a training's pair."""
    pair = load_file(folder / "pair.safetensors")
    return {k: v for k, v in pair.items() if k.startswith("pair.text_model.")}


def text_encoder_of(folder):
    """A training's text encoder, by the names that it has in a pair."""
    text = load_file(folder / "small.safetensors")
    state = {k.removeprefix("text."): v for k, v in text.items() if k.startswith("text.")}
    return {f"pair.{k}": v for k, v in pairs.text_tower(state).items()}


def equal(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def test_a_pair_reads_by_the_text_encoder_of_its_own_training(
    train, trained, tiny, tmp_path, monkeypatch
):
    """Anew or on from an earlier one, and though it computes in bf16."""
    assert not equal(text_encoder_of(trained[0]), tower(trained[0])), "the denoiser trained it on"
    monkeypatch.setattr(course, "_fast_in_bf16", lambda *_, **__: True)
    for name, begin_with in (("anew", None), ("on", trained[0])):
        out = tmp_path / name
        failed, said = train(tiny, out, begin_with=begin_with, only=("text", "pair"), seconds=20.0)
        assert failed == [], "\n".join(said)
        assert equal(tower(out), text_encoder_of(out)), name
    assert not equal(tower(out), tower(trained[0]))


def test_a_pair_that_is_trained_alone_keeps_its_text_tower(
    train, trained, tiny, tmp_path, monkeypatch
):
    """Also where the text encoder was to be trained before it, and failed."""

    def fails(_):
        raise RuntimeError("no card")

    monkeypatch.setitem(stages.STAGES, "text", fails)
    for only, wanted in ((("pair",), []), (("text", "pair"), ["text"])):
        out = tmp_path / f"{len(only)}"
        failed, said = train(tiny, out, begin_with=trained[0], only=only, seconds=20.0)
        assert failed == wanted, "\n".join(said)
        assert steps(said, "pair") >= 1
        assert equal(tower(out), tower(trained[0]))


def test_a_stage_that_fails_is_told_and_the_next_ones_go_on(
    train, trained, tiny, tmp_path, monkeypatch
):
    def fails(_):
        raise RuntimeError("no card")

    monkeypatch.setitem(stages.STAGES, "judge", fails)
    failed, said = train(tiny, tmp_path, begin_with=trained[0], only=("judge", "pair"))
    assert failed == ["judge"]
    assert any("no card" in line for line in said)
    assert steps(said, "pair") >= 1


def test_what_cannot_be_begun_with_is_said(train, trained, tiny, tmp_path):
    with pytest.raises(RecipeError, match="holds no weights"):
        train(tiny, tmp_path / "out", begin_with=tmp_path)
    with pytest.raises(RecipeError, match="takes the weights of autoencoder: give them"):
        train(tiny, tmp_path / "out", only=("decoder",))
    with pytest.raises(RecipeError, match="has no tokenizer"):
        (tmp_path / "bare").mkdir()
        shutil.copy(trained[0] / "small.safetensors", tmp_path / "bare")
        train(tiny, tmp_path / "out", begin_with=tmp_path / "bare")
    other = replace(tiny, denoiser=recipes.Denoiser(channels=(64, 64, 64)))
    with pytest.raises(RecipeError, match="another recipe"):
        train(other, tmp_path / "out", begin_with=trained[0])
    assert not (tmp_path / "out").exists()


def test_an_earlier_training_is_not_written_over_but_may_be_gone_on_with(
    train, trained, tiny, tmp_path
):
    out = tmp_path / "out"
    shutil.copytree(trained[0], out)
    before = {file.name: file.read_bytes() for file in out.glob("*.safetensors")}
    for begin_with in (None, trained[0]):
        with pytest.raises(RecipeError, match="holds an earlier training"):
            train(tiny, out, only=("text",), begin_with=begin_with)
    assert {file.name: file.read_bytes() for file in out.glob("*.safetensors")} == before
    failed, _ = train(tiny, out, only=("judge",), begin_with=out)
    assert failed == []
    after = {file.name: file.read_bytes() for file in out.glob("*.safetensors")}
    assert [name for name in after if after[name] != before[name]] == ["small.safetensors"]


def test_the_decoder_alone_leaves_the_encoder_as_it_is(train, trained, tiny, tmp_path, monkeypatch):
    """Even where it computes in bf16. Six of ten latents are those that the denoiser guesses."""
    real, counts = pictures.guessed, []

    def counting(course, noise, latents, ids):
        counts.append(len(latents))
        return real(course, noise, latents, ids)

    monkeypatch.setattr(pictures, "guessed", counting)
    monkeypatch.setattr(course, "_fast_in_bf16", lambda *_, **__: True)
    failed, said = train(tiny, tmp_path, begin_with=trained[0], only=("decoder",), seconds=10.0)
    assert failed == [], "\n".join(said)
    before, after = (load_file(folder / "small.safetensors") for folder in (trained[0], tmp_path))
    changed = {key for key in before if not torch.equal(before[key], after[key])}
    assert changed
    assert all(key.startswith(("vae.decoder.", "vae.post_quant_conv.")) for key in changed), changed
    assert counts == [5] * steps(said, "decoder")  # of eight


def test_without_a_denoiser_the_decoder_learns_from_pictures_alone(train, tiny, tmp_path):
    failed, said = train(tiny, tmp_path, only=("autoencoder", "decoder"), seconds=20.0)
    assert failed == [], "\n".join(said)
    assert steps(said, "decoder") >= 1


def test_everything_can_be_trained_in_bf16_on_a_cpu(train, tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(course, "_fast_in_bf16", lambda *_, **__: True)
    failed, said = train(tiny, tmp_path)
    assert failed == [], "\n".join(said)


def test_a_stage_without_time_for_a_step_has_failed_and_keeps_nothing(train, tiny, tmp_path):
    failed, said = train(tiny, tmp_path, seconds=1.0, only=("text",))
    assert failed == ["text"]
    assert "give more --seconds" in "\n".join(said)
    assert not list(tmp_path.glob("*.safetensors"))


def test_a_training_may_begin_with_what_ships():
    full = recipes.load("doodle")
    parts = Parts(weights.WEIGHTS)
    parts.read()
    words = tokenizers.load(weights.WEIGHTS / "tokenizer")
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


def test_a_pipeline_may_be_written_anew_by_the_recipe_within_it(trained, tiny_file, tmp_path):
    shipping.write(str(tiny_file), trained[0], tmp_path / "pipeline")
    recipe = tmp_path / "pipeline" / "recipe.toml"
    before = sorted(each.name for each in recipe.parent.iterdir())
    shipping.write(str(recipe), trained[0], recipe.parent)
    assert recipe.read_text() == tiny_file.read_text()
    assert sorted(each.name for each in recipe.parent.iterdir()) == before
