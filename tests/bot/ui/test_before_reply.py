"""The first reply is deferred where the work before it is slow, whatever that is."""

import asyncio
from types import SimpleNamespace

import pytest

from bot.errors import NotFound
from bot.ui import replies
from bot.ui.replies import before_reply, before_update


class Reply:
    """The replies of an interaction, written down."""

    def __init__(self):
        self.done, self.said = False, []
        self.deferred = asyncio.Event()
        self.response = SimpleNamespace(defer=self.defer, is_done=lambda: self.done)

    async def defer(self, *, thinking=False, ephemeral=False):
        assert not ephemeral
        self.done = True
        self.said.append("deferred")
        self.deferred.set()

    async def delete_original_response(self):
        self.said.append("taken back")


async def think(reply, *, ephemeral, job_id):
    """As `deferrals.think`, which `test_deferrals` has."""
    await reply.defer(thinking=True, ephemeral=ephemeral)


@pytest.fixture(autouse=True)
def _soon(monkeypatch):
    monkeypatch.setattr(replies, "DEFER_AFTER_S", 0.01)
    monkeypatch.setattr(replies, "think", think)


async def test_quick_work_needs_no_deferral():
    async def work():
        return 7

    reply = Reply()
    assert await before_reply(reply, work()) == 7
    assert reply.said == []


async def test_slow_work_is_deferred_before_it_ends():
    reply = Reply()

    async def work():
        async with asyncio.timeout(60):
            await reply.deferred.wait()  # a disk that answers late
        return 7

    assert await before_reply(reply, work()) == 7
    assert reply.said == ["deferred"]


async def test_a_refusal_after_the_deferral_takes_it_back():
    reply = Reply()

    async def work():
        await reply.deferred.wait()
        raise NotFound("It is gone.")

    with pytest.raises(NotFound):
        await before_reply(reply, work())
    assert reply.said == ["deferred", "taken back"]


async def test_a_refused_change_leaves_the_message_whose_button_was_pressed():
    reply = Reply()

    async def work():
        await reply.deferred.wait()
        raise NotFound("It is gone.")

    with pytest.raises(NotFound):
        await before_update(reply, work())
    assert reply.said == ["deferred"]
