import copy
import math

import pytest
import torch
from torch import nn

from doodle.training.flat import LINE, Flat, orthogonal


def test_it_learns_and_its_average_is_given_at_the_end():
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(4, 8), nn.SiLU(), nn.Linear(8, 1))
    flat = Flat(model, torch.float32, rate=1e-2, warm=1, decay=0.9)
    given = torch.randn(64, 4)
    wanted = given.sum(1, keepdim=True)
    losses = []
    for i in range(200):
        loss = (model(given) - wanted).square().mean()
        loss.backward()
        flat.step(i / 200, 0.5)
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 10
    assert not torch.equal(model[0].weight, flat.averaged(model[0].weight))
    flat.use_average()
    assert torch.equal(model[0].weight, flat.averaged(model[0].weight))


def test_a_gradient_that_is_no_number_changes_nothing_for_good():
    model = nn.Linear(2, 1)
    flat = Flat(model, torch.float32, rate=1e-2, warm=1)
    (model(torch.ones(1, 2)).sum() * float("nan")).backward()
    flat.step(0.0, 0.5)
    assert torch.isfinite(model.weight).all()


def test_at_the_end_of_a_stage_the_rate_is_zero():
    model = nn.Linear(2, 1)
    flat = Flat(model, torch.float32, rate=1e-2, warm=1)
    before = model.weight.clone()
    model(torch.ones(1, 2)).sum().backward()
    flat.step(1.0, 0.5)
    assert torch.equal(model.weight, before)


def test_weights_in_the_order_of_channels_last_learn_the_same():
    torch.manual_seed(1)
    first = nn.Sequential(nn.Conv2d(3, 5, 3), nn.SiLU(), nn.Conv2d(5, 2, 1))
    second = copy.deepcopy(first)
    pictures = torch.randn(4, 3, 8, 8)
    for model, channels_last in ((first, False), (second, True)):
        flat = Flat(model, torch.float32, rate=1e-2, warm=1, channels_last=channels_last)
        for i in range(20):
            model(pictures).square().mean().backward()
            flat.step(i / 20, 0.5)
        flat.use_average()
    assert second[0].weight.is_contiguous(memory_format=torch.channels_last)
    assert not first[0].weight.is_contiguous(memory_format=torch.channels_last)
    for one, other in zip(first.parameters(), second.parameters(), strict=True):
        torch.testing.assert_close(one, other)


def test_each_weight_begins_at_a_whole_line():
    model = nn.Sequential(nn.Linear(3, 5), nn.Linear(5, 7))
    flat = Flat(model, torch.bfloat16, rate=1e-2)
    start = flat.half.data_ptr()
    for weight in model.parameters():
        assert (weight.data_ptr() - start) % (LINE * 2) == 0


class Small(nn.Module):
    """One of each kind of weight that a UNet and a text encoder have."""

    def __init__(self):
        super().__init__()
        self.embeddings = nn.Embedding(5, 6)
        self.conv_in = nn.Conv2d(3, 6, 3, padding=1)
        self.middle = nn.Conv2d(6, 6, 3, padding=1)
        self.wide = nn.Linear(6, 20)
        self.narrow = nn.Linear(20, 6)
        self.conv_out = nn.Conv2d(6, 2, 1)

    def forward(self, pictures, words):
        found = self.middle(torch.tanh(self.conv_in(pictures)))
        told = self.narrow(torch.tanh(self.wide(self.embeddings(words))))
        return self.conv_out(torch.tanh(found + told[:, :, None, None]))


def stepped(model, *, steps=1, **how):
    """The weights' changes by so many steps on one batch, by name, and the last loss."""
    generator = torch.Generator().manual_seed(1)
    pictures = torch.randn(8, 3, 6, 6, generator=generator)
    words = torch.randint(5, (8,), generator=generator)
    wanted = pictures[:, :2] * words[:, None, None, None]
    before = {name: each.detach().clone() for name, each in model.named_parameters()}
    flat = Flat(model, torch.float32, rate=1e-2, warm=1, **how)
    for i in range(steps):
        loss = (model(pictures, words) - wanted).square().mean()
        loss.backward()
        flat.step(i / steps, 0.5)
    after = dict(model.named_parameters())
    return {name: after[name].detach() - before[name] for name in before}, loss.item()


