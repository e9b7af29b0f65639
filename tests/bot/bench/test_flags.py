"""`python -m bot.bench flags`: what it orders, what it makes of what is seen."""

import json
import math

import pytest

from bot.bench import flags
from bot.prompt import grammar


def turned(*degrees):
    """Pictures in a plane, by their angles."""
    return [(math.cos(math.radians(each)), math.sin(math.radians(each))) for each in degrees]


def test_prompts_take_subjects_in_turn_with_colours_and_places():
    asked = flags.prompts(50)
    assert {each.subject for each in asked} == set(flags.SUBJECTS)
    assert all(each.subject in each.text for each in asked)
    assert len({each.seed for each in asked}) == 50
    assert all(any(word in each.text for each in asked) for word in flags.COLOURS + flags.PLACES)


def test_every_setting_is_a_prompt_that_can_be_read_and_codes_are_for_five_subjects():
    asked = flags.prompts(20)
    wanted = flags.settings(asked, ["neon", "sketch"])
    assert set(wanted) == {
        *("plain", "chaos 50", "chaos 100", "stylize 100", "stylize 500", "stylize 1000"),
        *("sref 1", "sref 2", "sref 3", "sref 4"),
    }
    for setting, added in wanted.items():
        assert len(added) == 20
        drawn = {asked[n].subject for n, text in enumerate(added) if text}
        assert len(drawn) == (flags.CODED_SUBJECTS if "sref" in setting else 19)
        for each, text in zip(asked, added, strict=True):
            grammar.parse(f"{each.text} {text}")


def test_spread_is_the_mean_distance_of_all_pairs():
    assert flags.spread(turned(0, 0, 0, 0)) == pytest.approx(0)
    assert flags.spread(turned(0, 90)) == pytest.approx(1)
    assert flags.spread(turned(0, 0, 90, 90)) == pytest.approx(4 / 6)


def seen(settings, subject="cat", texts=()):
    """What is seen where every prompt's grid has these angles in each setting."""
    pictures = {
        (setting, number, index): vector
        for setting, grids in settings.items()
        for number, angles in enumerate(grids)
        for index, vector in enumerate(turned(*angles))
    }
    subjects = dict.fromkeys(pictures, subject)
    return flags.Seen(subjects=subjects, pictures=pictures, texts=dict(texts))


ASKED = [flags.Asked(subject=subject, text=subject, seed=1) for subject in ("cat", "fox")]


def test_chaos_is_measured_within_each_grid_and_by_the_subject():
    angles = {"plain": 0, "chaos 50": 30, "chaos 100": 60}
    figures = flags.chaos(ASKED, seen({name: [(0, 0, a, a)] * 2 for name, a in angles.items()}))
    assert figures["chaos_0_distance"] == pytest.approx(0)
    assert figures["chaos_50_distance"] < figures["chaos_100_distance"]
    assert figures["chaos_100_subject"] == 0.5, "every picture shows a cat, also that of the fox"


def test_stylize_is_measured_against_the_words_of_each_prompts_style():
    angles = {"plain": 90, "stylize 100": 60, "stylize 500": 30, "stylize 1000": 0}
    words = {"neon": turned(0)[0], "sketch": turned(0)[0]}
    figures = flags.stylize(
        ASKED,
        seen({name: [(a,) * 4] * 2 for name, a in angles.items()}, texts=words),
        ["neon", "sketch"],
    )
    assert list(figures.values()) == pytest.approx([0, 0.5, math.cos(math.radians(30)), 1])


def test_codes_are_compared_with_seeds_and_over_subjects():
    apart = {
        "plain": [(0, 1, 2, 3)] * 2,
        **{f"sref {code}": [(80 * code,) * 4] * 2 for code in flags.CODES},
    }
    figures = flags.sref(ASKED, seen(apart))
    assert figures["sref_between"] > figures["sref_seeds"]
    assert figures["sref_agree"] == pytest.approx(1)
    assert figures["sref_disagree"] < 0.9


GOOD = {
    **{f"chaos_{c}_distance": c / 100 for c in flags.CHAOS},
    **{f"chaos_{c}_subject": 0.9 for c in flags.CHAOS},
    **{f"stylize_{s}": s / 1000 for s in flags.STYLIZE},
    "sref_between": 0.5,
    "sref_seeds": 0.2,
    "sref_agree": 0.4,
    "sref_disagree": 0.1,
}


@pytest.mark.parametrize(
    ("changed", "failed"),
    [
        ({}, None),
        ({"chaos_50_distance": 1.0}, "chaos_rises"),
        ({"chaos_100_subject": 0.7}, "chaos_keeps_the_subject"),
        ({"stylize_500": 0.1}, "stylize_rises"),
        ({"sref_seeds": 0.5}, "codes_differ_more_than_seeds"),
        ({"sref_disagree": 0.4}, "a_code_agrees_over_subjects"),
        ({"sref_agree": -0.1, "sref_disagree": -0.2}, "a_code_agrees_over_subjects"),
    ],
)
def test_the_exit_code_and_the_last_line_tell_which_bar_fails(changed, failed, monkeypatch, capsys):
    async def measure(_count, _steps):
        return {**GOOD, **changed}

    monkeypatch.setattr(flags, "measure", measure)
    assert flags.main(5, None) == (0 if failed is None else 1)
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [name for name, value in last.items() if value is False] == [failed] * bool(failed)
