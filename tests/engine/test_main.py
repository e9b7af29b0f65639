from __future__ import annotations

import argparse
import dataclasses
import logging
from pathlib import Path

import pytest
from PIL import Image

from engine.__main__ import _check_out, _fit, _parser, main
from engine.fake import FAKE_MODEL

ENTRY = """
[sd]
title = "Tiny"
path = "{path}"
family = "sd"
size_px = 64
size_step_px = 16
min_side_px = 32
steps = 3
guidance = 5.0
"""
MISSING = """
[gone]
title = "Gone"
path = "nowhere"
hub_id = "somebody/gone"
family = "sd"
"""


@pytest.fixture
def call(tmp_path, weights, monkeypatch, capsys):
    """A function: arguments → exit status and stderr, with one tiny model and one not fetched."""
    (tmp_path / "models.toml").write_text(ENTRY.format(path=weights("sd")) + MISSING)
    monkeypatch.chdir(tmp_path)
    # As in a terminal: no handlers but those that the command installs itself.
    monkeypatch.setattr(logging.getLogger(), "handlers", [])

    def run(*arguments):
        status = main(arguments)
        return status, capsys.readouterr().err

    return run


def test_a_prompt_is_drawn_to_a_file(call, tmp_path):
    status, said = call("draw", "a cat", "--device", "cpu", "--images", "3", "--out", "out.png")
    assert status == 0
    assert "Tiny on cpu" in said and "out.png" in said
    with Image.open(tmp_path / "out.png") as grid:
        assert grid.size == (128, 128)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--steps", "0"), "0 steps were asked for; 1 to 150 are possible."),
        (("--images", "0"), "0 pictures were asked for; 1 to 16 are possible."),
        (("--guidance", "-1"), "The guidance -1.0 is outside 0 to 50."),
        (("--out", "no/grid.png"), "There is no directory no for grid.png; make it."),
        (
            ("--out", "grid.tar"),
            "'grid.tar' names no kind of picture; end it in .png, .jpg or .webp.",
        ),
        (("--out", "grid"), "'grid' names no kind of picture; end it in .png, .jpg or .webp."),
        (("--model", "dalle"), "There is no model 'dalle'; there are sd, gone."),
    ],
)
def test_what_cannot_be_drawn_is_refused_and_never_replaced(call, tmp_path, arguments, sentence):
    status, said = call("draw", "a cat", "--device", "cpu", *arguments)
    assert status == 1
    assert said.splitlines()[-1] == sentence
    assert not (tmp_path / "grid.png").exists()


@pytest.mark.parametrize("out", ["no/grid.png", "grid.tar"])
def test_a_file_that_cannot_be_written_is_told_before_the_engine_starts(call, monkeypatch, out):
    monkeypatch.setattr("engine.__main__.Engine", None)
    assert call("draw", "a cat", "--out", out)[0] == 1


def test_a_folder_that_takes_no_file_is_told_before_the_engine_starts(call, monkeypatch):
    opened = Path.open

    def refused(path, mode="r", *arguments, **named):
        if "r" not in mode:
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, mode, *arguments, **named)

    monkeypatch.setattr("engine.__main__.Engine", None)
    with monkeypatch.context() as locked:
        locked.setattr("engine.__main__.Path.open", refused)
        told = call("draw", "a cat", "--model", "sd", "--out", "out.png")
    assert told == (1, "out.png cannot be written: Permission denied.\n")


def test_looking_whether_a_file_can_be_written_leaves_no_trace(tmp_path):
    kept = tmp_path / "kept.png"
    kept.write_bytes(b"a picture")
    for file in (kept, tmp_path / "new.png"):
        _check_out(file)
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [
        ("kept.png", b"a picture")
    ]


def test_a_catalogue_with_a_percent_sign_does_not_break_the_help(call, monkeypatch, capsys):
    monkeypatch.setenv("MODELS", "50%s/models.toml")
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    said = " ".join(capsys.readouterr().out.split())
    assert said.endswith("--models MODELS the catalogue (default: 50%s/models.toml)")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("# grüße\n".encode("latin-1"), ".env is not UTF-8; save it as UTF-8.\n"),
        (b"\nDEVICE: cpu\n", ".env, line 2, is not understood; write it as NAME=value, and close"),
    ],
)
def test_an_env_that_cannot_be_read_is_one_sentence(call, tmp_path, content, said):
    (tmp_path / ".env").write_bytes(content)
    status, told = call("models")
    assert status == 1
    assert told.startswith(said) and told.count("\n") == 1


