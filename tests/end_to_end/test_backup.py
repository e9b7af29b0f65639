"""A copy that is taken while members order brings the bot back as it was."""

import asyncio
import os
import random
import shutil
import sys

from playground.testbed import is_grid
from tests.chaos import invariants
from tests.chaos.__main__ import BOT, Members, environment_of

WAIT_S = 120


async def darkroom_bot(environment, *arguments):
    """What a command of the bot says; it must succeed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", *arguments),
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said = (await process.communicate())[0].decode()
    assert process.returncode == 0, said
    return said


async def test_a_copy_taken_under_load_brings_back_jobs_money_and_pictures(testbed, tmp_path):
    data, copy = tmp_path / "data", tmp_path / "copies" / "copy.db"
    copy.parent.mkdir()
    url = f"sqlite+aiosqlite:///{data / 'darkroom.db'}"
    environment = environment_of(data, url, "fake")
    members = Members(testbed, random.Random(1), every_s=0.1)
    await testbed.start_bot([sys.executable, BOT], environment=environment)
    ordering = asyncio.create_task(members.run())
    await testbed.wait_for_message(is_grid, timeout_s=WAIT_S)
    said = await darkroom_bot(environment, "backup", str(copy))
    assert f"copied to {copy}; {copy}.pictures lists its " in said
    later = max(message.id for message in testbed.bot_messages())
    await testbed.wait_for_message(is_grid, after=later, timeout_s=WAIT_S)
    ordering.cancel()
    await testbed.kill_bot()

    copied = f"sqlite+aiosqlite:///{copy}"
    [(count,)] = await invariants.rows(copied, "SELECT count(*) FROM jobs")
    assert count > 0
    kept = tmp_path / "pictures"
    shutil.copytree(data / "pictures", kept)
    shutil.rmtree(data)  # the disk is lost
    said = await darkroom_bot(environment, "restore", str(copy), "--pictures", str(kept))
    assert "pictures are there." in said

    bot = await testbed.start_bot([sys.executable, BOT], environment=environment)
    async with asyncio.timeout(WAIT_S):
        while await invariants.unsettled(url):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.2)
    assert await invariants.rows(url, "SELECT count(*) FROM jobs") == [(count,)]
    assert await invariants.purses_off(url) == 0
    [(finished, user_id)] = await invariants.rows(
        url, "SELECT id, user_id FROM jobs WHERE outcome = 'finished' ORDER BY created_ms LIMIT 1"
    )
    shown = testbed.member(user_id).slash(testbed.general, "show", {"job": finished})
    answer = await testbed.wait_for_answer(shown, timeout_s=WAIT_S)
    await testbed.until(lambda: bool(answer.attachments), timeout_s=WAIT_S)
    assert bot.exit_code is None
