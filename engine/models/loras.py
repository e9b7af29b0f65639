"""LoRAs: rows with any of them share a pass; new ones are loaded beside the device thread."""

from __future__ import annotations

import contextlib
import copy
import functools
import itertools
import json
import threading
from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from engine.errors import JobError, NotYetError, Sentence, first_line
from engine.models import constructing
from engine.models.lora_file import check_lora
from engine.models.lora_layers import Adapter, Chosen, Key, LoraLayers, LoraPass, Pair, Stack

KEPT = 16
"""How many adapters stay that no row uses."""


class Loras:
    """The LoRAs of one pipeline; one file is one adapter, whatever its weight in a row is."""

    def __init__(self, pipeline: Any, files: Mapping[str, Path], device: torch.device) -> None:  # noqa: ANN401
        self._pipeline, self._device = pipeline, device
        self._files = files
        self._adapters: OrderedDict[str, Adapter] = OrderedDict()
        """By the catalogue's name, the least recently used first."""
        self._loading: set[str] = set()
        self._arrived: dict[str, Adapter | JobError] = {}
        """What the loading threads have left."""
        self._layers = LoraLayers()
        self._stack: Stack | None = None
        self._last: tuple[list[Chosen], LoraPass] | None = None
        """The last pass with several LoRAs, and who chose what."""
        self._numbers = itertools.count()

    def name_for(self, loras: Sequence[tuple[str, float]]) -> str:
        """What rows with these LoRAs carry; NotYetError while one of them is being loaded."""
        for name, _ in loras:
            self._ask(name)
        missing = [name for name, _ in loras if name not in self._adapters]
        if missing:
            raise NotYetError
        return json.dumps(loras) if loras else ""

    def keep(self, in_use: Collection[str]) -> None:
        """Forget the least recently used adapters beyond KEPT, but none of those in use."""
        used = {name for each in in_use for name, _ in _parsed(each)}
        idle = [name for name in self._adapters if name not in used]
        for name in idle[: max(0, len(self._adapters) - KEPT)]:
            del self._adapters[name]
            if self._stack is not None and name in self._stack.names:
                self._stack = self._last = None

    def gigabytes(self) -> float:
        """What the adapters and their stack take on the device."""
        tensors = [
            each for a in self._adapters.values() for pair in a.values() for each in pair[:2]
        ]
        if self._stack is not None:
            tensors += [*self._stack.downs.values(), *self._stack.ups.values()]
        return sum(each.numel() * each.element_size() for each in tensors) / 1e9

    @contextlib.contextmanager
    def using(self, adapters: Sequence[str]) -> Iterator[None]:
        """Use these adapters in the eager passes within, one string of `name_for` a sample."""
        chosen = self._chosen(adapters)
        if not any(chosen):
            yield
            return
        if len(set(chosen)) == 1:
            # As PEFT calculates it, so that a picture drawn alone is diffusers' own to the bit.
            self._layers.use_same([(self._adapters[name], weight) for name, weight in chosen[0]])
        else:
            self._layers.use(self._pass(chosen))
        try:
            yield
        finally:
            self._layers.rest()

    def stacked(self, adapters: Sequence[str]) -> LoraPass | None:
        """The LoRAs of a pass for compiled code; None where no sample has any."""
        chosen = self._chosen(adapters)
        return self._pass(chosen) if any(chosen) else None

    def _pass(self, chosen: Sequence[Chosen]) -> LoraPass:
        names = sorted({name for each in chosen for name, _ in each})
        if self._stack is None or not set(names) <= set(self._stack.names):
            self._stack = Stack.of({name: self._adapters[name] for name in names})
        if self._last is None or self._last[0] != chosen or self._last[1].stack is not self._stack:
            # Ticks of the same rows follow each other; each pass would copy the same numbers.
            self._last = (list(chosen), LoraPass.of(chosen, self._stack, self._device))
        return self._last[1]

    def _chosen(self, adapters: Sequence[str]) -> list[Chosen]:
        chosen = [_parsed(each) for each in adapters]
        if not {name for each in chosen for name, _ in each} <= set(self._adapters):
            raise JobError(
                Sentence("The LoRA of this picture was put away meanwhile; ask for it again.")
            )
        return chosen

    def _ask(self, name: str) -> None:
        """Take what a loading thread has left, or begin to load; JobError where that failed."""
        if name in self._adapters:
            self._adapters.move_to_end(name)
            return
        arrived = self._arrived.pop(name, None)
        if isinstance(arrived, JobError):
            self._loading.discard(name)
            raise arrived
        if arrived is not None:
            self._loading.discard(name)
            self._layers.attach(self._pipeline.components.__getitem__, list(arrived))
            self._adapters[name] = arrived
        elif name not in self._loading:
            self._loading.add(name)
            threading.Thread(
                target=self._load, args=(name,), name=f"load {name}", daemon=True
            ).start()

    @torch.inference_mode()
    def _load(self, name: str) -> None:
        """On a thread of its own: read a file, and leave its adapter or why there is none."""
        path = self._files[name]
        try:
            if self._device.type == "cuda":
                torch.cuda.set_device(self._device)  # each thread has its own
            with constructing():
                check_lora(name, path, self._pipeline)
                arrived: Adapter | JobError = self._read(path)
            if not arrived:
                arrived = JobError(
                    Sentence(
                        "The LoRA {name} changes nothing in this model; it is for another.",
                        name=name,
                    )
                )
        except JobError as error:
            arrived = error
        except Exception as error:  # noqa: BLE001 - whatever a file leads the libraries to raise
            why = first_line(error).replace(str(path.parent), "…")  # members read it
            arrived = JobError(
                Sentence(
                    "The LoRA {name} does not fit this model; it was made for another: {why}.",
                    name=name,
                    why=why[:120],
                )
            )
        self._arrived[name] = arrived

    def _read(self, path: Path) -> Adapter:
        """Let diffusers and PEFT load a file into a copy of the networks, and take it from there.

        They know the formats of all trainers. The networks that draw are left as they are.
        """
        from peft.tuners.lora import LoraLayer  # noqa: PLC0415 - a second to import

        beside = copy.copy(self._pipeline)
        parts = {
            name: self._copy_of(part)
            for name, part in self._pipeline.components.items()
            if isinstance(part, nn.Module) and name in self._tuned_parts()
        }
        vars(beside).update(parts)
        adapter = f"lora{next(self._numbers)}"
        beside.load_lora_weights(
            path.parent, weight_name=path.name, adapter_name=adapter, local_files_only=True
        )
        pairs: dict[Key, Pair] = {}
        for part, network in parts.items():
            for name, layer in network.named_modules():
                if isinstance(layer, LoraLayer) and adapter in layer.lora_A:
                    given = {"device": self._device, "dtype": network.dtype}
                    down = layer.lora_A[adapter].weight.to(**given)
                    up = layer.lora_B[adapter].weight.to(**given).flatten(1)
                    pairs[part, name] = Pair(down, up, layer.scaling[adapter])
        return pairs

    def _tuned_parts(self) -> set[str]:
        """The names of the parts that a LoRA may change."""
        return set(getattr(self._pipeline, "_lora_loadable_modules", ()))

    def _copy_of(self, part: nn.Module) -> Any:  # noqa: ANN401 - diffusers' and transformers' networks
        """A copy that shares all weights, and has none of the hooks that stream them to a card."""
        kept = [*part.parameters(), *part.buffers(), self._layers]
        memo: dict[int, Any] = {id(each): each for each in kept}
        for module in part.modules():
            memo |= {id(hook): hook for hook in module._forward_hooks.values()}  # noqa: SLF001
            memo[id(vars(module).get("_diffusers_hook"))] = None
        memo.pop(id(None), None)
        twin = copy.deepcopy(part, memo)
        for module in twin.modules():
            vars(module).pop("_diffusers_hook", None)
        return twin


@functools.lru_cache(maxsize=256)
def _parsed(adapter: str) -> Chosen:
    return tuple((name, weight) for name, weight in json.loads(adapter)) if adapter else ()
