import pytest
import torch

from doodle.training.denoiser import THINGS, error, times


def test_without_things_the_error_is_the_mean_of_squares():
    guessed, wanted = torch.randn(2, 3, 4, 6, 8)
    cover = torch.zeros(3, 6, 8, dtype=torch.uint8)
    assert error(guessed, wanted, cover) == pytest.approx(float((guessed - wanted).square().mean()))


def test_all_covered_is_as_nothing_covered():
    guessed, wanted = torch.randn(2, 3, 4, 6, 8)
    cover = torch.full((3, 6, 8), 255, dtype=torch.uint8)
    assert error(guessed, wanted, cover) == pytest.approx(float((guessed - wanted).square().mean()))


@pytest.mark.parametrize(("row", "column"), [(4, 5), (3, 4), (5, 6)])
def test_an_error_where_a_thing_is_or_beside_it_counts_more(row, column):
    cover = torch.zeros(2, 8, 8, dtype=torch.uint8)
    cover[1, 4, 5] = 255
    there, elsewhere = torch.zeros(2, 2, 1, 8, 8)
    there[1, 0, row, column] = 1.0
    elsewhere[0, 0, row, column] = 1.0  # the other picture has nothing there
    nothing = torch.zeros(2, 1, 8, 8)
    share = error(there, nothing, cover) / error(elsewhere, nothing, cover)
    assert float(share) == pytest.approx(1 + THINGS)


def test_a_half_covered_area_counts_half_as_much_more():
    cover = torch.zeros(1, 8, 8, dtype=torch.uint8)
    cover[0, 2, 2] = 51
    there, elsewhere = torch.zeros(2, 1, 1, 8, 8)
    there[..., 2, 2] = elsewhere[..., 6, 6] = 1.0
    nothing = torch.zeros(1, 1, 8, 8)
    share = error(there, nothing, cover) / error(elsewhere, nothing, cover)
    assert float(share) == pytest.approx(1 + THINGS / 5)


def test_times_are_whole_and_within_range_and_more_of_them_where_forms_are_made():
    torch.manual_seed(1)
    when = torch.cat([times(64, torch.device("cpu")) for _ in range(200)])
    assert when.dtype == torch.long
    assert 0 <= when.min() < 30
    assert 970 < when.max() <= 999
    shares = torch.histc(when.float(), 10, 0, 1000) / len(when)
    normal = torch.distributions.Normal(550, 170)
    borders = normal.cdf(torch.arange(0, 1001, 100).float())
    assert shares == pytest.approx((0.1 + borders.diff()).numpy() / 2, abs=0.012)
