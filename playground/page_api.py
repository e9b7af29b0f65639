"""The page's HTTP API: the page's files, what a member sees, what a member does.

Every request under /page-api/ takes `as` (a member's id or name). Acts need the header
`X-Playground`, which no other site can send. Every request must name this host, so that no other
site can read the answers.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import discord
from aiohttp import BodyPartReader, web
from simcord.backend import serializers
from simcord.backend.models import Interaction, Message
from simcord.enums import AppCommandType, ChannelType

from playground.discord_state import Change, DiscordState
from playground.gateway import Gateway
from playground.localized import localized
from playground.member import Member
from playground.refusal import Refused
from playground.upload import Upload

PAGE = Path(__file__).parent / "page"
REACTIONS = ["✉️", "❌", "⭐", "🔄", "1️⃣", "2️⃣", "3️⃣", "4️⃣"]
"""What members of Midjourney react with; offered where the bot hears of reactions."""
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
"""What colours a terminal and moves its cursor."""
HTTP_PORT = 80
PING_S = 20.0
"""How often a comment is sent on the event stream, so that a closed tab is noticed."""

_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
_TYPES[".svg"] = "image/svg+xml"
SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


class PageApi:
    """The page and its API. `bot_note` is what the page says when no bot is connected."""

    def __init__(
        self, state: DiscordState, members: Mapping[int, Member], gateway: Gateway
    ) -> None:
        self.port = 0
        self.bot_note = "The bot is starting…"
        self.bot_lines: Sequence[str] = ()
        self.restart: Callable[[], Awaitable[None]] | None = None
        self._state = state
        self._members = members
        self._gateway = gateway
        self._streams: dict[asyncio.Queue[str | None], Member] = {}
        state.watchers.append(self._send_to_pages)

    def add_routes(self, app: web.Application) -> None:
        """Put the page and its API on the server."""
        app.router.add_get("/", self._guarded(self._send_file))
        app.router.add_get("/page/{name}", self._guarded(self._send_file))
        app.router.add_get("/favicon.ico", self._guarded(self._send_file))
        app.router.add_get("/page-api/state", self._guarded(self._send_state))
        app.router.add_get("/page-api/messages", self._guarded(self._send_messages))
        app.router.add_get("/page-api/events", self._guarded(self._send_events))
        app.router.add_post("/page-api/act", self._guarded(self._handle_act))

    @property
    def online(self) -> bool:
        """Whether a bot is connected; False where its process has ended and can be restarted."""
        return self._gateway.connected and self.restart is None

    def close(self) -> None:
        """End every event stream."""
        for queue in self._streams:
            queue.put_nowait(None)

    # ------------------------------------------------------------------ requests

    def _guarded(
        self, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def guarded(request: web.Request) -> web.StreamResponse:
            if is_host(request, "localhost", self.port) and request.path == "/":
                raise web.HTTPFound(f"http://127.0.0.1:{self.port}/")
            if not is_host(request, "127.0.0.1", self.port):
                return web.json_response({"error": "Open this page by 127.0.0.1."}, status=403)
            if request.method == "POST" and "X-Playground" not in request.headers:
                return web.json_response({"error": "Acts come from the page only."}, status=403)
            try:
                response = await handler(request)
            except Refused as refusal:  # status 200: browsers log failed requests
                response = web.json_response({"error": str(refusal)})
            except KeyError as missing:
                text = f"The field {missing} is missing."
                response = web.json_response({"error": text}, status=400)
            except ValueError as error:
                response = web.json_response({"error": str(error)}, status=400)
            except RecursionError:  # lists within lists without end
                response = web.json_response({"error": "That is nested too deeply."}, status=400)
            if not response.prepared:
                response.headers.update(SECURITY_HEADERS)
            return response

        return guarded

    def _member(self, who: str) -> Member:
        return self._members[self._state.person(who).id]

    async def _send_file(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info.get("name", "index.html")
        if request.path == "/favicon.ico":
            name = "icon.svg"
        path = PAGE / name
        if path.parent != PAGE or path.suffix not in _TYPES or not path.is_file():
            return web.Response(status=404, text="There is no such file.")
        return web.Response(
            body=path.read_bytes(), content_type=_TYPES[path.suffix], charset="utf-8"
        )

    async def _send_state(self, request: web.Request) -> web.StreamResponse:
        member = self._member(request.query["as"])
        return _json(self._state, self.page_state(member))

    async def _send_messages(self, request: web.Request) -> web.StreamResponse:
        member = self._member(request.query["as"])
        channel_id, opened = _number(request.query, "channel"), _number(request.query, "opened")
        shown = [
            self.view(member, message)
            for message in member.messages(channel_id)[-100:]
            if not message.is_ephemeral or message.id > opened
        ]
        return _json(self._state, {"messages": shown})

    async def _send_events(self, request: web.Request) -> web.StreamResponse:
        member = self._member(request.query["as"])
        response = web.StreamResponse(
            headers={**SECURITY_HEADERS, "Content-Type": "text/event-stream"}
        )
        queue: asyncio.Queue[str | None] = asyncio.Queue()
        self._streams[queue] = member
        try:
            await response.prepare(request)
            await response.write(b": hello\n\n")
            while True:
                try:
                    async with asyncio.timeout(PING_S):
                        line = await queue.get()
                except TimeoutError:
                    line = ": still here"
                if line is None:
                    return response
                await response.write(f"{line}\n\n".encode())
        except ConnectionResetError:
            return response
        finally:
            del self._streams[queue]

    async def _handle_act(self, request: web.Request) -> web.StreamResponse:
        act, files = await _read_act(request, cap_bytes=self._state.upload_limit_bytes * 12)
        member = self._member(str(act["as"]))
        return _json(self._state, await self._do(member, act, files))

    # ------------------------------------------------------------------ what a member sees

    def page_state(self, member: Member) -> dict[str, Any]:
        """Everything but the messages that the page shows to one member.

        now: an id newer than every message; a page that was opened then shows no ephemeral message
        that is older, as Discord's own forget those when they are loaded again.
        """
        state = self._state
        return {
            "me": str(member.id),
            "now": str(state.snowflake()),
            "locale": member.locale,
            "guild": {
                "id": str(state.guild.id),
                "name": state.guild.name,
                "locale": state.guild.preferred_locale,
            },
            "bot": {
                "id": str(state.bot_user.id),
                "name": state.bot_user.name,
                "online": self.online,
                "note": self.bot_note,
                "restartable": self.restart is not None,
                "last_lines": list(self.bot_lines),
                "reactions": REACTIONS if self._gateway.hears_reactions else [],
            },
            "people": [
                {
                    "id": str(person.id),
                    "name": person.name,
                    "display_name": person.display_name,
                    "owner": person.id == state.guild.owner_id,
                    "locale": self._members[person.id].locale,
                }
                for person in state.people.values()
            ],
            "channels": [
                {
                    "id": str(channel.id),
                    "name": channel.name or state.bot_user.name,
                    "topic": channel.topic,
                    "direct": channel.type == ChannelType.DM,
                    "forum": channel.type == ChannelType.FORUM,
                    "parent": str(channel.parent_id) if channel.is_thread else None,
                    "commands": _localized(member, member.commands(channel.id)),
                    "menus": _localized(
                        member, member.commands(channel.id, AppCommandType.MESSAGE)
                    ),
                }
                for channel in member.channels()
            ],
            "roles": [
                {"id": str(role.id), "name": role.name} for role in state.guild.roles.values()
            ],
            "upload_limit": state.upload_limit_bytes,
        }

    def view(self, member: Member, message: Message) -> dict[str, Any]:
        """A message as this member sees it."""
        shown = dict(serializers.message_payload(self._state, message, for_user=member.id))
        shown["pinged"] = member.id in message.ping_user_ids
        return shown

    # ------------------------------------------------------------------ what a member does

    async def _do(
        self, member: Member, act: dict[str, Any], files: dict[str, list[Upload]]
    ) -> dict[str, Any]:
        if act["do"] == "restart":
            if self.restart is None:
                raise Refused("This playground does not start the bot by itself.")
            await self.restart()
            return {}
        alone = self._do_alone(member, act, files)
        if alone is not None:
            return alone
        if not self.online:
            raise Refused(f"The bot is not connected. {self.bot_note}".strip())
        done = self._do_with_bot(member, act, files)
        if not await member.answered(done):
            if act["do"] == "autocomplete":
                return {"choices": []}
            raise Refused("The application did not respond.")
        if done.autocomplete_choices is not None:
            return {"choices": done.autocomplete_choices}
        if done.modal is not None:
            return {"interaction": str(done.id), "modal": done.modal}
        return {"interaction": str(done.id)}

    def _do_alone(
        self, member: Member, act: dict[str, Any], files: dict[str, list[Upload]]
    ) -> dict[str, Any] | None:
        """Do an act that needs no answer from the bot; None if it is not one of these."""
        channel_id, message_id = _number(act, "channel"), _number(act, "message")
        match act["do"]:
            case "write":
                member.write(
                    channel_id,
                    str(act.get("text") or ""),
                    reply_to=_number(act, "reply_to") or None,
                    files=files.get("files", []),
                )
            case "thread":
                thread = member.start_thread(channel_id, message_id, str(act["name"]))
                return {"channel": str(thread.id)}
            case "post":
                name, text = str(act["name"]), str(act.get("text") or "")
                thread, _ = member.post(channel_id, name, text, files=files.get("files", []))
                return {"channel": str(thread.id)}
            case "delete":
                member.delete(channel_id, message_id)
            case "react":
                member.react(channel_id, message_id, str(act["emoji"]), on=bool(act["on"]))
            case "locale":
                member.locale = _locale(act)
                self._state.notify(Change(kind="commands"))
            case "server_locale":
                member.set_server_locale(_locale(act))
                self._state.notify(Change(kind="commands"))
            case _:
                return None
        return {}

    def _do_with_bot(
        self, member: Member, act: dict[str, Any], files: dict[str, list[Upload]]
    ) -> Interaction:
        """Do an act that the bot answers; the interaction."""
        channel_id, message_id = _number(act, "channel"), _number(act, "message")
        options = dict(_object(act, "options"))
        match act["do"]:
            case "slash":
                options.update({key: held[0] for key, held in files.items() if held})
                return member.slash(channel_id, str(act["name"]), options)
            case "autocomplete":
                name, option, typed = str(act["name"]), str(act["option"]), str(act["typed"])
                return member.autocomplete(channel_id, name, option, typed, options)
            case "menu":
                return member.menu(channel_id, str(act["name"]), message_id)
            case "click":
                return member.click(channel_id, message_id, str(act["button"]))
            case "choose":
                menu, values = str(act["menu"]), [str(one) for one in _list(act, "values")]
                return member.choose(channel_id, message_id, menu, values)
            case "submit":
                shown = self._state.interactions.get(_number(act, "interaction"))
                if shown is None:
                    raise Refused("That form is gone.")
                return member.submit(shown, {**_object(act, "values"), **files})
        raise Refused(f"There is no act {act['do']!r}.")

    # ------------------------------------------------------------------ events for the pages

    def set_bot_note(self, note: str, last_lines: Sequence[str] = ()) -> None:
        """Set what the pages say about the bot, and send it to them.

        last_lines: what it wrote last, shown on demand.
        """
        self.bot_note, self.bot_lines = note, [_ESCAPES.sub("", line) for line in last_lines]
        self._state.notify(Change(kind="bot"))

    def _send_to_pages(self, change: Change) -> None:
        for queue, member in self._streams.items():
            event = self._event(member, change)
            if event is not None:
                text = json.dumps(self._state.cdn.signed(event))
                queue.put_nowait(f"data: {text}")

    def _event(self, member: Member, change: Change) -> dict[str, Any] | None:
        if change.kind in ("commands", "channels", "bot"):
            return {"kind": "state", "state": self.page_state(member)}
        if not member.sees(change.channel_id):
            return None
        base = {"kind": change.kind, "channel": str(change.channel_id)}
        if change.kind == "typing":
            return {**base, "user": str(change.user_id)}
        message = change.message
        if message is None or not message.visible_to(member.id):
            return None
        if change.kind == "delete":
            return {**base, "id": str(message.id)}
        return {**base, "message": self.view(member, message)}


def is_host(request: web.Request, name: str, port: int) -> bool:
    """Whether the request is to that name; browsers leave port 80 out."""
    return request.host == f"{name}:{port}" or (port == HTTP_PORT and request.host == name)


async def _read_act(
    request: web.Request, *, cap_bytes: int
) -> tuple[dict[str, Any], dict[str, list[Upload]]]:
    """The act's JSON, and its files by field; the field `files` may have several."""
    act: Any = None
    files: dict[str, list[Upload]] = {}
    if not request.content_type.startswith("multipart/"):
        act = await request.json()
    else:
        total = 0
        async for part in await request.multipart():
            if not isinstance(part, BodyPartReader) or part.name is None:
                continue
            data = bytearray()
            while chunk := await part.read_chunk(2**16):
                total += len(chunk)
                if total <= cap_bytes:
                    data += chunk
            if part.name == "act":
                act = json.loads(bytes(data))
            else:
                held = Upload(filename=part.filename or "file", data=bytes(data))
                files.setdefault(part.name, []).append(held)
        if total > cap_bytes:
            raise Refused(f"That is more than {cap_bytes // 2**20} MiB at once.")
    if not isinstance(act, dict):
        raise Refused("An act is a JSON object.")
    return act, files


