from __future__ import annotations

import functools
import io
import multiprocessing
import os
import shutil
import sys
import threading
import time

import numpy as np
import pytest
import torch
from diffusers.models.attention import FeedForward
from diffusers.models.resnet import ResnetBlock2D
from PIL import Image
from torch import nn

from engine import Engine, Finished, InitUse, InputPicture, LoraSpec, models
from engine.errors import JobError
from engine.models import compile_ahead as ahead
from engine.models import compiled as compiling
from engine.models import constructing, loading
from engine.models.compile_ahead import _outline, compile_ahead
from engine.models.compiled import Compiled, compile_in_place, twin_of
from engine.models.how import HowCompiled
from engine.models.latent import LatentModel
from engine.models.lora_layers import LoraLayers, LoraPass, Pair, Stack
from engine.models.tracing import REFUSED, prepare_to_compile, refuse_to_compile
from tests.engine import tiny_models

BACKENDLESS = {"backend": "eager"}
"""dynamo's own graphs and guards, without the C compiler that not every machine has."""


class Adder(nn.Module):
    def forward(self, x, *, shift=0):
        return x + shift


class Forever(nn.Module):
    """Is never compiled to its end."""

    def forward(self, x):
        torch._dynamo.graph_break()
        threading.Event().wait()
        return x


class LeavesAThread(nn.Module):
    """Is compiled, but leaves a thread behind that a usual end of its process would wait for."""

    def forward(self, x):
        torch._dynamo.graph_break()
        threading.Thread(target=threading.Event().wait).start()
        return x


class EndsItsReader:
    """Whoever unpickles it is gone."""

    def __deepcopy__(self, memo):
        return self

    def __reduce__(self):
        return os._exit, (1,)


class FakeCompiler:
    """Compiles at once, but only when a test lets it; counts what ran where."""

    def __init__(self, *, broken=False):
        self.let_go, self.warmed = threading.Event(), threading.Event()
        self.fast = 0
        self._broken = broken

    def __call__(self, twin, how):
        def compiled(x, *, shift=0):
            if threading.current_thread().name == "compile":
                self.let_go.wait(timeout=60)
                self.warmed.set()
                if self._broken:
                    raise RuntimeError("no C compiler")
            else:
                self.fast += 1
            return twin(x, shift=shift)

        return compiled


def nothing_ahead(module, how, arguments, options, stopped):
    """Everything is compiled in this process."""


def ended(function, *arguments):
    """Whether a call ends; it is left behind where it does not."""
    thread = threading.Thread(target=function, args=arguments, daemon=True)
    thread.start()
    thread.join(timeout=120)
    return not thread.is_alive()


def until_ready(compiled, count):
    while compiled.ready() < count:
        assert compiled.serves, "nothing can be compiled any more"
        threading.Event().wait(0.001)


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch):
    """Models of whole engines too."""
    monkeypatch.setattr(compiling, "compile_ahead", nothing_ahead)


@pytest.fixture(autouse=True)
def _this_thread_may_compile_again():
    yield
    REFUSED.here = False


@pytest.fixture
def adder():
    """A function: compiler → a compiled adder; its thread ends with the test."""
    made = []

    def build(compiler):
        made.append(Compiled(Adder(), compile_=compiler))
        return made[-1]

    yield build
    for each in made:
        each.close()


def test_threads_take_turns_more_often_while_code_is_compiled(adder):
    """A tick that waits for Python's lock would wait through many usual turns."""
    seen, usual_s = [], sys.getswitchinterval()

    def compiler(twin, how):
        def forward(x, *, shift=0):
            if threading.current_thread().name == "compile":
                seen.append(sys.getswitchinterval())
            return twin(x, shift=shift)

        return forward

    compiled = adder(compiler)
    compiled.serve((torch.zeros(2, 3),), {"shift": 1})
    until_ready(compiled, 1)
    assert seen == [pytest.approx(compiling.SWITCH_S)]
    assert sys.getswitchinterval() == usual_s


