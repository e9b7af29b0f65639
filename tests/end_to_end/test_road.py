"""The real bot process on a real wire, drawing with the bundled model."""

import asyncio
import io
import os
import re
import sqlite3
import sys

import pytest
from PIL import Image

from bot.settings import Settings
from playground.testbed import is_grid
from playground.upload import Upload

WAIT_S = 120
"""A patient limit, never a measure: these machines are shared."""


def png(size, colour):
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "PNG")
    return buffer.getvalue()


def of(prompt):
    return lambda message: is_grid(message) and prompt in message.content


def query(environment, statement):
    connection = sqlite3.connect(f"{environment['DATA_DIR']}/darkroom.db")
    try:
        return connection.execute(statement).fetchall()
    finally:
        connection.close()


def size(testbed, message):
    with Image.open(io.BytesIO(testbed.files(message)[0])) as image:
        return image.size


async def test_imagine_draws_a_grid_and_goes_on_from_there(testbed, bot, environment):
    dora, gordon = testbed.member("dora"), testbed.member("gordon")
    dora.slash(testbed.general, "imagine", {"prompt": "a red cat at night --ar 3:2 --seed 7"})
    grid = await testbed.wait_for_message(is_grid, timeout_s=WAIT_S)
    told = [entry.text for entry in testbed.transcript if entry.message_id != grid.id]
    assert "(Waiting to start)" in next(filter(None, told))  # it may have been put off before
    assert any(re.search(r"\(\d+%\)", text) for text in told)
    assert any(entry.files for entry in testbed.transcript if entry.message_id != grid.id), (
        "previews"
    )
    width, height = size(testbed, grid)
    assert width > height
    assert f"{dora.mention} (fast)" in grid.content

    dora.click(testbed.general, grid.id, "V2")
    varied = await testbed.wait_for_message(is_grid, after=grid.id, timeout_s=WAIT_S)
    assert "Variations (Strong) by" in varied.content
    assert size(testbed, varied) == (width, height)

    gordon.click(testbed.general, varied.id, "U3")
    single = await testbed.wait_for_message(
        lambda message: "Image #3" in message.content, timeout_s=WAIT_S
    )
    assert size(testbed, single) == (width // 2, height // 2)

    gordon.click(testbed.general, grid.id, "🔄")
    await testbed.wait_for_message(is_grid, after=single.id, timeout_s=WAIT_S)
    pings = [entry.pings for entry in testbed.transcript if entry.pings]
    assert pings == [(dora.id,), (dora.id,), (gordon.id,)]
    assert query(environment, "SELECT count(*) FROM jobs WHERE outcome <> 'finished'") == [(0,)]


async def test_blend_and_picture_links_draw_from_pictures(testbed, bot):
    dora = testbed.member("dora")
    dora.slash(
        testbed.general,
        "blend",
        {
            "image1": Upload(filename="a.png", data=png((300, 200), "red")),
            "image2": Upload(filename="b.png", data=png((200, 300), "blue")),
            "dimensions": "2:3",
        },
    )
    blended = await testbed.wait_for_message(is_grid, timeout_s=WAIT_S)
    width, height = size(testbed, blended)
    assert width < height
    link = testbed.state.cdn.signed(blended.attachments[0])["url"]
    dora.slash(testbed.general, "imagine", {"prompt": f"{link} a house --iw 2"})
    assert await testbed.wait_for_message(of("a house"), after=blended.id, timeout_s=WAIT_S)


HOSTILE = {
    "a text file": (b"hello", "not a picture"),
    "a cut picture": (png((300, 300), "red")[:120], "damaged or cut short"),
    "a picture of nothing": (b"", "not a picture"),
}


async def test_bad_input_is_one_ephemeral_sentence_and_the_process_stays_up(
    testbed, bot, environment
):
    dora = testbed.member("dora")
    for data, sentence in HOSTILE.values():
        dora.slash(
            testbed.general,
            "blend",
            {
                "image1": Upload(filename="a.png", data=png((64, 64), "red")),
                "image2": Upload(filename="b.png", data=data),
            },
        )
        refusal = await testbed.wait_for_message(
            lambda message, sentence=sentence: any(
                sentence in embed.get("description", "") for embed in message.embeds
            ),
            timeout_s=WAIT_S,
        )
        assert refusal.is_ephemeral
        dora.delete(testbed.general, refusal.id)
    deferrals = {entry.message_id for entry in testbed.transcript if entry.loading}
    assert len(deferrals) == len(HOSTILE), "fetching takes longer than a first reply may"
    assert not deferrals & {message.id for message in testbed.bot_messages()}, "taken back"
    for prompt, title in [
        ("x" * 5000, "Invalid parameter"),
        ("a cat --ar 0:1", "Invalid parameter"),
        ("http://169.254.169.254/latest/meta-data a cat", "Invalid link"),
        ("https://localhost/a.png a cat", "Invalid link"),
    ]:
        dora.slash(testbed.general, "imagine", {"prompt": prompt})
        refusal = await testbed.wait_for_message(
            lambda message, title=title: any(e.get("title") == title for e in message.embeds),
            timeout_s=WAIT_S,
        )
        assert refusal.is_ephemeral
        dora.delete(testbed.general, refusal.id)
    assert query(environment, "SELECT count(*) FROM jobs") == [(0,)]


async def test_a_bot_killed_in_the_middle_of_a_job_finishes_it_once(testbed, environment):
    await testbed.start_bot(environment=environment)
    await testbed.wait_for_command("imagine")
    dora = testbed.member("dora")
    dora.slash(testbed.general, "imagine", {"prompt": "a red cat --q 4"})
    await testbed.wait_for_message(
        lambda message: re.search(r"\([1-9]\d?%\)", message.content), timeout_s=WAIT_S
    )
    await testbed.kill_bot()
    [(job_id, stored)] = query(environment, "SELECT id, stored FROM jobs")
    assert query(environment, "SELECT outcome FROM jobs") == [("open",)]

    await testbed.start_bot(environment=environment)
    grid = await testbed.wait_for_message(is_grid, timeout_s=WAIT_S)
    await testbed.wait_until_idle(timeout_s=WAIT_S)
    assert [message.id for message in testbed.bot_messages()] == [grid.id]
    assert {entry.pings for entry in testbed.transcript if entry.pings} == {(dora.id,)}
    assert sum(len(entry.pings) for entry in testbed.transcript) == 1
    assert query(environment, "SELECT id, stored, outcome, delivery, attempts FROM jobs") == [
        (job_id, stored, "finished", "posted", 2)
    ]
    assert query(environment, "SELECT count(*) FROM entries WHERE kind = 'hold'") == [(1,)]
    assert query(environment, "SELECT count(*) FROM entries WHERE kind = 'return'") == [(0,)]
    await testbed.stop_bot()


async def test_sigterm_lets_the_running_job_finish_and_exits_in_peace(testbed, environment):
    await testbed.start_bot(environment=environment)
    await testbed.wait_for_command("imagine")
    testbed.member("dora").slash(testbed.general, "imagine", {"prompt": "a red cat --q 2"})
    await testbed.wait_for_message(
        lambda message: re.search(r"\([1-9]\d?%\)", message.content), timeout_s=WAIT_S
    )
    assert await testbed.stop_bot() == 0
    assert any(is_grid(message) for message in testbed.bot_messages())
    assert query(environment, "SELECT outcome, delivery FROM jobs") == [("finished", "posted")]


async def run_bot(environment, *arguments):
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot",
        *arguments,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode, out.decode() + err.decode()


@pytest.fixture
def bare(environment):
    """An environment in which nothing but DATA_DIR is set."""
    names = {name.upper() for name in Settings.model_fields}
    return {k: v for k, v in os.environ.items() if k not in names} | environment


async def test_a_second_process_on_the_database_exits_with_one_sentence(testbed, bot, environment):
    code, said = await run_bot(os.environ | environment | testbed.environment())
    assert code == 1
    assert "Another Darkroom already runs" in said
    assert "Traceback" not in said


async def test_without_a_token_both_ways_to_begin_are_named(bare):
    code, said = await run_bot(bare)
    assert code == 1
    assert "DISCORD_TOKEN" in said
    assert "darkroom playground" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("name", "value"),
    [("MODELS", "nowhere.toml"), ("DEVICE", "gpu"), ("MAX_RUNNING", "none")],
)
async def test_a_wrong_setting_stops_the_start_with_one_sentence(bare, name, value):
    code, said = await run_bot(bare | {"DISCORD_TOKEN": "x", name: value})
    assert code == 1
    assert value in said
    assert "Traceback" not in said


async def test_health_follows_the_process(testbed, bot, environment):
    code, said = await run_bot(os.environ | environment, "health")
    assert (code, "last heartbeat" in said) == (0, True)
