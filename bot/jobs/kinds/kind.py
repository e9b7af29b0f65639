"""What every kind of job has: a request that becomes an engine job, a way to show its result."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import engine
from bot.errors import NotFound
from bot.jobs.records import Role, TextRow
from bot.prompt.characters import COMMAS
from engine import Sentence

_COMMA = re.compile(rf"(?<![\\＼])[{COMMAS}]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a request is written against."""

    models: tuple[engine.ModelInfo, ...]
    default_model: str
    """The name of the model for prompts that name none; empty: the largest installed one."""
    job_id: str
    owner: str
    """Whose turn the job takes, see `engine.DrawJob.owner`."""
    seed: int
    """A new one, 0 … 2³²−1."""

    def installed(self, name: str) -> engine.ModelInfo:
        """The model of that name, for a job that was written for it; NotFound if it is gone."""
        for model in self.models:
            if model.name == name and model.installed:
                return model
        raise NotFound(
            Sentence(
                "This was drawn on the model {name}, which is not on this machine any more. Send "
                "the prompt anew with /imagine.",
                name=name,
            )
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A request as the engine will do it."""

    job: engine.Job
    model: engine.ModelInfo | None
    """The one that draws; None for jobs that no prompt chooses a model for."""
    notes: tuple[Sentence, ...] = ()
    """What the member should know about it."""
    said: tuple[str, ...] = ()
    """Texts beside the request's own that the job is made from, or that will be offered."""
    resolved: Mapping[str, Any] = field(default_factory=dict)
    """JSON-serialisable: what the text meant, with every parameter and preference that counted."""


class Request(Protocol):
    """What a member asks for."""

    @property
    def kind(self) -> str:
        """A name of `kinds.KINDS`."""

    @property
    def text(self) -> str:
        """The prompt as typed; given back with a refusal."""

    @property
    def title(self) -> str:
        """How the result is named, such as "Variations (Strong)"; empty: only by its prompt."""

    @property
    def parent_id(self) -> str | None:
        """The job that this one goes on from."""

    def write(self, context: Context) -> Written:
        """The engine job; a UserError says why there can be none."""


class PictureRequest(Request, Protocol):
    """A request whose pictures are fetched once it is known that it may be taken."""

    def with_pictures(self, pictures: tuple[bytes, ...]) -> PictureRequest:
        """The same request with its pictures, cleaned by `uploads.clean`."""


class LinkingRequest(PictureRequest, Protocol):
    """A request whose pictures are behind links."""

    def links(self, context: Context) -> tuple[str, ...]:
        """The links to fetch, in the order of its pictures; a UserError as `write`."""

    def model(self, context: Context) -> engine.ModelInfo:
        """The model that draws it; a UserError as `write`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestions:
    """Prompts that a job found, for a button each."""

    texts: tuple[str, ...] = ()
    """As `grammar.parse` reads them, without parameters."""
    parameters: str = ""
    """Of each of them."""

    @property
    def prompts(self) -> tuple[str, ...]:
        """As they are drawn."""
        return tuple(f"{text} {self.parameters}".rstrip() for text in self.texts)

    @property
    def permutation(self) -> str:
        """The one text for /imagine that stands for all of them."""
        texts = ", ".join(_COMMA.sub(r"\\\g<0>", text) for text in self.texts)
        return f"{{{texts}}} {self.parameters}".rstrip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a finished job said, as it is stored."""

    texts: Sequence[TextRow]
    resolved: Mapping[str, Any]
    """The job's, see `Written`."""


def _suggests_nothing(_said: Said) -> Suggestions:
    return Suggestions()


def _says_nothing(_said: Said) -> str:
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """How a kind's result is shown, and what may follow."""

    follow_ups: Mapping[Role, tuple[str, ...]]
    """Names of `ui.actions.ACTIONS` under the message of that role."""
    suggest: Callable[[Said], Suggestions] = _suggests_nothing
    """The prompts among what a job said; the same whenever they are asked for."""
    say: Callable[[Said], str] = _says_nothing
    """What a job said, as Markdown for its channel."""
    animates: bool = False
    """Whether its pictures are the frames of one film, of which only that is kept."""
    ends_with_picture: bool = False
    """Whether the film of its drawing ends with the picture itself."""
    rewords: bool = False
    """Whether its prompt is what it is drawn for, and may be edited before 🔄."""
    asks_first: bool = False
    """Whether its member is asked first where it costs more than a grid."""
    shows_input: bool = False
    """Whether the picture it looked at stands beside what it said."""