@pytest.mark.parametrize(
    ("autotune", "mode"), [(True, "max-autotune-no-cudagraphs"), (False, None)]
)
@pytest.mark.parametrize("whole", [True, False])
def test_the_quickest_kernels_are_looked_for_where_that_is_asked_for(
    monkeypatch, autotune, mode, whole
):
    class Block(torch.nn.Linear):
        pass

    class Blocks(torch.nn.Sequential):
        _repeated_blocks = ("Block",)

    modes = []
    monkeypatch.setattr(
        torch.nn.Module, "compile", lambda _, **options: modes.append(options.get("mode"))
    )
    compile_in_place(Blocks(Block(2, 2), Block(2, 2)), HowCompiled(whole=whole, autotune=autotune))
    assert modes == [mode] * (1 if whole else 2)


def test_eager_serves_until_a_shape_is_compiled_and_compiled_code_afterwards(adder):
    compiler = FakeCompiler()
    compiled = adder(compiler)
    x = torch.zeros(2, 3)
    assert compiled.serve((x,), {"shift": 1}) is None
    assert compiled.waits()
    compiler.let_go.set()
    until_ready(compiled, 1)
    assert not compiled.waits()
    (served,) = compiled.serve((x,), {"shift": 1})
    assert torch.equal(served, x + 1)
    assert compiler.fast == 1


def test_another_shape_is_served_eagerly_until_it_has_its_own_code(adder):
    compiler = FakeCompiler()
    compiler.let_go.set()
    compiled = adder(compiler)
    compiled.serve((torch.zeros(2, 3),), {})
    until_ready(compiled, 1)
    assert compiled.serve((torch.zeros(4, 3),), {}) is None
    until_ready(compiled, 2)
    assert compiled.serve((torch.zeros(4, 3),), {}) is not None


def test_no_more_shapes_are_compiled_than_are_kept(adder, monkeypatch):
    monkeypatch.setattr(compiling, "SHAPES_COMPILED", 1)
    compiler = FakeCompiler()
    compiler.let_go.set()
    compiled = adder(compiler)
    compiled.serve((torch.zeros(2, 3),), {})
    until_ready(compiled, 1)
    assert compiled.serve((torch.zeros(4, 3),), {}) is None
    assert not compiled.waits()


def test_the_longest_unused_shape_gives_its_place_to_a_new_one(adder, monkeypatch):
    monkeypatch.setattr(compiling, "SHAPES_COMPILED", 2)
    compiler = FakeCompiler()
    compiler.let_go.set()
    compiled = adder(compiler)
    two, three, four = (torch.zeros(count, 3) for count in (2, 3, 4))
    for ready, x in enumerate((two, three), 1):
        compiled.serve((x,), {})
        until_ready(compiled, ready)
    for _ in range(compiling.IDLE_PASSES - 2):
        assert compiled.serve((two,), {}) is not None
    assert compiled.serve((four,), {}) is None
    assert not compiled.waits(), "what was used a moment ago must not leave"
    compiled.serve((two,), {})
    compiled.serve((four,), {})
    until_ready(compiled, 2)
    assert compiled.serve((four,), {}) is not None
    assert compiled.serve((two,), {}) is not None
    assert compiled.serve((three,), {}) is None


def test_a_compilation_and_the_load_of_a_model_wait_for_each_other(adder):
    """dynamo sets torch's default dtype back at its end, to what it was when it began."""
    began, go_on = threading.Event(), threading.Event()

    def as_dynamo_does(twin, how):
        def forward(x):
            if threading.current_thread().name == "compile":
                before = torch.get_default_dtype()
                began.set()
                go_on.wait(timeout=60)
                torch.set_default_dtype(before)
            return x

        return forward

    compiled = adder(as_dynamo_does)
    try:
        with constructing():
            torch.set_default_dtype(torch.bfloat16)  # as transformers does while it loads
            compiled.serve((torch.zeros(2, 3),), {})
            began.wait(timeout=0.5)
            torch.set_default_dtype(torch.float32)
        go_on.set()
        until_ready(compiled, 1)
        assert torch.get_default_dtype() is torch.float32
    finally:
        torch.set_default_dtype(torch.float32)


