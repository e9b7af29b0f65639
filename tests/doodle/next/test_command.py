import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import CLIPModel

from doodle import weights
from doodle.next import __main__ as command
from doodle.next import evaluation, judge, recipe, shipping
from doodle.next.judge import Judge
from doodle.next.pictures import WIDE
from doodle.next.training import stages, stock

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation"  # of diffusers' DPM-Solver, with numpy 2
)


@pytest.fixture
def run(tiny_file, monkeypatch):
    def run(*words):
        given = (*words, "--recipe", tiny_file)
        monkeypatch.setattr("sys.argv", ["next", *map(str, given)])
        return command.main()

    return run


@pytest.fixture
def wishes(monkeypatch):
    """What is wished of a training, which is not begun."""
    found = []

    def train(_, wish, *, say):
        found.append(wish)
        say("begun")
        return ["judge"]

    monkeypatch.setattr(stages, "train", train)
    return found


@pytest.fixture
def unjudged(trained, tmp_path):
    """A copy of the training without a judge."""
    folder = tmp_path / "unjudged"
    shutil.copytree(trained[0], folder)
    states = load_file(folder / "small.safetensors")
    kept = {key: value for key, value in states.items() if not key.startswith("judge.")}
    save_file(kept, folder / "small.safetensors")
    return folder


def test_a_training_is_measured_and_the_last_line_is_its_marks(trained, run, tmp_path, capsys):
    sheet = tmp_path / "sheet.png"
    assert run("evaluate", "--weights", trained[0], "--prompts", 8, "--sheet", sheet) == 0
    marks = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert {"all", "free", "diversity_layout", "sharpness", "grid_s", "kilobytes"} <= set(marks)
    assert marks["diversity_pair"] is not None
    assert sheet.is_file()


def test_what_ships_is_what_was_trained(trained, tiny, tmp_path):
    out, _ = trained
    (tmp_path / "clip").mkdir()
    (tmp_path / "clip" / "old.json").touch()
    shipping.write(tiny, out, tmp_path)
    pipeline = weights.load(tmp_path)
    image = pipeline("a red cat", width=64, height=64, num_inference_steps=1).images[0]
    assert image.size == (64, 64)
    for name in ("vocabulary.json", "clip/describe.json", "clip/preprocessor_config.json"):
        assert (tmp_path / name).is_file()
    assert not (tmp_path / "clip" / "old.json").exists()
    trained_parts = {
        key: value for file in out.glob("*.safetensors") for key, value in load_file(file).items()
    }
    written = {
        "vae": pipeline.vae,
        "text": pipeline.text_encoder,
        "unet": pipeline.unet,
        "judge": judge.load(tiny.vocabulary, tmp_path / "judge.safetensors"),
        "pair": CLIPModel.from_pretrained(tmp_path / "clip", local_files_only=True),
    }
    factor = pipeline.vae.config.scaling_factor
    assert factor == pytest.approx(float(trained_parts["vae.scaling_factor"]))
    for part, model in written.items():
        for key, value in model.named_parameters():
            assert torch.equal(value.half(), trained_parts[f"{part}.{key}"].half()), (part, key)


def test_what_is_not_trained_yet_is_said_in_one_sentence(run, unjudged, tmp_path, capsys):
    for folder, words in ((tmp_path, "holds no weights"), (unjudged, "has no judge")):
        assert run("evaluate", "--weights", folder) == 1
        said = capsys.readouterr().err.splitlines()[-1]
        assert words in said


def test_the_command_line_knows_every_stage_and_draws_all_shapes(tiny):
    assert tuple(stages.STAGES) == command.STAGES
    plan = stock.Plan(scenes=command.LEAST_SCENES)
    assert len({size for _, size, _ in plan.jobs}) == 1 + len(WIDE)


def test_what_is_wished_is_passed_on_and_a_stage_that_failed_is_said(run, wishes, tmp_path, capsys):
    words = ("--begin-with", tmp_path, "--only", "text", "--scenes", 2000, "--seed", 3, "--eager")
    out = tmp_path / "out"
    assert run("train", "--seconds", 5, *words, "--out", out) == 1
    (wish,) = wishes
    assert (wish.seconds, wish.only, wish.begin_with) == (5.0, ("text",), tmp_path)
    assert (wish.plan.scenes, wish.plan.seed, wish.compiled) == (2000, 3, False)
    assert wish.out == out
    said = capsys.readouterr()
    assert f"Nothing can be drawn yet: {out} holds no weights" in said.out
    assert "failed: judge" in said.err


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_a_cpu_takes_fewer_scenes_and_smaller_batches(device, run, wishes, tmp_path):
    run("train", "--seconds", 5, "--device", device, "--out", tmp_path / "out")
    (wish,) = wishes
    usual = command.USUAL[device]
    assert (wish.plan.scenes, wish.batch) == (usual["scenes"], usual["batch"])
    assert wish.compiled


@pytest.mark.parametrize(
    "words",
    [
        ("--seconds", "0"),
        ("--seconds", "nan"),
        ("--seconds", "9", "--scenes", "100"),
        ("--seconds", "9", "--batch", "0"),
        ("--seconds", "9", "--device", "mps"),
        ("--seconds", "9", "--only", "folded"),
    ],
)
def test_wishes_that_cannot_be_met_are_refused_at_once(run, wishes, words):
    with pytest.raises(SystemExit):
        run("train", *words)
    assert not wishes


def test_after_a_training_there_is_a_sheet_of_samples(run, wishes, trained, tmp_path, capsys):
    out = tmp_path / "out"
    shutil.copytree(trained[0], out)
    assert run("train", "--seconds", 5, "--out", out) == 1  # the judge's stage failed
    assert (out / "samples.png").is_file()
    assert (out / "pipeline" / "model_index.json").is_file()


def test_prompts_for_tuning_are_not_those_reported():
    vocabulary = recipe.load("next").vocabulary
    both = [
        {s.words() for s in evaluation.held_out_scenes(vocabulary, 400, tuning=t)}
        for t in (False, True)
    ]
    assert len(both[0]) == len(both[1]) == 400
    assert not both[0] & both[1]


def test_free_prompts_ask_for_what_there_is():
    vocabulary = recipe.load("next").vocabulary
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
    vocabulary = recipe.load("next").vocabulary
    scenes = evaluation.held_out_scenes(vocabulary, 3)
    fresh = evaluation.drawn([s for s in scenes for _ in range(4)], seed=5).pixels

    class Draws:
        def __init__(self, pictures):
            self.prompts = lambda _: pictures

    layout, pair = evaluation.diversity(Draws(fresh), scenes, None)
    assert 0.7 < layout < 1.4
    assert pair is None
    assert evaluation.diversity(Draws(fresh[[0] * 4 + [4] * 4 + [8] * 4]), scenes, None)[0] == 0
