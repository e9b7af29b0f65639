"""The one command: which program it runs, and how a person is told to type it."""

import subprocess
import sys
from pathlib import Path, PureWindowsPath

import pytest

import darkroom

ROOT = Path(__file__).parents[1]


@pytest.fixture
def python(tmp_path, monkeypatch):
    """A function: where an environment lies → this process runs from there, in tmp_path."""
    monkeypatch.delenv("DARKROOM_COMMAND", raising=False)
    monkeypatch.chdir(tmp_path)

    def use(folder, *, installed=True):
        folder.mkdir(parents=True)
        if installed:
            (folder / "darkroom").touch()
        monkeypatch.setattr(sys, "executable", str(folder / "python"))

    return use


def test_the_command_of_an_environment_in_this_folder_is_its_path(python, tmp_path):
    python(tmp_path / ".venv" / "bin")
    assert darkroom.command() == str(Path(".venv", "bin", "darkroom"))


def test_an_environment_elsewhere_is_on_the_path_and_its_folder_is_told_nobody(
    python, tmp_path_factory
):
    python(tmp_path_factory.mktemp("home") / "venv" / "bin")
    assert darkroom.command() == "darkroom"


def test_without_the_script_its_path_is_not_said(python, tmp_path):
    python(tmp_path / ".venv" / "bin", installed=False)
    assert darkroom.command() == "darkroom"


def test_a_container_says_how_to_reach_it_from_outside(python, tmp_path, monkeypatch):
    python(tmp_path / ".venv" / "bin")
    monkeypatch.setenv("DARKROOM_COMMAND", "docker compose exec darkroom darkroom")
    assert darkroom.command() == "docker compose exec darkroom darkroom"


@pytest.mark.parametrize(
    ("script", "typed"),
    [
        (r"C:\rooms\darkroom\.venv\Scripts\darkroom.exe", r".venv\Scripts\darkroom"),
        (r"c:\ROOMS\darkroom\.venv\Scripts\darkroom.exe", r".venv\Scripts\darkroom"),
        (r"C:\Users\me\pipx\darkroom\Scripts\darkroom.exe", "darkroom"),
    ],
)
def test_on_windows_the_path_is_written_as_there(script, typed):
    folder = PureWindowsPath(r"C:\rooms\darkroom")
    assert darkroom.typed(PureWindowsPath(script), folder) == typed


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "darkroom", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "DARKROOM_COMMAND": "the-room"},
    )


def test_without_a_program_the_programs_are_listed():
    shown = run()
    assert shown.returncode == 0
    assert all(name in shown.stdout for name in darkroom.PROGRAMS)


@pytest.mark.parametrize("name", sorted(darkroom.PROGRAMS))
def test_every_program_says_how_it_is_called(name):
    shown = run(name, "--help")
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.startswith(f"usage: the-room {name} ")


def test_a_program_gets_the_other_arguments_and_its_exit_status_is_returned():
    assert run("engine", "--models", "nowhere.toml", "models").returncode == 1


def test_an_unknown_program_is_one_sentence_with_those_there_are():
    shown = run("paint")
    assert shown.returncode == 2
    assert shown.stderr.startswith("There is no the-room paint.\n")
    assert "playground" in shown.stderr


@pytest.mark.parametrize(
    "content",
    [
        "DISCORD_TOKEN=abc\n".encode("utf-16"),
        "DISCORD_TOKEN=abc\n".encode("utf-16-le"),
        "# grüße\nDISCORD_TOKEN=abc\n".encode("latin-1"),
    ],
)
def test_an_env_file_of_another_encoding_is_one_sentence(tmp_path, content):
    file = tmp_path / ".env"
    file.write_bytes(content)
    for read in (darkroom.env_values, darkroom.load_env):
        with pytest.raises(darkroom.BadEnvFile) as caught:
            read(file)
        assert str(caught.value) == f"{file} is not UTF-8; save it as UTF-8."


@pytest.mark.parametrize(
    "line",
    [
        "DISCORD_TOKEN: SECRET",
        "DISCORD_TOKEN:SECRET",
        "DISCORD_TOKEN:SECRET=",
        "DISCORD_TOKEN SECRET",
        "SECRET",
        'DISCORD_TOKEN="SECRET',
        "DISCORD_TOKEN='SECRET' SECRET",
    ],
)
def test_a_line_that_is_not_understood_is_named_by_its_number_alone(tmp_path, line):
    file = tmp_path / ".env"
    file.write_text(f"# ours\n\nDEVICE=cpu\n\n{line}\nDTYPE=fp32\n")
    with pytest.raises(darkroom.BadEnvFile, match=r"\.env, line 5, .* NAME=value") as caught:
        darkroom.env_values(file)
    assert "SECRET" not in str(caught.value)


def test_what_an_env_file_may_hold_is_read(tmp_path):
    file = tmp_path / ".env"
    file.write_bytes(
        "\ufeff# grüße\r\nexport A=1\r\n\r\nB='two words' # why\r\nC=\r\nD=\"x\ny\"\r\n".encode()
    )
    assert darkroom.env_values(file) == {"A": "1", "B": "two words", "C": "", "D": "x\ny"}
    assert darkroom.env_values(tmp_path / "none") == {}
    assert darkroom.env_values(tmp_path) == {}, "a folder of this name says nothing"


def test_ctrl_c_while_a_program_is_imported_is_no_traceback(monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(darkroom.runpy, "run_module", interrupted)
    monkeypatch.setattr(sys, "argv", ["darkroom", "bot"])
    assert darkroom.main() == 130


@pytest.mark.parametrize("program", sorted(darkroom.PROGRAMS))
def test_ctrl_c_while_a_program_that_python_runs_imports_is_no_traceback(program, tmp_path):
    (tmp_path / "argparse.py").write_text("raise KeyboardInterrupt")  # all of them import it
    shown = subprocess.run(
        [sys.executable, "-m", program],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(tmp_path)},
    )
    assert (shown.returncode, shown.stdout, shown.stderr) == (130, "", "")


def test_other_errors_of_a_program_are_shown_as_ever():
    failing = "import darkroom; darkroom.end_quietly_on_ctrl_c(); 1 / 0"
    shown = subprocess.run(
        [sys.executable, "-c", failing], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert shown.returncode == 1
    assert "ZeroDivisionError" in shown.stderr
