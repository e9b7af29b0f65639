"""What a member may do wrong, as sentences: a `UserError`'s text *is* what the member reads."""

from __future__ import annotations

import enum

from engine import Sentence


class Tone(enum.Enum):
    """How a refusal looks."""

    RED = "red"
    """Nothing was taken."""
    YELLOW = "yellow"
    """Wait, or do something first."""


class UserError(Exception):
    """A refusal: a title, a sentence that says what to do, and the member's text to paste again."""

    title = Sentence("That did not work")
    tone = Tone.RED

    def __init__(self, sentence: str, *, command: str = "") -> None:
        """sentence: a constant, or a `Sentence` where it carries values."""
        super().__init__(sentence)
        self.sentence = sentence if isinstance(sentence, Sentence) else Sentence(sentence)
        self.command = command
        """The member's whole original command; empty where there is nothing to mend."""


class PromptError(UserError):
    """A prompt that cannot be read; knows the bad token and where it stands."""

    title = Sentence("Invalid parameter")

    def __init__(self, sentence: str, *, token: str, start: int, command: str = "") -> None:
        super().__init__(sentence, command=command)
        self.source = command
        """The text in which the token stands."""
        self.token = token
        self.start = start
        """Index in it of the token's first character: in the text given to `grammar.parse`, without
        what cannot be seen (`characters.plain`) and without surrounding white space."""

    @property
    def end(self) -> int:
        return self.start + len(self.token)


class InvalidLink(UserError):
    title = Sentence("Invalid link")


class InvalidPicture(UserError):
    title = Sentence("Invalid picture")


class NotEnoughCredits(UserError):
    title = Sentence("Credits exhausted")


class QuotaReached(UserError):
    title = Sentence("Quota reached")
    tone = Tone.YELLOW


class QueueFull(UserError):
    title = Sentence("Queue full")


class TooFast(UserError):
    title = Sentence("Wait a moment")
    tone = Tone.YELLOW


class MissingPermission(UserError):
    title = Sentence("Missing permission")
    tone = Tone.YELLOW


class NotAllowed(UserError):
    title = Sentence("Not allowed")


class Blocked(UserError):
    """What was ordered meets a rule of words or of pictures."""

    title = Sentence("Blocked")

    def __init__(self, sentence: str, *, verdict_id: str = "", command: str = "") -> None:
        """verdict_id: of the verdict that the member may appeal; empty: there is no appeal."""
        super().__init__(sentence, command=command)
        self.verdict_id = verdict_id


class RulesNotAccepted(UserError):
    """The server has rules that the member has not accepted yet."""

    title = Sentence("Action needed to continue")
    tone = Tone.YELLOW

    def __init__(self, sentence: str, *, rules_sha256: str) -> None:
        super().__init__(sentence)
        self.rules_sha256 = rules_sha256


class NotConfirmed(UserError):
    title = Sentence("Action needed to continue")
    tone = Tone.YELLOW


class NotFound(UserError):
    title = Sentence("Not found")


class Draining(UserError):
    title = Sentence("Restarting")
    tone = Tone.YELLOW


class StartError(Exception):
    """Why the process cannot start, as one sentence for the operator."""


class DatabaseInUse(StartError):
    """Another process of Darkroom runs on the database."""
