import pytest
from tests_support import PatientEngine

from bot.client import Darkroom
from bot.database import Database
from bot.settings import Settings

OWNER_ID = 424242


@pytest.fixture
async def database(tmp_path):
    opened = Database(f"sqlite+aiosqlite:///{tmp_path / 'darkroom.db'}")
    await opened.start()
    yield opened
    await opened.close()


@pytest.fixture
def drawer():
    return PatientEngine()


@pytest.fixture
def new_bot(database, drawer, tmp_path, monkeypatch):
    """Builds the bot on the test's database; a second call is the bot after a restart."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)

    def build(engine_=drawer, **settings):
        return Darkroom(
            settings=Settings(data_dir=tmp_path, owner_ids=(OWNER_ID,), **settings),
            database=database,
            drawer=engine_,
        )

    return build


@pytest.fixture
def simcord_bot(new_bot):
    return new_bot()


@pytest.fixture
def guild(simcord_env, drawer):
    drawer.env = simcord_env
    return simcord_env.create_guild()


@pytest.fixture
def channel(guild):
    return guild.create_text_channel("general")


@pytest.fixture
def alice(simcord_env, guild):
    return guild.add_member(simcord_env.create_user("alice"))


@pytest.fixture
def bob(simcord_env, guild):
    return guild.add_member(simcord_env.create_user("bob"))