def test_an_evicted_model_leaves_the_device_though_it_is_being_compiled():
    compiler = FakeCompiler()
    module = nn.Linear(3, 3)
    compiled = Compiled(module, compile_=compiler)
    compiled.serve((torch.zeros(2, 3),), {})
    compiled.close()
    try:
        assert sum(each.numel() for each in module.parameters()) == 0
    finally:
        compiler.let_go.set()


def test_weights_that_are_made_of_several_tensors_leave_the_device_too():
    """As torchao's in 8 bits, which take no new numbers themselves."""
    inner = [torch.ones(3), torch.ones(2)]

    class Made(nn.Module):
        def buffers(self, recurse=True):
            return [MadeOf(inner)]

    class MadeOf:
        def __init__(self, parts):
            self.numbers, self.scale = parts

        def __tensor_flatten__(self):
            return ["numbers", "scale"], None

    compiled = Compiled(Adder(), compile_=FakeCompiler())
    compiled._original = Made()
    compiled.close()
    assert [each.numel() for each in inner] == [0, 0]


def test_a_picture_to_begin_with_brings_no_shape_of_its_own(adder):
    """Encoders leave another memory order behind, which compiled code depends on."""
    compiler = FakeCompiler()
    compiler.let_go.set()
    compiled = adder(compiler)
    drawn = torch.zeros(2, 4, 8, 8)
    compiled.serve((drawn,), {})
    until_ready(compiled, 1)
    encoded = drawn.to(memory_format=torch.channels_last)
    assert compiled.serve((encoded,), {}) is not None


def feed_forward():
    return FeedForward(4, mult=1), (torch.randn(2, 3, 4),), "net.2"


def residual(order):
    """A residual block of a UNet, as the default compiles it, in one of the two memory orders."""
    block = ResnetBlock2D(in_channels=8, out_channels=16, temb_channels=8, groups=4)
    given = torch.randn(2, 8, 4, 4).to(memory_format=order)
    return block.to(memory_format=order), (given, torch.randn(2, 8)), "conv2"


PLAIN = functools.partial(residual, torch.contiguous_format)
CHANNELS_LAST = functools.partial(residual, torch.channels_last)


@pytest.mark.host
@pytest.mark.skipif(shutil.which("g++") is None, reason="there is no C++ compiler")
@pytest.mark.filterwarnings("ignore:.torch.jit.script_method:DeprecationWarning")  # torch's own
@pytest.mark.parametrize(
    ("network_of", "with_loras", "precision"),
    [
        (feed_forward, False, "highest"),
        (feed_forward, True, "high"),
        (PLAIN, True, "highest"),
        (CHANNELS_LAST, False, "high"),
    ],
)
def test_what_another_process_compiled_is_found_by_this_one(
    tmp_path, monkeypatch, untuned, network_of, with_loras, precision
):
    """Its key on the disk is the same in both, whoever imported torch first and tuned it."""
    torch.set_float32_matmul_precision(precision)
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    prepare_to_compile()
    network, given, layer = network_of()
    network.requires_grad_(False)  # as a model is loaded
    how = HowCompiled(whole=True)
    with torch.inference_mode():  # as all is drawn
        given = tuple(each.clone() for each in given)
        if with_loras:
            key = ("unet", layer)
            weight = network.get_submodule(layer).weight
            pair = Pair(torch.randn(2, *weight.shape[1:]), torch.randn(len(weight), 2), 1.0)
            stack, layers = Stack.of({"ink": {key: pair}}), LoraLayers()
            layers.attach(lambda _: network, [key])
            layers.use(LoraPass.of([(("ink", 0.5),), ()], stack, torch.device("cpu")))
        eager = network(*given)
        compile_ahead(network, how, given, {}, lambda: False)
        torch._dynamo.reset()
        torch._dynamo.utils.counters.clear()
        drawn = compile_in_place(network, how)(*given)
    counted = torch._dynamo.utils.counters
    assert torch.allclose(drawn, eager, atol=1e-5)
    assert drawn.stride() == eager.stride()
    assert counted["aot_autograd"]["autograd_cache_hit"] == 1, counted
    assert counted["inductor"]["fxgraph_cache_hit"] == 1
    assert not counted["inductor"]["fxgraph_cache_miss"]


