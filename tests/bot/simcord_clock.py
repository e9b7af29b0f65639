"""Tests of the bot wait for no clock: where all rests but timers, simcord's clock goes on.

simcord 3.2.1 fires a bot's timers by the machine's clock while it waits for the bot to come to
rest: a message that is edited again in 8 s costs 8 s. It parks those beyond the limit of that wait,
so that a limit with room for a busy machine makes each test slower.

What a bot waits for in a thread is known where it is awaited, as a future or `asyncio.to_thread`.
A bot that looks again and again, with sleeps between, sees its time pass at once.
"""

import asyncio
import dataclasses
import math

import simcord._settlement
from simcord._dpy_internals import real_monotonic
from simcord.env import Env

PATIENCE_S = 60.0
"""For a bot to come to rest, by the machine's clock. Timers of as long, by simcord's clock, fire
before it is said to rest; those beyond are for `advance_time`."""
_SPIN_S = 0.02
"""A timer that must wait for others is tried again after this, not in a loop that takes a core."""

_settle, _advance, _schedule = Env._settle_internal, Env._advance_to, Env._schedule_timer


def install(monkeypatch):
    """For the envs that start from now on."""
    monkeypatch.setattr(simcord._settlement, "_callback_fire_time", _fires_at)
    monkeypatch.setattr(Env, "_settle_internal", _settle_at_once)
    monkeypatch.setattr(Env, "_advance_to", _advance_one_at_a_time)
    monkeypatch.setattr(Env, "_schedule_timer", _schedule_without_spinning)


def _fires_at(state, record):
    due = record.when is None or record.when <= state.virtual_time
    return -math.inf if due else math.inf


async def _settle_at_once(env, *, _deadline=None, **others):
    if _deadline is not None:  # the clock is being moved already
        return await _settle(env, _deadline=_deadline, **others)
    others["timeout"] = PATIENCE_S
    until = env._virtual_time + PATIENCE_S
    while True:
        await _settle(env, **others)
        if (first := _first_timer(env)) is None or first > until:
            return None
        await env._advance_to(first, asyncio.get_running_loop().time() + PATIENCE_S)


async def _advance_one_at_a_time(env, target, deadline):
    """A timer that the machine's clock fires moves the clock too; else each waits for the other."""
    own = asyncio.current_task()
    while (other := env._real_advance_task) not in (None, own) and not other.done():
        await asyncio.wait({other})
    await _advance(env, target, deadline)


def _schedule_without_spinning(env, *timer):
    runtime = env._runtime

    def call_at(when, *call, **context):
        return runtime.call_at(max(when, real_monotonic() + _SPIN_S), *call, **context)

    env._runtime = dataclasses.replace(runtime, call_at=call_at)
    try:
        _schedule(env, *timer)
    finally:
        env._runtime = runtime


def _first_timer(env):
    """When the first timer fires that simcord does not leave to `advance_time` alone."""
    return min(
        (
            record.when
            for record in env._work.callbacks
            if record.when is not None
            and not record.handle.cancelled()
            and record.real_handle is not None
            and not record.real_handle.cancelled()
        ),
        default=None,
    )
