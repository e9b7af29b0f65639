"""Workers as Ray actors, one on each card of a Ray cluster. The only room that imports ray."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import importlib.util
import logging
import os
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from engine.catalogue import ModelSpec
from engine.cluster.fleet import Hello, Report, WorkerLost
from engine.cluster.worker import ClusterWorker
from engine.errors import EngineError, EngineLost, first_line
from engine.messages import Job
from engine.policy.placement import Room

KNOCK_S = 5.0
CONNECT_S = 60.0
SILENT_S = 60.0
"""For how long a cluster may not answer before it counts as lost."""
UNREAD_BATCHES = 8
"""Batches of reports that a worker makes ahead of the head; then it waits."""
log = logging.getLogger(__name__)


class RayFleet:
    """The places of a Ray cluster: its cards, in shares of `gpu_share`, and `cpu_workers` CPUs.

    address: HOST:PORT of the cluster's head; empty: a Ray of this machine alone.
    new_engine: makes what a worker draws with, on "cuda" or "cpu"; it travels to the workers.
    """

    def __init__(
        self,
        models: Sequence[ModelSpec],
        *,
        new_engine: Callable[[str, Sequence[ModelSpec], Callable[[Room], None]], Any],
        address: str = "",
        gpu_share: float = 1.0,
        cpu_workers: int = 0,
        object_store_mb: int = 512,
    ) -> None:
        self._models, self._new_engine = tuple(models), new_engine
        self._address, self._object_store_mb = address, object_store_mb
        self._gpu_share, self._cpu_workers = gpu_share, cpu_workers
        self._ray: Any = None
        self._workers: set[RayWorker] = set()
        self._card_places = 0
        self._too_few_cpus = False
        self._answered_s = time.monotonic()
        self.most_job_bytes: int | None = None

    async def open(self) -> None:
        """Connect, or start a local Ray."""
        if importlib.util.find_spec("ray") is None:
            raise EngineError(
                f"ENGINE=ray needs the extra `cluster`; install it with: {sys.executable} -m pip "
                'install -c constraints.txt -e ".[cluster]"'
            )
        if self._address:
            await self._connect()
        else:
            # On this thread, for seconds: Linux ends a local Ray with the thread that began it.
            self._try_to_connect()
        if not await self.places():
            raise EngineError(
                f"The {self._where()} has no GPU. Add a machine with one, or set"
                " CLUSTER_CPU_WORKERS to try it with workers on CPUs."
                if not self._cpu_workers
                else f"The {self._where()} has no GPU, and no CPU for CLUSTER_CPU_WORKERS."
            )

    def _where(self) -> str:
        place = f"at RAY_ADDRESS ({self._address})" if self._address else "of this machine"
        return f"Ray cluster {place}"

    async def places(self) -> int:
        """Shares of cards, and workers on CPUs."""
        try:
            nodes = await asyncio.to_thread(self._ray.nodes)
        except Exception as error:
            if time.monotonic() - self._answered_s > SILENT_S:
                raise EngineLost(f"The Ray cluster is lost: {first_line(error)}.") from error
            return len(self._workers)
        self._answered_s = time.monotonic()
        each = [node["Resources"] for node in nodes if node["Alive"]]
        stores = [node["object_store_memory"] for node in each if "object_store_memory" in node]
        self.most_job_bytes = int(min(stores) / 2) if stores else None
        shares = int(1 / self._gpu_share + 1e-6)  # a worker's share lies on one card
        self._card_places = sum(int(node.get("GPU", 0) + 1e-6) * shares for node in each)
        return self._card_places + self._cpu_places(sum(int(node.get("CPU", 0)) for node in each))

    def _cpu_places(self, cpus: int) -> int:
        too_few, self._too_few_cpus = self._too_few_cpus, cpus < self._cpu_workers
        if self._too_few_cpus and not too_few:
            log.warning(
                "CLUSTER_CPU_WORKERS is %d, but the %s has %d CPUs: no more workers start",
                self._cpu_workers,
                self._where(),
                cpus,
            )
        return min(cpus, self._cpu_workers)

    def hire(self) -> RayWorker:
        """One more actor; Ray puts it where there is room."""
        on_card = sum(worker.on_card for worker in self._workers) < self._card_places
        needs = (
            {"num_gpus": self._gpu_share, "num_cpus": 0}
            if on_card
            else {"num_gpus": 0, "num_cpus": 1}
        )
        remote = self._ray.remote(ClusterWorker)
        actor = remote.options(max_restarts=0, scheduling_strategy="SPREAD", **needs).remote(
            self._models, functools.partial(self._new_engine, "cuda" if on_card else "cpu")
        )
        needed = f"CLUSTER_GPU_SHARE ({self._gpu_share:g}) of a card" if on_card else "a CPU"
        worker = RayWorker(
            self._ray,
            actor,
            on_card=on_card,
            waits_for=f"Ray to start it, which needs {needed} that no other program of Ray holds",
            gone=self._workers.discard,
        )
        self._workers.add(worker)
        return worker

    async def close(self) -> None:
        """Leave the cluster; a local Ray ends."""
        if self._ray is not None:
            await asyncio.to_thread(self._ray.shutdown)

    def _knock(self) -> None:
        host, _, port = self._address.rpartition(":")
        try:
            socket.create_connection((host, int(port)), timeout=KNOCK_S).close()
        except (OSError, ValueError) as error:
            raise EngineError(
                f"Nothing answers at RAY_ADDRESS ({self._address}): {first_line(error)}. It is "
                "HOST:PORT, as `ray start --head` says."
            ) from None

    async def _connect(self) -> None:
        """In a thread of its own: where Ray never comes back, the process must be able to end."""
        if self._address != "auto":
            await asyncio.to_thread(self._knock)
        loop = asyncio.get_running_loop()
        connected: asyncio.Future[None] = loop.create_future()

        def connect() -> None:
            error: EngineError | None = None
            try:
                self._try_to_connect()
            except EngineError as why:
                error = why
            with contextlib.suppress(RuntimeError):  # the loop ended meanwhile
                loop.call_soon_threadsafe(_settle, connected, error)

        threading.Thread(target=connect, daemon=True).start()
        try:
            async with asyncio.timeout(CONNECT_S):
                await connected
        except TimeoutError:
            raise EngineError(
                f"What answers at RAY_ADDRESS ({self._address}) is no Ray cluster, or it is stuck."
            ) from None

    def _try_to_connect(self) -> None:
        try:
            self._init()
        except BaseException as error:
            where = f"RAY_ADDRESS ({self._address})" if self._address else "A Ray of this machine"
            token = (
                " If it runs with a token, that must be in ~/.ray/auth_token here."
                if self._address and not _shows_token()
                else ""
            )
            raise EngineError(
                f"{where} cannot be used: {first_line(error).rstrip('.')}.{token}"
            ) from error

    def _init(self) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # what runs here is nobody's business
        if self._address and _has_token():
            # Ray uses a token that is there by itself, but not where it is given an address.
            os.environ.setdefault("RAY_AUTH_MODE", "token")
        import ray  # noqa: PLC0415 - an extra

        options: dict[str, Any] = {"logging_level": "WARNING"}
        if self._address:
            options["address"] = self._address
        else:
            options |= {
                "address": "local",
                "num_cpus": max(os.cpu_count() or 1, self._cpu_workers),
                "object_store_memory": self._object_store_mb * 1_000_000,
                "include_dashboard": False,
                "_node_ip_address": "127.0.0.1",
            }
        ray.init(**options)
        self._ray = ray


def _shows_token() -> bool:
    return os.environ.get("RAY_AUTH_MODE") == "token"


def _has_token() -> bool:
    """Whether this machine has a cluster's token in one of the places where Ray looks for it."""
    named = os.environ.get("RAY_AUTH_TOKEN") or os.environ.get("RAY_AUTH_TOKEN_PATH")
    return bool(named) or (Path.home() / ".ray" / "auth_token").is_file()


