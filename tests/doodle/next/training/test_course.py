import pytest
import torch

from doodle.next.judge import Judge
from doodle.next.training.course import Course


class Of(Course):
    """A course without models."""

    def __init__(self, *, batch, dtype=torch.float32, judge_dtype=torch.float32, judge=None):
        self._batch, self.dtype, self.judge_dtype = batch, dtype, judge_dtype
        self.judge = judge


def test_a_whole_batch_learns_at_the_usual_rate():
    assert Of(batch=1.0).rate(1e-3, 512) == 1e-3


@pytest.mark.parametrize(("share", "usual", "size"), [(0.125, 512, 64), (0.125, 32, 8)])
def test_the_rate_goes_with_the_root_of_how_many_a_batch_really_has(share, usual, size):
    course = Of(batch=share)
    assert course.batch(usual) == size
    assert course.rate(1e-3, usual) == pytest.approx(1e-3 * (size / usual) ** 0.5)


def test_models_that_are_settled_compute_as_what_is_trained_but_for_the_judge(tiny):
    judge = Judge(tiny.vocabulary)
    course = Of(batch=1.0, dtype=torch.bfloat16, judge=judge)
    other = torch.nn.Linear(2, 2)
    course.settle(judge, other)
    assert next(judge.parameters()).dtype == torch.float32
    assert other.weight.dtype == torch.bfloat16