def test_matrices_step_by_what_is_orthogonal_and_all_else_as_before():
    torch.manual_seed(1)
    first = Small()
    second = copy.deepcopy(first)
    plain, _ = stepped(first)
    moved, _ = stepped(second, matrix_rate=2e-2)
    matrices = {"middle.weight", "wide.weight", "narrow.weight"}
    for name in plain:
        if name not in matrices:
            torch.testing.assert_close(moved[name], plain[name])
    for name in matrices:
        change = moved[name].flatten(1) / (2e-2 * 0.2 * max(moved[name].flatten(1).shape) ** 0.5)
        sizes = torch.linalg.svdvals(change)
        large = sizes[sizes > 0.1]  # the batch says nothing of some directions
        assert len(large) > 2 and large.min() > 0.5 and large.max() < 1.3
        assert not torch.allclose(moved[name], plain[name], atol=1e-3)


def test_with_matrices_by_themselves_it_learns():
    torch.manual_seed(1)
    model = Small()
    _, before = stepped(copy.deepcopy(model), matrix_rate=2e-2)
    _, after = stepped(model, steps=200, matrix_rate=2e-2)
    assert after < before / 4


def test_matrices_in_the_order_of_channels_last_step_the_same():
    torch.manual_seed(1)
    first = Small()
    second = copy.deepcopy(first)
    plain, _ = stepped(first, steps=3, matrix_rate=2e-2)
    turned, _ = stepped(second, steps=3, matrix_rate=2e-2, channels_last=True)
    for name, change in plain.items():
        torch.testing.assert_close(turned[name], change, atol=1e-5, rtol=1e-3)


def test_singular_values_come_near_to_one():
    torch.manual_seed(1)
    sizes = torch.linalg.svdvals(orthogonal(torch.randn(3, 6, 20)))
    assert sizes.min() > 0.68 and sizes.max() < 1.21


@pytest.mark.parametrize("shape", [(4, 9), (9, 4), (4, 3, 3, 3)])
def test_the_steps_of_a_matrix_are_those_of_muon_written_out(shape):
    torch.manual_seed(1)
    rate, matrix_rate, warm, steps = 1e-2, 3e-2, 3, 6
    model = nn.Module()
    model.weight = nn.Parameter(torch.randn(shape))
    expected, momentum = model.weight.detach().clone(), torch.zeros(shape)
    flat = Flat(model, torch.float32, rate=rate, matrix_rate=matrix_rate, warm=warm)
    for i in range(steps):
        gradient = torch.randn(shape)
        gradient /= 2 * gradient.norm()  # short enough to stay as it is
        model.weight.grad.copy_(gradient)
        flat.step(i / steps, 0.5)
        momentum = 0.95 * momentum + 0.05 * gradient
        nesterov = (0.95 * momentum + 0.05 * gradient).flatten(1)
        rows, columns = nesterov.shape
        turned = nesterov.T if rows > columns else nesterov
        straight = orthogonal(turned[None])[0]
        straight = (straight.T if rows > columns else straight).reshape(shape)
        share = min(1.0, (i + 1) / warm)
        share *= 0.5 * (1 + math.cos(math.pi * max(0.0, (i / steps - 0.5) / 0.5)))
        expected = expected * (1 - share * rate * 1e-2)
        expected -= share * matrix_rate * 0.2 * math.sqrt(max(rows, columns)) * straight
        torch.testing.assert_close(model.weight.detach(), expected, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("matrix_rate", [None, 2e-2])
def test_what_is_slowed_steps_by_that_share_whatever_it_steps_by(matrix_rate):
    torch.manual_seed(1)
    first = Small()
    second = copy.deepcopy(first)
    before = {name: each.detach().clone() for name, each in first.named_parameters()}
    for model, share in ((first, 1.0), (second, 0.25)):
        flat = Flat(model, torch.float32, rate=1e-2, warm=1, matrix_rate=matrix_rate)
        flat.slow(share)
        model(torch.ones(2, 3, 6, 6), torch.tensor([1, 2])).square().sum().backward()
        flat.step(0.0, 0.5)
    whole, part = dict(first.named_parameters()), dict(second.named_parameters())
    for name, was in before.items():
        moved = whole[name].detach() - was
        torch.testing.assert_close(part[name].detach() - was, moved / 4, atol=1e-6, rtol=1e-4)