def test_the_other_process_gets_no_weights_from_host_memory():
    outline = _outline(nn.Linear(3, 3))
    assert {each.device.type for each in outline.parameters()} == {"meta"}


def test_the_other_process_ends_when_its_model_is_evicted():
    began = time.monotonic()
    compile_ahead(Forever(), HowCompiled(whole=True), (torch.zeros(2, 3),), {}, lambda: True)
    assert not any(p.name == "compile ahead" for p in multiprocessing.active_children())
    assert time.monotonic() - began < 60


def test_the_other_process_ends_once_it_is_done_whatever_it_leaves_behind():
    """Torch's own pool of compilers keeps its process for up to five minutes before torch 2.13."""
    task = (LeavesAThread(), HowCompiled(whole=True), (torch.zeros(2, 3),), {}, lambda: False)
    assert ended(compile_ahead, *task)


def test_a_process_that_dies_before_it_has_read_all_is_not_waited_for(caplog):
    module = nn.Linear(3, 3)
    module.ends, module.more = EndsItsReader(), bytes(2**20)  # more than a pipe holds
    with caplog.at_level("INFO"):
        assert ended(
            compile_ahead, module, HowCompiled(whole=True), (torch.zeros(2, 3),), {}, lambda: False
        )
    assert "ended with 1" in caplog.text


def test_a_process_that_hangs_is_ended_and_the_model_stays_eager(monkeypatch, caplog):
    monkeypatch.setattr(ahead, "PATIENCE_S", 0.0)
    monkeypatch.setattr(compiling, "compile_ahead", compile_ahead)
    compiled = Compiled(Forever(), HowCompiled(whole=True))
    x = torch.zeros(2, 3)
    compiled.serve((x,), {})
    while compiled.waits():
        threading.Event().wait(0.001)
    assert not compiled.serves
    assert compiled.serve((x,), {}) is None
    assert not any(p.name == "compile ahead" for p in multiprocessing.active_children())
    compiled.close()
    assert "it stays eager" in caplog.text


def test_a_load_does_not_wait_for_ever_for_one_that_hangs(monkeypatch):
    monkeypatch.setattr(models, "PATIENCE_S", 0.01)
    with (
        constructing(),
        pytest.raises(JobError, match="started anew"),
        constructing(),
    ):
        pass


def test_weights_that_have_no_outline_are_compiled_here_alone(monkeypatch, caplog):
    def refused(*_, **__):
        raise NotImplementedError("Int8Tensor dispatch")

    monkeypatch.setattr(torch, "empty_like", refused)
    with caplog.at_level("INFO"):
        compile_ahead(nn.Linear(3, 3), HowCompiled(), (torch.zeros(2, 3),), {}, lambda: False)
    assert "cannot be compiled in another process" in caplog.text


def test_what_another_process_cannot_be_given_is_compiled_here_alone():
    module = nn.Linear(3, 3)
    module.hook = lambda: None  # no pickle
    compile_ahead(module, HowCompiled(whole=True), (torch.zeros(2, 3),), {}, lambda: False)


