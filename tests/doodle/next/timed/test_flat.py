import torch
from torch import nn

from doodle.next.timed.flat import Flat


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
