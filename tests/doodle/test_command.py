import json
import shutil
import signal

import pytest
import torch

from doodle import __main__ as command
from doodle import recipe, weights
from doodle.recipe import RecipeError
from doodle.scenes import Scene, draw

pytestmark = pytest.mark.usefixtures("few_captions")


def run(monkeypatch, *words):
    monkeypatch.setattr("sys.argv", ["doodle", *map(str, words)])
    return command.main()


@pytest.fixture(scope="module")
def trained(tiny_file, few_captions, tmp_path_factory):
    """The folder of weights that a whole run of the tiny recipe has written."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as monkeypatch:
        assert (
            run(
                monkeypatch,
                *("train", "--recipe", tiny_file),
                *("--runs", folder / "runs", "--weights", folder / "weights"),
            )
            == 0
        )
    return folder


def test_a_whole_run_leaves_weights_samples_and_a_plot(trained):
    pipeline = weights.load(trained / "weights")
    assert pipeline("a red cat", num_inference_steps=2, output_type="np").images.shape == (
        *(1, 128, 128),
        3,
    )
    assert (trained / "runs/tiny/losses.png").stat().st_size > 0
    assert list((trained / "runs/tiny").glob("samples-*.png"))
    assert (trained / "weights/clip/preprocessor_config.json").is_file()
    assert (trained / "weights/clip/describe.json").is_file()


def test_resuming_a_finished_run_trains_nothing_again(trained, tiny_file, monkeypatch, capsys):
    words = ("--runs", trained / "runs", "--weights", trained / "again")
    assert run(monkeypatch, "train", "--recipe", tiny_file, "--resume", *words) == 0
    assert "drawing" not in capsys.readouterr().out


def test_the_last_line_of_an_evaluation_is_its_marks(trained, tmp_path, monkeypatch, capsys):
    sheet = tmp_path / "sheet.png"
    words = ("--weights", trained / "weights", "--prompts", 4, "--sheet", sheet)
    assert run(monkeypatch, "evaluate", *words) == 0
    said = capsys.readouterr().out.splitlines()
    marks = json.loads(said[-1])
    assert list(marks) == [
        *("subject", "colour", "place", "style", "all", "count", "relation", "japanese"),
        *("judge", "clip_r1", "described", "kid", "grid_s"),
    ]
    assert sheet.stat().st_size > 0


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
def test_a_missing_file_is_named_in_one_sentence(trained, tmp_path, monkeypatch, capsys, name):
    folder = tmp_path / "weights"
    shutil.copytree(trained / "weights", folder)
    (folder / name).unlink()
    assert run(monkeypatch, "evaluate", "--weights", folder, "--prompts", 1) == 1
    said = capsys.readouterr().err
    assert f"{folder / name} is missing" in said
    assert said.count("\n") == 1


def test_a_truncated_file_is_named_in_one_sentence(trained, tmp_path, monkeypatch, capsys):
    folder = tmp_path / "weights"
    shutil.copytree(trained / "weights", folder)
    part = folder / weights.PARTS[1]
    part.write_bytes(part.read_bytes()[:2000])
    assert run(monkeypatch, "evaluate", "--weights", folder) == 1
    assert f"{part} is damaged" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("evaluate", "--prompts", 0), "argument --prompts: '0' is not possible"),
        (("evaluate", "--prompts", "many"), "argument --prompts: 'many' is not possible"),
        (("evaluate", "--sheet", "no/a.png"), "argument --sheet: there is no directory no"),
        (("scenes", "--count", -1), "argument --count: '-1' is not possible"),
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
def test_asking_for_a_gpu_that_is_not_there_is_one_sentence(monkeypatch, capsys):
    assert run(monkeypatch, "train", "--device", "cuda") == 1
    assert "no GPU" in capsys.readouterr().err


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
    vocabulary = recipe.load("cpu").vocabulary
    for subject in ("cat", "boat"):
        scene = Scene(subject=subject, colour="red", place="night", style="neon")
        assert scene.subject in vocabulary.subjects
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
