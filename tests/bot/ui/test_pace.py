"""What costs nothing and uploads pictures has a pace for each member."""

import contextlib

import pytest
from sqlalchemy import select
from tests_support import custom_ids, labels, refusal

from bot.errors import TooFast
from bot.jobs.pace import EVERY_S, MOST, Pace
from bot.storage.tables import jobs

pytestmark = pytest.mark.simcord(shard_count=1, check_errors=False)


class Clock:
    now_s = 0.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def clock(simcord_bot):
    clock = Clock()
    simcord_bot.pace = Pace(clock)
    return clock


def spend(bot, member):
    """All that the member has left of it."""
    with contextlib.suppress(TooFast):
        for _ in range(MOST):
            bot.pace.take(member.id)


@pytest.fixture
async def grid(simcord_env, channel, alice, clock):
    await alice.slash(channel, "imagine", prompt="a red cat")
    await simcord_env.settle()
    return channel.last_message


def is_told(result):
    said = refusal(result)
    return said.title == "Wait a moment" and "This works again <t:" in said.description


async def test_presses_of_u_have_a_pace_that_is_each_members_own(
    simcord_env, simcord_bot, channel, grid, alice, bob, clock
):
    for number in (1, 2, 3, 4):
        assert not (await alice.click(grid, label=f"U{number}")).ephemeral
    spend(simcord_bot, bob)
    count = len(channel.history())
    assert is_told(await bob.click(grid, label="U1"))
    assert len(channel.history()) == count
    clock.now_s += EVERY_S
    assert "Image #1" in (await bob.click(grid, label="U1")).response.content
    assert not (await alice.click(grid, label="U1")).ephemeral


async def test_show_favourites_and_direct_messages_have_it_too(
    simcord_env, simcord_bot, channel, grid, alice, database, clock
):
    single = (await alice.click(grid, label="U2")).response.message
    place = labels(single).index("❤️")
    await alice.click(single, custom_id=custom_ids(single)[place])
    page = await alice.slash(channel, "show", job="favourites")
    assert "Favourite 1 of 1" in page.response.content
    spend(simcord_bot, alice)
    assert is_told(await alice.slash(channel, "show"))
    assert is_told(await alice.slash(channel, "show", job="favourites"))
    async with database.read() as connection:
        job_id = await connection.scalar(select(jobs.c.id))
    assert is_told(await alice.slash(channel, "show", job=job_id))
    assert is_told(await alice.context_menu(channel, "DM Results", grid))
    clock.now_s += EVERY_S
    assert not (await alice.slash(channel, "show")).ephemeral


async def test_a_refused_u_in_another_state_counts_nothing(
    simcord_env, simcord_bot, channel, grid, alice, clock
):
    spend(simcord_bot, alice)
    assert is_told(await alice.click(grid, label="U1"))
    assert "V1" in labels(grid)
    await alice.click(grid, label="V1")
    await simcord_env.settle()
    assert "Variations" in channel.last_message.content, "what is paid for has no pace"


@pytest.mark.parametrize("sign", ["1\N{COMBINING ENCLOSING KEYCAP}", "✉️"])
async def test_reactions_have_it_too_and_say_so_by_direct_message(
    simcord_env, simcord_bot, channel, grid, alice, clock, sign
):
    spend(simcord_bot, alice)
    count = len(channel.history())
    await alice.react(grid, sign)
    await simcord_env.settle()
    assert len(channel.history()) == count
    said = alice.user.dm_channel.history()[-1].embeds[0]
    assert "This works again <t:" in said.description
