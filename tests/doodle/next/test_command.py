import json
import shutil
from dataclasses import replace

import pytest
import torch
from diffusers import AutoencoderKL

from doodle.next import __main__ as command
from doodle.next import autoencoder, evaluation, latents, recipe
from doodle.next.judge import Judge
from doodle.training import Run
from doodle.weights import WEIGHTS

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation"  # of diffusers' DPM-Solver, with numpy 2
)

STAGES = ("autoencoder", "text", "latents", "decoder", "denoiser", "judge", "pair")


def run(monkeypatch, *words):
    monkeypatch.setattr("sys.argv", ["next", *map(str, words)])
    return command.main()


@pytest.fixture(scope="module")
def trained(tiny_file, tmp_path_factory):
    """The folder of runs in which every stage of the tiny recipe has been trained."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("doodle.tokenizer.CORPUS_CAPTIONS", 1000)
        patch.setattr("doodle.next.latents.CHUNK", 8)
        for stage in STAGES:
            words = ("--stage", stage, "--recipe", tiny_file, "--runs", folder)
            assert run(patch, "train", *words) == 0
        yield folder


def test_every_stage_leaves_its_checkpoint_and_the_last_weights_are_a_pipeline(trained):
    for name in ("autoencoder_finished", "text_encoder", "decoder", "denoiser", "judge", "pair"):
        assert (trained / "tiny" / f"{name}.pt").is_file()
    assert (trained / "tiny" / "preview" / "model_index.json").is_file()
    for name in ("judge.safetensors", "vocabulary.json", "clip/describe.json"):
        assert (trained / "tiny" / "preview" / name).is_file()
    assert (trained / "tiny" / "preview" / "clip" / "preprocessor_config.json").is_file()
    assert list((trained / "tiny").glob("grids-*.png"))


def test_the_latents_are_16_times_smaller_and_of_several_shapes(trained, tiny):
    run = Run(folder=trained / "tiny", fingerprint=tiny.fingerprint, resume=True)
    buckets = latents.load(run)
    assert sum(len(bucket.latents) for bucket in buckets) == 16
    for bucket in buckets:
        channels, *side = bucket.latents.shape[1:]
        assert channels == 4
        assert tuple(sorted(side)) in {(32, 32), (32, 48), (32, 56)}


def test_a_trained_run_is_measured_and_the_last_line_is_its_marks(
    trained, tiny_file, monkeypatch, capsys
):
    words = ("--recipe", tiny_file, "--runs", trained, "--prompts", 8)
    assert run(monkeypatch, "evaluate", *words) == 0
    marks = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert {"all", "free", "diversity_layout", "sharpness", "grid_s", "kilobytes"} <= set(marks)


def test_an_autoencoder_begins_with_an_earlier_one_where_their_shapes_agree(tiny):
    own = AutoencoderKL.from_pretrained(WEIGHTS / "vae", local_files_only=True).float()
    same = autoencoder.build(recipe.load("cpu"))
    autoencoder.begin_with(same, own)
    assert all(
        torch.equal(same.state_dict()[key], value) for key, value in own.state_dict().items()
    )

    narrow = autoencoder.build(tiny)
    before = {key: value.clone() for key, value in narrow.state_dict().items()}
    autoencoder.begin_with(narrow, own)
    assert torch.equal(narrow.post_quant_conv.weight, own.post_quant_conv.weight)
    assert torch.equal(narrow.encoder.conv_in.weight, before["encoder.conv_in.weight"])


def test_more_latents_begin_as_those_that_there_were_and_unused_ones():
    own = AutoencoderKL.from_pretrained(WEIGHTS / "vae", local_files_only=True).float()
    more = autoencoder.build(recipe.load("full"))
    had = own.config.latent_channels
    assert had < more.config.latent_channels
    autoencoder.begin_with(more, own)
    pictures = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1)) * 2 - 1
    with torch.no_grad():
        before, after = (each.encode(pictures).latent_dist for each in (own, more))
        torch.testing.assert_close(after.mean[:, :had], before.mean)
        torch.testing.assert_close(after.logvar[:, :had], before.logvar)
        assert after.mean[:, had:].std() > 0
        drawn, again = own.decode(before.mean).sample, more.decode(after.mean).sample
    torch.testing.assert_close(again, drawn)


def test_the_decoder_is_trained_without_a_change_to_the_latents(trained, tiny):
    state = torch.load(trained / "tiny" / "decoder.pt", weights_only=True)["model"]
    fixed = torch.load(trained / "tiny" / "autoencoder_finished.pt", weights_only=True)["model"]
    for key, value in fixed.items():
        same = torch.equal(value, state[key])
        assert same == key.startswith(("encoder", "quant_conv")), key


def test_an_autoencoder_can_be_fixed_early_but_once_alone(
    trained, tiny_file, tmp_path, monkeypatch, capsys
):
    (tmp_path / "tiny").mkdir()
    shutil.copy(trained / "tiny" / "autoencoder.pt", tmp_path / "tiny")
    words = ("--recipe", tiny_file, "--runs", tmp_path)
    assert run(monkeypatch, "freeze", *words) == 0
    fixed = tmp_path / "tiny" / "autoencoder_finished.pt"
    state = torch.load(fixed, weights_only=True)
    whole = torch.load(trained / "tiny" / "autoencoder_finished.pt", weights_only=True)
    assert state["scaling_factor"] == whole["scaling_factor"]
    assert all(torch.equal(state["model"][key], whole["model"][key]) for key in whole["model"])
    written = fixed.read_bytes()
    assert run(monkeypatch, "freeze", *words) == 1
    assert "fixed already" in capsys.readouterr().err
    assert fixed.read_bytes() == written


def test_an_encoder_that_is_not_finished_is_said_in_one_sentence(
    tiny_file, tmp_path, monkeypatch, capsys
):
    words = ("--stage", "latents", "--recipe", tiny_file, "--runs", tmp_path)
    assert run(monkeypatch, "train", *words) == 1
    said = capsys.readouterr().err
    assert "no finished autoencoder" in said
    assert said.count("\n") == 1


def test_a_run_may_be_made_longer_but_its_model_may_not_change(tiny):
    longer = replace(tiny, denoiser=replace(tiny.denoiser, steps=9, learning_rate=1.0))
    wider = replace(tiny, denoiser=replace(tiny.denoiser, channels=(64, 64)))
    assert longer.fingerprint("denoiser") == tiny.fingerprint("denoiser")
    assert wider.fingerprint("denoiser") != tiny.fingerprint("denoiser")
    assert wider.fingerprint("latents-0001") == tiny.fingerprint("latents-0001")


def test_prompts_for_tuning_are_not_those_reported():
    vocabulary = recipe.load("cpu").vocabulary
    both = [
        {s.words() for s in evaluation.held_out_scenes(vocabulary, 400, tuning=t)}
        for t in (False, True)
    ]
    assert len(both[0]) == len(both[1]) == 400
    assert not both[0] & both[1]


def test_free_prompts_ask_for_what_there_is():
    vocabulary = recipe.load("full").vocabulary
    found = evaluation.free_prompts()
    assert len({each.prompt for each in found}) == len(found) == 200
    possible = Judge(vocabulary).questions
    for each in found:
        for name, value in each.asked.items():
            assert value in (*map(str, possible[name]), "many"), each


@pytest.mark.parametrize(
    ("asked", "right"),
    [
        ({"subject": "cat"}, True),
        ({"subject": "cat", "count": "many"}, True),
        ({"subject": "cat", "count": "3"}, False),
        ({"subject": "cat", "place": "sea"}, False),
    ],
)
def test_a_free_prompt_is_met_where_all_that_it_names_is_seen(asked, right):
    wanted = evaluation.Wanted(prompt="", asked=asked)
    assert wanted.met_by({"subject": "cat", "count": 2, "place": "night"}) == right


def test_diversity_is_one_for_fresh_scenes_and_nothing_for_copies():
    vocabulary = recipe.load("cpu").vocabulary
    scenes = evaluation.held_out_scenes(vocabulary, 3)
    fresh = evaluation.drawn([s for s in scenes for _ in range(4)], seed=5).pixels

    class Draws:
        def __init__(self, pictures):
            self.prompts = lambda _: pictures

    layout, pair = evaluation.diversity(Draws(fresh), scenes, None)
    assert 0.7 < layout < 1.4
    assert pair is None
    assert evaluation.diversity(Draws(fresh[[0] * 4 + [4] * 4 + [8] * 4]), scenes, None)[0] == 0