def test_a_picture_without_a_name_goes_beside_the_data_and_says_its_seed(call, tmp_path):
    status, said = call("draw", "A cat, Über/alles: …", "--device", "cpu", "--images", "1")
    assert status == 0
    [picture] = (tmp_path / "data" / "drawn").iterdir()
    stem, _, seed = picture.stem.rpartition("-")
    assert stem == "a-cat-über-alles"
    assert f"seed {seed}" in said
    assert str(picture.relative_to(tmp_path)) in said
    again = tmp_path / "again.png"
    call("draw", "A cat, Über/alles: …", "--device", "cpu", *("--images", "1"), "--seed", seed)
    call(
        "draw",
        "A cat, Über/alles: …",
        *("--device", "cpu", "--images", "1"),
        "--seed",
        seed,
        "--out",
        "again.png",
    )
    assert again.read_bytes() == picture.read_bytes()


def test_one_picture_is_of_the_kind_that_its_name_says(call, tmp_path):
    arguments = ("--device", "cpu", "--images", "1", "--out", "one.jpg")
    assert call("draw", "a cat", *arguments)[0] == 0
    with Image.open(tmp_path / "one.jpg") as picture:
        assert (picture.format, picture.size) == ("JPEG", (64, 64))


def test_a_redirected_drawing_tells_no_percents(call):
    said = call("draw", "a cat", "--device", "cpu", "--out", "a.png")[1]
    assert "%" not in said and "\r" not in said


def test_a_size_that_is_none_is_one_sentence(call, capsys):
    with pytest.raises(SystemExit):
        main(["draw", "a cat", "--size", "5"])
    assert "'5' is no size; write it as 512x768." in capsys.readouterr().err


def test_every_argument_of_every_subcommand_is_explained():
    def parsers(parser):
        yield parser
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                for child in action.choices.values():
                    yield from parsers(child)

    for parser in parsers(_parser()):
        for action in parser._actions:
            assert action.help or isinstance(action, argparse._SubParsersAction), action


def test_env_beside_the_project_is_read(call, tmp_path, monkeypatch):
    monkeypatch.setenv("MODELS", "")
    monkeypatch.delenv("MODELS")
    (tmp_path / ".env").write_text("MODELS=elsewhere.toml\n")
    status, said = call("models")
    assert (status, said) == (
        1,
        "The catalogue elsewhere.toml does not exist; set MODELS to a models.toml.\n",
    )


@pytest.mark.parametrize("what", ["engine", "choices", "cluster"])
@pytest.mark.parametrize("option", [("--keep", "kept.json"), ("--minutes", "6")])
def test_parts_of_a_long_run_are_for_full_size_alone(call, option, what):
    status, said = call("bench", what, *option)
    assert status != 0
    assert "--full-size" in said


def test_a_model_that_is_not_fetched_is_one_sentence(call):
    status, said = call("draw", "a cat", "--device", "cpu", "--model", "gone")
    assert status == 1
    first, sentence = said.splitlines()
    assert first.startswith("Gone on cpu")
    assert sentence.startswith("The files of Gone are not at ")
    assert sentence.endswith("darkroom engine fetch gone.")


def test_what_broke_inside_is_still_logged(call, monkeypatch):
    def broken(*_):
        raise RuntimeError("a wire is loose")

    monkeypatch.setattr("engine.loop.worker.build_rows", broken)
    status, said = call("draw", "a cat", "--device", "cpu")
    assert status == 1
    assert "RuntimeError: a wire is loose" in said
    assert said.splitlines()[-1].endswith(
        "Something broke inside the engine; the operator's log says what."
    )


def test_the_catalogue_is_listed(call, capsys):
    assert main(["models"]) == 0
    listed = capsys.readouterr().out
    assert "This machine draws on " in listed
    tiny, gone = listed.split("\n\n")[1:]
    assert "installed, --v sd; the largest, so it draws where nothing names a model" in tiny
    assert "darkroom engine fetch gone" in gone
    assert "the largest" not in gone


@pytest.mark.parametrize(
    ("need_gb", "said"),
    [(4, "needs 4 GB of the card, fits"), (34, "needs 34 GB of the card, more than there is")],
)
def test_the_list_says_what_fits_the_card(need_gb, said):
    info = dataclasses.replace(FAKE_MODEL.info, vram_gb=need_gb)
    assert _fit(info, "cuda", 21.6).startswith(said)
    assert _fit(info, "cpu", 13.0) == "quick on a CPU"


def test_a_model_that_draws_nothing_says_nothing_of_selling_pictures(call, capsys, tmp_path):
    catalogue = (tmp_path / "models.toml").read_text()
    pair = '[pair]\ntitle = "Pair"\npath = "p"\nfamily = "clip"\nlicence = "MIT"\n'
    (tmp_path / "models.toml").write_text(catalogue + pair)
    main(["models"])
    listed = capsys.readouterr().out.split("\n\n")[-1]
    assert "MIT" in listed and "sold" not in listed


def test_a_catalogue_that_is_not_there_is_one_sentence(call):
    status, said = call("--models", "other.toml", "draw", "a cat")
    assert status == 1
    assert said == "The catalogue other.toml does not exist; set MODELS to a models.toml.\n"
