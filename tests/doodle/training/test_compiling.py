import copy

import pytest
import torch
from diffusers.models.attention_processor import AttnProcessor
from diffusers.models.upsampling import Upsample2D
from torch import nn

from doodle import autoencoder, denoiser
from doodle.training import compiling
from doodle.training.compiling import Compiled, different_gradients, suit_cpu


@pytest.fixture
def compiled(monkeypatch):
    """Have torch's compiler return what a test gives."""
    compiler = torch._dynamo.config
    kept = []

    def give(code):
        def compile_(network, *, dynamic):
            assert dynamic is False
            kept.append((compiler.recompile_limit, compiler.suppress_errors))
            return code

        monkeypatch.setattr(torch, "compile", compile_)
        return kept

    with compiler.patch(recompile_limit=8, suppress_errors=False):
        yield give


@pytest.fixture
def layers():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.SiLU(), nn.Conv2d(4, 2, 3, padding=1))


@pytest.mark.parametrize("part", [autoencoder, denoiser])
def test_what_suits_a_cpu_computes_the_same_with_the_same_weights(part, tiny):
    torch.manual_seed(0)
    model = part.build(tiny).double()
    suited = copy.deepcopy(model)
    suit_cpu(suited)
    assert suited.state_dict().keys() == model.state_dict().keys()
    assert not any(isinstance(each, Upsample2D) for each in suited.modules())
    assert all(type(each) is AttnProcessor for each in suited.attn_processors.values())
    latents = torch.randn(2, 4, 8, 12).double()

    def run(each):
        if part is autoencoder:
            return each.decode(latents).sample
        context = torch.ones(2, 77, 32).double()
        return each(latents, torch.tensor([5, 700]), context).sample

    torch.testing.assert_close(run(suited), run(model))
    gradients = [
        torch.autograd.grad(run(each).square().sum(), list(each.parameters()), allow_unused=True)
        for each in (model, suited)
    ]
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other)


def test_square_pictures_are_compiled_and_others_are_not(compiled):
    def network(seen, more):
        return seen, more

    kept = compiled(lambda *given: ("compiled", network(*given)))
    compute = Compiled(network)
    assert kept == [(compiling.MOST, True)]

    word, (seen, more) = compute(torch.zeros(1, 2, 8, 8), 5)
    assert (word, more) == ("compiled", 5)
    assert seen.is_contiguous(memory_format=torch.channels_last)
    seen, more = compute(torch.zeros(1, 2, 8, 12), 5)
    assert (seen.shape, more) == ((1, 2, 8, 12), 5)


def test_code_that_leaves_weights_without_gradients_is_not_used_and_that_is_said(compiled, layers):
    first, last = layers[0], layers[2]
    calls = []

    def cuts(seen):
        calls.append(len(seen))
        return last(nn.functional.silu(first(seen)).detach())

    compiled(cuts)
    said = []
    compute = Compiled(layers, trained=list(layers.parameters()), say=said.append)
    seen = torch.randn(3, 2, 8, 8)
    for _ in range(2):
        compute(seen).sum().backward()
    assert calls == [3]
    assert first.weight.grad.abs().sum() > 0
    (text,) = said
    assert "2 of 4 weights wrong gradients" in text
    assert "not used" in text


def test_code_that_only_rounds_otherwise_is_used_and_the_look_leaves_no_gradients(compiled, layers):
    calls = []

    def rounds(seen):
        calls.append(len(seen))
        with torch.autocast("cpu", torch.bfloat16):
            return layers(seen)

    compiled(rounds)
    said = []
    compute = Compiled(layers, trained=list(layers.parameters()), say=said.append)
    before = nn.Conv2d(2, 2, 1)  # as the text encoder, which learns along
    out = compute(before(torch.randn(3, 2, 8, 8)))
    assert all(weight.grad is None for weight in [*layers.parameters(), *before.parameters()])
    out.float().sum().backward()
    assert all(weight.grad is not None for weight in [*layers.parameters(), *before.parameters()])
    compute(torch.randn(3, 2, 8, 8))
    assert calls == [3, 3, 3]  # once to look
    assert said == []


def test_gradients_that_are_tiny_are_not_compared(layers):
    unused = nn.Parameter(torch.ones(3))
    tiny = nn.Parameter(torch.zeros(1))
    weights = [*layers.parameters(), unused, tiny]
    seen = torch.randn(2, 2, 8, 8)

    def network(seen):
        return layers(seen) + 1e-6 * tiny

    def other(seen):
        return layers(seen) - 1e-6 * tiny

    assert different_gradients(network, other, (seen,), weights) == 0
    assert different_gradients(network, lambda seen: -network(seen), (seen,), weights) == 0
    assert (
        different_gradients(layers, lambda seen: layers(seen).detach() + tiny, (seen,), weights)
        == 4
    )


def test_a_gradient_that_points_elsewhere_is_found(layers):
    turned = nn.Conv2d(2, 2, 1)

    def other(seen):
        out = turned(seen)
        return out + (layers(seen) - out).detach()

    weights = [*layers.parameters(), *turned.parameters()]
    assert different_gradients(layers, other, (torch.randn(2, 2, 8, 8),), weights) == 4
