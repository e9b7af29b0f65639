import pytest

from doodle.training.course import Course


class Of(Course):
    """A course without models."""

    def __init__(self, *, batch):
        self._batch = batch


def test_a_whole_batch_learns_at_the_usual_rate():
    assert Of(batch=1.0).rate(1e-3, 512) == 1e-3


@pytest.mark.parametrize(("share", "usual", "size"), [(0.125, 512, 64), (0.125, 32, 8)])
def test_the_rate_goes_with_the_root_of_how_many_a_batch_really_has(share, usual, size):
    course = Of(batch=share)
    assert course.batch(usual) == size
    assert course.rate(1e-3, usual) == pytest.approx(1e-3 * (size / usual) ** 0.5)
