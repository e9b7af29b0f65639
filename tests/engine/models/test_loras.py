from __future__ import annotations

import io
import threading

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline
from peft import LoraConfig, get_peft_model_state_dict
from PIL import Image
from safetensors.torch import load_file, save_file

from engine import Failed, FailureKind, Finished, LoraSpec
from engine.errors import JobError, NotYetError
from engine.models import constructing
from engine.models import loras as registry
from tests.engine import tiny_models


@pytest.fixture(scope="module")
def loras(tmp_path_factory):
    folder = tmp_path_factory.mktemp("loras")
    specs = []
    for seed, (name, builder) in enumerate(
        {
            "ink": tiny_models.stable_diffusion,
            "neon": tiny_models.stable_diffusion,
            "foreign": tiny_models.sdxl,
        }.items()
    ):
        path = folder / f"{name}.safetensors"
        tiny_models.save_lora(path, builder(), seed=seed)
        specs.append(LoraSpec(name=name, path=path))
    cut = folder / "cut.safetensors"
    cut.write_bytes((folder / "ink.safetensors").read_bytes()[:1000])
    specs.append(LoraSpec(name="cut", path=cut))
    return tuple(specs)


async def end_of(stream):
    return [event async for event in stream][-1]


async def finish(engine, job):
    end = await end_of(engine.run(job))
    assert isinstance(end, Finished), end
    return np.asarray(Image.open(io.BytesIO(end.pictures[0].png))).astype(int)


@pytest.mark.host
async def test_a_lora_draws_what_the_pipeline_draws_with_it(engine_of, draw, loras, weights):
    engine = await engine_of("sd", loras=loras)
    pipeline = StableDiffusionPipeline.from_pretrained(weights("sd"), safety_checker=None)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.load_lora_weights(loras[0].path.parent, weight_name="ink.safetensors")

    ours = await finish(engine, draw(loras=(("ink", 1.0),), seed=3))
    theirs = pipeline(
        prompt="a red cat at night",
        num_inference_steps=4,
        guidance_scale=5.0,
        width=64,
        height=64,
        generator=torch.Generator("cpu").manual_seed(3),
    ).images[0]

    assert np.abs(ours - np.asarray(theirs)).max() == 0


async def test_rows_with_different_loras_share_a_pass(engine_of, draw, loras):
    engine = await engine_of("sd", loras=loras, owner_cap=9)
    choices = [(), (("ink", 1.0),), (("ink", 0.5),), (("neon", 1.0),)]
    alone = [await finish(engine, draw(loras=choice, seed=3)) for choice in choices]

    streams = [engine.run(draw(loras=choice, seed=3, steps=4)) for choice in choices]
    ends = [await end_of(stream) for stream in streams]

    pictures = [np.asarray(Image.open(io.BytesIO(end.pictures[0].png))).astype(int) for end in ends]
    for one, many in zip(alone, pictures, strict=True):
        assert np.abs(one - many).max() <= 1
    for index, other in enumerate(alone):
        for picture in alone[index + 1 :]:
            assert np.abs(other - picture).max() > 1


async def test_a_stack_of_loras_is_neither_of_them(engine_of, draw, loras):
    engine = await engine_of("sd", loras=loras)
    stack = await finish(engine, draw(loras=(("ink", 1.0), ("neon", 0.7)), seed=3))
    ink = await finish(engine, draw(loras=(("ink", 1.0),), seed=3))
    none = await finish(engine, draw(seed=3))
    again = await finish(engine, draw(loras=(("ink", 1.0), ("neon", 0.7)), seed=3))

    assert np.abs(stack - ink).max() > 1
    assert np.abs(stack - none).max() > 1
    assert np.array_equal(stack, again)


