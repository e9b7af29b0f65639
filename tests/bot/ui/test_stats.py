"""/stats: for who manages the server, of that server alone."""

import io

import pytest
from PIL import Image
from tests_support import refusal

from bot.pictures import charts
from bot.pictures.charts import Panel, bars

pytestmark = pytest.mark.simcord(shard_count=1, check_errors=False)


@pytest.fixture(scope="module", autouse=True)
def warm_charts():
    """The first picture builds the list of fonts, for longer than simcord waits."""
    bars(["01-01"], [Panel(title="a", other_title="a", colour="red", values=[1])])


async def test_jobs_are_drawn_as_whole_numbers(
    simcord_env, simcord_bot, channel, manager, alice, monkeypatch
):
    shown = []

    def bars_of(days, panels):
        shown.extend(panels)
        return bars(days, panels)

    monkeypatch.setattr(charts, "bars", bars_of)
    await alice.slash(channel, "imagine", prompt="a cat")
    await simcord_env.settle()
    await manager.slash(channel, "stats", days=7)
    assert [*map(type, shown[0].values)] == [int] * 7
    assert shown[0].values[-1] == 1


async def test_a_manager_reads_what_the_server_drew(simcord_env, channel, manager, alice, guild):
    await alice.slash(channel, "imagine", prompt="a cat")
    await simcord_env.settle()
    elsewhere = simcord_env.create_guild("Other")
    there = elsewhere.add_member(alice.user)
    await there.slash(elsewhere.create_text_channel("hall"), "imagine", prompt="a dog")
    await simcord_env.settle()
    result = await manager.slash(channel, "stats", days=7)
    assert result.ephemeral
    shown = result.response.message
    [embed] = shown.embeds
    assert embed.title == "The last 7 days (UTC)"
    assert embed.description.splitlines() == [
        "All members: 1 drawn, 0 failed or cancelled, 0.0 s of GPU time, 1 credit",
        f"<@{alice.id}>: 1 drawn, 0 failed or cancelled, 0.0 s of GPU time, 1 credit",
    ]
    [file] = shown.attachments
    assert file.filename == "stats.png" and "Most jobs, 1," in file.description
    data = await file.read()
    assert Image.open(io.BytesIO(data)).width == 900


@pytest.mark.usefixtures("shown_to_all")
async def test_a_plain_member_is_refused_even_where_the_command_is_shown(
    simcord_env, channel, alice
):
    assert "Only who manages" in refusal(await alice.slash(channel, "stats")).description
