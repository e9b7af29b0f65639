import json

import pytest
from safetensors.torch import load_file

from doodle import weights
from doodle.next import __main__ as command
from doodle.next import evaluation, judge, recipe, shipping
from doodle.next.judge import Judge
from doodle.next.training import stages

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation"  # of diffusers' DPM-Solver, with numpy 2
)


@pytest.fixture
def run(tiny_file, tmp_path, monkeypatch):
    def run(*words):
        given = (*words, "--recipe", tiny_file, "--runs", tmp_path)
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


def test_a_training_is_measured_and_the_last_line_is_its_marks(trained, run, tmp_path, capsys):
    assert run("evaluate", "--weights", trained[0], "--prompts", 8) == 0
    marks = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert {"all", "free", "diversity_layout", "sharpness", "grid_s", "kilobytes"} <= set(marks)
    assert marks["diversity_pair"] is not None
    assert (tmp_path / "tiny" / "evaluation.png").is_file()


def test_what_ships_is_what_the_engine_and_the_bot_load(trained, tiny, tmp_path):
    out, _ = trained
    shipping.write(tiny, out, tmp_path)
    pipeline = weights.load(tmp_path)
    image = pipeline("a red cat", width=64, height=64, num_inference_steps=1).images[0]
    assert image.size == (64, 64)
    kept = load_file(out / "small.safetensors")["vae.scaling_factor"]
    assert pipeline.vae.config.scaling_factor == pytest.approx(float(kept))
    judge.load(tiny.vocabulary, tmp_path / "judge.safetensors")
    for name in ("vocabulary.json", "clip/describe.json", "clip/preprocessor_config.json"):
        assert (tmp_path / name).is_file()


def test_what_is_not_trained_yet_is_said_in_one_sentence(run, tmp_path, capsys):
    begun = tmp_path / "begun"
    begun.mkdir()
    assert run("evaluate", "--weights", begun) == 1
    said = capsys.readouterr().err
    assert "holds no weights" in said
    assert said.count("\n") == 1


def test_a_training_without_a_judge_cannot_be_measured(run, trained, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(judge, "save", lambda *_: None)
    assert run("evaluate", "--weights", trained[0]) == 1
    assert "train the stage `judge` first" in capsys.readouterr().err


def test_the_command_line_knows_every_stage():
    assert tuple(stages.STAGES) == command.STAGES


def test_what_is_wished_is_passed_on_and_a_stage_that_failed_is_said(run, wishes, tmp_path, capsys):
    words = ("--begin-with", tmp_path, "--skip", "text", "--scenes", 64, "--seed", 3, "--eager")
    assert run("train", "--seconds", 5, *words) == 1
    (wish,) = wishes
    assert (wish.seconds, wish.skip, wish.begin_with) == (5.0, ("text",), tmp_path)
    assert (wish.plan.scenes, wish.plan.seed, wish.compiled) == (64, 3, False)
    assert wish.out == tmp_path / "tiny"
    assert "failed: judge" in capsys.readouterr().err


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_a_cpu_takes_fewer_scenes_and_smaller_batches(device, run, wishes):
    run("train", "--seconds", 5, "--device", device)
    (wish,) = wishes
    usual = command.USUAL["cpu" if device == "cpu" else "card"]
    assert (wish.plan.scenes, wish.batch, wish.compiled) == (
        usual["scenes"],
        usual["batch"],
        True,
    )


def test_prompts_for_tuning_are_not_those_reported():
    vocabulary = recipe.load("doodle").vocabulary
    both = [
        {s.words() for s in evaluation.held_out_scenes(vocabulary, 400, tuning=t)}
        for t in (False, True)
    ]
    assert len(both[0]) == len(both[1]) == 400
    assert not both[0] & both[1]


def test_free_prompts_ask_for_what_there_is():
    vocabulary = recipe.load("doodle").vocabulary
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
    vocabulary = recipe.load("doodle").vocabulary
    scenes = evaluation.held_out_scenes(vocabulary, 3)
    fresh = evaluation.drawn([s for s in scenes for _ in range(4)], seed=5).pixels

    class Draws:
        def __init__(self, pictures):
            self.prompts = lambda _: pictures

    layout, pair = evaluation.diversity(Draws(fresh), scenes, None)
    assert 0.7 < layout < 1.4
    assert pair is None
    assert evaluation.diversity(Draws(fresh[[0] * 4 + [4] * 4 + [8] * 4]), scenes, None)[0] == 0