def test_where_nothing_can_be_compiled_eager_goes_on_serving(adder):
    compiler = FakeCompiler(broken=True)
    compiler.let_go.set()
    compiled = adder(compiler)
    x = torch.zeros(2, 3)
    compiled.serve((x,), {})
    assert compiler.warmed.wait(timeout=60)
    assert compiled.serve((x,), {}) is None
    while compiled.waits():
        threading.Event().wait(0.001)
    assert compiled.ready() == 0


def test_a_twin_has_the_same_weights_and_no_copy_of_them():
    unet = tiny_models.unet()
    twin = twin_of(unet)
    assert all(a is b for a, b in zip(unet.parameters(), twin.parameters(), strict=True))
    assert all(a is b for a, b in zip(unet.buffers(), twin.buffers(), strict=True))
    assert not set(map(id, unet.modules())) & set(map(id, twin.modules()))


@pytest.mark.parametrize("whole", [False, True])
def test_the_repeated_and_residual_blocks_are_compiled_or_the_whole(whole):
    twin = twin_of(tiny_models.unet())
    compile_in_place(twin, HowCompiled(whole=whole), **BACKENDLESS)
    done = {type(m).__name__ for m in twin.modules() if m._compiled_call_impl is not None}
    blocks = {"Transformer2DModel", "ResnetBlock2D", "Downsample2D", "Upsample2D"}
    assert done == ({"UNet2DConditionModel"} if whole else blocks)


def test_where_a_class_lists_no_blocks_the_whole_is_compiled():
    transformer = tiny_models.sd3().transformer
    compile_in_place(transformer, HowCompiled(), **BACKENDLESS)
    assert transformer._compiled_call_impl is not None


def test_every_shape_gets_code_of_its_own():
    """dynamo gives a function up after 8 shapes, unless told otherwise."""
    torch._dynamo.reset()
    before = graphs()
    compiled = Compiled(
        Adder(),
        compile_=functools.partial(compile_in_place, **BACKENDLESS),
    )
    for count in range(2, 14):
        compiled.serve((torch.zeros(count, 3),), {})
        until_ready(compiled, count - 1)
    compiled.close()
    assert graphs() - before == 12


def test_a_pass_beside_a_trace_on_another_thread_is_left_alone():
    """fx replaces the calls and the weights of every module in the process while it traces."""
    prepare_to_compile()
    tracing, drawn = threading.Event(), threading.Event()
    unet = tiny_models.unet()

    class Slow(nn.Module):
        def __init__(self):
            super().__init__()
            self.shared, self.inner = unet, nn.Linear(2, 2)

        def forward(self, x):
            tracing.set()
            assert drawn.wait(timeout=30)
            return self.inner(x)

    traced = []
    thread = threading.Thread(target=lambda: traced.append(torch.fx.symbolic_trace(Slow())))
    arguments = (torch.ones(2, 4, 8, 8), torch.ones(2), torch.ones(2, 77, 32))
    with torch.inference_mode():
        before = unet(*arguments).sample
        thread.start()
        try:
            assert tracing.wait(timeout=30)
            beside = unet(*arguments).sample
        finally:
            drawn.set()
            thread.join()
    assert torch.equal(before, beside)
    assert any(node.op == "call_module" for node in traced[0].graph.nodes)


def really(adder):
    return adder(functools.partial(compile_in_place, **BACKENDLESS))


def test_ready_code_that_no_longer_fits_is_never_compiled_on_the_device_thread(adder):
    """dynamo guards torch's default dtype, which the load of another model changes meanwhile."""
    torch._dynamo.reset()
    compiled = really(adder)
    with torch.inference_mode():
        x = torch.zeros(2, 3)
        compiled.serve((x,), {})
        until_ready(compiled, 1)
        before = graphs()
        torch.set_default_dtype(torch.bfloat16)
        try:
            assert compiled.serve((x,), {}) is None
        finally:
            torch.set_default_dtype(torch.float32)
        assert (graphs(), compiled.missed) == (before, 0)
        assert torch.equal(compiled.serve((x,), {})[0], x)


