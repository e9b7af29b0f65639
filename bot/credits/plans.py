"""Plans: what members with a role may do, get and pay. Pure.

Of several plans the best counts, field by field. A field that is None has no limit of its own: what
the operator set holds for everybody, and no plan goes beyond it.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import engine
from bot.credits import pricing
from bot.errors import NotAllowed
from engine import Sentence

ALL_MODELS = "*"
SELLABLE = "sellable"
"""Models whose pictures may be sold, by the catalogue."""
SLOWER = ("turbo", "fast", "relax")
"""The lanes, the fastest first."""
_WHOLE_PRICE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What it says nothing of is as in a server without plans."""

    monthly: int = 0
    """In 1/100 credit, each calendar month in UTC."""
    running: int | None = None
    """Jobs of one member that run at the same time, 1 or more."""
    queued: int | None = None
    """Jobs of one member that wait beside those, 0 or more."""
    batch: int | None = None
    """Grids of one order, 1 or more."""
    fast: bool = True
    relax: bool = True
    turbo: bool = True
    relax_free: bool = False
    """Whether jobs in the relax lane cost nothing."""
    models: tuple[str, ...] = (ALL_MODELS,)
    """Names of models, `ALL_MODELS`, `SELLABLE`: one that any of them allows may be used."""
    price_percent: int = 100
    """Of the usual price, 1 or more."""
    side_px: int | None = None
    """A drawing may have as many pixels as a square with this side; enlargements are not meant."""
    steps: int | None = None
    """More are not drawn."""

    @property
    def gives_away(self) -> bool:
        """Whether its members draw for less than the usual price."""
        return self.relax_free or self.price_percent < _WHOLE_PRICE

    def allows(self, speed: str) -> bool:
        """Whether its members may draw in this one of `SLOWER`."""
        return bool({"fast": self.fast, "relax": self.relax, "turbo": self.turbo}[speed])

    def of_price(self, cents: int) -> int:
        """What a usual price, in 1/100 credit, is for its members."""
        return math.ceil(cents * self.price_percent / _WHOLE_PRICE)

    def price(self, job: engine.Job, model: engine.ModelInfo | None) -> int:
        """What the job costs its members, as `pricing.price`; 0 where relaxed jobs are free."""
        if self.relax_free and job.lane is engine.Lane.RELAX:
            return 0
        return self.of_price(pricing.price(job, model))


def best(plans: Sequence[Plan]) -> Plan:
    """The best of each field; without a plan, that of a server without plans."""
    if not plans:
        return Plan()
    return Plan(
        monthly=max(plan.monthly for plan in plans),
        running=_most([plan.running for plan in plans]),
        queued=_most([plan.queued for plan in plans]),
        batch=_most([plan.batch for plan in plans]),
        fast=any(plan.fast for plan in plans),
        relax=any(plan.relax for plan in plans),
        turbo=any(plan.turbo for plan in plans),
        relax_free=any(plan.relax_free for plan in plans),
        models=tuple(dict.fromkeys(name for plan in plans for name in plan.models)),
        price_percent=min(plan.price_percent for plan in plans),
        side_px=_most([plan.side_px for plan in plans]),
        steps=_most([plan.steps for plan in plans]),
    )


def _most(limits: Sequence[int | None]) -> int | None:
    known = [limit for limit in limits if limit is not None]
    return max(known) if len(known) == len(limits) else None


def speed(plan: Plan, wanted: str, *, asked: bool) -> str:
    """The lane of a job. asked: whether its prompt names it; NotAllowed where the plan has it not.

    What a member set for all servers gives way: to the next slower lane, or else the fastest.
    """
    if plan.allows(wanted):
        return wanted
    allowed = [each for each in SLOWER if plan.allows(each)]
    if asked:
        raise NotAllowed(
            Sentence(
                "Your plan in this server does not include {speed} mode. Use one that it has: "
                "{instead}.",
                speed=wanted,
                instead=Sentence.listed([f"--{each}" for each in allowed]),
            )
        )
    slower = [each for each in allowed if SLOWER.index(each) > SLOWER.index(wanted)]
    return (slower or allowed)[0]


def fitted(plan: Plan, job: engine.Job) -> tuple[engine.Job, tuple[Sentence, ...]]:
    """The job within the plan's cap of running jobs and its steps, and what the member is told."""
    job = dataclasses.replace(job, running_cap=plan.running or 0)
    if not isinstance(job, engine.DrawJob) or plan.steps is None or job.steps <= plan.steps:
        return job, ()
    note = Sentence(
        "Your plan in this server draws {most} steps, not {steps}.",
        most=plan.steps,
        steps=job.steps,
    )
    return dataclasses.replace(job, steps=plan.steps), (note,)


def check(plan: Plan, job: engine.Job, model: engine.ModelInfo | None, *, chosen: str) -> None:
    """NotAllowed where the plan has not the model or the size. chosen: the model of the prompt."""
    if model is not None and not _has(plan, model, chosen):
        raise NotAllowed(
            Sentence(
                "Your plan in this server does not include the model {title}; it includes "
                "{models}. Choose one with --v or /settings.",
                title=model.title,
                models=said_of_models(plan.models),
            )
        )
    if not isinstance(job, engine.DrawJob) or plan.side_px is None:
        return
    if job.width_px * job.height_px > plan.side_px**2:
        raise NotAllowed(
            Sentence(
                "This would have {width} × {height} px; your plan in this server draws as many "
                "pixels as {side} × {side} have. Choose a smaller size, or a smaller model with "
                "--v.",
                width=job.width_px,
                height=job.height_px,
                side=plan.side_px,
            )
        )


def _has(plan: Plan, model: engine.ModelInfo, chosen: str) -> bool:
    if ALL_MODELS in plan.models or (SELLABLE in plan.models and model.may_sell):
        return True
    return not {chosen, model.name}.isdisjoint(plan.models)


def said_of_models(models: Sequence[str]) -> Sentence:
    """Which models a plan has."""
    if ALL_MODELS in models:
        return Sentence("all models")
    named: list[str] = [name for name in models if name != SELLABLE]
    if SELLABLE in models:
        named.insert(0, Sentence("those whose pictures may be sold"))
    return Sentence("{models}", models=Sentence.listed(named))
