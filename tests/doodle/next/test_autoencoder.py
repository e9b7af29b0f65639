"""What the autoencoder's training counts as different."""

import torch

from doodle.next.autoencoder import difference


def test_a_wrong_colour_counts_more_than_a_wrong_brightness_of_the_same_size() -> None:
    picture = torch.zeros(1, 3, 32, 32)
    brighter = picture + 0.2
    redder = picture + torch.tensor([0.3, -0.3, 0.0]).view(1, 3, 1, 1)

    assert torch.isclose((brighter - picture).abs().mean(), (redder - picture).abs().mean())
    assert difference(redder, picture) > 1.5 * difference(brighter, picture)
    assert difference(picture, picture) == 0
