import asyncio
import contextlib

import pytest

from bot import preferences
from bot.preferences import Preferences
from bot.storage.audit import Audit


@pytest.fixture(params=["the same process", "after a restart"])
def again(request, database):
    """The preferences as they are read later."""
    kept = Preferences(database, Audit(lambda: 0))
    return kept, (
        kept if request.param == "the same process" else Preferences(database, Audit(lambda: 0))
    )


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
    kept = Preferences(database, Audit(lambda: 0))
    for guild_id in range(10):
        await kept.of(guild_id)
    assert len(kept._remembered) <= 3


async def test_what_changes_while_it_is_read_is_not_remembered_as_it_was(database):
    kept = Preferences(database, Audit(lambda: 0))
    read = database.read

    @contextlib.asynccontextmanager
    async def slow(**options):
        async with read(**options) as connection:
            yield connection
        database.read = read
        await kept.put("model", "sdxl", 1)

    database.read = slow
    assert await kept.of(1) == {}
    assert await kept.of(1) == {"model": "sdxl"}


async def test_what_a_member_sets_is_theirs_in_every_server(again):
    kept, later = again
    changed = await kept.change(7, model="sdxl", stylize=250, remix=True, suffix="--ar 3:2")
    assert changed.suffixes == ("--ar 3:2", "--stylize 250")
    assert await later.member(7) == changed
    assert await later.member(8) == preferences.Member()
    await kept.change(7, stylize=None, remix=False)
    assert (await kept.member(7)).suffixes == ("--ar 3:2",)


async def test_a_reset_leaves_only_the_parameters_of_ones_own(again):
    kept, later = again
    await kept.change(7, speed="relax", stealth=True, variation=preferences.LOW)
    await kept.set_macro(7, "mine", "--ar 3:2", 2)
    await kept.reset(7)
    assert await later.member(7) == preferences.Member(macros={"mine": "--ar 3:2"})


async def test_a_member_has_only_so_many_parameters_of_their_own(again):
    kept, later = again
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(kept.set_macro(7, f"m{n}", "--raw", 3)) for n in range(5)]
    assert [task.result() for task in tasks] == [True, True, True, False, False]
    assert await kept.set_macro(7, "m1", "--ar 3:2", 3), "one that is there may be changed"
    assert await kept.set_macro(7, "m0", "", 3)
    assert dict((await later.member(7)).macros) == {"m1": "--ar 3:2", "m2": "--raw"}


async def test_a_servers_language_is_known_without_waiting(database):
    kept = Preferences(database, Audit(lambda: 0))
    await kept.put(preferences.LANGUAGE, "ja", 1)
    assert kept.language(1) == "ja"
    later = Preferences(database, Audit(lambda: 0))
    assert later.language(1) is None
    await later.start()
    assert later.language(1) == "ja"
    assert later.language(None) is None
    await later.put(preferences.LANGUAGE, "", 1)
    assert later.language(1) is None
