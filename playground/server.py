"""The loopback server: Discord's API for the bot, the attachments, and the page for people."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web

from playground.discord_state import Change, DiscordState
from playground.faults import Faults
from playground.gateway import Gateway
from playground.history import History
from playground.limits import RateLimits
from playground.member import Member
from playground.page_api import PageApi, is_host
from playground.rest import PREFIX, Rest

if TYPE_CHECKING:
    from playground.openapi import OpenApi

HOST = "127.0.0.1"

_log = logging.getLogger(__name__)


class PortTaken(Exception):
    """The port cannot be opened; the text says which and what to do."""


class Server:
    """Serves one simulated Discord on loopback between `start` and `close`."""

    def __init__(
        self,
        state: DiscordState,
        *,
        port: int,
        token: str,
        openapi: OpenApi | None = None,
        state_file: Path | None = None,
        history: Path | None = None,
        faults: Faults | None = None,
    ) -> None:
        """state_file: keeps the bot's commands; history: a folder that keeps the messages."""
        self.state = state
        self.port = port
        self.gateway = Gateway(state, token=token)
        self.rest = Rest(
            state=state,
            token=token,
            gateway_url="",
            limits=RateLimits(state.clock),
            openapi=openapi,
            faults=faults or Faults(),
            hang_up=self._hang_up,
        )
        self.members = {person.id: Member(state, person) for person in state.people.values()}
        self.page_api = PageApi(state, self.members, self.gateway)
        self._state_file = state_file
        self._history = History(state, history) if history is not None else None
        self._runner: web.AppRunner | None = None

    async def _hang_up(self, ends: bool) -> None:  # noqa: FBT001 - a callback's one argument
        await (self.gateway.forget() if ends else self.gateway.drop())

    @property
    def url(self) -> str:
        """The page's address."""
        return f"http://{HOST}:{self.port}/"

    @property
    def api_url(self) -> str:
        """The value for DISCORD_API_URL."""
        return f"http://{HOST}:{self.port}{PREFIX}"

    @property
    def gateway_url(self) -> str:
        """The value for DISCORD_GATEWAY_URL."""
        return f"ws://{HOST}:{self.port}/gateway"

    async def start(self) -> None:
        """Listen; PortTaken if the port is in use."""
        self._load_commands()
        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_route("*", PREFIX + "/{path:.*}", self._guarded(self.rest.handle))
        app.router.add_get("/gateway", self._guarded(self._connect, browsers=False))
        app.router.add_get("/attachments/{path:.*}", self._guarded(self._attachment))
        self.page_api.add_routes(app)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        site = web.TCPSite(runner, HOST, self.port)
        try:
            await site.start()
        except OSError as error:
            await runner.cleanup()
            raise PortTaken(
                f"Port {self.port} on {HOST} cannot be opened "
                f"({os.strerror(error.errno or 0)}): set PLAYGROUND_PORT to a free one."
            ) from error
        self._runner = runner
        self.port = runner.addresses[0][1]
        self.rest.gateway_url = self.gateway.url = self.gateway_url
        self.state.cdn.base_url = f"http://{HOST}:{self.port}"
        self.page_api.port = self.port
        if self._history is not None:
            self._history.open()

    async def close(self) -> None:
        """Close every connection and stop listening."""
        if self._history is not None:
            await self._history.close()
        self.page_api.close()
        await self.gateway.close()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def _guarded(
        self,
        handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
        *,
        browsers: bool = True,
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """The handler for requests to this host only, so that no other site's name leads here.

        browsers: False refuses every `Origin`. A browser sends one with each websocket, to which
        any site may connect; a bot sends none.
        """

        async def guarded(request: web.Request) -> web.StreamResponse:
            if not is_host(request, HOST, self.port):
                return web.Response(status=403, text=f"Open this by {HOST}:{self.port}.")
            if not browsers and "Origin" in request.headers:
                return web.Response(status=403, text="The gateway is for bots, not for browsers.")
            return await handler(request)

        return guarded

    async def _connect(self, request: web.Request) -> web.StreamResponse:
        if self.rest.faults.is_out:
            return web.Response(status=503, text="Discord is gone for a while")
        return await self.gateway.handle(request)

    async def _attachment(self, request: web.Request) -> web.Response:
        blob = self.state.cdn.open(request.rel_url.raw_path, request.query_string)
        if blob is None:
            return web.Response(status=404, text="This content is no longer available.")
        shown = blob.content_type.startswith("image/") and "svg" not in blob.content_type
        return web.Response(
            body=blob.data,
            content_type=blob.content_type if shown else "application/octet-stream",
            headers={
                "Cache-Control": "private, max-age=3600",
                "Content-Security-Policy": "default-src 'none'; sandbox",
                "X-Content-Type-Options": "nosniff",
            },
        )

    # A bot registers its commands only when they have changed, so they are kept across starts.

    def _load_commands(self) -> None:
        if self._state_file is None:
            return
        if self._state_file.exists():
            try:
                stored = json.loads(self._state_file.read_text(encoding="utf-8"))
                for scope, commands in stored["commands"]:
                    self.state.commands[scope] = {(c["name"], c["type"]): c for c in commands}
            except (ValueError, KeyError, TypeError) as error:
                _log.warning("%s is unreadable and was ignored: %s", self._state_file, error)
        self.state.watchers.append(self._save_commands)

    def _save_commands(self, change: Change) -> None:
        if change.kind != "commands" or self._state_file is None:
            return
        commands = [[scope, list(held.values())] for scope, held in self.state.commands.items()]
        self._state_file.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._state_file.with_suffix(".new")
        temporary.write_text(json.dumps({"commands": commands}), encoding="utf-8")
        temporary.replace(self._state_file)
