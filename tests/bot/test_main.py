"""What the process's exit status tells the supervisor."""

import asyncio
import itertools
import logging
import signal
import socket

import pytest
from discord import LoginFailure

from bot import __main__ as program
from bot import app
from bot import settings as settings_
from bot.settings import Settings
from bot.storage import facts
from bot.storage.database import Database
from bot.ui.client import Darkroom
from engine import EngineError, FakeEngine
from playground.testbed import Testbed


@pytest.fixture
def environment(tmp_path, monkeypatch):
    """A token and a folder, no other setting; an engine without torch."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("DISCORD_TOKEN", "a.b.c")
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.setattr(program, "_set_up_logging", lambda _: None)
    monkeypatch.setattr(program, "new_engine", lambda _: FakeEngine())


@pytest.fixture
def connected(environment, monkeypatch):
    """A function: what happens once the bot is connected to Discord → the exit status."""

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


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGBREAK"])
async def test_a_signal_ends_it_on_windows_too(monkeypatch, name):
    monkeypatch.setattr(signal, "SIGBREAK", signal.SIGUSR1, raising=False)  # Ctrl-Break's, there
    before = {number: signal.getsignal(number) for number in (15, 2, signal.SIGUSR1)}
    stop = asyncio.Event()
    try:
        with monkeypatch.context() as windows:
            windows.setattr(program.os, "name", "nt")
            program._on_signal(stop)
        signal.raise_signal(getattr(signal, name))
        await stop.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def stop_when(condition):
    """What may happen: SIGTERM as soon as the condition holds, or after many turns of the loop."""

    def happens(_):
        turns = itertools.count()

        def look():
            if condition() or next(turns) > 10_000:
                signal.raise_signal(signal.SIGTERM)
            else:
                asyncio.get_running_loop().call_soon(look)

        look()

    return happens


def test_the_model_that_draws_by_itself_is_loaded_at_the_start(connected, monkeypatch):
    drawing = FakeEngine()
    monkeypatch.setattr(program, "new_engine", lambda _: drawing)

    assert connected(stop_when(lambda: drawing.ends)) == 0
    [job] = drawing.jobs
    assert (job.model, job.images, job.steps) == ("doodle", 1, 1)


def test_a_model_that_cannot_be_loaded_is_told_at_the_start(connected, monkeypatch, caplog):
    drawing = FakeEngine()
    drawing.fail_next("The weights are torn.")
    monkeypatch.setattr(program, "new_engine", lambda _: drawing)

    with caplog.at_level(logging.WARNING):
        assert connected(stop_when(lambda: caplog.text)) == 0
    assert "Doodle cannot draw: The weights are torn." in caplog.text


def test_a_stop_does_not_wait_for_the_model_that_is_still_being_loaded(connected, monkeypatch):
    told = []

    class Loading(FakeEngine):
        async def run(self, job, *_):
            told.append("run")
            await asyncio.Event().wait()
            yield

        def cancel(self, job_id):
            told.append(f"cancel {job_id}")
            return True

        async def close(self, *, drain_s=0):
            told.append("close")

    monkeypatch.setattr(program, "new_engine", lambda _: Loading())
    assert connected(stop_when(lambda: told)) == 0
    assert told[:3] == ["run", "cancel warm-up", "close"]


def test_ctrl_c_before_it_is_connected_is_no_traceback(environment, monkeypatch):
    class Interrupted(FakeEngine):
        async def start(self):
            signal.raise_signal(signal.SIGINT)
            await asyncio.sleep(0)

    monkeypatch.setattr(program, "new_engine", lambda _: Interrupted())
    for argument in ("run", "check"):
        assert program.main([argument]) == 130


def test_a_misspelt_variable_outside_is_a_warning_where_the_token_is_set(
    connected, caplog, monkeypatch
):
    monkeypatch.setenv("DISCORD_BOT_TOKEN", "d.e.f")
    with caplog.at_level(logging.WARNING):
        assert connected(lambda _: signal.raise_signal(signal.SIGTERM)) == 0
    assert "DISCORD_BOT_TOKEN in the environment is not a variable of Darkroom" in caplog.text


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


@pytest.fixture
async def discord_at_hand(environment, monkeypatch):
    """Discord's API, on this machine; the token "a.b.c" is right."""
    monkeypatch.setattr("discord.http.Route.BASE", "")
    async with Testbed(token="a.b.c") as testbed:
        monkeypatch.setenv("DISCORD_API_URL", testbed.server.api_url)
        yield testbed


