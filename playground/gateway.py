"""The gateway: the websocket that sends events to the bot, and lets it resume after a break."""

from __future__ import annotations

import asyncio
import copy
import json
import secrets
import zlib
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import discord
from aiohttp import WSMsgType, web
from simcord import intents as intent_rules
from simcord.backend import serializers

from playground.discord_state import DiscordState

HEARTBEAT_MS = 41_250
ACK_AFTER_S = 0.05
"""A delay like that of a network. discord.py notes the time of its heartbeat only after sending it,
and would take an immediate answer for one that came before."""

REPLAYED = 1000
"""How many events are kept for a bot that reconnects with RESUME."""

CLOSE_WITHIN_S = 1.0
"""How long the other side may take to confirm that its connection is closed."""

CLOSE_BAD_TOKEN = 4004
CLOSE_NOT_AUTHENTICATED = 4003
CLOSE_DECODE_ERROR = 4002

DISPATCH, HEARTBEAT, IDENTIFY, PRESENCE = 0, 1, 2, 3
RESUME, REQUEST_MEMBERS, INVALID_SESSION, HELLO, HEARTBEAT_ACK = 6, 8, 9, 10, 11


class Socket:
    """One open websocket: a queue of frames and the task that writes them, compressed or not."""

    def __init__(self, response: web.WebSocketResponse, *, compressed: bool) -> None:
        self._response = response
        self._deflate = zlib.compressobj() if compressed else None
        self._frames: asyncio.Queue[str] = asyncio.Queue()
        self._writer = asyncio.create_task(self._write())

    def send(self, frame: str) -> None:
        """Queue one frame."""
        self._frames.put_nowait(frame)

    async def close(self, code: int = 1000) -> None:
        """Close the websocket and end its writer."""
        self._writer.cancel()
        await asyncio.gather(self._writer, return_exceptions=True)
        with suppress(TimeoutError):  # of a side that reads nothing more
            async with asyncio.timeout(2 * CLOSE_WITHIN_S):
                await self._response.close(code=code)

    async def _write(self) -> None:
        while True:
            frame = await self._frames.get()
            try:
                if self._deflate is None:
                    await self._response.send_str(frame)
                else:
                    packed = self._deflate.compress(frame.encode())
                    packed += self._deflate.flush(zlib.Z_SYNC_FLUSH)
                    await self._response.send_bytes(packed)
            except (ConnectionError, RuntimeError):
                return  # closed; the session keeps what was not sent, for RESUME


class Session:
    """The events sent to one identified bot, so that it can resume where it stopped."""

    def __init__(self, *, intents: discord.Intents, shard: tuple[int, int]) -> None:
        self.id = secrets.token_hex(16)
        self.intents = intents
        self.shard = shard
        self.sequence = 0
        self.socket: Socket | None = None
        self._sent: deque[tuple[int, str]] = deque(maxlen=REPLAYED)

    def dispatch(self, event: str, data: Any) -> None:  # noqa: ANN401 - any JSON
        """Send the bot an event, now or when it resumes."""
        self.sequence += 1
        frame = json.dumps({"op": DISPATCH, "t": event, "s": self.sequence, "d": data})
        self._sent.append((self.sequence, frame))
        if self.socket is not None:
            self.socket.send(frame)

    def replay(self, socket: Socket, after: int) -> bool:
        """Send again the events after a sequence number; False if they are no longer kept."""
        if after > self.sequence or (self._sent and after < self._sent[0][0] - 1):
            return False
        self.socket = socket
        for sequence, frame in self._sent:
            if sequence > after:
                socket.send(frame)
        self.dispatch("RESUMED", {})
        return True


