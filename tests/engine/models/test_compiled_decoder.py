from __future__ import annotations

import functools
import threading

import pytest
import torch
from torch import nn

from engine.models import compiled as compiling
from engine.models import loading
from engine.models.compiled_decoder import CompiledDecoder
from engine.models.how import HowCompiled
from engine.models.tracing import REFUSED
from tests.engine import tiny_models


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch):
    """dynamo's own graphs, in this process: not every machine has a C compiler."""
    in_place = functools.partial(compiling.compile_in_place, backend="eager")
    monkeypatch.setattr(compiling, "compile_in_place", in_place)
    monkeypatch.setattr(compiling, "compile_ahead", lambda *_: None)
    yield
    REFUSED.here = False


@pytest.fixture
def model(weights):
    """Stable Diffusion whose passes are compiled."""
    torch._dynamo.reset()
    spec = tiny_models.spec("sd", weights("sd"), compiled="blocks")
    made = loading.load(spec, torch.device("cpu"), torch.float32)
    yield made
    made.close()


def eager(model, latents):
    return model.vae.decode(latents / model.vae.config.scaling_factor, return_dict=False)[0]


@torch.inference_mode()
def test_pictures_are_decoded_by_code_for_a_grid_and_for_one(model, monkeypatch):
    latents = torch.randn(5, 4, 8, 8)
    wanted = eager(model, latents)
    calls = []
    decode = model.vae.decode
    monkeypatch.setattr(model.vae, "decode", lambda *a, **k: calls.append(1) or decode(*a, **k))

    before = model.decode(latents)
    assert calls == [1], "while it is compiled, all are decoded together"
    code = model._decoder.code
    while code.waits():
        threading.Event().wait(0.001)
    after = model.decode(latents)
    model.decode(torch.cat([latents, latents, latents[:1]]))
    assert calls == [1]
    assert code.ready() == 2, "one for four pictures, one for a single one"

    assert torch.equal(before, wanted)
    assert torch.allclose(after, wanted, atol=1e-5)


@torch.inference_mode()
def test_seamless_tiles_are_not_decoded_by_compiled_code(model):
    latents = torch.randn(1, 4, 8, 8)
    model.decode(latents)
    while model.compiling():
        threading.Event().wait(0.001)
    plain = model.decode(latents)
    assert model._decoder.code.serves
    model.tile(on=True)
    assert not torch.allclose(model.decode(latents), plain, atol=1e-3)
    assert torch.equal(model.decode(latents), eager(model, latents))


@torch.inference_mode()
def test_an_autoencoder_that_works_in_slices_goes_on_so(model):
    model.vae.use_slicing = True
    model.decode(torch.randn(1, 4, 8, 8))
    assert not model.compiling()


def test_an_autoencoder_of_another_kind_is_not_compiled():
    assert CompiledDecoder(nn.Linear(2, 2), HowCompiled()).code is None
    vae = tiny_models.stable_diffusion().vae
    vae._hf_hook = object()  # it is brought to the card in parts
    assert CompiledDecoder(vae, HowCompiled()).code is None
