"""What the process's exit status tells the supervisor."""

import asyncio
import logging
import signal

import pytest
from discord import LoginFailure

from bot import __main__ as program
from bot.settings import Settings
from bot.storage.database import Database
from bot.ui.client import Darkroom
from engine import FakeEngine


@pytest.fixture
def connected(tmp_path, monkeypatch):
    """A function: what happens once the bot is connected to Discord → the exit status."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("DISCORD_TOKEN", "a.b.c")
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.setattr(program, "_set_up_logging", lambda _: None)
    monkeypatch.setattr(program, "new_engine", lambda _: FakeEngine())

    def run(happens):
        closed = asyncio.Event()

        async def start(client, token):
            assert token == "a.b.c"
            happens(client)
            await closed.wait()

        async def close(client):
            closed.set()

        monkeypatch.setattr(Darkroom, "start", start)
        monkeypatch.setattr(Darkroom, "close", close)  # discord.py's own needs a connection
        return program.main([])

    return run


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_signal_ends_it_well(connected, name):
    assert connected(lambda _: signal.raise_signal(signal.Signals[name])) == 0


def test_a_client_that_ends_by_itself_is_an_error(connected, capsys):
    def refused(_):
        raise LoginFailure

    assert connected(refused) == 1
    assert "DISCORD_TOKEN was refused" in capsys.readouterr().err


def test_a_database_that_another_process_took_ends_it(connected, caplog, monkeypatch):
    async def taken(_):
        return False

    monkeypatch.setattr(Database, "keeps_lock", taken)
    with caplog.at_level(logging.CRITICAL):
        assert connected(lambda _: None) == 1
    assert "another Darkroom has taken over the database" in caplog.text


def test_a_lost_device_asks_the_supervisor_for_a_new_process(connected, caplog):
    with caplog.at_level(logging.CRITICAL):
        assert connected(lambda client: client.runner.lost.set()) == 75
    assert "the device is lost" in caplog.text