class RayWorker:
    """The head's end of one actor."""

    def __init__(
        self,
        ray: Any,  # noqa: ANN401 - the module, which has no types of its own
        actor: Any,  # noqa: ANN401
        *,
        on_card: bool,
        waits_for: str,
        gone: Callable[[RayWorker], None],
    ) -> None:
        self._ray, self._actor, self._gone = ray, actor, gone
        self.on_card, self.waits_for = on_card, waits_for

    async def hello(self) -> Hello:
        with self._in_words():
            await self._actor.__ray_ready__.remote()
            self.waits_for = "its engine to start"
            hello: Hello = await self._actor.hello.remote()
            return hello

    async def reports(self) -> AsyncIterator[Sequence[Report]]:
        options = {
            "num_returns": "streaming",
            "_generator_backpressure_num_objects": UNREAD_BATCHES,
        }
        with self._in_words():
            async for batch in self._actor.reports.options(**options).remote():
                yield await batch

    async def submit(self, job: Job) -> None:
        try:
            await self._actor.submit.remote(job)
        except self._ray.exceptions.RayActorError as error:
            raise WorkerLost(_cause(error)) from None

    def cancel(self, job_id: str) -> None:
        self._actor.cancel.remote(job_id)

    def kill(self) -> None:
        self._gone(self)
        with contextlib.suppress(self._ray.exceptions.RayError, ValueError):
            self._ray.kill(self._actor)

    @contextlib.contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except self._ray.exceptions.RayTaskError as error:  # raised by the worker's own code
            raise WorkerLost(first_line(error.cause)) from None
        except self._ray.exceptions.RayError as error:
            if "No module named 'engine'" in str(error):
                raise WorkerLost(
                    "a machine of the cluster at RAY_ADDRESS has no Darkroom; install it there"
                ) from None
            raise WorkerLost(_cause(error)) from None


def _cause(error: BaseException) -> str:
    """The line in which Ray says why an actor died, rather than that it did."""
    if "all references to the actor were removed" in str(error) and _shows_token():
        # Ray's word for a head that has no answer from this process, whose token it does not take.
        return (
            "the cluster at RAY_ADDRESS runs without the token that this machine has; start Ray"
            " with RAY_AUTH_MODE=token on every machine, or set RAY_AUTH_MODE=disabled here if"
            " nobody else can reach it"
        )
    lines = [line.strip() for line in str(error).splitlines()]
    why = next((line for line in lines if line.startswith("The actor is dead because")), "")
    return (why or first_line(error))[:300].rstrip(".")


def _settle(opened: asyncio.Future[None], error: EngineError | None) -> None:
    if opened.done():
        return
    if error is None:
        opened.set_result(None)
    else:
        opened.set_exception(error)
