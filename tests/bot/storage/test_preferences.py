import contextlib

import pytest

from bot import preferences
from bot.preferences import Preferences


@pytest.fixture(params=["the same process", "after a restart"])
def again(request, database):
    """The preferences as they are read later."""
    kept = Preferences(database)
    return kept, (kept if request.param == "the same process" else Preferences(database))


async def test_a_preference_is_of_its_server_and_member(again):
    kept, later = again
    await kept.put("model", "sdxl", 1)
    assert await kept.of(1, 7) == {}
    await kept.put("model", "sd15", 1, 7)
    await kept.put("model", "doodle", 1)
    await kept.put("locale", "ja", 1)
    assert await later.of(1) == {"model": "doodle", "locale": "ja"}
    assert await later.of(1, 7) == {"model": "sd15"}
    assert await later.of(2) == {}


async def test_an_empty_value_takes_a_preference_back(again):
    kept, later = again
    await kept.put("model", "sdxl", 1)
    assert await kept.of(1) == {"model": "sdxl"}
    await kept.put("model", "", 1)
    assert await later.of(1) == {}


async def test_only_so_many_are_remembered(database, monkeypatch):
    monkeypatch.setattr(preferences, "_REMEMBERED", 3)
    kept = Preferences(database)
    for guild_id in range(10):
        await kept.of(guild_id)
    assert len(kept._remembered) <= 3


async def test_what_changes_while_it_is_read_is_not_remembered_as_it_was(database):
    kept = Preferences(database)
    read = database.read

    @contextlib.asynccontextmanager
    async def slow():
        async with read() as connection:
            yield connection
        database.read = read
        await kept.put("model", "sdxl", 1)

    database.read = slow
    assert await kept.of(1) == {}
    assert await kept.of(1) == {"model": "sdxl"}