class _CloseConnection(Exception):
    """Raised to close the connection with a code, because the bot sent what it must not."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Gateway:
    """All sessions of the bot; passes the events of the simulated Discord on to them."""

    def __init__(self, state: DiscordState, *, token: str) -> None:
        self.url = "ws://127.0.0.1/gateway"
        self._state = state
        self._token = token
        self._sessions: dict[str, Session] = {}
        self._identified = 0
        self._changed = asyncio.Event()
        state.subscribers.append(self._pass_on)

    @property
    def connected(self) -> bool:
        """Whether a bot is connected now."""
        return any(session.socket is not None for session in self._sessions.values())

    @property
    def hears_reactions(self) -> bool:
        """Whether the bot that is connected asked to be told of reactions."""
        return any(
            session.socket is not None and session.intents.guild_reactions
            for session in self._sessions.values()
        )

    @property
    def sessions(self) -> int:
        """How many times a bot has identified."""
        return self._identified

    async def wait_connected(self, *, connected: bool = True) -> None:
        """Return when a bot is connected, or when none is."""
        while self.connected != connected:
            self._changed.clear()
            await self._changed.wait()

    async def close(self) -> None:
        """Close every connection."""
        self._state.subscribers.remove(self._pass_on)
        await self.forget()

    async def forget(self) -> None:
        """Close every connection; none of the sessions can be resumed. For when the bot ended."""
        sockets = [session.socket for session in self._sessions.values() if session.socket]
        for session in self._sessions.values():
            session.socket = None
        self._sessions.clear()
        self._changed.set()
        await asyncio.gather(*(socket.close(1001) for socket in sockets))

    async def drop(self, code: int = 1006) -> None:
        """Close the connections as a network failure does; the sessions can be resumed."""
        for session in self._sessions.values():
            if session.socket is not None:
                await session.socket.close(4000 if code == 1006 else code)

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one connection from HELLO to its end."""
        response = web.WebSocketResponse(max_msg_size=0, compress=False, timeout=CLOSE_WITHIN_S)
        await response.prepare(request)
        socket = Socket(response, compressed=request.query.get("compress") == "zlib-stream")
        socket.send(json.dumps({"op": HELLO, "d": {"heartbeat_interval": HEARTBEAT_MS}}))
        session: Session | None = None
        try:
            async for message in response:
                if message.type is not WSMsgType.TEXT:
                    continue
                try:
                    session = self._handle_frame(socket, session, json.loads(message.data))
                except _CloseConnection as reason:
                    await socket.close(reason.code)
                    break
                except (ValueError, KeyError, TypeError, AttributeError):
                    await socket.close(CLOSE_DECODE_ERROR)
                    break
        finally:
            if session is not None and session.socket is socket:
                session.socket = None
            await socket.close()
            self._changed.set()
        return response

    def _handle_frame(self, socket: Socket, session: Session | None, frame: Any) -> Session | None:  # noqa: ANN401 - any JSON
        """Act on one frame of the bot; the session that its connection belongs to afterwards."""
        op, data = int(frame["op"]), frame.get("d")
        if op == HEARTBEAT:
            acknowledged = json.dumps({"op": HEARTBEAT_ACK, "d": None})
            asyncio.get_running_loop().call_later(ACK_AFTER_S, socket.send, acknowledged)
        elif op in (IDENTIFY, RESUME):
            if data["token"] != self._token:
                raise _CloseConnection(CLOSE_BAD_TOKEN)
            return self._identify_or_resume(socket, op, data) or session
        elif session is None:
            raise _CloseConnection(CLOSE_NOT_AUTHENTICATED)
        elif op == REQUEST_MEMBERS:
            self._send_members(session, data)
        return session

    def _identify_or_resume(self, socket: Socket, op: int, data: dict[str, Any]) -> Session | None:
        if op == RESUME:
            session = self._sessions.get(str(data.get("session_id")))
            if session is None or not session.replay(socket, int(data.get("seq") or 0)):
                socket.send(json.dumps({"op": INVALID_SESSION, "d": False}))
                return None
        else:
            shard_id, shard_count = data.get("shard") or (0, 1)
            intents = discord.Intents.none()
            intents.value = int(data["intents"])
            session = Session(intents=intents, shard=(int(shard_id), int(shard_count)))
            session.socket = socket
            self._sessions[session.id] = session
            self._identified += 1
            self._send_ready(session)
        self._changed.set()
        return session

    def _send_ready(self, session: Session) -> None:
        state = self._state
        mine = [guild for guild in state.guilds.values() if self._is_for(session, guild.id)]
        session.dispatch(
            "READY",
            {
                "v": 10,
                "user": dict(serializers.user_payload(state.bot_user)),
                "guilds": [{"id": str(guild.id), "unavailable": True} for guild in mine],
                "session_id": session.id,
                "resume_gateway_url": self.url,
                "shard": list(session.shard),
                "application": {"id": str(state.application_id), "flags": 0},
            },
        )
        for guild in mine:
            self._send_event(
                session, "GUILD_CREATE", serializers.guild_create_payload(state, guild)
            )

    def _is_for(self, session: Session, guild_id: int | None) -> bool:
        shard_id, shard_count = session.shard
        return ((guild_id >> 22) % shard_count if guild_id is not None else 0) == shard_id

    def _pass_on(self, event: str, payload: Mapping[str, Any]) -> None:
        guild_id = payload.get("guild_id") or (
            payload.get("id") if event.startswith("GUILD_") else None
        )
        for session in self._sessions.values():
            if self._is_for(session, int(guild_id) if guild_id is not None else None):
                self._send_event(session, event, payload)

    def _send_event(self, session: Session, event: str, payload: Mapping[str, Any]) -> None:
        """Send an event if the bot's intents cover it, without the parts that they hide."""
        needed = intent_rules.required_intent(event, payload)
        if needed is not None and not getattr(session.intents, needed):
            return
        data: dict[str, Any] = copy.deepcopy(dict(payload))
        if not session.intents.message_content:
            self._hide_content(event, data)
        if event == "GUILD_CREATE":
            intent_rules.prune_guild_create(data, session.intents, self._state.bot_user.id)
        session.dispatch(event, self._state.cdn.signed(data))

    def _hide_content(self, event: str, data: dict[str, Any]) -> None:
        state, bot_id = self._state, self._state.bot_user.id
        if event in ("MESSAGE_CREATE", "MESSAGE_UPDATE"):
            intent_rules.censor_message(data, bot_id, backend=state)
        elif event == "INTERACTION_CREATE":
            inner = data.get("data") or {}
            if data.get("type") in (3, 5) and isinstance(data.get("message"), dict):
                intent_rules.censor_message(
                    data["message"], bot_id, backend=state, exempt_root=True
                )
            messages = (inner.get("resolved") or {}).get("messages") or {}
            for message_id, message in messages.items():
                chosen = inner.get("type") == 3 and str(inner.get("target_id")) == message_id
                intent_rules.censor_message(message, bot_id, backend=state, exempt_root=chosen)

    def _send_members(self, session: Session, data: dict[str, Any]) -> None:
        guild = self._state.guilds.get(int(data.get("guild_id") or 0))
        if guild is None:
            return
        wanted = {int(i) for i in data.get("user_ids") or []}
        prefix = str(data.get("query") or "").lower()
        members = [
            serializers.member_payload(self._state, guild, member)
            for member in guild.members.values()
            if (member.user_id in wanted if wanted else True)
            and self._state.users[member.user_id].name.lower().startswith(prefix)
        ]
        missing = [str(i) for i in sorted(wanted - guild.members.keys())]
        chunk: dict[str, Any] = {
            "guild_id": str(guild.id),
            "members": members[: int(data.get("limit") or 0) or None],
            "chunk_index": 0,
            "chunk_count": 1,
            "not_found": missing,
        }
        if data.get("nonce"):
            chunk["nonce"] = data["nonce"]
        session.dispatch("GUILD_MEMBERS_CHUNK", chunk)
