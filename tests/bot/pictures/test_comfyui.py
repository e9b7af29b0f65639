import json

import pytest

from bot.pictures import comfyui
from bot.pictures.making import Making, Program


def node(type_, **inputs):
    return {"class_type": type_, "inputs": inputs}


SIMPLE = {
    "3": node(
        "KSampler", seed=7, steps=20, cfg=8, sampler_name="euler", scheduler="normal", denoise=1,
        model=["4", 0], positive=["6", 0], negative=["7", 0], latent_image=["5", 0],
    ),
    "4": node("CheckpointLoaderSimple", ckpt_name="dream.safetensors"),
    "5": node("EmptyLatentImage", width=512, height=768, batch_size=1),
    "6": node("CLIPTextEncode", text="a red cat", clip=["4", 1]),
    "7": node("CLIPTextEncode", text="blurry", clip=["4", 1]),
    "8": node("VAEDecode", samples=["3", 0], vae=["4", 2]),
}  # fmt: skip
READ = Making(
    program=Program.COMFYUI, prompt="a red cat", negative="blurry", model="dream.safetensors",
    seed=7, steps=20, guidance=8.0, scheduler="euler", width_px=512, height_px=768,
)  # fmt: skip


def read(graph, workflow=""):
    return comfyui.read(json.dumps(graph), workflow)


def test_the_samplers_texts_and_numbers_are_found_by_their_links():
    assert read(SIMPLE) == READ


def test_words_are_found_through_other_nodes_and_loras_on_the_way_to_the_checkpoint():
    graph = {
        **SIMPLE,
        "4": node("LoraLoader", lora_name="ink", model=["10", 0], clip=["10", 1]),
        "10": node("CheckpointLoaderSimple", ckpt_name="dream.safetensors"),
        "3": node(
            "KSampler", seed=["11", 0], steps=20, cfg=8, sampler_name="euler", model=["4", 0],
            positive=["12", 0], negative=["12", 1], latent_image=["5", 0],
        ),
        "11": node("Seed (rgthree)", seed=7),
        "12": node("ControlNetApply", positive=["13", 0], negative=["7", 0], control_net=["9", 0]),
        "13": node("ConditioningCombine", conditioning_1=["6", 0], conditioning_2=["7", 0]),
        "6": node("CLIPTextEncode", text=["14", 0], clip=["4", 1]),
        "14": node("String Literal", string="a red cat"),
    }  # fmt: skip
    assert read(graph) == READ


def test_a_sampler_in_parts_is_put_together():
    graph = {
        "1": node(
            "SamplerCustomAdvanced", noise=["2", 0], guider=["3", 0], sampler=["4", 0],
            sigmas=["5", 0], latent_image=["6", 0],
        ),
        "2": node("RandomNoise", noise_seed=7),
        "3": node("BasicGuider", model=["7", 0], conditioning=["8", 0]),
        "4": node("KSamplerSelect", sampler_name="euler"),
        "5": node("BasicScheduler", scheduler="simple", steps=20, denoise=1, model=["7", 0]),
        "6": node("EmptySD3LatentImage", width=512, height=768),
        "7": node("UNETLoader", unet_name="flux.safetensors"),
        "8": node("FluxGuidance", guidance=3.5, conditioning=["9", 0]),
        "9": node("CLIPTextEncode", text="a red cat", clip=["10", 0]),
        "10": node("DualCLIPLoader", clip_name1="a", clip_name2="b"),
    }  # fmt: skip
    found = read(graph)
    assert (found.prompt, found.negative, found.model) == ("a red cat", "", "flux.safetensors")
    assert (found.seed, found.steps, found.scheduler) == (7, 20, "euler")


def test_the_first_of_two_samplers_tells():
    second = node(
        "KSampler", seed=99, steps=5, cfg=1, sampler_name="x", positive=["6", 0],
        negative=["7", 0], model=["4", 0], latent_image=["20", 0],
    )  # fmt: skip
    graph = {"1": second, "20": node("LatentUpscale", samples=["3", 0]), **SIMPLE}
    assert read(graph) == READ


WORKFLOW = {
    "nodes": [
        {
            "id": 3, "type": "KSampler",
            "inputs": [
                {"name": "model", "link": 1}, {"name": "positive", "link": 2},
                {"name": "negative", "link": 3}, {"name": "latent_image", "link": 4},
            ],
            "widgets_values": [7, "randomize", 20, 8, "euler", "normal", 1],
        },
        {"id": 4, "type": "CheckpointLoaderSimple", "widgets_values": ["dream.safetensors"]},
        {"id": 5, "type": "EmptyLatentImage", "widgets_values": [512, 768, 1]},
        {"id": 6, "type": "CLIPTextEncode", "inputs": [], "widgets_values": ["a red cat"]},
        {"id": 7, "type": "CLIPTextEncode", "inputs": None, "widgets_values": ["blurry"]},
    ],
    "links": [
        [1, 4, 0, 3, 0, "MODEL"], [2, 6, 0, 3, 1, "C"], [3, 7, 0, 3, 2, "C"], [4, 5, 0, 3, 3, "L"],
    ],
}  # fmt: skip


def test_a_workflow_is_read_where_there_is_no_prompt():
    assert comfyui.read("", json.dumps(WORKFLOW)) == READ


@pytest.mark.parametrize(
    "graph",
    [
        {"1": node("KSampler", positive=["1", 0], negative=["1", 0], latent_image=["1", 0])},
        {
            "1": node("KSampler", positive=["2", 0], latent_image=["2", 0], seed=["2", 0]),
            "2": node("X", text=["3", 0], samples=["1", 0], value=["3", 0]),
            "3": node("Y", text=["2", 0], conditioning=["1", 0]),
        },
        {
            str(at): node("KSampler", positive=[str(at + 1), 0], latent_image=[str(at + 1), 0])
            for at in range(5000)
        },
        {"1": node("KSampler", positive=[[], {}], latent_image=None, seed={}, steps=[1], cfg="x")},
    ],
)
def test_graphs_that_turn_in_circles_or_never_end_come_to_an_end(graph):
    found = read(graph)
    assert (found.prompt, found.seed) == ("", None)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "1", '{"1": []}', '{"1": {"inputs": 1}}'])
def test_other_texts_have_no_making(text):
    assert comfyui.read(text) is None
    assert comfyui.read("", text) is None


def test_only_so_many_samplers_are_looked_behind(monkeypatch):
    walks, walk = [], comfyui._walk
    monkeypatch.setattr(comfyui, "_walk", lambda *a: walks.append(a[1]) or walk(*a))
    ring = {str(n): node("KSampler", latent_image=[str((n + 1) % 500), 0], positive=["p", n])
            for n in range(500)}  # fmt: skip
    assert comfyui._first_sampler(comfyui._graph(ring)) == ring["0"]["inputs"]
    assert len(walks) == comfyui._MAX_SAMPLERS


def test_equal_nodes_are_not_compared():
    class Inputs(dict):
        __hash__ = None

        def __eq__(self, other):
            raise AssertionError

    graph = {n: Inputs(latent_image=[m, 0], positive="x") for n, m in (("a", "b"), ("b", "c"))}
    graph["c"] = Inputs(width=64)
    assert comfyui._first_sampler(graph) is graph["b"]
