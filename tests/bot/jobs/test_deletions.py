"""What an erasure promised to delete is deleted, whatever happens on the way."""

import pytest

from bot.jobs import deletions
from bot.jobs.deletions import Deletions
from bot.pictures.store import PictureStore
from bot.storage.tables import facts


@pytest.fixture
def store(tmp_path):
    return PictureStore(tmp_path / "pictures")


@pytest.fixture
def after_a_restart(database, store):
    return lambda: Deletions(database=database, store=store)


async def owe(database, files=(), messages=()):
    async with database.write() as connection:
        await deletions.owe(connection, files=files, messages=messages)


async def owed(database):
    async with database.read() as connection:
        return [row.name for row in await connection.execute(facts.select())]


async def test_files_are_deleted_after_a_restart_and_once_the_disk_lets_them(
    database, store, after_a_restart, monkeypatch
):
    files = [(store.store(data, suffix=suffix), suffix) for data, suffix in FILES]
    await owe(database, files=files)
    first = min(files)
    delete = store.delete

    def refuse(sha256, *, suffix):
        if sha256 == first[0]:
            raise PermissionError("read-only")
        delete(sha256, suffix=suffix)

    monkeypatch.setattr(store, "delete", refuse)
    await after_a_restart().delete_files()
    assert set(store.sizes()) == {first[0]}
    monkeypatch.setattr(store, "delete", delete)
    await after_a_restart().delete_files()
    assert not store.sizes()
    assert await owed(database) == []


FILES = [(b"a picture", ".png"), (b"a film", ".webp"), (b"another", ".png")]


async def test_a_message_is_asked_for_until_it_is_done_and_never_again(
    database, after_a_restart, monkeypatch
):
    monkeypatch.setattr(deletions, "_AT_ONCE", 2)
    messages = [(1, 11), (1, 12), (2, 21), (2, 22), (3, 31)]
    await owe(database, messages=messages)
    asked = []

    async def delete(channel_id, message_id):
        asked.append((channel_id, message_id))
        return message_id not in {12, 31} or len(asked) > len(messages)

    await after_a_restart().delete_messages(delete)
    assert sorted(asked) == messages
    await after_a_restart().delete_messages(delete)
    assert sorted(asked[len(messages) :]) == [(1, 12), (3, 31)]
    await after_a_restart().delete_messages(delete)
    assert len(asked) == len(messages) + 2
    assert await owed(database) == []


async def test_what_ends_in_the_middle_goes_on_with_what_was_not_done(
    database, after_a_restart, monkeypatch
):
    monkeypatch.setattr(deletions, "_AT_ONCE", 2)
    messages = {(1, number) for number in range(10, 16)}
    await owe(database, messages=messages)
    gone = set()

    async def delete(channel_id, message_id):
        if len(gone) == 3 and not ended:
            raise RuntimeError("the process ends")
        gone.add((channel_id, message_id))
        return True

    ended = []
    with pytest.raises(RuntimeError):
        await after_a_restart().delete_messages(delete)
    ended.append(True)
    await after_a_restart().delete_messages(delete)
    assert gone == messages
    assert await owed(database) == []


async def test_other_facts_stay(database, after_a_restart):
    await owe(database, messages=[(1, 11)])
    async with database.write() as connection:
        await connection.execute(facts.insert().values(name="erasedXmessages:1", value="else"))

    async def delete(_channel_id, _message_id):
        return True

    await after_a_restart().delete_messages(delete)
    assert await owed(database) == ["erasedXmessages:1"]
