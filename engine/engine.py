"""The asyncio side of the engine; the only file that crosses to the device thread."""

from __future__ import annotations

from collections.abc import Sequence

from engine.catalogue import ModelSpec
from engine.messages import EngineStatus, Job, ModelInfo
from engine.stream import Stream


class Engine:
    """Many members' pictures on one device; one instance a process."""

    def __init__(self, models: Sequence[ModelSpec]) -> None:
        self._models = {spec.info.name: spec for spec in models}

    async def start(self) -> None:
        raise NotImplementedError

    def run(self, job: Job) -> Stream:
        raise NotImplementedError

    def cancel(self, job_id: str) -> bool:
        raise NotImplementedError

    def status(self) -> EngineStatus:
        raise NotImplementedError

    def models(self) -> tuple[ModelInfo, ...]:
        return tuple(spec.info for spec in self._models.values() if spec.draws)

    async def close(self, *, drain_s: float = 0) -> None:
        raise NotImplementedError
