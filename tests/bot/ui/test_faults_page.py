"""Writes docs/faults.md: what goes wrong with Discord, and what becomes of a grid then.

Its second part, of all other faults, is written by tests/end_to_end/test_faults_page.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import discord
import pytest
from sqlalchemy import func, select
from tests_support import labels

from bot.storage.tables import entries, holds, jobs
from playground.faults import KINDS
from tests import faults_page

pytestmark = pytest.mark.simcord(shard_count=1, check_errors=False)

GRID = "the grid in the channel, mentioned once"
MESSAGES = "/channels/{channel}/messages"
PAID, REFUNDED = "the job is paid", "the job costs nothing"
OUTAGE_S = 600


@dataclass(frozen=True, kw_only=True)
class Case:
    """What goes wrong while a grid is drawn, and what becomes of it."""

    fault: str
    sees: tuple[str, ...]
    requests: tuple[tuple[str, str], ...] = (("POST", MESSAGES),)
    """(method, path) of those that it concerns."""
    status: int = 0
    code: int = 0
    times: int | None = 1
    before: bool = False
    """Whether it begins before the order, not while the job is drawn."""
    lost: bool = False
    """Whether the post takes effect and its answer is lost."""
    ledger: str = PAID


KEPT = "a direct message with the buttons: the pictures are kept"
NOT_HERE = "the progress message says that `/show` brings it"
EVERYTHING = (("*", "/channels/{channel}*"),)
CASES = (
    Case(fault="500 once, at the post", status=500, sees=(GRID,)),
    Case(fault="502 three times, at the post", status=502, times=3, sees=(GRID,)),
    Case(fault="429 that lasts longer than a request waits", status=429, sees=(GRID,)),
    Case(fault="401: the token is being changed", status=401, sees=(GRID,)),
    Case(fault="403, code 40333: the address is blocked for a while", status=403, code=40333,
         sees=(GRID,)),
    Case(fault="The answer to the post is lost after it took effect", lost=True, sees=(GRID,)),
    Case(fault="503 for ten minutes, at every request", status=503, times=None,
         requests=(("*", "*"),), sees=(GRID,)),
    Case(fault="413: the picture is too large", status=413, code=40005,
         sees=(GRID,)),
    Case(fault="404, code 10008: the progress message was deleted", status=404, code=10008,
         times=None, requests=(("PATCH", MESSAGES + "/*"),),
         sees=(GRID,)),
    Case(fault="429, code 30046: the progress message is older than an hour", status=429,
         code=30046, times=None, requests=(("PATCH", MESSAGES + "/*"),), sees=(GRID,)),
    Case(fault="404, code 10062: the interaction was answered too late", status=404, code=10062,
         requests=(("POST", "/interactions/*"),), before=True, sees=(GRID,)),
    Case(fault="401, code 50027: the interaction's token has expired", status=401, code=50027,
         times=None, requests=(("*", "/webhooks/*"),), before=True, sees=(GRID,)),
    Case(fault="400, code 50083: the thread was closed, which a new message opens again",
         status=400, code=50083, times=None, requests=(("PATCH", MESSAGES + "/*"),), sees=(GRID,)),
    Case(fault="403, code 50013: the bot may not post in the channel", status=403, code=50013,
         times=None, sees=(KEPT, NOT_HERE)),
    Case(fault="the same, and the member's direct messages are closed", status=403, code=50013,
         times=None, requests=(("POST", MESSAGES), ("POST", "/users/@me/channels")),
         sees=(NOT_HERE,)),
    Case(fault="404, code 10003: the channel was deleted", status=404, code=10003, times=None,
         requests=EVERYTHING, sees=(KEPT,)),
    Case(fault="403, code 50001: the bot was removed from the server", status=403, code=50001,
         times=None, requests=(*EVERYTHING, ("POST", "/users/@me/channels")),
         sees=("nothing; `/info` tells what was kept",)),
)  # fmt: skip


def seen(channel, member):
    """What stands in the channel and in the member's direct messages."""
    found = []
    posted = [message for message in channel.history() if "U1" in labels(message)]
    for message in posted:
        mentioned = member.id in [getattr(each, "id", each) for each in message.mentions]
        found.append(GRID if mentioned else "the grid in the channel, without a mention")
    direct = member.user.dm_channel
    if direct is not None and any("are kept" in message.content for message in direct.history()):
        found.append(KEPT)
    if any("brings it" in message.content for message in channel.history()):
        found.append(NOT_HERE)
    assert not [m for m in channel.history() if "%" in m.content] or not posted
    return tuple(found)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.fault)
