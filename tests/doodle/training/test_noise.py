import torch

from doodle.training.noise import Noise


def test_the_latents_come_back_from_what_is_noisy_and_its_v():
    noise, when = Noise(torch.device("cpu")), torch.tensor([0, 200, 700, 990])
    clean = torch.randn(4, 6, 8, 8)
    noisy, v = noise.add(clean, when)
    far = (noisy - clean).square().mean(dim=(1, 2, 3))
    assert far[0] < 0.1 < far[1] < far[2] < far[3]
    torch.testing.assert_close(noise.clean(noisy, v, when), clean, rtol=1e-3, atol=1e-3)
