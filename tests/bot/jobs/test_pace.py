"""A member may have pictures sent again as fast as anybody looks at them, and no faster."""

import re

import pytest

from bot.errors import TooFast
from bot.jobs import pace
from bot.jobs.pace import EVERY_S, MOST, Pace


class Clock:
    now_s = 1000.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def paced(clock):
    return Pace(clock, lambda: 5_000.5)


def spend(paced, user_id=1):
    for _ in range(MOST):
        paced.take(user_id)


def test_six_grids_at_once_are_sent_and_one_more_later(paced, clock):
    spend(paced)
    with pytest.raises(TooFast) as refused:
        paced.take(1)
    assert re.search(r"again <t:(\d+):R>", str(refused.value))[1] == str(5_001 + int(EVERY_S))
    clock.now_s += EVERY_S - 0.1
    with pytest.raises(TooFast):
        paced.take(1)
    clock.now_s += 0.1
    paced.take(1)
    with pytest.raises(TooFast):
        paced.take(1)


def test_one_every_few_seconds_never_meets_it(paced, clock):
    for _ in range(500):
        paced.take(1)
        clock.now_s += EVERY_S


def test_a_refusal_makes_nobody_wait_longer(paced, clock):
    spend(paced)
    for _ in range(100):
        with pytest.raises(TooFast):
            paced.take(1)
    clock.now_s += EVERY_S
    paced.take(1)


def test_one_member_s_haste_is_nothing_to_another(paced):
    spend(paced)
    spend(paced, 2)


def test_it_remembers_no_more_members_than_fit(paced, monkeypatch):
    monkeypatch.setattr(pace, "_REMEMBERED", 10)
    for user_id in range(100):
        paced.take(user_id)
    assert len(paced._over_s) == 10
