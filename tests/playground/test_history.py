from __future__ import annotations

import pytest

from playground.testbed import Testbed, is_grid
from playground.upload import Upload


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "playground"


async def test_reopened_playground_shows_its_pictures_and_their_buttons_work(folder, bot_command):
    async with Testbed(history=folder) as first:
        await first.start_bot(bot_command)
        await first.wait_for_command("imagine")
        dora = first.member("dora")
        dora.slash(first.general, "imagine", {"prompt": "a red cat"})
        grid = await first.wait_for_message(is_grid)
        dora.react(first.general, grid.id, "✉️")
        direct = await first.wait_for_message(channel=first.direct("dora"))
        dora.slash(first.general, "info")
        await first.wait_until_idle(quiet_s=0.1)
        picture = first.files(grid)
    async with Testbed(history=folder) as second:
        messages = second.bot_messages()
        assert [message.id for message in messages] == [grid.id]  # the ephemeral one is gone
        assert second.files(messages[0]) == picture
        assert messages[0].attachments[0]["url"].startswith(second.url)
        assert messages[0].reactions == grid.reactions
        assert [m.id for m in second.bot_messages(second.direct("dora"))] == [direct.id]
        await second.start_bot(bot_command)
        second.member("dora").click(second.general, grid.id, "V2")
        await second.wait_for_message(is_grid, after=grid.id)


async def test_replies_files_and_mentions_survive(folder):
    async with Testbed(history=folder) as first:
        dora = first.member("dora")
        file = Upload(filename="a.txt", data=b"abc")
        written = dora.write(first.general, f"look, {first.admin.mention}", files=[file])
        reply = first.admin.write(first.general, "nice", reply_to=written.id)
    async with Testbed(history=folder) as second:
        stored = second.state.messages[second.general]
        assert list(stored) == [written.id, reply.id]
        assert stored[written.id].ping_user_ids == [second.admin_id]
        assert second.files(stored[written.id]) == [b"abc"]
        view = second.server.page_api.view(second.admin, stored[reply.id])
        assert view["referenced_message"]["id"] == str(written.id)


async def test_threads_and_posts_survive_with_what_was_said_there(folder):
    async with Testbed(history=folder) as first:
        dora = first.member("dora")
        written = dora.write(first.general, "cats")
        thread = dora.start_thread(first.general, written.id, "red cats")
        post, begun = dora.post(first.forum, "blue cats", "here")
        said = dora.write(thread.id, "one")
    async with Testbed(history=folder) as second:
        dora = second.member("dora")
        shown = [channel.name for channel in dora.channels()]
        assert shown == ["general", "red cats", "forum", "blue cats", None]
        assert [m.id for m in dora.messages(thread.id)] == [said.id]
        assert [m.id for m in dora.messages(post.id)] == [begun.id]
        dora.write(thread.id, "two")


async def test_files_of_deleted_messages_are_removed(folder):
    file = Upload(filename="a.txt", data=b"abc")
    async with Testbed(history=folder) as first:
        written = first.admin.write(first.general, "", files=[file])
    assert len(list(folder.glob("*.bin"))) == 1
    async with Testbed(history=folder) as second:
        second.admin.delete(second.general, written.id)
    assert list(folder.glob("*.bin")) == []


@pytest.mark.parametrize("text", ["", "{", "[]", '{"messages": [{}], "direct": []}'])
async def test_unreadable_history_is_ignored_with_a_warning(folder, text, caplog):
    folder.mkdir()
    (folder / "messages.json").write_text(text)
    async with Testbed(history=folder) as testbed:
        assert testbed.bot_messages() == []
        testbed.admin.write(testbed.general, "anew")
    assert "unreadable" in caplog.text
    assert "anew" in (folder / "messages.json").read_text()
