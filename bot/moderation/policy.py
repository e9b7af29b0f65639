"""Who may order what, and which results may be shown: one call for each. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import engine
from bot.credits.plans import Plan
from bot.errors import QueueFull
from engine import Sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """How many jobs one member may have at once."""

    running: int = 3
    """Jobs of one member that run at the same time; the engine's queue holds to it."""
    queued: int = 10
    """Jobs of one member that wait beside those."""
    batch: int = 10
    """Grids of one order, by permutations and --repeat: what Midjourney's middle plan has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is looked at when an order is taken."""

    guild_id: int
    """0 in direct messages."""
    channel_id: int
    user_id: int
    text: str
    """The prompt as typed."""
    open_jobs: int
    """Jobs of the member that wait or run already, in all servers."""
    plan: Plan = field(default_factory=Plan)
    """The member's in this server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Which pictures of a result may be shown."""

    shown: tuple[int, ...]
    """Indices from 0; of the others only some colours are stored."""
    reason: Sentence | None = None
    """Why some are withheld, for the member; None where none is."""
    of_inputs: bool = False
    """Whether it was a picture that the job started from."""


class Policy:
    """The rules of this installation."""

    def __init__(self, quota: Quota = Quota()) -> None:
        self.quota = quota

    def check_order(self, asked: Asked) -> None:
        """Raise the UserError for which the order is refused; nothing if it may be taken."""
        quota = self.quota_of(asked.plan)
        if asked.open_jobs >= quota.running + quota.queued:
            raise QueueFull(
                Sentence(
                    "You have {count} pictures waiting. Send this again when there are fewer than "
                    "{most}.",
                    count=asked.open_jobs,
                    most=quota.running + quota.queued,
                )
            )

    def quota_of(self, plan: Plan) -> Quota:
        """What counts for a member with this plan: it goes nowhere beyond the installation's."""
        own = self.quota
        return Quota(
            running=_within(plan.running, own.running),
            queued=_within(plan.queued, own.queued),
            batch=_within(plan.batch, own.batch),
        )

    def blurs_previews(self, model: engine.ModelInfo | None) -> bool:
        """Whether what is not checked yet must not be seen clearly."""
        return model is not None and model.safety_threshold is not None

    def check_result(
        self,
        pictures: Sequence[engine.Picture],
        model: engine.ModelInfo | None,
        *,
        inputs: Sequence[float] = (),
        adult: bool = False,
    ) -> Verdict:
        """Withhold what the model's own checker scores above the catalogue's threshold.

        inputs: the scores of pictures that it started from; where one is above, all is withheld.
        adult: it was ordered where adult content is allowed; then nothing is withheld.
        """
        threshold = None if model is None or adult else model.safety_threshold
        if threshold is not None and any(score > threshold for score in inputs):
            return Verdict(
                shown=(),
                reason=Sentence(
                    "The safety check does not let the picture pass that this starts from. Send "
                    "another one."
                ),
                of_inputs=True,
            )
        shown = tuple(
            index
            for index, picture in enumerate(pictures)
            if threshold is None
            or picture.safety_score is None
            or picture.safety_score <= threshold
        )
        withheld = len(pictures) - len(shown)
        if not withheld:
            return Verdict(shown=shown)
        if not shown:
            return Verdict(
                shown=(),
                reason=Sentence(
                    "The safety check blurred all of this; you do not pay for it. Change the words "
                    "and try again."
                ),
            )
        return Verdict(
            shown=shown,
            reason=Sentence(
                "The safety check blurred {withheld} of {count} pictures; you did not pay for "
                "them.",
                withheld=withheld,
                count=len(pictures),
            ),
        )


def _within(limit: int | None, most: int) -> int:
    return most if limit is None else min(limit, most)