async def test_it_comes_to_what_the_page_says(
    simcord_env, simcord_bot, channel, alice, fake_engine, database, monkeypatch, case
):
    def begin():
        for method, path in case.requests if case.status else ():
            simcord_env.inject_error(
                method,
                path.format(channel=channel.id),
                status=case.status,
                code=case.code,
                times=case.times,
            )

    if case.lost:
        lose_an_answer(monkeypatch)
    fake_engine.pause()
    if case.before:
        begin()
    await alice.slash(channel, "imagine", prompt="a red cat")
    fake_engine.step(2)
    await simcord_env.settle()
    if not case.before:
        begin()
    fake_engine.resume()
    await simcord_env.settle()
    await simcord_env.advance_time(OUTAGE_S)
    if case.requests == (("*", "*"),):
        assert "U1" not in labels(channel.last_message)
        simcord_env.backend.faults.clear()
        await simcord_env.advance_time(OUTAGE_S)
    await simcord_env.settle()
    told = seen(channel, alice)
    assert told == tuple(each for each in case.sees if not each.startswith("nothing"))
    async with database.read() as connection:
        job = (await connection.execute(select(jobs))).one()
        state = await connection.scalar(select(holds.c.state))
        spent = await connection.scalar(
            select(func.sum(entries.c.amount)).where(entries.c.job_id == job.id)
        )
    assert job.delivery == ("posted" if GRID in case.sees else "kept")
    assert (state, spent) == (("settled", -100) if case.ledger == PAID else ("released", 0))
    if job.delivery == "kept":  # nothing is lost: it can be called back
        assert (await simcord_bot.lookup.tally(alice.id)).kept or KEPT in told


def lose_an_answer(monkeypatch):
    """The first message with a file is posted, and Discord's answer to it is lost."""
    send, lost = discord.http.HTTPClient.send_message, []

    async def sends(http, channel_id, *, params):
        answer = await send(http, channel_id, params=params)
        if params.files and not lost:
            lost.append(answer)
            raise OSError("the connection was reset")
        return answer

    monkeypatch.setattr(discord.http.HTTPClient, "send_message", sends)


def page():
    rows = "\n".join(f"| {case.fault} | {'; '.join(case.sees)} | {case.ledger} |" for case in CASES)
    kinds = "\n".join(f"- `{kind}` {what}" for kind, what in KINDS.items())
    return f"""# What becomes of a grid when Discord fails

Each row is a test that lets Discord fail so while a grid is drawn;
`tests/bot/ui/test_faults_page.py` writes this page. What could not be posted anywhere is kept:
`/info` names it, `/show` brings it.

| What goes wrong | What the member sees in the end | What the ledger shows |
|---|---|---|
{rows}

A public thread that takes nothing more, such as a locked one, has its results posted in the channel
that it belongs to (`tests/end_to_end/test_places.py`).

## To try it

`.venv/bin/darkroom playground --faults FILE` lets the playground's Discord fail as a TOML
file says, with a table for each fault:

```toml
[[fault]]
kind = "status"
method = "POST"
path = '/channels/\\d+/messages$'
status = 503
after = 2  # so many such requests go well first
times = 3  # so many then fail; 0: all from then on
```

{kinds}

"""


def test_the_page_is_as_the_tests_found():
    as_found = faults_page.written(lambda _, others: (page(), others))
    assert as_found, "docs/faults.md was stale; it is written anew now."
