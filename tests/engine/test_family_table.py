"""The table of families is the only place that knows families by name."""

from __future__ import annotations

import ast
import importlib
import inspect
from pathlib import Path

import diffusers
import pytest

import engine
from engine.families import FAMILIES, family_for
from tests.engine import tiny_models

ENGINE = Path(engine.__file__).parent


def comparisons(source: str) -> list[str]:
    """Names of families with which a source compares, or by which it looks something up."""
    found = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Compare():
                literals = [part for side in (node.left, *node.comparators) for part in _of(side)]
            case ast.MatchValue(value=value):
                literals = _of(value)
            case ast.Dict(keys=keys):
                literals = [part for key in keys if key is not None for part in _of(key)]
            case _:
                continue
        found += [text for text in literals if text in FAMILIES]
    return found


def _of(node: ast.expr) -> list[str]:
    match node:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts):
            return [text for part in parts for text in _of(part)]
        case ast.Call(args=parts):
            return [text for part in parts for text in _of(part)]
        case _:
            return []


@pytest.mark.parametrize(
    "source",
    [
        'spec.info.family == "sd"',
        'spec.info.family in {"sd"}',
        'family not in frozenset({"flux"})',
        'match family:\n    case "clip": pass',
        'CLASSES = {"z-image": 1}',
    ],
)
def test_a_comparison_with_a_familys_name_is_found(source):
    assert len(comparisons(source)) == 1


def test_no_other_module_knows_families_by_name():
    known = {
        path.relative_to(ENGINE).as_posix(): comparisons(path.read_text("utf-8"))
        for path in ENGINE.rglob("*.py")
    }
    assert {file: names for file, names in known.items() if names} == {}


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_every_family_has_its_loader_and_a_tiny_model(family):
    module = importlib.import_module(f"engine.models.{family.module}")
    assert list(inspect.signature(module.load).parameters) == ["spec", "device", "dtype"]
    assert family.name in tiny_models.BUILDERS


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_a_familys_pipelines_are_diffusers_own_and_lead_back_to_it(family):
    for name in family.pipelines:
        assert issubclass(getattr(diffusers, name), diffusers.DiffusionPipeline)
        assert family_for(name) is family


def test_a_pipeline_of_no_family_is_run_by_itself():
    assert not family_for("KandinskyPipeline").shares_passes
    assert family_for("KandinskyPipeline").draws
