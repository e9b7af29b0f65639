"""Discord's REST API: answers the bot's HTTP requests by simcord's route table."""

from __future__ import annotations

import asyncio
import dataclasses
import io
import json
import logging
import re
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from aiohttp import BodyPartReader, web
from simcord.backend import serializers
from simcord.backend.errors import BackendError, invalid_form_body, missing_permissions
from simcord.backend.models import Message
from simcord.enums import ChannelType, InteractionType
from simcord.http import router
from simcord.http import routes as _routes  # noqa: F401 - registers every route

from playground import threads
from playground.discord_state import MEBIBYTE, DiscordState
from playground.faults import Fault, Faults
from playground.limits import NONCE_LENGTH, Nonces, OldEdits, RateLimits, Verdict

if TYPE_CHECKING:
    from playground.openapi import OpenApi, Violation

PREFIX = "/api/v10"
FILES_PER_MESSAGE = 10
CHOICES = 25
MESSAGES_AT_ONCE = 100
REQUEST_CAP_BYTES = 256 * MEBIBYTE

_log = logging.getLogger(__name__)
_MESSAGES = re.compile(r"/channels/(\d+)/messages\Z")
_EDIT = re.compile(r"/channels/(\d+)/messages/(\d+)\Z")
_CALLBACK = re.compile(r"/interactions/(\d+)/([^/]+)/callback\Z")
_WEBHOOK = re.compile(r"/webhooks/(\d+)/([^/]+)(?:/messages/[^/]+)?\Z")
_CALLBACKS = {
    InteractionType.APPLICATION_COMMAND: {4, 5, 9},
    InteractionType.MESSAGE_COMPONENT: {4, 5, 6, 7, 9},
    InteractionType.APPLICATION_COMMAND_AUTOCOMPLETE: {8},
    InteractionType.MODAL_SUBMIT: {4, 5},
}
"""The kinds of first response that each kind of interaction takes. A form that a button opened
takes 6 and 7 too, as it has a message."""
_FILE_FIELD = re.compile(r"files\[(\d+)\]\Z")


