from __future__ import annotations

import logging

import pytest
from PIL import Image

from engine.__main__ import main

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
        (("--out", "no/grid.png"), "There is no directory no for the picture; make it."),
        (("--model", "dalle"), "There is no model 'dalle'; there are sd, gone."),
    ],
)
def test_what_cannot_be_drawn_is_refused_and_never_replaced(call, tmp_path, arguments, sentence):
    status, said = call("draw", "a cat", "--device", "cpu", *arguments)
    assert status == 1
    assert said.splitlines()[-1] == sentence
    assert not (tmp_path / "grid.png").exists()


def test_a_model_that_is_not_fetched_is_one_sentence(call):
    status, said = call("draw", "a cat", "--device", "cpu", "--model", "gone")
    assert status == 1
    first, sentence = said.replace("\r", "").splitlines()
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
    assert "installed" in listed and "not here" in listed


def test_a_catalogue_that_is_not_there_is_one_sentence(call):
    status, said = call("--models", "other.toml", "draw", "a cat")
    assert status == 1
    assert said == "The catalogue other.toml does not exist; set MODELS to a models.toml.\n"
