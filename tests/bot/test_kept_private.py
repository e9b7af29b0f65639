"""What the bot keeps is for its own user of the machine; its token is nowhere."""

import logging
import os
import stat
import sys

import pytest

from bot import __main__ as program
from bot import logs
from bot import settings as settings_
from bot.app import new_store
from bot.errors import StartError
from bot.settings import Settings
from engine import FakeEngine
from playground.testbed import Testbed

TOKEN = "MTAxNTY3ODkwMTIzNDU2Nzg5.GaBcDe.fghijklmnopqrstuvwxyz0123456789ABCD"


@pytest.fixture
def environment(tmp_path, monkeypatch):
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DISCORD_TOKEN", TOKEN)
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setattr(program, "new_engine", lambda _: FakeEngine())
    monkeypatch.setattr("discord.http.Route.BASE", "http://127.0.0.1:9/api")
    before = os.umask(0o022)
    root = logging.getLogger()
    level = root.level
    yield tmp_path
    os.umask(before)
    root.setLevel(level)
    for handler in root.handlers[:]:
        if isinstance(handler.formatter, logs.Discreet):
            root.removeHandler(handler)
            handler.close()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_nothing_that_a_start_makes_is_for_other_users(environment, monkeypatch):
    log_file = environment / "logs" / "bot.log"
    monkeypatch.setenv("LOG_FILE", str(log_file))
    monkeypatch.setenv("DISCORD_API_URL", "http://127.0.0.1:9/api")
    assert program.main([]) == 1, "there is no Discord"
    data = environment / "data"
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    new_store(settings_.load(None)).store(b"a picture")
    made = [data, log_file, log_file.parent, *data.rglob("*")]
    assert len(made) > 5
    open_to_others = [path for path in made if path.stat().st_mode & 0o007]
    assert open_to_others == []


def test_a_copy_of_the_database_is_not_either(environment, monkeypatch):
    test_nothing_that_a_start_makes_is_for_other_users(environment, monkeypatch)
    assert program.main(["backup", str(environment / "copy.db")]) == 0
    assert not (environment / "copy.db").stat().st_mode & 0o007


async def test_a_refused_token_is_neither_told_nor_logged(environment, monkeypatch, capsys):
    monkeypatch.setenv("LOG_FILE", str(environment / "bot.log"))
    monkeypatch.setenv("LOG_LEVEL", "DEBUG")
    async with Testbed(token="a.b.c") as testbed:
        monkeypatch.setenv("DISCORD_API_URL", testbed.server.api_url)
        settings = settings_.load(None)
        program._set_up_logging(settings)
        with pytest.raises(StartError) as refused:
            await program._run(settings)
        assert await program._check(settings) == 1
    told = "".join(capsys.readouterr())
    assert "DISCORD_TOKEN was refused" in str(refused.value)
    assert "DISCORD_TOKEN was refused" in told
    for text in (
        str(refused.value),
        repr(refused.value),
        told,
        (environment / "bot.log").read_text(),
    ):
        assert TOKEN not in text


@pytest.mark.parametrize(
    "line",
    [
        f'DISCORD_TOKEN="{TOKEN}',
        f"DISCORD_TOKEN {TOKEN}",
        f"DISCORD_TOKE={TOKEN}",
        f"DISCORD_BOT_TOKEN={TOKEN}",
        f"DISCORD-TOKEN={TOKEN}",
    ],
)
def test_a_slip_in_the_line_of_the_token_is_told_without_it(environment, monkeypatch, line):
    monkeypatch.delenv("DISCORD_TOKEN")
    (environment / ".env").write_text(line + "\n")
    try:
        told = repr(settings_.load())
    except StartError as error:
        told = str(error)
    assert TOKEN not in told
