import pytest

from doodle.training.budget import LAST_S, SHARES, Budget


class Clock:
    def __init__(self):
        self.now = 50.0

    def __call__(self):
        return self.now


def test_the_stages_together_take_all_seconds_but_the_last():
    clock = Clock()
    budget = Budget(seconds=106.0 + LAST_S, stages=tuple(SHARES), clock=clock)
    for stage in SHARES:
        assert budget.begin(stage) == pytest.approx(106 * SHARES[stage])
        clock.now = budget.stage_ends
    assert clock.now == pytest.approx(156.0)


def test_what_a_stage_saves_the_next_ones_have_and_what_it_takes_they_lack():
    for took, left in ((0.0, 100.0), (70.0, 30.0), (300.0, 0.0)):
        clock = Clock()
        budget = Budget(seconds=100 + LAST_S, stages=("judge", "denoiser"), clock=clock)
        budget.begin("judge")
        clock.now += took
        assert budget.begin("denoiser") == pytest.approx(left)


def test_the_share_of_a_stage_runs_from_its_first_step_to_its_end():
    clock = Clock()
    budget = Budget(seconds=100 + LAST_S, stages=("text",), clock=clock)
    budget.begin("text")
    first = clock.now + 20  # waited for texts
    assert budget.share(first, first) == 0
    assert budget.share(first + 40, first) == pytest.approx(0.5)
    assert budget.share(first + 80, first) == budget.share(first + 999, first) == 1
