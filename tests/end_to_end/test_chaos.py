"""`make chaos` itself works: one death, and the last line that is awaited."""

import asyncio
import sys


async def test_one_kill_ends_with_the_line_of_figures():
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.chaos", "--kills", "1", "--seed", "3"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said = (await process.communicate())[0].decode()
    *_, last = said.splitlines()
    assert last.startswith("kills=1 accepted=") and "lost=0 double=0 pinged_twice=0" in last, said
    assert process.returncode == 0, said
