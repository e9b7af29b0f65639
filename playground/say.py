"""`say`: type commands as a member, press, fill in and react, and save what is drawn."""

from __future__ import annotations

import asyncio
import io
import signal
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw
from simcord.backend.models import Interaction, Message
from simcord.components import walk_components
from simcord.enums import AppCommandType, ComponentType

from playground import forms, steps
from playground.command_parser import parse
from playground.member import drawn_alike
from playground.refusal import Refused
from playground.steps import (
    Choose,
    Click,
    Fill,
    Go,
    Line,
    Menu,
    Paint,
    Post,
    React,
    Step,
    Thread,
    named,
)
from playground.testbed import Testbed, in_progress, is_grid
from playground.transcript import Entry
from playground.upload import Upload

NOTHING_S = 3.0
"""Where a step has brought no change after so long, none is expected."""

DIRECT = "direct"
"""How `--in` calls the direct messages with the bot."""

SCRIBBLE = (255, 0, 200)
"""The colour that `--paint` scribbles in: loud, and rare in pictures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What `say` is asked to do."""

    steps: Sequence[Step]
    member: str
    out: Path | None  # with "#" in its name: one for each step
    data_dir: Path
    timeout_s: float
    verbose: bool
    quiet_s: float = 1.0  # after so long without a change the bot is done
    command: Sequence[str] | None = None  # the bot's, default `python -m bot`


async def say(request: Request) -> int:
    """0, or 1 if a picture was asked for by /imagine and no grid arrived; prints the transcript."""
    steps.check(request.steps, request.out)
    testbed = Testbed(
        state_file=request.data_dir / "playground.json",
        echo=sys.stderr if request.verbose else None,
    )
    testbed.transcript.on_entry = _print_entry
    _end_in_order_on_sigterm()
    async with testbed:
        testbed.member(request.member)
        print("The bot is starting…", file=sys.stderr, flush=True)
        await testbed.start_bot(
            request.command,
            environment={"DATA_DIR": str(request.data_dir)},
            connect_within_s=request.timeout_s,
        )
        await testbed.wait_for_command(timeout_s=request.timeout_s)
        session = Session(testbed, request)
        session.check()
        await session.take(request.steps)
        session.save_last()
        grids = [message for message in session.messages() if is_grid(message)]
    asked = any(isinstance(s, Line) and s.text.startswith("/imagine") for s in request.steps)
    if asked and not grids:
        print(
            "No grid with its nine buttons (U1–U4, 🔄, V1–V4) arrived; the bot's answer is above.",
            file=sys.stderr,
        )
        return 1
    return 0


