import pytest
import torch

from doodle.training import course as courses
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


@pytest.mark.parametrize(
    ("has", "compiled", "half"),
    [
        ({"amx_bf16": True, "avx512_bf16": True}, True, True),
        ({"amx_bf16": True, "avx512_bf16": True}, False, True),
        ({"amx_bf16": False, "avx512_bf16": True}, True, False),
        ({"amx_bf16": False, "avx512_bf16": True}, False, True),
        ({"amx_bf16": False, "avx512_bf16": False}, False, False),
        ({}, True, False),
    ],
)
def test_bf16_is_used_where_the_cpu_is_faster_with_it(monkeypatch, has, compiled, half):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: has)
    assert courses._fast_in_bf16(torch.device("cpu"), compiled=compiled) is half
