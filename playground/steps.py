"""The steps of `say`, in the order in which they are typed, and what can be said against them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from playground.command_parser import command_name
from playground.refusal import Refused
from playground.upload import Upload

NUMBER = "#"
"""In the name of `--out`, the place of the step's number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Type a command."""

    text: str
    files: Sequence[str] = ()  # "image1=cat.png"


@dataclass(frozen=True, slots=True, kw_only=True)
class Click:
    """Press a button, of the newest message that has it."""

    button: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """Fill in and send the form that the step before opened."""

    fields: Sequence[str]  # "Prompt=a cat", "Painted=@painted.png"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choose:
    """Choose in a menu, of the newest message that has this choice."""

    choice: str  # "large" or "Size=large"


@dataclass(frozen=True, slots=True, kw_only=True)
class React:
    """Add a reaction to the newest picture, or take it away."""

    emoji: str
    on: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Menu:
    """Right-click the newest picture and take this entry."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Paint:
    """Scribble over the newest picture and save it as this file."""

    file: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """Start a thread from the newest picture, and go on there."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """Begin a post in the forum, and go on there."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Go:
    """Go on in this channel, thread or post, or in the direct messages with the bot."""

    channel: str


Step = Line | Click | Fill | Choose | React | Menu | Paint | Thread | Post | Go


_MAKERS: dict[str, Callable[[str], Step]] = {
    "modal": lambda value: Fill(fields=(value,)),
    "click": lambda value: Click(button=value),
    "select": lambda value: Choose(choice=value),
    "react": lambda value: React(emoji=value),
    "unreact": lambda value: React(emoji=value, on=False),
    "menu": lambda value: Menu(name=value),
    "paint": lambda value: Paint(file=Path(value)),
    "thread": lambda value: Thread(name=value.strip()),
    "post": lambda value: Post(name=value.strip()),
    "in": lambda value: Go(channel=value.strip()),
    "then": lambda value: Line(text=value.strip()),
}

_OPTIONS = {type(make("")): f"--{option}" for option, make in reversed(_MAKERS.items())}
"""By kind of step the first option that makes it."""


def in_order(typed: Iterable[tuple[str, str]]) -> list[Step]:
    """The steps of (option, value) as typed; Refused if one has nothing to belong to."""
    steps: list[Step] = []
    for option, value in typed:
        last = steps[-1] if steps else None
        if option == "attach":
            if not isinstance(last, Line):
                raise Refused("--attach stands after the command that it belongs to.")
            steps[-1] = Line(text=last.text, files=(*last.files, value))
        elif option == "modal" and isinstance(last, Fill):
            steps[-1] = Fill(fields=(*last.fields, value))
        elif option != "then" and not value.strip():
            raise Refused(f"--{option} needs something after it, not an empty text.")
        else:
            steps.append(_MAKERS[option](value))
    return steps


def check(steps: Sequence[Step], out: Path | None) -> None:
    """Refused, in a sentence, where a step cannot go well; before the bot starts."""
    if out is not None:
        _check_kind(out)
    made: set[Path] = set()  # by the steps before
    for number, step in enumerate(steps, 1):
        with named(number, steps):
            _check(step, steps[number - 2] if number > 1 else None, made)
        if out is not None and (numbered := of_step(out, number)) is not None:
            made.add(numbered)


def _check(step: Step, before: Step | None, made: set[Path]) -> None:
    match step:
        case Line() if not step.text.startswith("/"):
            raise Refused(
                "The bot answers commands only, as it cannot read what members write. Begin "
                f'with /, for instance "/imagine prompt: {step.text or "a red cat"}".'
            )
        case Line():
            command_name(step.text)
            _check_files([_file_of(text) for text in step.files], made)
        case Fill():
            values = [split(text)[1] for text in step.fields]
            _check_files([Path(v[1:]) for v in values if v.startswith("@")], made)
            if before is None or isinstance(before, Paint | React | Thread | Post | Go):
                raise Refused("--modal stands after the step that opens the form.")
        case Paint():
            _check_kind(step.file)
            made.add(step.file)


@contextmanager
def named(number: int, steps: Sequence[Step]) -> Iterator[None]:
    """Inside the `with` block a Refused says first which step it is of, if there are several."""
    try:
        yield
    except Refused as error:
        if len(steps) == 1:
            raise
        raise Refused(
            f"Step {number} of {len(steps)} ({_told(steps[number - 1])}): {error}"
        ) from error


def _told(step: Step) -> str:
    """A step as it was typed, in a word."""
    if isinstance(step, Line):
        return (step.text.split() or [_OPTIONS[Line]])[0]
    if isinstance(step, React) and not step.on:
        return "--unreact"
    return _OPTIONS[type(step)]


def of_step(out: Path, number: int) -> Path | None:
    """Where the picture of a step is saved; None where only the last one is wanted."""
    if NUMBER not in out.name:
        return None
    return out.with_name(out.name.replace(NUMBER, str(number)))


def split(field: str) -> tuple[str, str]:
    """The label and the value of "Prompt=a cat"."""
    label, mark, value = field.partition("=")
    if not mark:
        raise Refused(f'--modal takes LABEL=VALUE, for instance "Prompt=a red cat", not {field!r}.')
    return label.strip(), value


def attachment(text: str) -> tuple[str, Upload]:
    """The option and the file of "image1=cat.png"."""
    return text.partition("=")[0], read(_file_of(text))


def read(path: Path) -> Upload:
    """A file as it is sent."""
    try:
        return Upload(filename=path.name, data=path.read_bytes())
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror}.") from error


def _file_of(text: str) -> Path:
    option, _, path = text.partition("=")
    if not option or not path:
        raise Refused(f"--attach takes OPTION=FILE, for instance image1=cat.png, not {text!r}.")
    return Path(path)


def _check_files(paths: Iterable[Path], made: set[Path]) -> None:
    for path in paths:
        if path not in made:
            read(path)


def _check_kind(out: Path) -> None:
    """Refused where no picture can have that name, before one is drawn."""
    if Image.registered_extensions().get(out.suffix.lower()) not in Image.SAVE:
        raise Refused(f"{out.name!r} names no kind of picture; end it in .png, .jpg or .webp.")
