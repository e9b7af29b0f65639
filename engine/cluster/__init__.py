"""Many devices behind one engine: one queue here, a worker on each device, wherever it is."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

from engine.catalogue import ModelSpec
from engine.cluster.head import HANGS_AFTER_S, ClusterEngine
from engine.cluster.ray_fleet import RayFleet
from engine.cluster.worker import EngineOptions

__all__ = ["ClusterEngine", "ray_engine"]


def ray_engine(
    models: Sequence[ModelSpec],
    *,
    address: str,
    gpu_share: float = 1.0,
    cpu_workers: int = 0,
    object_store_mb: int = 512,
    hangs_after_s: float = HANGS_AFTER_S,
    dtype: str = "auto",
    preview_interval_s: float = 2.0,
    owner_cap: int = 3,
    gpu_memory_gb: float | None = None,
    idle_unload_min: float | None = None,
    cache_dir: Path | None = None,
) -> ClusterEngine:
    """The engine of a Ray cluster, not yet started: a worker on each share of a card."""
    options = EngineOptions(
        dtype=dtype,
        preview_interval_s=preview_interval_s,
        gpu_memory_gb=gpu_memory_gb,
        gpu_share=gpu_share,
        idle_unload_min=idle_unload_min,
        cache_dir=cache_dir,
    )
    fleet = functools.partial(
        RayFleet,
        new_engine=options.engine,
        address=address,
        gpu_share=gpu_share,
        cpu_workers=cpu_workers,
        object_store_mb=object_store_mb,
    )
    return ClusterEngine(models, fleet=fleet, owner_cap=owner_cap, hangs_after_s=hangs_after_s)