async def test_check_is_content_where_a_start_would_work(discord_at_hand, capsys):
    assert await program._check(settings_.load(None)) == 0
    told = capsys.readouterr().out
    assert told.count(" ok ") == 6
    assert "servers    ok     1, with all permissions" in told
    assert "Discord knows it as Darkroom" in told


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("DISCORD_TOKEN", "", "token      wrong  DISCORD_TOKEN is not set."),
        ("DISCORD_TOKEN", "x.y.z", "token      wrong  DISCORD_TOKEN was refused by Discord"),
        ("MODELS", "no.toml", "catalogue  wrong  The catalogue no.toml does not exist"),
        ("DATABASE_URL", "here", "database   wrong  DATABASE_URL is not a database address"),
    ],
)
async def test_check_fails_where_a_start_would(
    discord_at_hand, capsys, monkeypatch, name, value, said
):
    monkeypatch.setenv(name, value)
    assert await program._check(settings_.load(None)) == 1
    told = capsys.readouterr().out
    assert said in told
    others = 4 if name == "DISCORD_TOKEN" else 5  # the servers are asked with the token
    assert told.count(" ok ") == others, "the other things are looked at as well"


async def test_check_mentions_a_default_model_that_is_not_installed(
    discord_at_hand, capsys, monkeypatch
):
    monkeypatch.setenv("DEFAULT_MODEL", "nope")
    assert await program._check(settings_.load(None)) == 0
    assert "DEFAULT_MODEL is 'nope', which is not installed" in capsys.readouterr().out


async def test_check_fails_where_the_device_is_missing(discord_at_hand, capsys, monkeypatch):
    class Nowhere(FakeEngine):
        async def start(self):
            raise EngineError("DEVICE is 'cuda', but there is none.")

    monkeypatch.setattr(program, "new_engine", lambda _: Nowhere())
    assert await program._check(settings_.load(None)) == 1
    assert "device     wrong  DEVICE is 'cuda', but there is none." in capsys.readouterr().out


@pytest.fixture
async def running(environment, monkeypatch):
    """A bot that runs on the same database, as far as others can see."""
    settings = settings_.load(None)
    database = Database(settings.database)
    await database.start()
    program._heartbeat(settings).touch()
    yield database
    await database.close()


async def test_check_looks_beside_a_running_bot_and_changes_nothing(
    discord_at_hand, running, capsys
):
    before = running.path.read_bytes()
    assert await program._check(settings_.load(None)) == 0
    assert "A bot runs on it" in capsys.readouterr().out
    assert running.path.read_bytes() == before


async def test_check_migrates_nothing_and_makes_nothing(discord_at_hand, capsys, tmp_path):
    assert await program._check(settings_.load(None)) == 0
    assert "none yet; the first start makes" in capsys.readouterr().out
    assert not (tmp_path / "darkroom.db").exists()
    database = Database(settings_.load(None).database)
    await database.start()
    async with database.write() as connection:
        await connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0007'")
    await database.close()
    assert await program._check(settings_.load(None)) == 0
    assert "of revision 0007; the next start brings it to" in capsys.readouterr().out
    again = Database(settings_.load(None).database)
    assert "of revision 0007" in await again.look()
    async with again.write() as connection:
        await connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    await again.close()
    assert await program._check(settings_.load(None)) == 1
    assert "was used by a newer one" in capsys.readouterr().out


async def test_sync_goes_beside_a_running_bot(discord_at_hand, running, capsys):
    await program._sync(settings_.load(None))
    assert "commands synced" in capsys.readouterr().out
    async with running.read() as connection:
        assert await facts.get(connection, "commands_hash")


async def test_check_tells_what_the_card_lacks(discord_at_hand, capsys, monkeypatch):
    monkeypatch.setattr(
        program.engine, "card_report", lambda: ("RTX 4090, driver 1.2", "Update it.")
    )
    assert await program._check(settings_.load(None)) == 1
    assert "card       wrong  RTX 4090, driver 1.2. Update it." in capsys.readouterr().out
    monkeypatch.setenv("DEVICE", "cpu")
    assert await program._check(settings_.load(None)) == 0


async def test_check_names_servers_without_permissions(discord_at_hand, capsys, monkeypatch):
    async def guilds(*_, **__):
        return [
            {"id": "1", "name": "Good", "permissions": str(program.PERMISSIONS.value)},
            {"id": "2", "name": "Owned", "permissions": "8"},
            {"id": "3", "name": "Bare", "permissions": str(1 << 10 | 1 << 11)},
        ]

    monkeypatch.setattr("discord.http.HTTPClient.get_guilds", guilds)
    assert await program._check(settings_.load(None)) == 1
    told = capsys.readouterr().out
    assert "servers    wrong  Bare lacks Send Messages in Threads, Attach Files" in told
    assert "Good" not in told and "Owned" not in told