@pytest.mark.parametrize("name", ["foreign", "cut"])
async def test_a_lora_that_does_not_fit_fails_alone_with_one_sentence(engine_of, draw, loras, name):
    engine = await engine_of("sd", loras=loras)
    before = await finish(engine, draw(seed=3))

    end = await end_of(engine.run(draw(loras=((name, 1.0),))))

    assert isinstance(end, Failed)
    assert end.kind is FailureKind.BAD_INPUT
    assert name in end.reason and "\n" not in end.reason
    assert np.array_equal(before, await finish(engine, draw(seed=3)))


def refusal(end):
    assert isinstance(end, Failed), end
    assert end.kind is FailureKind.BAD_INPUT
    assert "\n" not in end.reason and "/" not in end.reason
    return end.reason


@pytest.fixture
async def refused(engine_of, draw, tmp_path):
    """A function: family, tensors of a LoRA → why it is refused; the model stays as it was."""

    async def why(family, tensors):
        path = tmp_path / "odd.safetensors"
        save_file(tensors, path)
        engine = await engine_of(family, loras=(LoraSpec(name="odd", path=path),))
        before = await finish(engine, draw(family, seed=3))
        said = refusal(await end_of(engine.run(draw(family, loras=(("odd", 1.0),)))))
        assert np.array_equal(before, await finish(engine, draw(family, seed=3)))
        return said

    return why


def pair(layer, width_in, width_out, rank=2):
    return {
        f"{layer}.lora_A.weight": torch.ones(rank, width_in),
        f"{layer}.lora_B.weight": torch.ones(width_out, rank),
    }


FLUX_QUERY = "transformer.transformer_blocks.0.attn.to_q"
SD_QUERY = "unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_q"


@pytest.mark.parametrize(
    ("family", "tensors", "sentence"),
    [
        (
            "flux",
            pair(FLUX_QUERY, 32, 32)
            | {"transformer.transformer_blocks.0.attn.norm_q.weight": torch.zeros(16)},
            "changes the model itself",
        ),
        (
            "flux",
            {"double_blocks.0.img_attn.norm.query_norm.scale": torch.zeros(16)},
            "changes the model itself",
        ),
        (
            "flux",
            pair("transformer.x_embedder", 128, 32),
            "its x_embedder is 128 wide and this model's is 64",
        ),
        (
            "flux",
            {
                "lora_unet_double_blocks_0_img_mlp_0.lora_down.weight": torch.ones(2, 48),
                "lora_unet_double_blocks_0_img_mlp_0.lora_up.weight": torch.ones(128, 2),
                "lora_unet_double_blocks_0_img_mlp_0.alpha": torch.tensor(2.0),
            },
            "ff.net.0.proj is 48 wide and this model's is 32",
        ),
        (
            "sd3",
            pair("transformer.single_transformer_blocks.0.attn.to_q", 32, 32),
            "only 0 of its 2 weights have a place",
        ),
        ("sd", pair(SD_QUERY, 48, 64), "is 48 wide and this model's is 64"),
        ("sd", pair(SD_QUERY, 64, 48), "is 48 wide and this model's is 64"),
        (
            "sd",
            pair(SD_QUERY, 64, 64) | {f"{SD_QUERY}.lora_magnitude_vector": torch.ones(64)},
            "is a DoRA",
        ),
        ("z-image", {"transformer.layers.0.attention.to_q.lokr_w1": torch.ones(4, 4)}, "LoKr"),
    ],
)
async def test_a_file_that_is_no_lora_of_this_model_is_refused_before_it_changes_anything(
    refused, family, tensors, sentence
):
    assert sentence in await refused(family, tensors)


