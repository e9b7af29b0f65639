"""What is said of plans."""

from __future__ import annotations

from collections.abc import Sequence

import discord

from bot.credits.plans import Plan, said_of_models
from bot.credits.pricing import credits_text
from bot.credits.server_plans import ServerPlan
from bot.moderation.policy import Quota
from bot.prompt.markdown import harmless
from bot.storage.audit import role_mention
from engine import Sentence

_ROLES = 15
"""Named of those that have a plan."""


def lines(plan: Plan, quota: Quota) -> list[Sentence]:
    """The plan in words. quota: the installation's, beyond which no plan goes."""
    said: list[Sentence] = []
    if plan.monthly:
        said.append(Sentence("{amount} a month", amount=credits_text(plan.monthly)))
    said += [
        _jobs(plan, quota),
        Sentence("modes: {modes}", modes=Sentence.listed(_modes(plan))),
        Sentence("models: {models}", models=said_of_models(plan.models)),
    ]
    whole = Plan().price_percent
    if plan.price_percent != whole:
        said.append(Sentence("{percent} % of the usual price", percent=plan.price_percent))
    if plan.side_px is not None:
        said.append(Sentence("pictures of up to {side} × {side} px", side=plan.side_px))
    if plan.steps is not None:
        said.append(Sentence("up to {steps} steps", steps=plan.steps))
    return said


def roles(plan: ServerPlan, guild: discord.Guild) -> Sentence:
    """Which roles have the plan; those that Discord does not know any more are counted."""
    known = [role for role in plan.roles if guild.get_role(role) is not None]
    named: list[str] = [role_mention(role, guild.id) for role in known[:_ROLES]]
    if len(known) > _ROLES:
        named.append(Sentence("{count} more", count=len(known) - _ROLES))
    if gone := len(plan.roles) - len(known):
        named.append(
            Sentence.plural(
                "{count} role that was deleted", "{count} roles that were deleted", count=gone
            )
        )
    if not named:
        return Sentence("no role has it; /plan bind gives it to one")
    return Sentence("{roles}", roles=Sentence.listed(named))


def names(plans: Sequence[ServerPlan]) -> Sentence:
    """The names of a member's plans."""
    if not plans:
        return Sentence("none: the usual limits")
    return Sentence("{plans}", plans=Sentence.listed([harmless(each.name) for each in plans]))


def _jobs(plan: Plan, quota: Quota) -> Sentence:
    def within(limit: int | None, most: int) -> int:
        return most if limit is None else min(limit, most)

    return Sentence(
        "jobs at once: {running}, waiting: {queued}, grids an order: {batch}",
        running=within(plan.running, quota.running),
        queued=within(plan.queued, quota.queued),
        batch=within(plan.batch, quota.batch),
    )


def _modes(plan: Plan) -> list[Sentence]:
    relax = Sentence("relax at no price") if plan.relax_free else Sentence("relax")
    named = ((plan.fast, Sentence("fast")), (plan.relax, relax), (plan.turbo, Sentence("turbo")))
    return [said for allowed, said in named if allowed]