def test_a_thread_that_refuses_to_compile_keeps_no_other_from_it():
    prepare_to_compile()
    module = Adder()
    forward = compile_in_place(module, HowCompiled(whole=True), **BACKENDLESS)
    refuse_to_compile()
    assert not torch._dynamo.config.error_on_recompile  # which is the process's in torch 2.11
    made = []

    def compile_both():
        made.extend(forward(torch.zeros(side), shift=1) for side in (2, 3))

    thread = threading.Thread(target=compile_both)
    thread.start()
    thread.join()
    assert [each.tolist() for each in made] == [[1, 1], [1, 1, 1]]
    assert forward(torch.zeros(2), shift=1).tolist() == [1, 1]
    with pytest.raises(torch._dynamo.exc.RecompileError):
        forward(torch.zeros(4), shift=1)


def test_code_that_is_made_beside_a_compiled_pass_is_found_afterwards():
    torch._dynamo.reset()
    prepare_to_compile()
    begun, drawing, made = threading.Event(), threading.Event(), threading.Event()

    def of_the_drawn(graph, _):
        def run(*given):
            if begun.is_set():
                drawing.set()
                made.wait(timeout=60)
            return graph.forward(*given)

        return run

    def of_the_new(graph, _):
        begun.set()
        drawing.wait(timeout=60)
        return graph.forward

    def compile_new():
        prepare_to_compile()
        new(torch.zeros(3), shift=1)
        made.set()

    whole = HowCompiled(whole=True)
    drawn = compile_in_place(Adder(), whole, backend=of_the_drawn)
    drawn(torch.zeros(2))
    new = compile_in_place(Adder(), whole, backend=of_the_new)
    thread = threading.Thread(target=compile_new)
    thread.start()
    begun.wait(timeout=60)
    drawn(torch.zeros(2))
    thread.join()
    refuse_to_compile()
    before = graphs()
    assert new(torch.zeros(3), shift=1).tolist() == [1, 1, 1]
    assert graphs() == before


def test_code_made_while_another_model_was_loading_is_made_again(adder):
    torch._dynamo.reset()
    compiled = really(adder)
    with torch.inference_mode():
        x = torch.zeros(2, 3)
        torch.set_default_dtype(torch.bfloat16)
        try:
            compiled.serve((x,), {})
            until_ready(compiled, 1)
        finally:
            torch.set_default_dtype(torch.float32)
        assert compiled.serve((x,), {}) is None
        assert compiled.serve((x,), {}) is None
        until_ready(compiled, 1)
        assert torch.equal(compiled.serve((x,), {})[0], x)
    assert compiled.missed == 1


def test_code_that_never_fits_is_given_up():
    def moody(twin, how):
        def forward(x):
            if threading.current_thread().name != "compile":
                raise torch._dynamo.exc.RecompileError
            return x

        return forward

    compiled = Compiled(Adder(), compile_=moody)
    x = torch.zeros(2, 3)
    while compiled.serves:
        assert compiled.serve((x,), {}) is None
    assert compiled.missed == compiling.MISSES
    compiled.close()


def test_a_shape_without_the_memory_to_be_compiled_stays_eager_and_others_do_not(adder):
    def narrow(twin, how):
        def forward(x):
            if len(x) > 2:
                raise torch.OutOfMemoryError("CUDA out of memory.")
            return x

        return forward

    compiled = adder(narrow)
    compiled.serve((torch.zeros(4, 3),), {})
    compiled.serve((torch.zeros(2, 3),), {})
    until_ready(compiled, 1)
    assert compiled.serves
    assert compiled.serve((torch.zeros(2, 3),), {}) is not None


