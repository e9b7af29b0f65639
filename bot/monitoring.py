"""`/metrics`, `/healthz` and `/readyz`, over HTTP on METRICS_PORT.

They name no member, server or job, and change nothing. They are asked without a password, so that
they listen on this machine alone unless METRICS_HOST says otherwise.
"""

from __future__ import annotations

import logging
from typing import Protocol

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, generate_latest
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from bot.credits.pricing import CENTS
from bot.errors import StartError
from bot.jobs.engine_client import EngineClient
from bot.storage.database import Database
from bot.storage.tables import entries

log = logging.getLogger(__name__)


class Client(Protocol):
    """What is asked of the bot's connection."""

    def is_ready(self) -> bool: ...


class Monitoring:
    """Answers whoever watches the bot."""

    def __init__(
        self,
        *,
        client: Client,
        database: Database,
        engine_client: EngineClient,
        registry: CollectorRegistry,
    ) -> None:
        self._client, self._database, self._engine = client, database, engine_client
        self._registry = registry
        self._credits = Counter(
            "darkroom_credits",
            "Credits that moved, by kind of entry, without signs; spent is hold less return.",
            ("kind",),
            registry=registry,
        )
        self._seen = 0
        """The id of the newest entry that was counted."""
        self._runner: web.AppRunner | None = None

    async def start(self, host: str, port: int) -> None:
        """Listen; StartError where the port is taken."""
        async with self._database.read() as connection:
            self._seen = int(await connection.scalar(select(func.max(entries.c.id))) or 0)
        app = web.Application()
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/healthz", self._health)
        app.router.add_get("/readyz", self._readiness)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, host, port).start()
        except OSError as error:
            await self.close()
            raise StartError(
                f"METRICS_PORT {port} on {host} cannot be listened on: {error.strerror or error}."
            ) from None
        log.info("metrics on http://%s:%d/metrics", host, port)

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _metrics(self, _: web.Request) -> web.Response:
        await self._count_credits()
        return web.Response(
            body=generate_latest(self._registry),
            headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"},
        )

    async def _count_credits(self) -> None:
        """Count the entries since the last time; by their key, so that a long ledger is no work."""
        try:
            async with self._database.read() as connection:
                rows = await connection.execute(
                    select(
                        entries.c.kind,
                        func.sum(func.abs(entries.c.amount)),
                        func.max(entries.c.id),
                    )
                    .where(entries.c.id > self._seen)
                    .group_by(entries.c.kind)
                )
                for kind, amount, newest in rows:
                    self._credits.labels(kind).inc(int(amount) / CENTS)
                    self._seen = max(self._seen, int(newest))
        except (SQLAlchemyError, OSError) as error:
            log.warning("credits were not counted: %s", error)

    async def _health(self, _: web.Request) -> web.Response:
        """Whether the process should be left alone: it answers, and its device is not lost."""
        status = self._engine.status()
        return _answer([] if status.alive else [status.extras.get("reason", "the device is lost")])

    async def _readiness(self, _: web.Request) -> web.Response:
        """Whether members are served now: the engine, Discord and the database."""
        status, wrong = self._engine.status(), []
        if not status.can_draw:
            wrong.append(status.extras.get("reason", "the device is lost"))
        if not self._client.is_ready():
            wrong.append("not connected to Discord")
        try:
            async with self._database.read() as connection:
                await connection.scalar(select(1))
        except (SQLAlchemyError, OSError):
            wrong.append("the database does not answer")
        return _answer(wrong)


def _answer(wrong: list[str]) -> web.Response:
    return web.Response(text="\n".join(wrong or ["ok"]) + "\n", status=503 if wrong else 200)
