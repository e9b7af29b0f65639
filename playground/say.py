"""`say`: type one line as a member, wait for the answer, press buttons, save the last picture."""

from __future__ import annotations

import asyncio
import io
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from simcord.backend.models import Interaction, Message

from playground.command_parser import parse
from playground.member import Member
from playground.refusal import Refused
from playground.testbed import Testbed, is_grid
from playground.transcript import Entry
from playground.upload import Upload


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What `say` is asked to do."""

    line: str
    member: str
    clicks: Sequence[str]
    attachments: Sequence[str]  # "image1=cat.png"
    out: Path | None
    data_dir: Path
    timeout_s: float
    verbose: bool
    quiet_s: float = 1.0  # after so long without a change the bot is done
    command: Sequence[str] | None = None  # the bot's, default `python -m bot`


async def say(request: Request) -> int:
    """0 if a grid with its nine buttons arrived, else 1; prints the transcript."""
    if not request.line.startswith("/"):
        raise Refused(
            "The bot answers commands only, as it cannot read what members write. Begin with /, "
            f'for instance "/imagine prompt: {request.line or "a red cat"}".'
        )
    if request.out is not None:
        _check_kind(request.out)
    files = dict(map(_attachment, request.attachments))
    testbed = Testbed(
        state_file=request.data_dir / "playground.json",
        echo=sys.stderr if request.verbose else None,
    )
    testbed.transcript.on_entry = _print_entry
    _end_in_order_on_sigterm()
    async with testbed:
        member = testbed.member(request.member)
        print("The bot is starting…", file=sys.stderr, flush=True)
        await testbed.start_bot(
            request.command,
            environment={"DATA_DIR": str(request.data_dir)},
            connect_within_s=request.timeout_s,
        )
        await testbed.wait_for_command(timeout_s=request.timeout_s)
        after = _newest(testbed)
        done = _type(testbed, member, request.line, files)
        await _settle(testbed, member, done, after, request)
        for button in request.clicks:
            after = _newest(testbed)
            target = _last_with(testbed, button)
            done = member.click(testbed.general, target.id, button)
            await _settle(testbed, member, done, after, request)
        grids = [message for message in testbed.bot_messages() if is_grid(message)]
        _save_last(testbed, request.out)
    if not grids:
        print("No grid with its nine buttons (U1–U4, 🔄, V1–V4) arrived.", file=sys.stderr)
    return 0 if grids else 1


def _end_in_order_on_sigterm() -> None:
    """Let SIGTERM and a closed terminal end this as Ctrl-C does, after the bot has ended."""
    task = asyncio.current_task()
    if sys.platform != "win32" and task is not None:
        for number in (signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)


def _type(testbed: Testbed, member: Member, line: str, files: dict[str, Upload]) -> Interaction:
    def find(text: str) -> int | None:
        bare = text.lstrip("@#")
        for person in testbed.state.people.values():
            if bare in (person.name, person.display_name, str(person.id)):
                return person.id
        for channel in member.channels():
            if bare in (channel.name, str(channel.id)):
                return channel.id
        return None

    typed = parse(line, member.commands(testbed.general), files=files, find=find)
    print(f"{member.person.display_name} types {line}", flush=True)
    return member.slash(testbed.general, typed.command, typed.options)


async def _settle(
    testbed: Testbed, member: Member, done: Interaction, after: int, request: Request
) -> None:
    """Wait for the answer, send a form that opened unchanged, and wait until nothing changes."""
    if not await member.answered(done):
        raise Refused("The application did not respond.")
    if done.modal is not None:
        print(f"A form opened, {done.modal['title']!r}; sent as it stands.", flush=True)
        done = member.submit(done, _defaults(done.modal["components"]))
        if not await member.answered(done):
            raise Refused("The application did not respond.")
    await testbed.wait_until_idle(after=after, quiet_s=request.quiet_s, timeout_s=request.timeout_s)


def _defaults(components: Sequence[dict[str, object]]) -> dict[str, object]:
    """The values of a form's text fields when it opens, by custom_id."""
    held: dict[str, object] = {}
    for component in components:
        child = component.get("component")
        children = component.get("components") or ([child] if child else [])
        if isinstance(children, list):
            held.update(_defaults(children))
        if "value" in component and "custom_id" in component:
            held[str(component["custom_id"])] = component["value"]
    return held


def _newest(testbed: Testbed) -> int:
    return max((m.id for m in testbed.state.messages[testbed.general].values()), default=0)


def _last_with(testbed: Testbed, button: str) -> Message:
    for message in reversed(testbed.bot_messages()):
        if button in testbed.buttons(message):
            return message
    raise Refused(f"No message has a button {button!r} to press.")


def _check_kind(out: Path) -> None:
    """Refused where no picture can have that name, before one is drawn."""
    if Image.registered_extensions().get(out.suffix.lower()) not in Image.SAVE:
        raise Refused(f"{out.name!r} names no kind of picture; end it in .png, .jpg or .webp.")


def _save_last(testbed: Testbed, out: Path | None) -> None:
    if out is None:
        return
    pictures = [data for message in testbed.bot_messages() for data in testbed.files(message)]
    if not pictures:
        raise Refused(f"No picture was posted, so {out} was not written.")
    out.parent.mkdir(parents=True, exist_ok=True)
    with Image.open(io.BytesIO(pictures[-1])) as picture:
        if Image.registered_extensions().get(out.suffix.lower()) == picture.format:
            out.write_bytes(pictures[-1])
        else:
            picture.convert("RGB").save(out)
    print(f"Saved {out}.", flush=True)


def _attachment(text: str) -> tuple[str, Upload]:
    name, mark, path = text.partition("=")
    if not mark:
        raise Refused(f"--attach takes option=FILE, for instance image1=cat.png, not {text!r}.")
    try:
        return name, Upload(filename=Path(path).name, data=Path(path).read_bytes())
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror}.") from error


def _print_entry(entry: Entry) -> None:
    print(entry.line(), flush=True)