@dataclass(slots=True)
class UploadedFile:
    """One file of a multipart request, in the shape simcord's routes read."""

    filename: str
    fp: io.BytesIO
    description: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request of the bot, parsed."""

    method: str
    path: str  # below /api/v10
    query: dict[str, str]
    body: Any
    uploads: list[UploadedFile]
    multipart: bool
    reason: str | None
    token: str | None


@dataclass(slots=True)
class Rest:
    """Answers the bot's HTTP requests."""

    state: DiscordState
    token: str
    gateway_url: str
    limits: RateLimits
    openapi: OpenApi | None = None
    faults: Faults = field(default_factory=Faults)
    hang_up: Callable[[bool], Awaitable[None]] | None = None
    """Closes the gateway's connection; True: its session ends too."""
    violations: list[Violation] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)  # requests that simcord cannot answer
    requests: int = 0
    _old_edits: OldEdits = field(init=False)
    _nonces: Nonces = field(init=False)

    def __post_init__(self) -> None:
        self._old_edits = OldEdits(self.state.clock)
        self._nonces = Nonces(self.state.clock)

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one request as Discord does: JSON, 204, or an error with its code."""
        self.requests += 1
        headers: dict[str, str] = {}
        try:
            call = await _parse(request)
            self._compare(call)
            self._authorise(call)
            fault = self.faults.meet(call.method, call.path)
            if fault is not None:
                await self._suffer(fault, request, call.path)
            verdict = self._verdict(call, fault)
            headers = verdict.headers
            if verdict.retry_after_s is not None:
                return _too_many(verdict.retry_after_s, headers, is_global=verdict.is_global)
            wait_s = self._old_edit_wait(call)
            if wait_s is not None:
                text = "Maximum number of edits to messages older than 1 hour reached."
                text += " Try again later"
                return _too_many(wait_s, headers, code=30046, message=text)
            answer = self._answer(call)
            if fault is not None and fault.kind == "lost":
                _cut(request)
        except (router.RouteNotImplemented, router.UnsupportedField) as gap:
            self.gaps.append(str(gap))
            _log.warning("The playground cannot answer %s: %s", request.path, gap)
            return _json({"code": 0, "message": str(gap)}, status=501)
        except BackendError as error:
            return _json(error.to_json(), status=error.status, headers=headers)
        if answer is None:
            return web.Response(status=204, headers=headers)
        return _json(self.state.cdn.signed(answer), headers=headers)

    async def _suffer(self, fault: Fault, request: web.Request, path: str) -> None:
        """What a fault does before the request is looked at; BackendError where it ends there."""
        match fault.kind:
            case "status" | "unknown_interaction" | "expired_token":
                raise BackendError(fault.status, fault.code, "A fault of the playground's")
            case "slow":
                await asyncio.sleep(fault.seconds)
            case "cut":
                _cut(request)
                raise BackendError(500, 0, "Nobody hears this")
            case "outage":
                if self.hang_up is not None:
                    await self.hang_up(True)
                raise BackendError(fault.status, fault.code, "Discord is gone for a while")
            case "archive" | "lock":
                threads.close(self.state, path, locked=fault.kind == "lock")
            case "drop" | "forget" if self.hang_up is not None:
                await self.hang_up(fault.kind == "forget")

    def _verdict(self, call: Call, fault: Fault | None) -> Verdict:
        if fault is not None and fault.kind == "rate_limit":
            return Verdict(headers={}, retry_after_s=fault.seconds, is_global=fault.everywhere)
        return self.limits.check(call.method, call.path)

    def _compare(self, call: Call) -> None:
        """Check the request against Discord's description, if there is one."""
        if self.openapi is None:
            return
        found = self.openapi.check(
            call.method, call.path, query=call.query, body=call.body, multipart=call.multipart
        )
        for violation in found:
            _log.warning("Discord's description does not allow %s", violation)
        self.violations += found

    def _authorise(self, call: Call) -> None:
        """Refuse a wrong bot token (401) or an expired interaction token (50027)."""
        webhook = _WEBHOOK.match(call.path)
        if webhook is not None and webhook.group(2) in self.state.interaction_tokens:
            record = self.state.interactions[self.state.interaction_tokens[webhook.group(2)]]
            if record.expires_at is not None and self.state.now_iso() >= record.expires_at:
                raise BackendError(401, 50027, "Invalid Webhook Token")
            return
        if webhook is None and _CALLBACK.match(call.path) is None and call.token != self.token:
            raise BackendError(401, 0, "401: Unauthorized")

    def _old_edit_wait(self, call: Call) -> float | None:
        match = _EDIT.match(call.path)
        if call.method != "PATCH" or match is None:
            return None
        channel_id, message_id = int(match.group(1)), int(match.group(2))
        message = self.state.messages.get(channel_id, {}).get(message_id)
        if message is None:
            return None
        return self._old_edits.check(channel_id, datetime.fromisoformat(message.timestamp))

    def _answer(self, call: Call) -> Any:  # noqa: ANN401 - any JSON
        if call.path in ("/gateway", "/gateway/bot") and call.method == "GET":
            return self._gateway(bot=call.path.endswith("bot"))
        if call.path in ("/applications/@me", "/oauth2/applications/@me"):
            # As the README asks of operators: only its owner can add the bot to a server.
            return {**self._dispatch(call, path="/oauth2/applications/@me"), "bot_public": False}
        self._check_uploads(call)
        threads.check(self.state, call.method, call.path)
        messages = _MESSAGES.match(call.path)
        if call.method == "POST" and messages is not None:
            return self._send(call, int(messages.group(1)))
        if call.method == "GET" and messages is not None:
            return self._history(call)
        callback = _CALLBACK.match(call.path)
        if callback is not None:
            self._check_callback(call.body, int(callback.group(1)))
        answer = self._dispatch(call)
        if callback is not None:
            self.state.answered(self.state.interactions[int(callback.group(1))])
            if call.query.get("with_response", "").lower() not in {"1", "true"}:
                return None
        return answer

    def _check_callback(self, body: Any, interaction_id: int) -> None:  # noqa: ANN401 - any JSON
        """Refuse a first response that this kind of interaction does not take."""
        record = self.state.interactions.get(interaction_id)
        if record is None or not isinstance(body, dict):
            return  # simcord says so
        allowed = _CALLBACKS.get(InteractionType(record.type), set())
        if record.type == InteractionType.MODAL_SUBMIT and record.source_message_id is not None:
            allowed = allowed | {6, 7}
        if body.get("type") not in allowed:
            raise invalid_form_body(f"type: Value must be one of {sorted(allowed)}.")
        data = body.get("data")
        choices = data.get("choices") if isinstance(data, dict) else None
        if isinstance(choices, list) and len(choices) > CHOICES:
            raise invalid_form_body(f"data.choices: Must be {CHOICES} or fewer in length.")

    def _history(self, call: Call) -> Any:  # noqa: ANN401 - any JSON
        """A channel's messages, newest first; with `after`, those that came next after it.

        simcord answers `after` with the newest of the channel, which leaves out what lies between.
        """
        text = call.query.get("limit", "50")
        limit = int(text) if re.fullmatch("[0-9]{1,3}", text) else 0
        if not 1 <= limit <= MESSAGES_AT_ONCE:
            raise invalid_form_body(f"limit: Must be from 1 to {MESSAGES_AT_ONCE}.")
        if "after" not in call.query:
            return self._dispatch(call)
        every = {**call.query, "limit": str(sys.maxsize)}
        return self._dispatch(dataclasses.replace(call, query=every))[-limit:]

    def _gateway(self, *, bot: bool) -> dict[str, Any]:
        answer: dict[str, Any] = {"url": self.gateway_url}
        if bot:
            answer["shards"] = 1
            answer["session_start_limit"] = {
                "total": 1000,
                "remaining": 1000,
                "reset_after": 86_400_000,
                "max_concurrency": 1,
            }
        return answer

    def _check_uploads(self, call: Call) -> None:
        limit = self.state.upload_limit_bytes
        if any(len(upload.fp.getbuffer()) > limit for upload in call.uploads):
            raise BackendError(413, 40005, "Request entity too large")
        if len(call.uploads) > FILES_PER_MESSAGE:
            raise invalid_form_body("files: Must be 10 or fewer in length")

    def _send(self, call: Call, channel_id: int) -> dict[str, Any]:
        """Post a message; a repeated enforced nonce returns the message that it created before."""
        body = call.body if isinstance(call.body, dict) else {}
        nonce = None if body.get("nonce") is None else str(body["nonce"])
        if nonce is not None and len(nonce) > NONCE_LENGTH:
            raise invalid_form_body(f"nonce: Must be {NONCE_LENGTH} or fewer in length")
        if call.uploads:
            self._require_attach_files(channel_id)
        if nonce is None or not body.get("enforce_nonce"):
            return {**self._dispatch(call), "nonce": nonce}
        made = self._nonces.recall(channel_id, nonce)
        message = self.state.messages.get(channel_id, {}).get(made or 0)
        if message is not None:
            return {**_payload(self.state, message), "nonce": nonce}
        answer = self._dispatch(call)
        self._nonces.remember(channel_id, nonce, int(answer["id"]))
        return {**answer, "nonce": nonce}

    def _require_attach_files(self, channel_id: int) -> None:
        channel = self.state.get_channel(channel_id)
        if channel.type == ChannelType.DM or channel.guild_id is None:
            return
        bot_id = self.state.bot_user.id
        try:
            self.state.require_permissions(channel.guild_id, bot_id, channel_id, "attach_files")
        except BackendError:
            raise missing_permissions() from None

    def _dispatch(self, call: Call, *, path: str | None = None) -> Any:  # noqa: ANN401 - any JSON
        try:
            return router.dispatch(
                self.state,
                call.method,
                path or call.path,
                json=call.body,
                params=dict(call.query),
                files=call.uploads,
                reason=call.reason,
                message_content_access=False,
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            # The route table trusts the types of its arguments; a request may contain anything.
            _log.warning("%s %s was malformed", call.method, call.path, exc_info=True)
            raise invalid_form_body(f"{type(error).__name__}: {error}") from error


def _json(value: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:  # noqa: ANN401 - any JSON
    """JSON with exactly `application/json` as its type: libraries compare the header to that."""
    return web.Response(
        body=json.dumps(value).encode(),
        status=status,
        headers={**(headers or {}), "Content-Type": "application/json"},
    )


async def _parse(request: web.Request) -> Call:
    """Read a whole request; BackendError if its body is no JSON or too large."""
    body: Any = None
    uploads: list[UploadedFile] = []
    multipart = request.content_type.startswith("multipart/")
    try:
        if multipart:
            body, uploads = await _read_multipart(request)
        elif request.can_read_body:
            raw = await request.read()
            body = json.loads(raw) if raw else None
    except ValueError as error:
        raise BackendError(400, 50109, "The request body contains invalid JSON.") from error
    authorization = request.headers.get("Authorization", "")
    return Call(
        method=request.method,
        path=request.rel_url.raw_path.removeprefix(PREFIX),
        query=dict(request.query),
        body=body,
        uploads=uploads,
        multipart=multipart,
        reason=unquote(request.headers.get("X-Audit-Log-Reason", "")) or None,
        token=authorization.removeprefix("Bot ") if authorization.startswith("Bot ") else None,
    )


async def _read_multipart(request: web.Request) -> tuple[Any, list[UploadedFile]]:
    body: Any = None
    files: dict[int, UploadedFile] = {}
    total = 0
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader):
            continue
        data = bytes(await part.read())
        total += len(data)
        if total > REQUEST_CAP_BYTES:
            raise BackendError(413, 40005, "Request entity too large")
        match = _FILE_FIELD.match(part.name or "")
        if part.name == "payload_json":
            body = json.loads(data)
        elif match is not None:
            files[int(match.group(1))] = UploadedFile(part.filename or "file", io.BytesIO(data))
    uploads = [files[index] for index in sorted(files)]
    _describe(body, uploads)
    return body, uploads


def _describe(body: Any, uploads: list[UploadedFile]) -> None:  # noqa: ANN401 - any JSON
    """Give each upload its name and description from the body's list of attachments."""
    data = body.get("data") if isinstance(body, dict) else None
    for holder in (body, data):
        listed = holder.get("attachments") if isinstance(holder, dict) else None
        for item in listed if isinstance(listed, list) else []:
            if not isinstance(item, dict) or not str(item.get("id")).isdecimal():
                continue
            index = int(item["id"])
            if index < len(uploads):
                uploads[index].filename = str(item.get("filename") or uploads[index].filename)
                uploads[index].description = item.get("description")


def _too_many(
    wait_s: float,
    headers: dict[str, str],
    *,
    is_global: bool = False,
    code: int = 0,
    message: str = "You are being rate limited.",
) -> web.Response:
    scope = {"X-RateLimit-Global": "true"} if is_global else {"X-RateLimit-Scope": "user"}
    return _json(
        {
            "message": message,
            "retry_after": round(wait_s, 3),
            "global": is_global,
            "code": code,
        },
        status=429,
        headers={
            **headers,
            **scope,
            "Retry-After": f"{wait_s:.3f}",
            "Via": "1.1 playground",  # without it discord.py takes a 429 for a ban
        },
    )


def _cut(request: web.Request) -> None:
    """Close the connection, so that no answer arrives."""
    if request.transport is not None:
        request.transport.abort()


def _payload(state: DiscordState, message: Message) -> dict[str, Any]:
    return dict(serializers.message_payload(state, message))