async def test_a_lora_in_its_trainers_own_names_is_known(engine_of, draw, tmp_path):
    tiny_models.save_lora(tmp_path / "ink.safetensors", tiny_models.stable_diffusion())
    renamed = {}
    for key, tensor in load_file(tmp_path / "ink.safetensors").items():
        layer, side, _ = key.removeprefix("unet.").rsplit(".", 2)
        down = {"lora_A": "lora_down", "lora_B": "lora_up", "down": "lora_down", "up": "lora_up"}
        name = "lora_unet_" + layer.removesuffix(".lora").replace(".", "_")
        renamed[f"{name}.{down[side]}.weight"] = tensor
        renamed[f"{name}.alpha"] = torch.tensor(4.0)
    save_file(renamed, tmp_path / "kohya.safetensors")
    specs = [LoraSpec(name=n, path=tmp_path / f"{n}.safetensors") for n in ("ink", "kohya")]
    engine = await engine_of("sd", loras=tuple(specs))
    ink, kohya = [await finish(engine, draw(loras=((n, 1.0),), seed=3)) for n in ("ink", "kohya")]
    assert np.array_equal(ink, kohya)


async def test_a_missing_lora_is_named_without_where_it_should_be(engine_of, draw, tmp_path):
    gone = LoraSpec(name="gone", path=tmp_path / "gone.safetensors")
    engine = await engine_of("sd", loras=(gone,))
    said = refusal(await end_of(engine.run(draw(loras=(("gone", 1.0),)))))
    assert (
        said == "The LoRA gone is not there: its file gone.safetensors is missing; choose another."
    )


def registered(pipeline, specs):
    return registry.Loras(pipeline, {lora.name: lora.path for lora in specs}, torch.device("cpu"))


def loaded(loras, *chosen):
    """The name of these, once they are loaded."""
    while True:
        try:
            return loras.name_for(chosen)
        except NotYetError:
            threading.Event().wait(0.01)


def test_a_pass_never_runs_without_a_lora_that_its_rows_have(loras, monkeypatch):
    monkeypatch.setattr(registry, "KEPT", 0)
    ours = registered(tiny_models.stable_diffusion(), loras)
    name = loaded(ours, ("ink", 1.0))
    with ours.using(["", name]):
        pass
    ours.keep({name})
    with ours.using(["", name]):
        pass
    ours.keep(())
    with pytest.raises(JobError, match="put away meanwhile"), ours.using(["", name]):
        pass


def test_one_file_at_two_weights_is_one_adapter_loaded_beside_the_device_thread(loras, monkeypatch):
    ours = registered(tiny_models.stable_diffusion(), loras)
    threads = []
    read = registry.Loras._read

    def recorded(self, path):
        threads.append(threading.current_thread())
        return read(self, path)

    monkeypatch.setattr(registry.Loras, "_read", recorded)
    with pytest.raises(NotYetError):
        ours.name_for((("ink", 1.0),))
    assert loaded(ours, ("ink", 1.0)) != loaded(ours, ("ink", 0.35))
    assert len(threads) == 1 and threads[0] is not threading.main_thread()
    assert len(ours._adapters) == 1


def convolutional(path, *, seed, rank):
    """A LoRA of attention and convolutions, as those for few steps are."""
    torch.manual_seed(seed)
    pipeline = tiny_models.stable_diffusion()
    targets = ["to_q", "to_k", "proj_in", "conv1", "conv2", "conv_shortcut"]
    config = LoraConfig(r=rank, lora_alpha=3, target_modules=targets, init_lora_weights=False)
    pipeline.unet.add_adapter(config)
    layers = get_peft_model_state_dict(pipeline.unet)
    StableDiffusionPipeline.save_lora_weights(
        path.parent, weight_name=path.name, unet_lora_layers=layers
    )
    return LoraSpec(name=path.stem, path=path)


