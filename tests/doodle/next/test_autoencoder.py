"""What the autoencoder begins with, and what its training counts as different."""

import torch
from diffusers import AutoencoderKL

from doodle.next import autoencoder, recipe
from doodle.next.autoencoder import difference, edge_strength
from doodle.weights import WEIGHTS


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
    strengths = [edge_strength(picture.diff(dim=-1)) for picture in (sharp, moved, soft)]

    assert torch.equal(strengths[0], strengths[1])
    assert strengths[2].max() < 0.5 * strengths[0].max()
    assert difference(soft, sharp) > difference(soft, soft) == 0


def test_an_autoencoder_begins_with_an_earlier_one_where_their_shapes_agree(tiny):
    own = AutoencoderKL.from_pretrained(WEIGHTS / "vae", local_files_only=True).float()
    narrow = autoencoder.build(tiny)
    before = {key: value.clone() for key, value in narrow.state_dict().items()}
    autoencoder.begin_with(narrow, own)
    assert torch.equal(narrow.post_quant_conv.weight, own.post_quant_conv.weight)
    assert torch.equal(narrow.encoder.conv_in.weight, before["encoder.conv_in.weight"])


def test_more_latents_begin_as_those_that_there_were_and_unused_ones():
    own = AutoencoderKL.from_pretrained(WEIGHTS / "vae", local_files_only=True).float()
    more = autoencoder.build(recipe.load("next"))
    had = own.config.latent_channels
    assert had < more.config.latent_channels
    autoencoder.begin_with(more, own)
    pictures = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1)) * 2 - 1
    with torch.no_grad():
        before, after = (each.encode(pictures).latent_dist for each in (own, more))
        torch.testing.assert_close(after.mean[:, :had], before.mean)
        torch.testing.assert_close(after.logvar[:, :had], before.logvar)
        assert after.mean[:, had:].std() > 0
        drawn, again = own.decode(before.mean).sample, more.decode(after.mean).sample
    torch.testing.assert_close(again, drawn)
