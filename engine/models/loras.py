"""LoRAs: rows with one LoRA each can share a pass; rows with several only with the same ones."""

from __future__ import annotations

import contextlib
import itertools
import warnings
from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from engine.errors import JobError, NotYetError, Sentence, first_line
from engine.models import CONSTRUCTING
from engine.models.lora_file import check_lora

BASE = "__base__"
"""PEFT's name for no adapter."""
KEPT = 16
"""How many adapters stay registered that no row uses."""


class Loras:
    """The adapters of one pipeline; each pair (file, weight) is registered as its own adapter."""

    def __init__(self, pipeline: Any, files: Mapping[str, Path]) -> None:  # noqa: ANN401
        self._pipeline = pipeline
        self._files = files
        self._layers: list[Any] = []
        self._adapters: OrderedDict[tuple[str, float], str] = OrderedDict()
        """PEFT's name of each (LoRA, weight), the least recently used first; our own names may
        contain characters that PEFT does not accept."""
        self._numbers = itertools.count()
        self._names: list[str] | None = None
        """The adapter of each sample in the current pass."""

    def name_for(self, loras: Sequence[tuple[str, float]]) -> str:
        """Register new adapters; returns the name of one, or those of several joined by +."""
        return "+".join(self._register(name, weight) for name, weight in loras)

    def keep(self, in_use: Collection[str]) -> None:
        """Delete the least recently used adapters beyond KEPT, but none of those in use."""
        used = {name for names in in_use for name in names.split("+")}
        idle = [key for key, adapter in self._adapters.items() if adapter not in used]
        for key in idle[: max(0, len(self._adapters) - KEPT)]:
            self._pipeline.delete_adapters(self._adapters.pop(key))

    @contextlib.contextmanager
    def using(self, adapters: Sequence[str]) -> Iterator[None]:
        """Use these adapters for the samples of the pass within: one each, or the same stack for
        all.
        """
        wanted = {part for name in adapters if name for part in name.split("+")}
        if not wanted <= set(self._adapters.values()):
            raise JobError(
                Sentence("The LoRA of this picture was put away meanwhile; ask for it again.")
            )
        if not self._layers:
            yield
            return
        stack = next((name for name in adapters if "+" in name), "")
        if stack:
            self._activate(stack.split("+"))
        else:
            self._names = [name or BASE for name in adapters]
        try:
            yield
        finally:
            self._names = None

    def _activate(self, names: Sequence[str]) -> None:
        for layer in self._layers:
            layer.set_adapter([name for name in names if name in layer.lora_A])

    def _register(self, name: str, weight: float) -> str:
        """The adapter's name; weights are rounded to 0.05, which limits the number of adapters."""
        weight = round(weight * 20) / 20
        if (name, weight) in self._adapters:
            self._adapters.move_to_end((name, weight))
            return self._adapters[name, weight]
        path = self._files[name]
        if not CONSTRUCTING.acquire(blocking=False):
            raise NotYetError
        adapter = f"lora{next(self._numbers)}"
        try:
            check_lora(name, path, self._pipeline)
            self._load(adapter, path)
        except JobError:
            raise
        except Exception as error:
            why = first_line(error).replace(str(path.parent), "…")  # members read it
            raise JobError(
                Sentence(
                    "The LoRA {name} does not fit this model; it was made for another: {why}.",
                    name=name,
                    why=why[:120],
                )
            ) from error
        finally:
            CONSTRUCTING.release()
        layers = [layer for layer in self._tuned() if adapter in layer.lora_A]
        if not layers:
            self._pipeline.delete_adapters(adapter)
            raise JobError(
                Sentence(
                    "The LoRA {name} changes nothing in this model; it is for another.", name=name
                )
            )
        for layer in layers:
            layer.scaling[adapter] *= weight
        for layer in self._tuned():
            if layer not in self._layers:
                layer.register_forward_pre_hook(self._name_adapters, with_kwargs=True)
                self._layers.append(layer)
        self._adapters[name, weight] = adapter
        return adapter

    def _load(self, adapter: str, path: Path) -> None:
        try:
            with warnings.catch_warnings():
                # PEFT warns of every second adapter; many are what rows share a pass with.
                warnings.filterwarnings("ignore", "Already found a `peft_config`")
                self._pipeline.load_lora_weights(
                    path.parent, weight_name=path.name, adapter_name=adapter, local_files_only=True
                )
        except Exception:
            with contextlib.suppress(Exception):
                self._pipeline.delete_adapters(adapter)
            raise

    def _tuned(self) -> list[Any]:
        from peft.tuners.tuners_utils import BaseTunerLayer  # noqa: PLC0415 - a second to import

        parts = [p for p in self._pipeline.components.values() if isinstance(p, nn.Module)]
        modules = (module for part in parts for module in part.modules())
        return [module for module in modules if isinstance(module, BaseTunerLayer)]

    def _name_adapters(
        self,
        layer: Any,  # noqa: ANN401
        arguments: tuple[Any, ...],
        options: dict[str, Any],
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        if self._names is None:
            return arguments, options
        names = [name if name in layer.lora_A else BASE for name in self._names]
        return arguments, options | {"adapter_names": names}
