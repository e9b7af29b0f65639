"""Darkroom installed as pipx and uv install it: from a wheel, and run in an empty folder."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests import conftest

ROOT = Path(__file__).parents[1]
TOOLS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of a copy of the checkout, so that nothing is built into the checkout."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("bot", "doodle", "engine", "migrations", "playground"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "darkroom.py"):
        shutil.copy(ROOT / name, source / name)
    for name in TOOLS["setuptools"]["data-files"]["share/darkroom"]:
        shutil.copy(ROOT / name, source / name)
    pip("wheel", "--no-build-isolation", "--no-deps", "--wheel-dir", str(out), str(source))
    [built] = out.glob("*.whl")
    return built


def pip(*arguments):
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """An environment with Darkroom's wheel; the other packages are those of the tests' own."""
    home = tmp_path_factory.mktemp("home")
    environment = home / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    python = environment / "bin" / "python"
    pip("--python", str(python), "install", "--no-deps", "--no-index", str(wheel))
    [packages] = environment.glob("lib/python*/site-packages")
    ours = sysconfig.get_path("purelib")
    (packages / "others.pth").write_text(f"{ours}\n")  # a path alone: no .pth of theirs is read
    return environment / "bin" / "darkroom"


@pytest.fixture
def run(installed, tmp_path):
    """A function: arguments → the finished process, in an empty folder."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}

    def call(*arguments):
        return subprocess.run(
            [installed, *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            env={**kept, "OMP_NUM_THREADS": "1"},
        )

    return call


def test_the_wheel_holds_what_is_read_at_run_time(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    for name in (
        "playground/page/index.html",
        "playground/page/style.css",
        "playground/page/icon.svg",
        "doodle/weights/unet/diffusion_pytorch_model.safetensors",
        "doodle/weights/recipe.toml",
        "doodle/recipes/doodle.toml",
        "migrations/env.py",
        "darkroom.py",
    ):
        assert name in names
    held = {name for name in names if name.startswith(("bot/", "engine/", "migrations/"))}
    for folder in ("bot", "engine", "migrations"):
        for file in (ROOT / folder).rglob("*"):
            if file.is_file() and file.suffix in {".py", ".mo", ".po", ".toml", ".json"}:
                assert str(file.relative_to(ROOT)) in held


def test_the_catalogue_and_doodle_are_found_in_any_folder(run):
    listed = run("engine", "models")
    assert listed.returncode == 0, listed.stderr
    doodle, *others = listed.stdout.split("\n\n")[1:]
    assert "installed, --v doodle" in doodle
    assert "darkroom engine fetch sdxl" in "".join(others)


def test_the_bot_finds_its_catalogue_and_migrations_in_any_folder(run):
    looked = run("bot", "check")
    assert "catalogue  ok" in looked.stdout
    assert "database   ok" in looked.stdout


def test_a_missing_extra_is_one_sentence(installed, tmp_path):
    script = "import sys; sys.modules['simcord'] = None; import darkroom; sys.exit(darkroom.main())"
    python = installed.with_name("python")
    done = subprocess.run(
        [python, "-c", script, "playground"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 1
    assert "needs the extra “playground”" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_tests_have_one_process_more_than_cores_unless_the_environment_says(monkeypatch):
    monkeypatch.delenv("PYTEST_XDIST_AUTO_NUM_WORKERS", raising=False)
    for cores, processes in ((1, 2), (2, 3), (64, 8)):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _, n=cores: {*range(n)}, raising=False)
        assert conftest.pytest_xdist_auto_num_workers(None) == processes
    monkeypatch.setenv("PYTEST_XDIST_AUTO_NUM_WORKERS", "1")
    assert conftest.pytest_xdist_auto_num_workers(None) is None, "xdist reads it"


def test_the_tests_start_where_the_plugin_that_spreads_them_is_missing():
    """As on a machine with a card whose Python is not ours."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:xdist", "--collect-only", "tests/test_house.py"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if "PYTEST" not in name},
    )
    assert done.returncode == 0, done.stdout + done.stderr
