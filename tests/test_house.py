"""CONTRIBUTING names every room, the contracts hold its floors, and both are the tree's."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
PACKAGES = ("bot", "engine")


def table(package):
    """(floors of a line, rooms inside its folder), top first, as CONTRIBUTING has them."""
    head = f"| `{package}/`, top floor first |"
    lines = CONTRIBUTING[CONTRIBUTING.index(head) :].split("\n\n")[0].splitlines()[2:]
    cells = [line.split("|")[1:3] for line in lines]
    return [
        (re.findall(r"`(.+?)`", floor), re.findall(r"`(.+?)`", rooms)) for floor, rooms in cells
    ]


def rooms(folder):
    """The modules and folders of a package, folders with a slash."""
    return {
        f"{path.name}/" if path.is_dir() else path.stem
        for path in folder.iterdir()
        if path.name not in ("__init__.py", "__pycache__")
    }


@pytest.mark.parametrize("package", PACKAGES)
def test_contributing_names_every_floor_and_room_and_no_other(package):
    floors = [floor for line, _ in table(package) for floor in line]
    assert len(floors) == len(set(floors))
    assert set(floors) == rooms(ROOT / package)
    for line, named in table(package):
        if named:
            [floor] = line
            assert set(named) == rooms(ROOT / package / floor), floor


@pytest.mark.parametrize("package", PACKAGES)
def test_the_contract_has_the_floors_in_the_same_order(package):
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    layers = next(
        contract["layers"]
        for contract in contracts["contracts"]
        if contract["type"] == "layers" and contract.get("containers") == [package]
    )
    held = [re.findall(r"\w+", layer) for layer in layers]
    assert held == [[floor.strip("/") for floor in line] for line, _ in table(package)]


def test_every_file_of_the_hunt_exists():
    hunt = CONTRIBUTING[CONTRIBUTING.index("## Where do I change") :].split("\n## ")[0]
    named = set(re.findall(r"`((?:bot|engine|tests|migrations)/[\w./]*|\.env\.example)`", hunt))
    assert len(named) > 15
    assert [name for name in named if not (ROOT / name).exists()] == []
