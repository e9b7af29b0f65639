import pytest
import torch

from doodle.training.denoiser import PLACED_AT, THINGS, error, times

EARLY = torch.tensor(100)


def test_without_things_the_error_is_the_mean_of_squares():
    guessed, wanted = torch.randn(2, 3, 4, 6, 8)
    cover = torch.zeros(3, 6, 8, dtype=torch.uint8)
    found = error(guessed, wanted, cover, EARLY.expand(3))
    assert found == pytest.approx(float((guessed - wanted).square().mean()))


def test_all_covered_is_as_nothing_covered():
    guessed, wanted = torch.randn(2, 3, 4, 6, 8)
    cover = torch.full((3, 6, 8), 255, dtype=torch.uint8)
    found = error(guessed, wanted, cover, EARLY.expand(3))
    assert found == pytest.approx(float((guessed - wanted).square().mean()))


@pytest.mark.parametrize(("row", "column"), [(4, 5), (3, 4), (5, 6)])
def test_an_error_where_a_thing_is_or_beside_it_counts_more(row, column):
    cover = torch.zeros(2, 8, 8, dtype=torch.uint8)
    cover[1, 4, 5] = 255
    there, elsewhere = torch.zeros(2, 2, 1, 8, 8)
    there[1, 0, row, column] = 1.0
    elsewhere[1, 0, 0, 0] = 1.0
    nothing = torch.zeros(2, 1, 8, 8)
    when = EARLY.expand(2)
    share = error(there, nothing, cover, when) / error(elsewhere, nothing, cover, when)
    assert float(share) == pytest.approx(1 + THINGS)


def test_a_half_covered_area_counts_half_as_much_more():
    cover = torch.zeros(1, 8, 8, dtype=torch.uint8)
    cover[0, 2, 2] = 51
    there, elsewhere = torch.zeros(2, 1, 1, 8, 8)
    there[..., 2, 2] = elsewhere[..., 6, 6] = 1.0
    nothing = torch.zeros(1, 1, 8, 8)
    when = EARLY.expand(1)
    share = error(there, nothing, cover, when) / error(elsewhere, nothing, cover, when)
    assert float(share) == pytest.approx(1 + THINGS / 5)


@pytest.mark.parametrize(
    ("when", "best"), [(999, 0.5), (PLACED_AT[1], 0.5), (PLACED_AT[0], 0.58), (0, 0.58)]
)
def test_where_noise_hides_a_thing_the_best_guess_is_how_often_it_is_there(when, best):
    """Of two pictures one has a thing: a half, and not more, as its error counts more."""
    cover = torch.zeros(2, 8, 8, dtype=torch.uint8)
    cover[1] = 255
    cover[1, :4] = 0
    wanted = (cover[:, None] > 0).float()
    guesses = torch.arange(0, 1.001, 0.01)
    losses = []
    for guess in guesses:
        guessed = torch.zeros(2, 1, 8, 8)
        guessed[:, :, 4:] = guess
        losses.append(error(guessed, wanted, cover, torch.tensor([when, when])))
    assert float(guesses[torch.stack(losses).argmin()]) == pytest.approx(best, abs=0.011)


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
