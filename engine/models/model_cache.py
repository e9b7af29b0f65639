"""The models in memory: loaded in the background, the least recently used ones unloaded first."""

from __future__ import annotations

import gc
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import torch

from engine.catalogue import ModelSpec
from engine.messages import DrawJob, Job
from engine.models import Denoiser, Solo
from engine.models.latent import LatentModel

Model = Denoiser | Solo
CLOSE_S = 5.0
MIN_RESIDENT_S = 15.0
"""For how long after a load jobs of resident models come first, so that models are not swapped for
every job."""
log = logging.getLogger(__name__)


class ModelCache:
    """Resident models by name, the least recently used first; lives on the worker's thread."""

    def __init__(
        self,
        specs: Mapping[str, ModelSpec],
        *,
        load: Callable[[ModelSpec], Model],
        memory_gb: float,
        loaded: Callable[[str, Model | Exception], None],
        clock: Callable[[], float],
        weigh: Callable[[Model], float] | None = None,
        streams: bool = False,
    ) -> None:
        """streams: whether denoisers of entries that say `offload` stay in host memory."""
        self._specs, self._weigh = specs, weigh or size_gb
        self._streams = streams
        self._load = load
        self._memory_gb = memory_gb
        self._loaded = loaded
        self._clock = clock
        self._models: OrderedDict[str, Model] = OrderedDict()
        self._used_s: dict[str, float] = {}
        self._size_gb: dict[str, float] = {}
        self._thread: threading.Thread | None = None
        self._last_load_s = float("-inf")
        self.loading: str | None = None
        """The model being loaded; one at a time."""

    def names(self) -> tuple[str, ...]:
        """Those that rows can start on at once."""
        return tuple(self._models)

    def title(self, name: str) -> str:
        """The model's title in the catalogue."""
        return self._specs[name].info.title

    def compiling(self) -> tuple[str, ...]:
        """Those with shapes that are still being compiled."""
        return tuple(
            name
            for name, model in self._models.items()
            if isinstance(model, LatentModel) and model.compiling()
        )

    def is_solo(self, job: Job) -> bool:
        """Whether a job's model draws with the device to itself instead of sharing passes."""
        return isinstance(job, DrawJob) and not self._specs[job.model].family.shares_passes

    def just_loaded(self) -> bool:
        """Whether the last load is so recent that what is resident should be used first."""
        return self._clock() - self._last_load_s < MIN_RESIDENT_S

    def get(self, name: str) -> Model | None:
        """A resident model, marked as used."""
        model = self._models.get(name)
        if model is not None:
            self._models.move_to_end(name)
            self._used_s[name] = self._clock()
        return model

    def want(self, name: str, in_use: Collection[str]) -> bool:
        """Begin to load a model, unloading others first; False where those in use leave no room.

        A model that is larger than all the memory is loaded when no other is resident, and may run
        out of memory.
        """
        need_gb = self._size_gb.get(name) or self._estimate_gb(name)
        for other in tuple(self._models):
            if self._used_gb() + need_gb <= self._memory_gb:
                break
            if other not in in_use:
                self._unload(other)
        if self._models and self._used_gb() + need_gb > self._memory_gb:
            return False
        self.loading = name
        self._thread = threading.Thread(
            target=self._run, args=(name,), name=f"load {name}", daemon=True
        )
        self._thread.start()
        return True

    def put(self, name: str, model: Model) -> None:
        """A model has been loaded."""
        self.loading = None
        self._models[name] = model
        self._used_s[name] = self._last_load_s = self._clock()
        self._size_gb[name] = self._weigh(model)
        log.info("Loaded %s: %.2f GB.", name, self._size_gb[name])

    def unload_idle(self, after_s: float, in_use: Collection[str]) -> None:
        """Unload models that have not been used for so long."""
        for name in tuple(self._models):
            if name not in in_use and self._clock() - self._used_s[name] >= after_s:
                self._unload(name)

    def close(self) -> None:
        """Unload every model; wait a moment for a load that has begun."""
        for name in tuple(self._models):
            self._unload(name)
        if self._thread is not None:
            self._thread.join(timeout=CLOSE_S)

    def _run(self, name: str) -> None:
        try:
            result: Model | Exception = self._load(self._specs[name])
        except Exception as error:  # noqa: BLE001 - told to the worker, which fails the jobs
            result = error
        except BaseException as panic:  # noqa: BLE001 - those of Rust libraries are no Exception
            result = RuntimeError(f"loading panicked: {panic}")
        self._loaded(name, result)

    def _unload(self, name: str) -> None:
        model = self._models.pop(name)
        if isinstance(model, LatentModel):
            model.close()
        del model
        gc.collect()  # models with hooks are cycles
        log.info("Put %s away.", name)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _used_gb(self) -> float:
        return sum(map(self._weigh, self._models.values()))  # LoRAs come and go

    def _estimate_gb(self, name: str) -> float:
        spec = self._specs[name]
        if spec.info.vram_gb:
            return spec.info.vram_gb
        try:
            files = _weights(spec.place)
            streamed = spec.offload and self._streams
            if spec.denoiser is not None or streamed:
                elsewhere = {"unet", "transformer"}
                files = [file for file in files if file.parent.name not in elsewhere]
            beside = [spec.ip_adapter, spec.image_encoder, spec.safety_checker, spec.preview_vae]
            beside += [] if streamed else [spec.denoiser]
            files += [file for place in beside if place is not None for file in _weights(place)]
            return sum(file.stat().st_size for file in files) / 1e9
        except OSError:  # the load itself will say what is wrong
            return 0.0


def _weights(place: Path) -> list[Path]:
    return list(place.glob("**/*.safetensors")) if place.is_dir() else [place]


def size_gb(model: Any) -> float:  # noqa: ANN401 - denoisers and solos hold modules alike
    """Bytes of the weights that a model holds where it draws, those of its helpers included.

    On a card the weights that are streamed from host memory take no part of it.
    """
    pipeline = getattr(model, "pipeline", None)
    parts = list(vars(model).values())
    if (within := getattr(model, "solo", None)) is not None:
        parts += vars(within).values()
    parts += pipeline.components.values() if pipeline is not None else []
    for helper in ("safety", "_safety", "preview"):
        parts += vars(getattr(model, helper)).values() if getattr(model, helper, None) else []
    modules = [part for part in parts if isinstance(part, torch.nn.Module)]
    tensors = {id(t): t for module in modules for t in (*module.parameters(), *module.buffers())}
    on_card = [tensor for tensor in tensors.values() if tensor.device.type != "cpu"]
    counted = on_card or tensors.values()
    held_gb = sum(tensor.numel() * tensor.element_size() for tensor in counted) / 1e9
    adapters_gb: float = getattr(model, "adapters_gb", 0.0)
    return held_gb + adapters_gb
