"""What the autoencoder begins with, and what its training counts as different."""

from dataclasses import replace

import torch

from doodle import autoencoder
from doodle.autoencoder import difference, edge_strength


def test_a_wrong_colour_counts_more_than_a_wrong_brightness_of_the_same_size() -> None:
    picture = torch.zeros(1, 3, 32, 32)
    brighter = picture + 0.2
    redder = picture + torch.tensor([0.3, -0.3, 0.0]).view(1, 3, 1, 1)

    assert torch.isclose((brighter - picture).abs().mean(), (redder - picture).abs().mean())
    assert difference(redder, picture) > 1.5 * difference(brighter, picture)
    assert difference(picture, picture) == 0


def test_an_edge_is_as_strong_wherever_it_is_in_its_area_and_a_soft_one_is_weaker() -> None:
    across = torch.arange(32.0).expand(1, 3, 32, 32)
    sharp, moved = (across >= 18).float(), (across >= 21).float()
    soft = ((across - 15.5) / 8).clamp(0, 1)
    strengths = [edge_strength(picture.diff(dim=-1), 8) for picture in (sharp, moved, soft)]

    assert torch.equal(strengths[0], strengths[1])
    assert strengths[2].max() < 0.5 * strengths[0].max()
    assert difference(soft, sharp) > difference(soft, soft) == 0


def test_edges_are_to_be_as_strong_in_large_areas_too(monkeypatch) -> None:
    across = torch.arange(32.0).expand(1, 3, 32, 32)
    first, last = ((across >= at).float().diff(dim=-1) for at in (4, 28))
    assert not torch.equal(edge_strength(first, 8), edge_strength(last, 8))
    assert torch.equal(edge_strength(first, 32), edge_strength(last, 32))
    sharp, soft = (across >= 16).float(), ((across - 12) / 8).clamp(0, 1)
    both = difference(soft, sharp)
    monkeypatch.setattr(autoencoder, "EDGE_AREAS", (8,))
    assert difference(soft, sharp) < both


def test_an_autoencoder_begins_with_an_earlier_one_where_their_shapes_agree(tiny):
    own = autoencoder.build(tiny)
    more = replace(tiny, autoencoder=replace(tiny.autoencoder, latents=6))
    model = autoencoder.build(more)
    autoencoder.begin_with(model, own)
    mine, theirs = model.state_dict(), own.state_dict()
    other = {key for key, value in mine.items() if value.shape != theirs[key].shape}
    assert {key.rsplit(".", 1)[0] for key in other} == {
        "encoder.conv_out",
        "quant_conv",
        "post_quant_conv",
        "decoder.conv_in",
    }
    assert all(torch.equal(mine[key], theirs[key]) for key in mine.keys() - other)