async def test_check_says_when_the_disk_is_full(discord_at_hand, capsys, monkeypatch):
    monkeypatch.setattr(program, "LEAST_FREE_GB", 1e9)
    assert await program._check(settings_.load(None)) == 1
    assert "disk       wrong" in capsys.readouterr().out


@pytest.mark.parametrize("argument", ["check", "sync"])
def test_a_discord_that_cannot_be_reached_is_one_sentence(
    environment, capsys, monkeypatch, argument
):
    monkeypatch.setattr("discord.http.Route.BASE", "")
    monkeypatch.setenv("DISCORD_API_URL", "http://127.0.0.1:9")
    assert program.main([argument]) == 1
    told = capsys.readouterr()
    assert "Discord cannot be reached" in told.out + told.err


def test_a_backup_that_cannot_be_written_is_one_sentence(environment, capsys, tmp_path):
    async def make_database():
        database = Database(settings_.load(None).database)
        await database.start()
        await database.close()

    asyncio.run(make_database())
    assert program.main(["backup", str(tmp_path / "no" / "copy.db")]) == 1
    told = capsys.readouterr().err
    assert told.startswith("The database was not copied to ") and told.count("\n") == 1


def test_a_copy_is_made_and_restored_from_the_command_line(environment, capsys, tmp_path):
    async def make_database():
        database = Database(settings_.load(None).database)
        await database.start()
        await database.close()

    asyncio.run(make_database())
    copy = str(tmp_path / "copy.db")
    assert program.main(["backup", copy]) == 0
    assert f"copied to {copy}; {copy}.pictures lists its 0 pictures" in capsys.readouterr().out
    assert program.main(["restore", copy]) == 0
    assert "All 0 pictures are there." in capsys.readouterr().out
    assert program.main(["restore", str(tmp_path / "none.db")]) == 1
    assert capsys.readouterr().err == f"There is no copy at {tmp_path / 'none.db'}.\n"


@pytest.mark.parametrize("action", [["backup", "copy.db"], ["restore", "copy.db"], ["run"]])
def test_postgresql_has_its_own_tools_for_copies(environment, capsys, monkeypatch, action):
    monkeypatch.setenv("DATABASE_URL", "postgresql+asyncpg://nobody@127.0.0.1:9/none")
    monkeypatch.setenv("DISCORD_TOKEN", "a token")
    monkeypatch.setenv("BACKUP_DIR", "copies")
    assert program.main(action) == 1
    assert "PostgreSQL" in capsys.readouterr().err


def test_scheduled_copies_are_a_chore_where_a_folder_is_named(environment, monkeypatch, tmp_path):
    assert program._backups(settings_.load(None)) == ()
    monkeypatch.setenv("BACKUP_DIR", str(tmp_path / "copies"))

    async def once():
        settings = settings_.load(None)
        database = Database(settings.database)
        await database.start()
        [chore] = program._backups(settings)
        await chore.work()
        await chore.work()
        await database.close()

    asyncio.run(once())
    assert len([*(tmp_path / "copies").glob("darkroom-*.db")]) == 1


def test_a_redirected_log_has_no_colour_codes(environment, capfd, monkeypatch):
    monkeypatch.undo()  # the real log
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    try:
        program._set_up_logging(Settings())
        logging.getLogger("bot").warning("something")
    finally:
        root.handlers[:], _ = before, root.setLevel(level)
    told = capfd.readouterr().err
    assert "WARNING  bot something" in told
    assert "\x1b" not in told


def test_a_cluster_that_does_not_answer_ends_the_start_with_one_sentence(
    environment, monkeypatch, capsys
):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    monkeypatch.setattr(program, "new_engine", app.new_engine)
    monkeypatch.setenv("ENGINE", "ray")
    monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{port}")
    assert program.main([]) == 1
    [said] = capsys.readouterr().err.splitlines()
    assert "RAY_ADDRESS" in said or "[cluster]" in said, "whether or not the extra is installed"


async def test_check_says_when_anybody_can_add_the_bot(
    discord_at_hand, capsys, monkeypatch, application
):
    assert await program._check(settings_.load(None)) == 0
    assert "Anybody can add this bot" not in capsys.readouterr().out
    application["bot_public"] = True
    assert await program._check(settings_.load(None)) == 0
    assert "Anybody can add this bot" in capsys.readouterr().out
    monkeypatch.setenv("ALLOWED_GUILDS", "1")
    assert await program._check(settings_.load(None)) == 0
    assert "Anybody can add this bot" not in capsys.readouterr().out