@pytest.mark.filterwarnings("ignore:Already found a `peft_config`")
@torch.inference_mode()
def test_samples_of_one_pass_each_equal_what_peft_makes_of_them(tmp_path):
    """To 1e-5 of the largest number in a mixed pass, and to the bit where all have the same."""
    specs = [convolutional(tmp_path / f"{n}.safetensors", seed=n, rank=2 + 3 * n) for n in (1, 2)]
    pipeline = tiny_models.stable_diffusion()
    ours = registered(pipeline, specs)
    choices = [(), (("1", 1.0),), (("1", 0.3),), (("2", 0.7),), (("1", 0.5), ("2", 0.6))]
    names = [loaded(ours, *choice) for choice in choices]
    given = (torch.randn(5, 4, 8, 8), torch.full((5,), 500.0), torch.randn(5, 77, 32))
    with ours.using(names):
        mixed = pipeline.unet(*given).sample
    theirs = tiny_models.stable_diffusion()
    for spec in specs:
        theirs.load_lora_weights(
            spec.path.parent, weight_name=spec.path.name, adapter_name=f"l{spec.name}"
        )
    for at, (name, choice) in enumerate(zip(names, choices, strict=True)):
        alone = tuple(tensor[at : at + 1] for tensor in given)
        if choice:
            theirs.enable_lora()
            theirs.set_adapters([f"l{n}" for n, _ in choice], [weight for _, weight in choice])
        else:
            theirs.disable_lora()
        expected = theirs.unet(*alone).sample
        assert (mixed[at : at + 1] - expected).abs().max() <= 1e-5 * expected.abs().max()
        with ours.using([name]):
            assert torch.equal(pipeline.unet(*alone).sample, expected)


async def test_an_unknown_lora_is_refused_with_those_there_are(engine_of, draw, loras):
    engine = await engine_of("sd", loras=loras)

    with pytest.raises(ValueError, match="no LoRA 'oil'; it has cut, foreign, ink, neon"):
        engine.run(draw(loras=(("oil", 1.0),)))


async def test_a_new_lora_waits_for_a_load_under_way_and_nobody_else_does(engine_of, draw, loras):
    engine = await engine_of("sd", loras=loras)
    before = await finish(engine, draw(seed=3))
    with constructing():
        waiting = engine.run(draw(loras=(("ink", 0.35),), owner="bob"))
        assert np.array_equal(before, await finish(engine, draw(seed=3)))
        assert engine.status().running
    assert isinstance(await end_of(waiting), Finished)


async def test_a_lora_of_the_text_encoder_reads_a_prompt_anew(engine_of, draw, tmp_path):
    path = tmp_path / "words.safetensors"
    tiny_models.save_text_lora(path, tiny_models.stable_diffusion())
    engine = await engine_of("sd", loras=(LoraSpec(name="words", path=path),))
    fields = {"seed": 3, "guidance": 30.0}
    plain = await finish(engine, draw(**fields))
    changed = await finish(engine, draw(loras=(("words", 4.0),), **fields))
    again = await finish(engine, draw(**fields))
    assert np.abs(plain - changed).max() > 1
    assert np.abs(plain - again).max() <= 1


async def test_only_the_last_few_loras_stay_and_those_in_flight(
    engine_of, draw, loras, monkeypatch, tmp_path
):
    monkeypatch.setattr(registry, "KEPT", 2)
    others = []
    for seed, name in enumerate(("oil", "chalk", "pencil"), 7):
        path = tmp_path / f"{name}.safetensors"
        tiny_models.save_lora(path, tiny_models.stable_diffusion(), seed=seed)
        others.append(LoraSpec(name=name, path=path))
    engine = await engine_of("sd", loras=(*loras, *others), owner_cap=9)
    first = await finish(engine, draw(loras=(("ink", 0.5),), seed=3))
    held = engine.run(draw(loras=(("neon", 1.0),), owner="bob", steps=60, seed=4))
    for name in ("oil", "chalk", "pencil"):
        await finish(engine, draw(loras=((name, 1.0),), seed=3, steps=2))
    in_flight = await end_of(held)

    (model,) = engine._worker._admission._models._models.values()
    assert len(model._loras._adapters) <= 3
    assert np.array_equal(first, await finish(engine, draw(loras=(("ink", 0.5),), seed=3)))
    alone = await end_of(engine.run(draw(loras=(("neon", 1.0),), steps=60, seed=4)))
    one, other = (
        np.asarray(Image.open(io.BytesIO(end.pictures[0].png))).astype(int)
        for end in (in_flight, alone)
    )
    assert np.abs(one - other).max() <= 1
