import json
import shutil
import signal
import tomllib
from random import Random

import pytest
import torch
from safetensors.torch import load_file
from transformers import CLIPModel

from doodle import __main__ as command
from doodle import judge, weights
from doodle.drawing import draw
from doodle.recipe import RecipeError, parse, path
from doodle.scenes import WIDE, Scene, is_held_out
from doodle.training import stages, stock

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation"  # of diffusers' schedulers, with numpy 2
)


def run(monkeypatch, *words):
    monkeypatch.setattr("sys.argv", ["doodle", *map(str, words)])
    return command.main()


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
def run_train(tiny_file, monkeypatch):
    def run_train(*words):
        return run(monkeypatch, "train", *words, "--recipe", tiny_file)

    return run_train


def test_the_last_line_of_an_evaluation_is_its_marks(written, tmp_path, monkeypatch, capsys):
    sheet = tmp_path / "sheet.png"
    words = ("--weights", written, "--prompts", 8, "--sheet", sheet)
    assert run(monkeypatch, "evaluate", *words) == 0
    marks = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert {"all", "free", "diversity_layout", "sharpness", "grid_s", "kilobytes"} <= set(marks)
    assert marks["diversity_pair"] is not None
    assert sheet.stat().st_size > 0


def test_what_ships_is_what_was_trained(trained, tiny, written):
    out, _ = trained
    pipeline = weights.load(written)
    image = pipeline("a red cat", width=64, height=64, num_inference_steps=1).images[0]
    assert image.size == (64, 64)
    for name in (
        "vocabulary.json",
        "clip/describe.json",
        "clip/preprocessor_config.json",
        "recipe.toml",
    ):
        assert (written / name).is_file()
    trained_parts = {
        key: value for file in out.glob("*.safetensors") for key, value in load_file(file).items()
    }
    written = {
        "vae": pipeline.vae,
        "text": pipeline.text_encoder,
        "unet": pipeline.unet,
        "judge": judge.load(tiny.vocabulary, written / "judge.safetensors"),
        "pair": CLIPModel.from_pretrained(written / "clip", local_files_only=True),
    }
    factor = pipeline.vae.config.scaling_factor
    assert factor == pytest.approx(float(trained_parts["vae.scaling_factor"]))
    for part, model in written.items():
        for key, value in model.named_parameters():
            assert torch.equal(value.half(), trained_parts[f"{part}.{key}"].half()), (part, key)


def test_the_command_line_knows_every_stage_and_draws_all_shapes(tiny):
    assert tuple(stages.STAGES) == command.STAGES
    plan = stock.Plan(scenes=command.LEAST_SCENES)
    assert len({size for _, size, _ in plan.jobs}) == 1 + len(WIDE)


def test_what_is_wished_is_passed_on_and_a_stage_that_failed_is_said(
    run_train, wishes, tmp_path, capsys
):
    words = ("--begin-with", tmp_path, "--only", "text", "--scenes", 2000, "--seed", 3, "--eager")
    out = tmp_path / "out"
    assert run_train("--seconds", 5, *words, "--out", out) == 1
    (wish,) = wishes
    assert (wish.seconds, wish.only, wish.begin_with) == (5.0, ("text",), tmp_path)
    assert (wish.plan.scenes, wish.plan.seed, wish.compiled) == (2000, 3, False)
    assert wish.out == out
    said = capsys.readouterr()
    assert f"Nothing can be drawn yet: {out} holds no weights" in said.out
    assert "failed: judge" in said.err


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_a_cpu_takes_fewer_scenes_and_smaller_batches(device, run_train, wishes, tmp_path):
    run_train("--seconds", 5, "--device", device, "--out", tmp_path / "out")
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
def test_wishes_that_cannot_be_met_are_refused_at_once(run_train, wishes, words):
    with pytest.raises(SystemExit):
        run_train(*words)
    assert not wishes


