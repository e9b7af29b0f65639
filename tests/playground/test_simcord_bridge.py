"""The private names of simcord: which ones the bridge needs, and that nothing else uses any.

Only the clock of the bot's own tests may use some too.
"""

from __future__ import annotations

import ast
import importlib
import inspect
from functools import cache
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BRIDGE = ROOT / "playground" / "simcord_bridge.py"
CLOCK = ROOT / "tests" / "bot" / "simcord_clock.py"
WRITTEN_FOR = "simcord 3.2.1 is what playground/simcord_bridge.py was written for"

# Each private name with the parameters that it is called by.
PRIVATE_NAMES = {
    ("_clock", "Clock"): (),
    ("_modal", "_modal_control_map"): ("spec",),
    ("_modal", "_modal_submit_nodes"): (
        *("nodes", "actor", "values", "resolved", "channel_id", "pending_uploads"),
    ),
    ("_modal", "_commit_modal_uploads"): ("actor", "channel_id", "pending_uploads", "resolved"),
}


@pytest.mark.parametrize(("module", "name"), PRIVATE_NAMES)
def test_installed_simcord_has_the_private_names_that_the_bridge_needs(module, name):
    told = f"{WRITTEN_FOR}, and {version('simcord')} is installed. Adapt the bridge: "
    try:
        found = getattr(importlib.import_module(f"simcord.{module}"), name)
    except (ImportError, AttributeError):
        pytest.fail(f"{told}simcord.{module}.{name} is gone.")
    parameters = tuple(inspect.signature(found).parameters)
    expected = PRIVATE_NAMES[module, name]
    assert parameters == expected, f"{told}simcord.{module}.{name} takes other arguments."


def test_installed_simcord_reads_of_an_actor_only_what_the_bridge_gives():
    from simcord import _modal, interactions

    read = {
        node.attr
        for function in (interactions.build_options, _modal._modal_leaf, *_private_functions())
        for node in ast.walk(ast.parse(inspect.getsource(function)))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "actor"
    }
    told = f"{WRITTEN_FOR}, and {version('simcord')} is installed. Give its _Actor: "
    assert read <= {"_env", "id", "guild"}, told + ", ".join(sorted(read))


def test_the_list_of_private_names_is_complete():
    used = {name for _, name in private_uses(BRIDGE) if name in simcord_private_names()}
    imported = {part for name in private_imports(BRIDGE) for part in name.split(".")[1:]}
    listed = {part for key in PRIVATE_NAMES for part in key}
    # `_env` is set by the bridge's own _Actor, for simcord's functions to read.
    assert (used | imported) - {"_env"} == listed


def _private_functions():
    for (module, name), parameters in PRIVATE_NAMES.items():
        if parameters:
            yield getattr(importlib.import_module(f"simcord.{module}"), name)


# ---------------------------------------------------------------------- nobody else


def python_files():
    """Every file of the playground and the tests, but for the bridge, its tests and the clock."""
    for folder in ("playground", "tests"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if path not in (BRIDGE, CLOCK, Path(__file__)):
                yield path


def private_imports(path):
    """The private modules and names of simcord that a file imports, with dots."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module is not None and node.level == 0:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            first, *rest = name.split(".")
            if first == "simcord" and any(part.startswith("_") for part in rest):
                yield name


def private_uses(path):
    """The attributes with an underscore that a file uses: (line, name)."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and is_private(node.attr):
            yield node.lineno, node.attr


def is_private(name):
    return name.startswith("_") and not name.startswith("__")


def defined_names(paths):
    """The private names that files define: functions, classes, variables and attributes."""
    found = set()
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                found.add(node.name)
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                found.add(node.attr)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                found.add(node.id)
    return {name for name in found if is_private(name)}


@cache
def simcord_private_names():
    """The private names that simcord defines and this project does not."""
    import simcord

    ours = [
        path
        for folder in ("bot", "engine", "playground")
        for path in (ROOT / folder).rglob("*.py")
        if path != BRIDGE
    ]
    theirs = Path(simcord.__file__).parent.rglob("*.py")
    return defined_names(theirs) - defined_names(ours)


def test_nothing_else_imports_private_names_of_simcord():
    found = {str(path.relative_to(ROOT)): list(private_imports(path)) for path in python_files()}
    assert {path: names for path, names in found.items() if names} == {}


def test_nothing_else_uses_private_attributes_of_simcord():
    private = simcord_private_names()
    assert "_env" in private, "the search finds what it is meant to find"
    found = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in python_files()
        if path.is_relative_to(ROOT / "playground") or "simcord" in path.read_text(encoding="utf-8")
        for line, name in private_uses(path)
        if name in private
    ]
    assert found == []


def test_our_subclasses_hide_no_private_name_of_simcord():
    from simcord.backend import Backend
    from simcord.backend.cdn import CdnStore

    from playground.cdn import SignedCdn
    from playground.discord_state import DiscordState

    for ours, theirs in ((DiscordState, Backend), (SignedCdn, CdnStore)):
        hidden = {name for name in vars(ours) if is_private(name)} & set(dir(theirs))
        assert hidden == set(), ours.__name__


# ---------------------------------------------------------------------- what the bridge does


@pytest.fixture
def state():
    from playground.discord_state import DiscordState

    return DiscordState()


def test_options_are_built_and_an_attachment_is_stored(state):
    from playground.discord_state import GENERAL_ID, MEMBERS
    from playground.simcord_bridge import build_options

    command = {"options": [{"name": "image", "type": 11}, {"name": "words", "type": 3}]}
    values = {"image": ("a.txt", b"abc"), "words": "a cat"}
    options, resolved = build_options(
        state, MEMBERS[0].id, "blend", command, values, channel_id=GENERAL_ID
    )
    assert {"name": "words", "type": 3, "value": "a cat"} in options
    [attachment] = resolved["attachments"].values()
    assert state.cdn.get(attachment["url"]) == b"abc"


MODAL = {
    "custom_id": "remix",
    "title": "Remix",
    "components": [
        {
            "type": 1,
            "components": [{"type": 4, "custom_id": "prompt", "style": 1, "label": "Prompt"}],
        },
        {
            "type": 18,
            "label": "Picture",
            "component": {"type": 19, "custom_id": "picture", "required": False},
        },
    ],
}


def test_form_is_filled_in_and_its_file_is_stored(state):
    from playground.discord_state import GENERAL_ID, MEMBERS
    from playground.simcord_bridge import fill_form

    values = {"prompt": "a blue dog", "picture": [("a.txt", b"abc")]}
    data = fill_form(state, MEMBERS[0].id, MODAL, values, channel_id=GENERAL_ID)
    row, label = data["components"]
    assert row["components"][0]["value"] == "a blue dog"
    [attachment_id] = label["component"]["values"]
    attachment = data["resolved"]["attachments"][attachment_id]
    assert state.cdn.get(attachment["url"]) == b"abc"


def test_form_with_a_field_it_does_not_have_is_refused(state):
    from playground.discord_state import GENERAL_ID, MEMBERS
    from playground.refusal import Refused
    from playground.simcord_bridge import fill_form

    with pytest.raises(Refused, match="no field 'colour'"):
        fill_form(state, MEMBERS[0].id, MODAL, {"colour": "red"}, channel_id=GENERAL_ID)
