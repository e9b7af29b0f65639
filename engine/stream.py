"""The events of one job for its reader; lives on the event loop."""

from __future__ import annotations

import asyncio
import dataclasses
from collections import deque
from collections.abc import Callable

from engine.errors import EngineError
from engine.messages import Cancelled, Event, Failed, Finished, Progress, Queued


class Stream:
    """An async iterator of events that ends after the End event.

    An unread `Progress` or `Queued` is replaced by the next one, so a slow reader never falls
    behind and memory stays bounded. Closing detaches the reader; the job goes on.
    """

    def __init__(self, on_detach: Callable[[], None] = lambda: None) -> None:
        self._events: deque[Event] = deque()
        self._error: EngineError | None = None
        self._arrived = asyncio.Event()
        self._ended = False
        self._detached = False
        self._on_detach = on_detach

    def put(self, event: Event) -> None:
        """Hand over an event; ignored after the end or once nobody reads."""
        if self._detached or self._ended:
            return
        last = self._events[-1] if self._events else None
        match last, event:
            case Progress(previews=previews), Progress(previews=()) if previews:
                self._events[-1] = dataclasses.replace(event, previews=previews)
            case (Progress(), Progress()) | (Queued(), Queued()):
                self._events[-1] = event
            case _:
                self._events.append(event)
        self._ended = isinstance(event, Finished | Failed | Cancelled)
        self._arrived.set()

    def fail(self, error: EngineError) -> None:
        """End the stream with an error instead of an End event."""
        if not self._ended:
            self._error, self._ended = error, True
            self._arrived.set()

    def __aiter__(self) -> Stream:
        return self

    async def __anext__(self) -> Event:
        while not self._events:
            if self._error is not None:
                raise self._error
            if self._ended or self._detached:
                raise StopAsyncIteration
            self._arrived.clear()
            await self._arrived.wait()
        return self._events.popleft()

    async def aclose(self) -> None:
        """Stop listening; the job goes on."""
        if not self._detached:
            self._detached = True
            self._events.clear()
            self._arrived.set()
            self._on_detach()