class Session:
    """One member's steps, one after the other, each awaited to its end."""

    def __init__(self, testbed: Testbed, request: Request) -> None:
        self._testbed = testbed
        self._request = request
        self._member = testbed.member(request.member)
        self._form: Interaction | None = None
        self._place = testbed.general
        """The channel in which commands are typed."""

    def messages(self, *, after: int = 0) -> list[Message]:
        """The bot's messages that the member sees, in all channels, oldest first."""
        seen = [
            message
            for channel in self._member.channels()
            for message in self._member.messages(channel.id)
            if message.author_id == self._testbed.bot_id and message.id > after
        ]
        return sorted(seen, key=lambda message: message.id)

    def check(self) -> None:
        """Refused where a step names what the bot has not registered; before the first is taken."""
        member, general = self._member, self._testbed.general
        commands = member.commands(general)
        menus = [menu["name"] for menu in member.commands(general, AppCommandType.MESSAGE)]
        for number, step in enumerate(self._request.steps, 1):
            with named(number, self._request.steps):
                if isinstance(step, Menu) and step.name not in menus:
                    there = _list(menus)
                    raise Refused(f"There is no menu entry {step.name!r}; there are: {there}.")
                if isinstance(step, Line):
                    # Neither its files nor whom it names need be there before the steps before it.
                    options = [text.partition("=")[0] for text in step.files]
                    files = {option: Upload(filename="", data=b"") for option in options}
                    parse(step.text, commands, files=files, find=lambda _: 0)

    def last_id(self) -> int:
        """The id of the bot's newest message, 0 if there is none."""
        return max((message.id for message in self.messages()), default=0)

    def files(self, message: Message) -> list[bytes]:
        """The bytes of a message's attachments."""
        return self._testbed.files(message)

    async def take(self, taken: Sequence[Step]) -> None:
        """Do these steps, one after the other, each to its end."""
        following = [*taken[1:], None]
        for number, (step, next_one) in enumerate(zip(taken, following, strict=True), 1):
            with named(number, taken):
                await self._take(number, step, fills=isinstance(next_one, Fill))

    async def _take(self, number: int, step: Step, *, fills: bool) -> None:
        """Do one step and wait until nothing changes any more. fills: a form is filled in next."""
        after = self.last_id()
        if isinstance(step, Paint):
            self._paint(step)
            return
        if isinstance(step, Thread | Post | Go):
            self._place = self._reached(step)
            return
        name = self._member.person.display_name
        done = self._do(step, name)
        count = len(self._testbed.transcript)
        if done is not None:
            done = await self._answered(done, fills=fills)
        if done is None or done.modal is None:
            await self.settle(after, count)
            self._save_step(number, after)

    async def _answered(self, done: Interaction, *, fills: bool) -> Interaction:
        """Wait for the answer; a form that the next step does not fill in is sent as it stands."""
        if not await self._member.answered(done):
            raise Refused("The application did not respond.")
        if done.modal is None:
            return done
        if fills:
            print(f"A form opened, {done.modal['title']!r}.", flush=True)
            self._form = done
            return done
        print(f"A form opened, {done.modal['title']!r}; sent as it stands.", flush=True)
        sent = self._member.submit(done, forms.defaults(done.modal))
        if not await self._member.answered(sent):
            raise Refused("The application did not respond.")
        return sent

    def _do(self, step: Step, name: str) -> Interaction | None:
        """Do it; the interaction, which a reaction is not."""
        member = self._member
        match step:
            case Line():
                print(f"{name} types {step.text}", flush=True)
                return self._type(step)
            case Click():
                target = self._last_with(step.button)
                print(f"{name} presses {step.button}", flush=True)
                return member.click(target.channel_id, target.id, _button(target, step.button))
            case Choose():
                target, menu, value = self._menu_with(step.choice)
                print(f"{name} chooses {step.choice}", flush=True)
                return member.choose(target.channel_id, target.id, menu, [value])
            case Menu():
                target = self.newest()
                print(f"{name} right-clicks → Apps → {step.name}", flush=True)
                return member.menu(target.channel_id, step.name, target.id)
            case React():
                target = self.newest()
                print(
                    f"{name} {'reacts' if step.on else 'reacts no more'} {step.emoji}", flush=True
                )
                member.react(target.channel_id, target.id, step.emoji, on=step.on)
                return None
            case Fill():
                shown, self._form = self._form, None
                if shown is None or shown.modal is None:
                    raise Refused("No form is open: --modal stands after the step that opens one.")
                print(f"{name} fills in {', '.join(step.fields)}", flush=True)
                return member.submit(shown, forms.filled(shown.modal, step.fields))
        raise TypeError(step)

    def _type(self, line: Line) -> Interaction:
        files: dict[str, Upload] = dict(map(steps.attachment, line.files))
        member, place = self._member, self._place
        typed = parse(line.text, member.commands(place), files=files, find=self._find)
        return member.slash(place, typed.command, typed.options)

    def _reached(self, step: Thread | Post | Go) -> int:
        """The channel in which the steps after this one are taken."""
        member, name = self._member, self._member.person.display_name
        match step:
            case Thread():
                start = self.newest()
                channel = member.start_thread(start.channel_id, start.id, step.name)
                print(f"{name} starts the thread {channel.name!r}", flush=True)
            case Post():
                channel, _ = member.post(self._testbed.forum, step.name, step.name)
                print(f"{name} begins the post {channel.name!r}", flush=True)
            case Go():
                *channels, direct = member.channels()
                named = [each for each in channels if each.name == step.channel.lstrip("#")]
                if step.channel != DIRECT and not named:
                    there = _list([*(each.name or "" for each in channels), DIRECT])
                    raise Refused(f"There is no channel {step.channel!r}; there are: {there}.")
                channel = direct if step.channel == DIRECT else named[-1]
                print(f"{name} goes to {step.channel}", flush=True)
        return channel.id

    def _find(self, text: str) -> int | None:
        """The id that "@dora", "#general" or "@everyone" means."""
        bare = text.lstrip("@#")
        for person in self._testbed.state.people.values():
            if bare in (person.name, person.display_name, str(person.id)):
                return person.id
        for channel in self._member.channels():
            if bare in (channel.name, str(channel.id)):
                return channel.id
        guild = self._testbed.state.guild
        for role in guild.roles.values():
            if bare in (role.name.lstrip("@"), str(role.id)):
                return role.id
        return None

    async def settle(self, after: int, count: int) -> None:
        """Wait until no newer message is in progress and nothing changes any more.

        count: of the transcript's entries, after the step.
        """
        testbed, request = self._testbed, self._request
        await self._changes(count, NOTHING_S)
        while True:
            await testbed.until(
                lambda: not any(map(in_progress, self.messages(after=after))),
                timeout_s=request.timeout_s,
            )
            if not await self._changes(len(testbed.transcript), request.quiet_s):
                return

    async def _changes(self, count: int, timeout_s: float) -> bool:
        testbed = self._testbed

        def more() -> bool:
            return len(testbed.transcript) > count

        return await testbed.unless_ended(testbed.state.until(more, timeout_s=timeout_s))

    # ------------------------------------------------------------------ which message

    def _last_with(self, button: str) -> Message:
        for message in reversed(self.messages()):
            if _button(message, button):
                return message
        seen = [name for message in self.messages() for name in Testbed.buttons(message)]
        raise Refused(f"No message has a button {button!r} to press; there are: {_list(seen)}.")

    def _menu_with(self, choice: str) -> tuple[Message, str, str]:
        """The newest message with a menu that has this choice; that menu, the choice's value."""
        name, mark, wanted = choice.rpartition("=")
        for message in reversed(self.messages()):
            for menu in walk_components(message.components):
                if menu.get("type") != ComponentType.STRING_SELECT:
                    continue
                if mark and name not in (menu.get("placeholder"), menu["custom_id"]):
                    continue
                for option in menu["options"]:
                    if wanted.lower() in (option["label"].lower(), option["value"].lower()):
                        return message, menu["custom_id"], option["value"]
        raise Refused(f"No message has a menu with the choice {choice!r}.")

    def newest(self) -> Message:
        """The newest message with a picture, else the newest that everybody sees."""
        public = [message for message in self.messages() if not message.is_ephemeral]
        pictures = [message for message in public if message.attachments]
        for message in reversed(pictures or public):
            return message
        raise Refused("The bot has posted nothing yet that one could react to.")

    # ------------------------------------------------------------------ pictures

    def _paint(self, step: Paint) -> None:
        """Scribble over the middle of the newest picture, as with a phone's editor."""
        with Image.open(io.BytesIO(self._last_picture(after=0))) as opened:
            picture = opened.convert("RGB")
        scribble(picture)
        step.file.parent.mkdir(parents=True, exist_ok=True)
        picture.save(step.file)
        print(f"Painted over the last picture: {step.file}.", flush=True)

    def _last_picture(self, *, after: int) -> bytes:
        pictures = self._pictures(after=after)
        if not pictures:
            raise Refused("No picture was posted.")
        return pictures[-1]

    def _pictures(self, *, after: int) -> list[bytes]:
        """Posted files that are pictures: settings and statements are files too."""
        shown = self.messages(after=after)
        return [data for message in shown for data in self.files(message) if _is_picture(data)]

    def _save_step(self, number: int, after: int) -> None:
        out = self._request.out and steps.of_step(self._request.out, number)
        if out and self._pictures(after=after):
            _save(self._last_picture(after=after), out)

    def save_last(self) -> None:
        """Save the last picture that was posted, if it is wanted."""
        out = self._request.out
        if out is None:
            return
        if not self._pictures(after=0):
            raise Refused(f"No picture was posted, so {out} was not written.")
        if steps.of_step(out, 0) is None:
            _save(self._last_picture(after=0), out)


