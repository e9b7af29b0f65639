from __future__ import annotations

import asyncio
import os
import signal
import sys

import aiohttp
import pytest

from playground.__main__ import main
from playground.serve import Playground
from playground.settings import Settings


@pytest.fixture
def settings(tmp_path, bot_command):
    def make(command=None):
        return Settings(port=0, data_dir=tmp_path, command=command or bot_command)

    return make


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_ends_server_and_bot_in_order(settings, capsys, number):
    playground = Playground(settings())
    testbed = playground._testbed
    running = asyncio.create_task(playground.run())
    await testbed.until(lambda: testbed.server.gateway.connected)
    async with aiohttp.ClientSession() as session, session.get(testbed.url) as answer:
        assert answer.status == 200
    os.kill(os.getpid(), number)
    assert await running == 0
    assert testbed.bot.exit_code == 0
    told = capsys.readouterr().out
    assert f"open: {testbed.url}" in told
    assert f"The bot is in: open {testbed.url}" in told


def test_a_folder_for_its_data_that_cannot_be_made_is_one_sentence(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").touch()
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "file" / "data"))
    assert main([]) == 1
    told = f"DATA_DIR cannot be made: {tmp_path / 'file' / 'data'}: Not a directory.\n"
    assert capsys.readouterr().err == told


async def stopped(playground):
    """A running playground whose bot has stopped; its page offers to start it again."""
    running = asyncio.create_task(playground.run())
    page_api = playground._testbed.server.page_api
    await playground._testbed.state.until(lambda: page_api.restart is not None, timeout_s=30)
    return running, page_api


@pytest.mark.parametrize(
    ("ends", "said"),
    [
        ("sys.exit(2)", "The bot has stopped with exit code 2."),
        ("os.kill(os.getpid(), 9)", "The bot has stopped: signal 9 ended it."),
    ],
)
async def test_without_a_terminal_it_stays_when_the_bot_ends_and_its_page_starts_it_again(
    settings, capsys, ends, said
):
    script = f"import os, sys; print('\x1b[31mno token\x1b[0m', flush=True); {ends}"
    playground = Playground(settings([sys.executable, "-c", script]))
    running, page_api = await stopped(playground)
    assert page_api.bot_note == said
    assert page_api.bot_lines == ["no token"]
    first = playground._testbed.bot
    await page_api.restart()
    page_api.restart = None
    await playground._testbed.state.until(lambda: page_api.restart is not None, timeout_s=30)
    assert playground._testbed.bot is not first
    os.kill(os.getpid(), signal.SIGTERM)
    assert await running == 0
    told = capsys.readouterr()
    assert said in told.err
    assert f"Press “Start the bot again” on {playground._testbed.url}" in told.out


async def connect_again(session, testbed):
    """Identify as a second bot that does not answer when its connection is closed."""
    socket = await session.ws_connect(testbed.server.gateway_url, autoclose=False)
    await socket.receive_json()
    await socket.send_json({"op": 2, "d": {"token": testbed.token, "intents": 1}})
    assert (await socket.receive_json())["t"] == "READY"
    return socket


async def test_a_second_connection_keeps_the_playground_neither_from_a_new_bot_nor_from_its_end(
    settings,
):
    playground = Playground(settings())
    testbed, page_api = playground._testbed, playground._testbed.server.page_api
    running = asyncio.create_task(playground.run())
    await testbed.until(lambda: testbed.server.gateway.connected)
    async with aiohttp.ClientSession() as session:
        second = await connect_again(session, testbed)
        first = testbed.bot
        await first.kill()
        assert await testbed.state.until(lambda: page_api.restart is not None, timeout_s=30)
        assert testbed.server.gateway.connected  # the second one
        assert not page_api.page_state(testbed.member("dora"))["bot"]["online"]
        await page_api.restart()
        assert await testbed.state.until(lambda: testbed.bot is not first, timeout_s=30)
        await testbed.until(lambda: page_api.online)
        third = await connect_again(session, testbed)
        os.kill(os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(60):
            assert await running == 0
        for socket in (second, third):
            await socket.close()  # held until here: a socket that is forgotten is closed


async def test_bot_gets_the_playgrounds_variables_and_none_of_a_real_server(
    settings, tmp_path, capsys, monkeypatch
):
    monkeypatch.setenv("ALLOWED_GUILDS", "123")
    monkeypatch.setenv("DISCORD_TOKEN", "real")
    monkeypatch.delenv("DATABASE_URL", raising=False)
    names = ["DISCORD_TOKEN", "OWNER_IDS", "DATA_DIR", "ALLOWED_GUILDS", "DATABASE_URL"]
    script = f"import os; print([os.environ[name] for name in {names}])"
    playground = Playground(settings([sys.executable, "-c", script]))
    running, _ = await stopped(playground)
    os.kill(os.getpid(), signal.SIGTERM)
    await running
    admin = str(playground._testbed.admin_id)
    assert str([playground._testbed.token, admin, str(tmp_path), "", ""]) in capsys.readouterr().out


async def test_a_second_signal_ends_a_bot_that_will_not(settings):
    script = (
        "import signal, time; signal.signal(15, lambda *_: print('I will not')); "
        "print('up'); [time.sleep(1) for _ in range(60)]"
    )
    playground = Playground(settings([sys.executable, "-c", script]))
    running = asyncio.create_task(playground.run())
    testbed = playground._testbed
    await testbed.until(lambda: testbed.bot is not None)
    await testbed.bot.wait_for_line("up")
    os.kill(os.getpid(), signal.SIGINT)
    await testbed.bot.wait_for_line("I will not")
    os.kill(os.getpid(), signal.SIGINT)
    assert await running == 0
    assert testbed.bot.exit_code == -9


async def test_at_a_terminal_enter_starts_the_bot_again(tmp_path):
    import pty

    script = (
        "import asyncio, sys; from pathlib import Path; from playground.serve import *; "
        "command = [sys.executable, '-c', 'print(7 * 191); raise SystemExit(4)']; "
        f"settings = Settings(port=0, data_dir=Path({str(tmp_path)!r}), command=command); "
        "sys.exit(asyncio.run(Playground(settings).run()))"
    )
    ours, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        script,
        stdin=theirs,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    os.close(theirs)
    told = b""
    for _ in range(2):
        while not told.endswith(b"Press Enter to start the bot again, Ctrl-C to leave.\n"):
            line = await process.stdout.readline()
            assert line
            told += line
        told += b"-\n"
        os.write(ours, b"\n")
    assert told.count(b"\n1337\n") == 2
    assert b"exit code 4" in told
    process.send_signal(signal.SIGINT)
    await process.communicate()
    os.close(ours)
    assert process.returncode == 0


def test_wrong_setting_is_one_sentence_and_exit_code_1(capsys, monkeypatch):
    monkeypatch.setenv("PLAYGROUND_PORT", "eighty")
    assert main([]) == 1
    assert capsys.readouterr().err == (
        "PLAYGROUND_PORT must be a port from 0 to 65535, not 'eighty'.\n"
    )


def test_port_in_use_is_one_sentence_that_names_the_variable(capsys, monkeypatch):
    async def occupy():
        async with await asyncio.start_server(lambda *_: None, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            monkeypatch.setenv("PLAYGROUND_PORT", str(port))
            return await asyncio.to_thread(main, [])

    monkeypatch.setattr("playground.serve.Playground._listen_for_signals", lambda _: None)
    assert asyncio.run(occupy()) == 1
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "PLAYGROUND_PORT" in told