def test_a_closed_one_compiles_nothing_more_and_lets_go_of_the_weights():
    compiler = FakeCompiler()
    compiled = Compiled(Adder(), compile_=compiler)
    for count in (2, 3, 4):
        compiled.serve((torch.zeros(count, 3),), {})
    compiled.close()
    compiler.let_go.set()
    thread = next(t for t in threading.enumerate() if t.name == "compile")
    thread.join(timeout=60)
    assert not thread.is_alive()
    assert compiled.ready() <= 1


def test_texts_of_many_lengths_share_code_by_what_they_are_padded_to(adder):
    compiler = FakeCompiler()
    compiler.let_go.set()
    sizes = []

    def compile_(twin, how):
        return lambda texts: sizes.append(len(texts))

    compiled = adder(compile_)
    compiled.serve(([torch.zeros(3, 2), torch.zeros(30, 2)],), {})
    until_ready(compiled, 1)
    assert compiled.serve(([torch.zeros(31, 2), torch.zeros(5, 2)],), {}) is not None
    assert compiled.serve(([torch.zeros(33, 2), torch.zeros(5, 2)],), {}) is None


@pytest.fixture
async def compiled_engine(weights, tmp_path, monkeypatch):
    """A started engine whose tiny model is compiled by dynamo; and a way to wait for that."""
    torch._dynamo.reset()
    monkeypatch.setattr(
        compiling, "compile_in_place", functools.partial(compile_in_place, **BACKENDLESS)
    )
    path = tmp_path / "ink.safetensors"
    tiny_models.save_lora(path, tiny_models.stable_diffusion())
    loras = (LoraSpec(name="ink", path=path),)
    adapter = tmp_path / "adapter.safetensors"
    tiny_models.save_ip_adapter(adapter, tiny_models.unet())
    spec = tiny_models.spec(
        "sd",
        weights("sd"),
        compiled="blocks",
        loras=loras,
        ip_adapter=adapter,
        image_encoder=weights("vision"),
    )
    engine = Engine([spec], device="cpu")
    await engine.start()
    yield engine
    await engine.close()


async def finish(engine, job):
    end = [event async for event in engine.run(job)][-1]
    assert isinstance(end, Finished), end
    return np.asarray(Image.open(io.BytesIO(end.pictures[0].png))).astype(int)


async def settle(engine, job_of):
    """Draw until nothing is left to compile; the end of a job asks for the decoder's code."""
    quiet = 0
    while quiet < 2:
        await finish(engine, job_of())
        quiet = 0 if engine.status().compiling else quiet + 1


