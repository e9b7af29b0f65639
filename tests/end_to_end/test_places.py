"""The real bot where members draw besides a channel: a thread, a forum's post, direct messages."""

from __future__ import annotations

import re

import pytest

from playground.say import Request, Session
from playground.steps import in_order
from playground.testbed import is_grid

WAIT_S = 300
"""A patient limit, never a measure: these machines are shared."""
FLAGS = "--q .25 --seed 11"
LINK = re.compile(r"From \[image #(\d)\]\(https://discord\.com/channels/([^/]+)/(\d+)/(\d+)\)")


def session_of(testbed, tmp_path, member):
    request = Request(
        steps=(), member=member, out=None, data_dir=tmp_path, timeout_s=WAIT_S, verbose=False
    )
    return Session(testbed, request)


@pytest.fixture
async def session(testbed, bot, tmp_path):
    """Dora's, who has credits for direct messages too."""
    owner = session_of(testbed, tmp_path, "ansel")
    await take(owner, ("then", "/credits grant member: @dora amount: 20 direct: True"))
    return session_of(testbed, tmp_path, "dora")


async def take(session, *typed):
    """The messages that the steps bring."""
    after = session.last_id()
    await session.take(in_order(typed))
    return session.messages(after=after)


@pytest.mark.parametrize(
    "place",
    [
        (("then", f"/imagine prompt: a red fox {FLAGS}"), ("thread", "Foxes")),
        (("post", "Foxes"),),
        (("in", "direct"),),
    ],
    ids=["a thread", "a forum's post", "direct messages"],
)
async def test_a_member_goes_on_from_picture_to_picture_there(session, testbed, place):
    await take(session, *place)
    [grid] = [
        message
        for message in await take(session, ("then", f"/imagine prompt: a blue owl {FLAGS}"))
        if is_grid(message)
    ]
    there = grid.channel_id
    assert there != testbed.general

    varied = (await take(session, ("click", "V2")))[-1]
    assert is_grid(varied)
    single = (await take(session, ("click", "U3")))[-1]
    assert "Image #3" in single.content
    panned = (await take(session, ("click", "⬅️")))[-1]
    assert "Pan Left by" in panned.content
    for message, parent, number in ((varied, grid, 2), (panned, single, 3)):
        guild = "@me" if place == (("in", "direct"),) else str(testbed.guild)
        found = LINK.search(message.content)
        assert found.groups() == (str(number), guild, str(there), str(parent.id))
    rerolled = (await take(session, ("react", "🔄")))[-1]
    assert "Pan Left by" in rerolled.content
    again = (await take(session, ("then", "/show")))[-1]
    assert is_grid(again)
    described = (await take(session, ("menu", "Describe")))[-1]
    assert "Made here" in described.content
    for message in (varied, single, panned, rerolled, again, described):
        assert message.channel_id == there


async def test_what_is_hidden_in_a_thread_comes_by_direct_message(session, testbed):
    await take(session, ("post", "Owls"))
    came = await take(session, ("then", f"/imagine prompt: a blue owl --stealth {FLAGS}"))
    direct = testbed.member("dora").channels()[-1].id
    public = [message for message in came if not message.is_ephemeral]
    assert [message.channel_id for message in public] == [direct]
    assert is_grid(public[0])


async def test_what_is_drawn_in_a_thread_that_was_locked_meanwhile_comes_in_its_channel(
    testbed, bot
):
    dora = testbed.member("dora")
    dora.slash(testbed.general, "imagine", {"prompt": f"a red fox {FLAGS}"})
    first = await testbed.wait_for_message(is_grid, timeout_s=WAIT_S)
    thread = dora.start_thread(testbed.general, first.id, "Foxes")
    testbed.faults.add("lock", path=rf"^/channels/{thread.id}/messages")
    dora.slash(thread.id, "imagine", {"prompt": f"a blue owl {FLAGS}"})
    grid = await testbed.wait_for_message(
        lambda message: is_grid(message) and "a blue owl" in message.content, timeout_s=WAIT_S
    )
    assert thread.thread_metadata.locked
    assert grid.channel_id == testbed.general