def scribble(picture: Image.Image) -> None:
    """Paint a loud scribble over the middle of an RGB picture, in place."""
    width, height = picture.size
    left, right = width * 0.35, width * 0.65
    rows = [height * (0.35 + 0.05 * n) for n in range(7)]
    points = [(x, y) for n, y in enumerate(rows) for x in ((left, right), (right, left))[n % 2]]
    pen = max(3, round(min(width, height) * 0.08))
    ImageDraw.Draw(picture).line(points, fill=SCRIBBLE, width=pen, joint="curve")


def _list(names: Iterable[str]) -> str:
    """Each name once."""
    return ", ".join(dict.fromkeys(names)) or "none"


def _button(message: Message, name: str) -> str:
    """The custom_id of the button with that label, emoji or both; empty: there is none."""
    for button in walk_components(message.components):
        if button.get("type") != ComponentType.BUTTON or "custom_id" not in button:
            continue
        label, emoji = button.get("label") or "", (button.get("emoji") or {}).get("name") or ""
        emoji = drawn_alike(emoji)
        names = {label.lower(), emoji, f"{emoji} {label}".strip().lower(), button["custom_id"]}
        if drawn_alike(name.lower()) in names - {""}:
            return str(button["custom_id"])
    return ""


def _end_in_order_on_sigterm() -> None:
    """Let SIGTERM and a closed terminal end this as Ctrl-C does, after the bot has ended."""
    task = asyncio.current_task()
    if sys.platform != "win32" and task is not None:
        for number in (signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)


def _is_picture(data: bytes) -> bool:
    try:
        with Image.open(io.BytesIO(data)):
            return True
    except OSError:
        return False


def _save(data: bytes, out: Path) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    with Image.open(io.BytesIO(data)) as picture:
        if Image.registered_extensions().get(out.suffix.lower()) == picture.format:
            out.write_bytes(data)
        else:
            picture.convert("RGB").save(out)
    print(f"Saved {out}.", flush=True)


def _print_entry(entry: Entry) -> None:
    print(entry.line(), flush=True)