def graphs():
    return torch._dynamo.utils.counters["stats"]["unique_graphs"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_a_compiled_model_compiles_no_more_once_warm_and_draws_the_same(
    compiled_engine, draw, engine_of
):
    eager = await finish(await engine_of("sd"), draw(seed=3))
    await settle(compiled_engine, lambda: draw(seed=3))
    before = graphs()
    assert before > 0
    assert np.abs(eager - await finish(compiled_engine, draw(seed=3, steps=4))).max() <= 1
    assert graphs() == before


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_passes_with_loras_have_compiled_code_that_any_weight_shares(
    compiled_engine, draw, engine_of
):
    def inked(weight):
        return draw(seed=3, loras=(("ink", weight),), guidance=30.0)

    await settle(compiled_engine, lambda: draw(seed=3))
    plain = await finish(compiled_engine, draw(seed=3, guidance=30.0))
    without = graphs()
    await settle(compiled_engine, lambda: inked(1.0))
    before = graphs()
    assert before > without, "with LoRAs it stays eager"
    half = await finish(compiled_engine, inked(0.5))
    assert graphs() == before
    spec = compiled_engine._specs["sd"]
    eager = await engine_of("sd", loras=spec.loras)
    assert np.abs(half - await finish(eager, inked(0.5))).max() <= 1
    assert np.abs(half - plain).max() > 1


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_tiles_and_image_prompts_leave_compiled_code_to_the_others(compiled_engine, draw):
    await settle(compiled_engine, lambda: draw(seed=3))
    before, plain = graphs(), await finish(compiled_engine, draw(seed=3))

    tiled = await finish(compiled_engine, draw(seed=3, tile=True))
    buffer = io.BytesIO()
    Image.new("RGB", (32, 32), "teal").save(buffer, "PNG")
    seen = (InputPicture(data=buffer.getvalue()),)
    prompted = await finish(
        compiled_engine, draw(seed=3, inputs=seen, init_use=InitUse.PROMPT, guidance=30.0)
    )
    again = await finish(compiled_engine, draw(seed=3))

    assert np.abs(plain - again).max() == 0
    assert np.abs(plain - tiled).max() > 1
    assert np.abs(plain - prompted).max() > 1
    assert graphs() == before


async def test_a_compiled_model_draws_in_whole_buckets(weights, draw, monkeypatch):
    sizes = []

    def pretend(twin, _how):
        def forward(latents, *arguments, **options):
            if options:  # the denoiser, not the decoder
                sizes.append(len(latents))
            return twin(latents, *arguments, **options)

        return forward

    monkeypatch.setattr(compiling, "compile_in_place", pretend)
    spec = tiny_models.spec("sd", weights("sd"), compiled="whole")
    engine = Engine([spec], device="cpu")
    await engine.start()
    try:
        for _ in range(2):
            await finish(engine, draw(images=3, steps=20))
    finally:
        await engine.close()
    assert set(sizes) == {4}, "six samples would be padded to eight"


async def test_seamless_tiles_have_no_compiled_code_and_so_no_padding(weights, draw, monkeypatch):
    sizes = []
    forward = LatentModel.forward

    def noted(model, adapters, latents, *arguments, **options):
        sizes.append((model._tiles, len(latents)))
        return forward(model, adapters, latents, *arguments, **options)

    monkeypatch.setattr(LatentModel, "forward", noted)
    monkeypatch.setattr(compiling, "compile_in_place", lambda twin, _how: twin)
    spec = tiny_models.spec("sd", weights("sd"), compiled="whole", tile_from=0.5)
    engine = Engine([spec], device="cpu")
    await engine.start()
    try:
        await finish(engine, draw())
        sizes.clear()
        await finish(engine, draw(images=3, steps=8, tile=True))
    finally:
        await engine.close()
    plain, tiled = ([size for wraps, size in sizes if wraps is which] for which in (False, True))
    assert set(plain) == {4}, "whole buckets, until they wrap around"
    assert 6 in tiled
    assert sum(tiled) == 3 * 2 * 4, "three pictures, guided, four steps, and nothing beside"


def test_a_model_says_whether_its_last_pass_had_its_compiled_code(weights, monkeypatch):
    """Passes of others are not typical of its speed."""
    let_go = threading.Event()

    def pretend(twin, _how):
        def forward(*arguments, **options):
            if threading.current_thread().name == "compile":
                let_go.wait(timeout=60)
            return twin(*arguments, **options)

        return forward

    monkeypatch.setattr(compiling, "compile_in_place", pretend)
    spec = tiny_models.spec("sd", weights("sd"), compiled="whole")
    model = loading.load(spec, torch.device("cpu"), torch.float32)

    def untypical():
        hidden = torch.zeros(2, 77, model.denoiser.config.cross_attention_dim)
        model.predict(
            torch.zeros(2, 4, 8, 8), torch.ones(2), {"encoder_hidden_states": hidden}, ["", ""]
        )
        return model.untypical

    try:
        with torch.inference_mode():
            assert untypical()
            let_go.set()
            until_ready(model._compiled, 1)
            assert not untypical()
            model.tile(on=True)
            assert untypical()
    finally:
        model.close()
    plain = loading.load(tiny_models.spec("sd", weights("sd")), model.device, torch.float32)
    assert not plain.untypical