def test_after_a_training_there_is_a_sheet_of_samples(run_train, wishes, trained, tmp_path, capsys):
    out = tmp_path / "out"
    shutil.copytree(trained[0], out)
    assert run_train("--seconds", 5, "--out", out) == 1  # the judge's stage failed
    assert (out / "samples.png").is_file()
    assert (out / "pipeline" / "model_index.json").is_file()


def test_a_contact_sheet_of_scenes(tmp_path, monkeypatch):
    sheet = tmp_path / "sheet.png"
    assert run(monkeypatch, "scenes", "--count", 12, "--sheet", sheet) == 0
    assert sheet.stat().st_size > 0


@pytest.mark.parametrize(
    "name",
    [
        *weights.PARTS,
        "model_index.json",
        "recipe.toml",
        "judge.safetensors",
        "clip/model.safetensors",
    ],
)
def test_a_missing_file_is_named_in_one_sentence(written, tmp_path, monkeypatch, capsys, name):
    folder = tmp_path / "weights"
    shutil.copytree(written, folder)
    (folder / name).unlink()
    assert run(monkeypatch, "evaluate", "--weights", folder, "--prompts", 8) == 1
    said = capsys.readouterr().err
    assert f"{folder / name} is missing" in said
    assert said.count("\n") == 1


def test_a_truncated_file_is_named_in_one_sentence(written, tmp_path, monkeypatch, capsys):
    folder = tmp_path / "weights"
    shutil.copytree(written, folder)
    part = folder / weights.PARTS[1]
    part.write_bytes(part.read_bytes()[:2000])
    assert run(monkeypatch, "evaluate", "--weights", folder) == 1
    assert f"{part} is damaged" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("evaluate", "--prompts", 0), "argument --prompts: 0 is not possible"),
        (("evaluate", "--prompts", "many"), "argument --prompts: 'many' is no whole number."),
        (("evaluate", "--sheet", "no/a.png"), "argument --sheet: there is no directory no"),
        (("scenes", "--count", -1), "argument --count: -1 is not possible"),
        (("scenes", "--wide", "0.001"), "argument --wide: 0.001 is not possible; give 0.25"),
        (("scenes", "--wide", "900"), "argument --wide: 900 is not possible; give 4 or less."),
        (("scenes", "--wide", "nan"), "argument --wide: nan is not possible"),
        (("scenes", "--wide", "abc"), "argument --wide: 'abc' is no number."),
        (("scenes", "--sheet", "a.foo"), "argument --sheet: 'a.foo' names no kind of picture"),
    ],
)
def test_wrong_arguments_are_one_sentence_before_anything_is_drawn(
    monkeypatch, capsys, words, said
):
    with pytest.raises(SystemExit):
        run(monkeypatch, *words)
    assert said in capsys.readouterr().err.splitlines()[-1]


def test_a_sheet_without_a_name_goes_into_a_folder_that_git_ignores(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(monkeypatch, "scenes", "--count", 1) == 0
    assert [path.name for path in (tmp_path / "build").iterdir()] == ["scenes.png"]


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has the GPU it is asked for")
def test_asking_for_a_gpu_that_is_not_there_is_one_sentence(run_train, tmp_path, capsys):
    assert run_train("--seconds", 5, "--device", "cuda", "--out", tmp_path / "out") == 1
    assert "no card" in capsys.readouterr().err


@pytest.mark.parametrize("ends", ["well", "with an error", "by a signal"])
def test_signals_are_handled_afterwards_as_they_were_before(tmp_path, monkeypatch, ends):
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(number) for number in numbers]

    def work(options):
        if ends == "with an error":
            raise RecipeError("no such recipe")
        if ends == "by a signal":
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(command, "scenes", work)
    codes = {"well": 0, "with an error": 1, "by a signal": 130}
    assert run(monkeypatch, "scenes") == codes[ends]
    assert [signal.getsignal(number) for number in numbers] == before


