import copy

import torch
from torch import nn

from doodle.next.timed.flat import LINE, Flat


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
