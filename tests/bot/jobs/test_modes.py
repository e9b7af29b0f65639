"""How soon a job is drawn and who may see it: its words first, then what its member set."""

import json
from types import SimpleNamespace

import pytest

import engine
from bot.jobs import modes
from bot.jobs.modes import Modes


@pytest.mark.parametrize(
    ("given", "own", "speed", "stealth"),
    [
        ((), Modes(), "fast", False),
        ((), Modes(speed="relax", stealth=True), "relax", True),
        (("turbo",), Modes(speed="relax"), "turbo", False),
        (("fast", "public"), Modes(speed="relax", stealth=True), "fast", False),
        (("relax", "turbo"), Modes(), "relax", False),
        (("stealth", "public"), Modes(), "fast", True),
    ],
)
def test_the_words_go_before_what_is_set(given, own, speed, stealth):
    resolved = {"prompt": dict.fromkeys(given, True)}
    assert modes.settled(resolved, own) == Modes(speed=speed, stealth=stealth)


@pytest.mark.parametrize(
    ("words", "own", "lane"),
    [
        ("relax", "turbo", engine.Lane.RELAX),
        ("turbo", "fast", engine.Lane.FAST),
        ("fast", "turbo", engine.Lane.TURBO),
    ],
)
def test_what_goes_on_from_a_hidden_job_stays_hidden_and_is_never_hurried_by_its_words(
    words, own, lane
):
    resolved = {"prompt": {words: True, "stealth": True}}
    earlier = modes.with_modes(resolved, modes.settled(resolved, Modes()))
    later = modes.settled(earlier, Modes(speed=own))
    assert later == Modes(speed=own if words != "relax" else "relax", stealth=True)
    assert later.lane is lane


def test_what_a_hiding_member_draws_from_a_public_job_is_hidden():
    public = modes.with_modes({"prompt": {"public": True}}, Modes())
    assert modes.settled(public, Modes(stealth=True)).stealth


def test_jobs_of_earlier_versions_have_the_modes_of_their_words():
    row = SimpleNamespace(resolved=json.dumps({"prompt": {"stealth": True, "relax": True}}))
    assert modes.of(row) == Modes(speed="relax", stealth=True)
    assert modes.of(SimpleNamespace(resolved="{}")) == Modes()
