import asyncio
import itertools
import os
import shutil
import uuid
from pathlib import Path

import discord
import pytest
import simcord.interactions
import simcord_clock
from discord.http import HTTPClient
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine
from tests_support import PatientEngine

from bot.app import new_client
from bot.settings import Settings
from bot.storage.database import Database
from bot.ui import replies

OWNER_ID = 424242
ON_BOTH = {"credits", "jobs", "storage"}
"""The folders whose tests run on PostgreSQL too: those of the rooms that speak SQL."""


def pytest_generate_tests(metafunc):
    if "database_url" in metafunc.fixturenames:
        both = metafunc.definition.path.parent.name in ON_BOTH
        dialects = ["sqlite", "postgresql"] if both else ["sqlite"]
        if metafunc.config.getoption("--postgres"):
            dialects = ["postgresql"]
        metafunc.parametrize("database_url", dialects, indirect=True)


def pytest_collection_modifyitems(config, items):
    """With --postgres, tests without a database are left to the other run."""
    if config.getoption("--postgres"):
        here = Path(__file__).parent
        kept = [each for each in items if {"database_url", "postgresql"} & {*each.fixturenames}]
        config.hook.pytest_deselected(
            items=[e for e in items if e.path.is_relative_to(here) and e not in kept]
        )
        items[:] = kept


@pytest.fixture(scope="session")
def template():
    """A migrated database on the server that POSTGRES_URL names; copying it is quick."""
    if not os.environ.get("POSTGRES_URL"):
        pytest.skip("POSTGRES_URL names no server: nothing of this was tried on PostgreSQL.")
    name = f"darkroom_{uuid.uuid4().hex}"
    asyncio.run(administer(f'CREATE DATABASE "{name}"'))
    asyncio.run(migrate(address_of(name)))
    yield name
    asyncio.run(administer(f'DROP DATABASE "{name}"'))


@pytest.fixture
def postgresql(template):
    """The address of an empty, migrated database on PostgreSQL; skips where there is none."""
    name = f"darkroom_{uuid.uuid4().hex}"
    asyncio.run(administer(f'CREATE DATABASE "{name}" TEMPLATE "{template}"'))
    yield address_of(name)
    asyncio.run(administer(f'DROP DATABASE "{name}" WITH (FORCE)'))


def address_of(name):
    url = make_url(os.environ["POSTGRES_URL"]).set(database=name)
    return url.render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory):
    """A migrated file, made once: sixteen migrations take longer than most tests."""
    file = tmp_path_factory.mktemp("template") / "darkroom.db"
    asyncio.run(migrate(f"sqlite+aiosqlite:///{file}"))
    assert [each.name for each in file.parent.iterdir() if each.stat().st_size] == [file.name]
    return file


@pytest.fixture
def database_url(request, tmp_path):
    """The address of an empty, migrated database."""
    if request.param == "sqlite":
        file = shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path)
        return f"sqlite+aiosqlite:///{file}"
    return request.getfixturevalue("postgresql")


@pytest.fixture
async def database(database_url):
    """An empty database; on PostgreSQL too where POSTGRES_URL names a server to use for it."""
    opened = Database(database_url)
    await opened.start()
    yield opened
    await opened.close()


async def migrate(url):
    migrated = Database(url)
    await migrated.start()
    await migrated.close()


async def administer(statement):
    engine = create_async_engine(os.environ["POSTGRES_URL"], isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.exec_driver_sql(statement)
    await engine.dispose()


@pytest.fixture
def fake_engine():
    return PatientEngine()


@pytest.fixture
def application():
    """What Discord says of the application beside what simcord does.

    As the README asks of operators, only its owner can add the bot to a server.
    """
    return {"bot_public": False}


@pytest.fixture(autouse=True)
def _no_deferral_by_a_busy_machine(monkeypatch):
    """First replies are what they are, however long this machine takes for them."""
    monkeypatch.setattr(replies, "DEFER_AFTER_S", 2.0)


@pytest.fixture(autouse=True)
def _time_passes_at_once(monkeypatch):
    simcord_clock.install(monkeypatch)


@pytest.fixture(autouse=True)
def _application_of_the_tests(application, monkeypatch):
    asked = HTTPClient.application_info

    async def told(client):
        return {**await asked(client), **application}

    monkeypatch.setattr(HTTPClient, "application_info", told)


@pytest.fixture
def new_bot(database, fake_engine, tmp_path, monkeypatch):
    """Builds the bot on the test's database; a second call is the bot after a restart."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)

    clock = itertools.count(1_800_000_000)  # a second passes at each look

    def build(engine_=fake_engine, *, serving=True, **settings):
        return new_client(
            Settings(**{"data_dir": tmp_path, "owner_ids": (OWNER_ID,)} | settings),
            database=database,
            engine_client=engine_,
            serving=serving,
            now_s=lambda: next(clock),
        )

    return build


@pytest.fixture
def simcord_bot(new_bot):
    return new_bot()


@pytest.fixture
def guild(simcord_env, fake_engine):
    fake_engine.env = simcord_env
    simcord_env.settle_timeout = simcord_clock.PATIENCE_S
    return simcord_env.create_guild()


@pytest.fixture
async def shown_to_all(simcord_bot, guild, monkeypatch):
    """All commands as in a server that shows those of managers to everybody.

    Some commands are the same objects for all bots, so that they must be as before afterwards.
    """
    for command in simcord_bot.tree.get_commands():
        monkeypatch.setattr(command, "default_permissions", None)
    await simcord_bot.sync_commands(force=True)


@pytest.fixture
def channel(guild):
    return guild.create_text_channel("general")


@pytest.fixture
def alice(simcord_env, guild):
    return guild.add_member(simcord_env.create_user("alice"))


@pytest.fixture
def bob(simcord_env, guild):
    return guild.add_member(simcord_env.create_user("bob"))


@pytest.fixture
def manager(simcord_env, guild):
    role = guild.create_role("Managers", permissions=discord.Permissions(manage_guild=True))
    return guild.add_member(simcord_env.create_user("manager"), roles=[role])


@pytest.fixture
def speaks(monkeypatch):
    """Sets the locales of later interactions; simcord knows only en-US."""
    original = simcord.interactions.base_payload

    def choose(*, member, server="en-US"):
        def base_payload(*args, **kwargs):
            record, payload = original(*args, **kwargs)
            payload["locale"] = member
            if "guild_locale" in payload:
                payload["guild_locale"] = server
            return record, payload

        monkeypatch.setattr(simcord.interactions, "base_payload", base_payload)

    return choose