def test_look_prints_what_judge_and_pair_see(tmp_path, monkeypatch, capsys):
    for subject in ("cat", "boat"):
        scene = Scene(subject=subject, colour="red", place="night", style="neon")
        draw(scene, seed=1).save(tmp_path / f"{subject}.png")
    words = ("--text", "a red cat at night, neon", "--text", "a red boat at night, neon")
    assert run(monkeypatch, "look", tmp_path, *words) == 0
    seen = json.loads(capsys.readouterr().out)
    assert seen["files"] == seen["subjects"] == ["boat", "cat"]
    boat, cat = seen["pictures"]
    of_cat, of_boat = seen["texts"]
    assert sum(x * x for x in cat) == pytest.approx(1, abs=1e-4)
    for text, right, wrong in ((of_cat, cat, boat), (of_boat, boat, cat)):
        near = sum(x * y for x, y in zip(text, right, strict=True))
        assert near > sum(x * y for x, y in zip(text, wrong, strict=True))
    assert run(monkeypatch, "look", tmp_path) == 0
    assert json.loads(capsys.readouterr().out) == seen | {"texts": []}
    draw(scene, seed=1, size=(384, 256)).save(tmp_path / "bus.png")  # between the two
    assert run(monkeypatch, "look", tmp_path) == 0
    wide = json.loads(capsys.readouterr().out)
    assert wide["files"] == ["boat", "bus", "cat"]
    assert [wide["subjects"][0], wide["subjects"][2]] == seen["subjects"]


def test_look_says_where_there_are_no_pictures(tmp_path, monkeypatch, capsys):
    for folder in (tmp_path, tmp_path / "none"):
        assert run(monkeypatch, "look", folder) == 1
        assert capsys.readouterr().err == f"There are no .png files in {folder}.\n"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"cat",', '"dragon",', "Nothing draws 'dragon', one of the recipe's subjects"),
        ("counts = [1,", "counts = [7,", "Nothing draws 7, one of the recipe's counts"),
        ("counts = [1, 2, 3]", "counts = []", "The recipe names no counts; choose of: 1, 2, 3."),
        ("counts = [1, 2, 3]", "counts = [1.0]", "Nothing draws 1.0, one of the recipe's counts"),
        ("counts = [1, 2, 3]", "counts = [1, 1]", "counts must be a list in which nothing comes"),
        ("counts = [1, 2, 3]", "counts = [2]", "The recipe's counts must have 1"),
        ("counts = [1, 2, 3]", "counts = {1 = 2}", "counts must be a list"),
        ("seed = 1", f"seed = {'1' * 5000}", "is no recipe: "),
        ("[scenes]", "scenes = 3\n[more]", "is no recipe: 'int' object"),
        ("# channels", "# \udcff", "is no recipe: 'utf-8' codec"),
    ],
)
def test_a_recipe_that_cannot_be_drawn_is_refused(old, new, said, tmp_path, monkeypatch, capsys):
    text = path("doodle").read_text()
    assert old in text
    file = tmp_path / "own.toml"
    file.write_bytes(text.replace(old, new, 1).encode(errors="surrogateescape"))
    assert run(monkeypatch, "scenes", "--recipe", file) == 1
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1


def test_scenes_that_leave_no_choice_are_refused_or_drawn_alone():
    scenes = {"colours": ["red"], "places": ["night"], "styles": ["flat"]}
    raw = tomllib.loads(path("doodle").read_text())
    lone = raw | {"scenes": scenes | {"subjects": ["cat"], "relations": ["on"]}}
    with pytest.raises(RecipeError, match="name another subject"):
        parse(lone)
    (held_out,) = [
        name
        for name in ("cat", "dog", "fish")
        if is_held_out(Scene(subject=name, colour="red", place="night", style="flat"))
    ]
    with pytest.raises(RecipeError, match="All combinations"):
        parse(raw | {"scenes": scenes | {"subjects": [held_out]}})
    both = parse(raw | {"scenes": scenes | {"subjects": ["cat", held_out], "relations": ["on"]}})
    sampled = [both.vocabulary.sample(Random(seed)) for seed in range(12)]
    assert {(scene.subject, scene.second) for scene in sampled} == {("cat", None)}
