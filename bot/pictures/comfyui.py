"""ComfyUI's pictures carry the graph that made them: nodes, and links between their inputs.

A graph is {id: {"class_type": …, "inputs": {name: value or [id, output]}}}. Which nodes there are
anybody may extend, so a node is known by the names of its inputs. Graphs may be hostile: cyclic,
endless, of other types; each walk meets a node once and ends after so many.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from bot.pictures.making import Making, Program, decimal, whole, words_of

_Node = Mapping[str, Any]
_Graph = dict[str, _Node]

_MAX_NODES = 2000
_MAX_SAMPLERS = 50
_WORDS = ("text", "text_g", "text_l", "clip_l", "t5xxl", "prompt", "string", "value")
_NOT_WORDS = frozenset(
    {"model", "clip", "vae", "control_net", "image", "mask", "samples", "pixels"}
)
"""Inputs behind which other things stand than the words of a conditioning."""
_SEEDS = ("seed", "noise_seed", "value", "int")
_SAMPLERS = ("noise", "guider", "sigmas", "sampler", "seed", "noise_seed", "steps", "cfg")
"""Inputs of a sampler behind which its numbers may stand."""
_WIDGETS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "KSampler": ("seed", "", "steps", "cfg", "sampler_name", "scheduler", "denoise"),
        "KSamplerAdvanced": ("", "noise_seed", "", "steps", "cfg", "sampler_name", "scheduler"),
        "CLIPTextEncode": ("text",),
        "CheckpointLoaderSimple": ("ckpt_name",),
        "UNETLoader": ("unet_name",),
        "EmptyLatentImage": ("width", "height"),
        "EmptySD3LatentImage": ("width", "height"),
        "RandomNoise": ("noise_seed",),
        "KSamplerSelect": ("sampler_name",),
        "BasicScheduler": ("scheduler", "steps"),
        "CFGGuider": ("cfg",),
        "FluxGuidance": ("guidance",),
    }
)
"""What the values of a node mean in a workflow, which does not name them; empty: nothing here."""


def read(prompt: str, workflow: str = "") -> Making | None:
    """The making of the first sampler; None where there is none.

    prompt, workflow: the JSON texts that ComfyUI writes; the second is looked at without the first.
    """
    graph = _graph(_json(prompt)) or _graph(_from_workflow(_json(workflow)))
    sampler = _first_sampler(graph)
    if sampler is None:
        return None
    texts = {
        role: _found(graph, sampler, _conditioning(role), _WORDS, words_of)
        for role in ("positive", "negative")
    }

    def told(names: Collection[str], take: Callable[[Any], Any]) -> Any:  # noqa: ANN401 - as `take` gives
        return _found(graph, sampler, lambda _: _SAMPLERS, names, take)

    def behind(names: tuple[str, ...], inputs: tuple[str, ...], take: Callable[[Any], Any]) -> Any:  # noqa: ANN401 - as `take` gives
        return _found(graph, sampler, lambda _: inputs, names, take)

    models = ("model", "guider", "base_model")
    return Making(
        program=Program.COMFYUI,
        prompt=texts["positive"] or "",
        negative=texts["negative"] or "",
        model=behind(("ckpt_name", "unet_name"), models, words_of) or "",
        seed=told(_SEEDS, whole),
        steps=told(("steps",), whole),
        guidance=told(("cfg",), decimal),
        scheduler=told(("sampler_name",), words_of) or "",
        width_px=behind(("width",), ("latent_image", "samples"), whole),
        height_px=behind(("height",), ("latent_image", "samples"), whole),
    )


def _json(text: str) -> Any:  # noqa: ANN401 - JSON
    try:
        return json.loads(text) if text else None
    except (ValueError, RecursionError):
        return None


def _graph(found: Any) -> _Graph:  # noqa: ANN401 - JSON
    """The nodes that have the right types."""
    if not isinstance(found, dict):
        return {}
    return {
        id_: node["inputs"]
        for id_, node in list(found.items())[:_MAX_NODES]
        if isinstance(node, dict) and isinstance(node.get("inputs"), dict)
    }


def _linked(graph: _Graph, value: Any) -> str | None:  # noqa: ANN401 - JSON
    """The id of the node that an input's value leads to."""
    match value:
        case [str() | int() as id_, int()]:
            return str(id_) if str(id_) in graph else None
        case _:
            return None


def _first_sampler(graph: _Graph) -> _Node | None:
    """The one that begins from an empty latent: others enlarge or refine its picture."""
    samplers = [
        node
        for node in graph.values()
        if "latent_image" in node and ("positive" in node or "guider" in node)
    ]
    others = {id(node) for node in samplers}
    for node in samplers[:_MAX_SAMPLERS]:
        behind = _walk(graph, node, lambda _: ("latent_image", "samples", "pixels", "image"))
        if all(other is node or id(other) not in others for other in behind):
            return node
    return samplers[0] if samplers else None


def _conditioning(role: str) -> Callable[[_Node], Collection[str]]:
    """Which inputs lead to the words of that role."""

    def inputs(node: _Node) -> Collection[str]:
        if role in node:
            return (role,)
        if "guider" in node:
            return ("guider",)
        if "positive" in node or "negative" in node:
            return ()
        if role == "negative" and {"conditioning", "model"} <= node.keys():
            return ()  # a guider that has no negative
        return [name for name in node if name not in _NOT_WORDS]

    return inputs


def _walk(
    graph: _Graph, start: _Node, inputs: Callable[[_Node], Collection[str]]
) -> Iterator[_Node]:
    """The node and all behind its first input, then those behind its second, …, each once."""
    waiting, met = [start], set[int]()
    while waiting:
        node = waiting.pop()
        if id(node) in met:
            continue
        met.add(id(node))
        yield node
        linked = [_linked(graph, node.get(name)) for name in inputs(node)]
        waiting += [graph[id_] for id_ in reversed(linked) if id_ is not None]


def _found(
    graph: _Graph,
    start: _Node,
    inputs: Callable[[_Node], Collection[str]],
    names: Collection[str],
    take: Callable[[Any], Any],
) -> Any:  # noqa: ANN401 - as `take` gives
    """What `take` makes of the first value of those names; None where there is none."""
    for node in _walk(graph, start, inputs):
        for name in names:
            taken = take(node.get(name))
            if taken not in (None, ""):
                return taken
    return None


def _from_workflow(found: Any) -> Any:  # noqa: ANN401 - JSON
    """A workflow, as ComfyUI's page keeps it, in the form of a graph."""
    match found:
        case {"nodes": list(nodes), "links": list(links)}:
            sources = {
                link[0]: [str(link[1]), 0]
                for link in links
                if isinstance(link, list) and len(link) >= 2 and isinstance(link[0], int)
            }
            return dict(
                _workflow_node(node, sources)
                for node in nodes[:_MAX_NODES]
                if isinstance(node, dict)
            )
        case _:
            return None


def _workflow_node(
    node: Mapping[str, Any], sources: Mapping[int, list[Any]]
) -> tuple[str, dict[str, Any]]:
    values, type_ = node.get("widgets_values"), node.get("type")
    names = _WIDGETS.get(type_, ()) if isinstance(type_, str) else ()
    inputs: dict[str, Any] = {}
    if isinstance(values, list):
        inputs = {name: value for name, value in zip(names, values, strict=False) if name}
    listed = node.get("inputs")
    for item in listed if isinstance(listed, list) else ():
        match item:
            case {"name": str(name), "link": int(link)} if link in sources:
                inputs[name] = sources[link]
            case _:
                pass
    return str(node.get("id")), {"inputs": inputs}
