"""What the bot asks of an engine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

import engine


class EngineClient(Protocol):
    """`engine.Engine` and `engine.FakeEngine` both have it."""

    def run(self, job: engine.Job) -> AsyncIterator[engine.Event]: ...
    def cancel(self, job_id: str) -> bool: ...
    def status(self) -> engine.EngineStatus: ...
    def models(self) -> tuple[engine.ModelInfo, ...]: ...
    async def close(self, *, drain_s: float = 0) -> None: ...