def _number(act: Mapping[str, Any], name: str) -> int:
    """An act's id, 0 if it has none; ValueError if it is no number."""
    value = act.get(name) or 0
    try:
        return int(value)
    except (ValueError, TypeError, OverflowError):
        raise ValueError(f"The field {name!r} must be a number.") from None


def _locale(act: Mapping[str, Any]) -> str:
    """An act's language; Refused if it is none of Discord's."""
    value = str(act["locale"])
    if value not in [locale.value for locale in discord.Locale]:
        raise Refused(f"Discord has no language {value[:20]!r}.")
    return value


def _object(act: Mapping[str, Any], name: str) -> dict[str, Any]:
    """An act's JSON object, empty if it has none; ValueError if it is something else."""
    value = act.get(name) or {}
    if not isinstance(value, dict):
        raise ValueError(f"The field {name!r} must be a JSON object.")  # noqa: TRY004 - what is wrong is the sender's JSON
    return value


def _list(act: Mapping[str, Any], name: str) -> list[Any]:
    """An act's JSON list; ValueError if it is something else, KeyError if it is missing."""
    value = act[name]
    if not isinstance(value, list):
        raise ValueError(f"The field {name!r} must be a list.")  # noqa: TRY004 - what is wrong is the sender's JSON
    return value


def _localized(member: Member, commands: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [localized(command, member.locale) for command in commands]


def _json(state: DiscordState, value: dict[str, Any]) -> web.Response:
    return web.json_response(state.cdn.signed(value))
