"""A walk from picture to picture: what a member types and presses, and the buttons that are there.

The tests take it, from a terminal and in a browser; `record-walk` takes it for the README.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageOps
from simcord.backend.models import Message

from playground.say import Session
from playground.steps import in_order
from playground.testbed import GRID_BUTTONS, Testbed

SINGLE_BUTTONS = (
    "Upscale (Subtle)",
    "Upscale (Creative)",
    "Vary (Subtle)",
    "Vary (Strong)",
    "Vary (Region)",
    "Zoom Out 2x",
    "Zoom Out 1.5x",
    "Custom Zoom",
    *("⬅️", "➡️", "⬆️", "⬇️"),
    "❤️",
    "🎞️",
)
"""Under a square picture; one that is not has Make Square too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """One stop of the walk: what is typed, as `steps.in_order` takes it, and what is there then."""

    title: str
    typed: tuple[tuple[str, str], ...]
    buttons: tuple[str, ...] = GRID_BUTTONS  # among others
    says: str = ""  # in the message


def walk(folder: Path, *, flags: str = "") -> tuple[Stop, ...]:
    """The stops. folder: where the pictures lie that are painted over and sent, by `kept`.

    flags: behind every prompt, for instance " --q .25".
    """
    painted = folder / "painted.png"
    return (
        Stop(
            title="/imagine",
            typed=(("then", f"/imagine prompt: a red fox in a forest --seed 11{flags}"),),
        ),
        Stop(title="V2", typed=(("click", "V2"),), says="Variations (Strong) by"),
        Stop(title="U3", typed=(("click", "U3"),), buttons=SINGLE_BUTTONS, says="Image #3"),
        Stop(title="Zoom Out 2x", typed=(("click", "Zoom Out 2x"),), says="Zoom Out by"),
        Stop(title="U1", typed=(("click", "U1"),), buttons=SINGLE_BUTTONS, says="Image #1"),
        Stop(title="⬅️ Pan left", typed=(("click", "⬅️"),), says="Pan Left by"),
        Stop(title="U2", typed=(("click", "U2"),), buttons=("Make Square", "⬅️"), says="Image #2"),
        Stop(
            title="Vary (Region), painted over",
            typed=(
                ("paint", str(painted)),
                ("click", "Vary (Region)"),
                ("modal", f"The painted picture=@{painted}"),
                ("modal", f"Prompt=a blue owl in a forest{flags}"),
            ),
            says="Variations (Region) by",
        ),
        Stop(
            title="Remix: the prompt changed",
            typed=(
                ("then", "/prefer remix"),
                ("click", "V1"),
                ("modal", f"Prompt=a purple fox in the snow{flags}"),
                ("then", "/prefer remix"),
            ),
            says="a purple fox in the snow",
        ),
        Stop(
            title="/describe",
            typed=(("then", "/describe"), ("attach", f"picture={kept(folder, 'V2')}")),
            says="Made here",
        ),
        Stop(
            title="/describe of a picture from elsewhere",
            typed=(("then", "/describe"), ("attach", f"picture={mirrored(folder, 'U3')}")),
            buttons=("1", "2", "3", "4", "🔄", "Imagine all"),
        ),
        Stop(
            title="/blend",
            typed=(
                ("then", "/blend"),
                ("attach", f"image1={kept(folder, 'U3')}"),
                ("attach", f"image2={kept(folder, 'U1')}"),
            ),
            says="Blend by",
        ),
        Stop(title="U4", typed=(("click", "U4"),), buttons=SINGLE_BUTTONS, says="Image #4"),
        Stop(
            title="Upscale (Creative)",
            typed=(("click", "Upscale (Creative)"),),
            buttons=SINGLE_BUTTONS[:-1],  # what was enlarged has no seed to be drawn from again
            says="Upscaled (Creative) by",
        ),
        Stop(
            title="/morph",
            typed=(
                ("then", "/morph text1: a red fox text2: a blue owl frames: 6"),
                ("click", "Confirm"),
            ),
            buttons=(),
            says="Morph by",
        ),
        Stop(title="🎞️ Making-of", typed=(("click", "🎞️"),), buttons=(), says="Making-of by"),
    )


async def take(session: Session, stop: Stop, folder: Path) -> Message:
    """Take one stop, and check what it brought."""
    after = session.last_id()
    await session.take(in_order(stop.typed))
    return check(session, stop, folder, after=after)


def check(session: Session, stop: Stop, folder: Path, *, after: int) -> Message:
    """What a stop brought, newer than the message `after`, whose picture is kept in the folder.

    AssertionError where the message lacks a button or words.
    """
    new = [m for m in session.messages(after=after) if not m.is_ephemeral]
    if not new:
        raise AssertionError(f"{stop.title}: nothing came.")
    for data in session.files(new[-1])[:1]:
        kept(folder, stop.title).write_bytes(data)
        with Image.open(io.BytesIO(data)) as picture:
            ImageOps.mirror(picture.convert("RGB")).save(mirrored(folder, stop.title))
    buttons = Testbed.buttons(new[-1])
    if missing := [one for one in stop.buttons if one not in buttons]:
        raise AssertionError(f"{stop.title}: {missing} are not among {buttons}.")
    if stop.says not in new[-1].content:
        raise AssertionError(f"{stop.title}: {stop.says!r} is not in {new[-1].content!r}.")
    return new[-1]


def kept(folder: Path, title: str) -> Path:
    """Where the picture of a stop is kept."""
    return folder / ("".join(c if c.isalnum() else "-" for c in title) + ".png")


def mirrored(folder: Path, title: str) -> Path:
    """Where the same picture lies, mirrored and with nothing written in it: one from elsewhere."""
    return kept(folder, f"{title} mirrored")
