from __future__ import annotations

import asyncio
import io
import os
import select
import sys

import pytest
from PIL import Image

import engine
from bot.ui.message_text import status_of
from playground import testbed as testbeds
from playground.refusal import Refused
from playground.testbed import BotEnded, Testbed, is_grid
from playground.upload import Upload


async def test_buttons_made_before_kill_9_work_after_a_new_start(testbed, bot_command):
    await testbed.start_bot(bot_command)
    await testbed.wait_for_command("imagine")
    dora = testbed.member("dora")
    dora.slash(testbed.general, "imagine", {"prompt": "a red cat"})
    grid = await testbed.wait_for_message(is_grid)
    assert await testbed.kill_bot() == -9
    await testbed.start_bot(bot_command)
    dora.click(testbed.general, grid.id, "V2")
    again = await testbed.wait_for_message(is_grid, after=grid.id)
    assert again.content.startswith("**variation 2 of")
    assert await testbed.stop_bot() == 0


async def test_transcript_tells_every_edit_and_each_ping_once(testbed, client):
    dora = testbed.member("dora")
    dora.slash(testbed.general, "imagine", {"prompt": "a red cat"})
    await testbed.wait_for_message(is_grid)
    messages = await testbed.wait_until_idle(quiet_s=0.05)
    kinds = [entry.kind for entry in testbed.transcript.of(testbed.general)]
    assert kinds == ["create", "update", "update", "create", "delete"]
    assert [is_grid(message) for message in messages] == [True]
    assert len(testbed.transcript.pings(dora.id)) == 2
    assert "〈U1 U2 U3 U4 🔄 V1 V2 V3 V4〉" in testbed.transcript.text()


@pytest.mark.parametrize(
    "event",
    [
        engine.Queued(job_id="j", position=0),
        engine.Queued(job_id="j", position=3),
        engine.Translating(job_id="j"),
        engine.Started(job_id="j"),
        engine.Started(job_id="j", loading="Doodle"),
        engine.Progress(job_id="j", done=1, total=3),
    ],
)
def test_every_status_that_the_bot_shows_is_waited_for(event):
    assert testbeds._IN_PROGRESS.search(f"**a cat** - <@1> ({status_of(event)})")


async def test_bot_that_ends_is_told_with_its_last_lines(testbed):
    script = "import sys; print('no such model', file=sys.stderr); sys.exit(3)"
    with pytest.raises(BotEnded, match=r"exit code 3(.|\n)*no such model"):
        await testbed.start_bot([sys.executable, "-c", script])


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")
async def test_bot_does_not_outlive_a_killed_playground():
    script = (
        "import asyncio, os, sys; from playground.bot_process import BotProcess\n"
        "async def main():\n"
        "    command = [sys.executable, '-c', 'import time; print(\"up\"); time.sleep(60)']\n"
        "    bot = await BotProcess.start(command, {})\n"
        "    await bot.wait_for_line('up'); print(bot.pid, flush=True); os.kill(os.getpid(), 9)\n"
        "asyncio.run(main())"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE
    )
    told, _ = await process.communicate()
    try:
        watched = os.pidfd_open(int(told))
    except ProcessLookupError:
        return  # gone already
    try:
        ended, _, _ = await asyncio.to_thread(select.select, [watched], [], [], 10)
        assert ended
    finally:
        os.close(watched)


async def test_waiting_in_vain_tells_the_transcript(testbed):
    testbed.member("dora").write(testbed.general, "anyone here?")
    with pytest.raises(TimeoutError, match=r"anyone here\?"):
        await testbed.until(lambda: False, timeout_s=0.01)


async def test_modal_is_filled_and_sent(testbed, client):
    dora = testbed.member("dora")
    dora.slash(testbed.general, "imagine", {"prompt": "a red cat"})
    grid = await testbed.wait_for_message(is_grid)
    shown = dora.click(testbed.general, grid.id, "🔄")
    assert await testbed.wait_for_answer(shown) is None
    field = shown.modal["components"][0]["components"][0]["custom_id"]
    dora.submit(shown, {field: "a blue dog"})
    await testbed.wait_for_message(lambda m: "a blue dog" in m.content and is_grid(m))
    with pytest.raises(Refused, match="already sent"):
        dora.submit(shown, {field: "a blue dog"})


async def test_a_form_with_words_a_menu_and_files_arrives_whole(testbed, client):
    dora = testbed.member("dora")
    shown = dora.slash(testbed.general, "paint")
    await testbed.wait_for_answer(shown)
    note, *fields = shown.modal["components"]
    assert note == {"type": 10, "id": note["id"], "content": "Scribble over the **picture**."}
    words, place, painted = (field["component"]["custom_id"] for field in fields)
    large = Upload(filename="a.png", data=bytes(11 * 2**20))
    for values, says in (
        ({painted: [large]}, "limited to 10 MiB"),
        ({words: "x" * 4001}, "4000 characters"),
        ({place: ["up"]}, "'up' does not exist"),
    ):
        with pytest.raises(Refused, match=says):
            dora.submit(shown, values)
    data = io.BytesIO()
    Image.new("RGB", (8, 4)).save(data, "PNG")
    picture = Upload(filename="a.png", data=data.getvalue())
    values = {words: "a hat", place: ["left"], painted: [picture]}
    answer = await testbed.wait_for_answer(dora.submit(shown, values))
    assert answer.content == f"Painted: a hat ['left'] [({len(picture.data)}, 8)]"
    assert testbed.violations == []


async def test_reaction_reaches_the_bot_and_its_answer_comes_by_dm(testbed, client):
    dora = testbed.member("dora")
    message = dora.write(testbed.general, "look")
    dora.react(testbed.general, message.id, "✉️")
    direct = await testbed.wait_for_message(channel=testbed.direct("dora"))
    assert direct.content == "Here are your pictures."
    assert dora.messages(testbed.direct("dora")) == [direct]
    assert testbed.member("gordon").messages(testbed.direct("dora")) == []


async def test_a_reaction_to_a_message_that_the_bot_never_saw_reaches_it(testbed, bot_command):
    dora = testbed.member("dora")
    await testbed.start_bot(bot_command)
    await testbed.wait_for_command("imagine")
    dora.slash(testbed.general, "imagine", {"prompt": "a red cat"})
    grid = await testbed.wait_for_message(is_grid)
    await testbed.stop_bot()
    await testbed.start_bot(bot_command)
    dora.react(testbed.general, grid.id, "✉️")
    dora.react(testbed.general, grid.id, "✉️", on=False)
    await testbed.wait_for_message(channel=testbed.direct("dora"))
    assert grid.reactions == []


async def test_the_bot_draws_in_a_thread_and_in_a_post(testbed, client):
    dora = testbed.member("dora")
    first = dora.write(testbed.general, "cats")
    thread = dora.start_thread(testbed.general, first.id, "red cats")
    post, said = dora.post(testbed.forum, "blue cats", "here")
    assert (thread.id, post.id) == (first.id, said.id)
    for place in (thread, post):
        assert "imagine" in [command["name"] for command in dora.commands(place.id)]
        dora.slash(place.id, "imagine", {"prompt": "a cat"})
        grid = await testbed.wait_for_message(is_grid, channel=place.id)
        dora.click(place.id, grid.id, "U1")
        await testbed.wait_for_message(lambda m: "Image #1" in m.content, channel=place.id)
        dora.write(place.id, "a fine one")
    names = [channel.name for channel in testbed.member("gordon").channels()]
    assert names == ["general", "red cats", "forum", "blue cats", None]
    for act, says in (
        (lambda: dora.start_thread(testbed.general, first.id, "again"), "has a thread"),
        (lambda: dora.start_thread(thread.id, grid.id, "deeper"), "gone|No thread starts"),
        (lambda: dora.start_thread(testbed.general, first.id + 1, "x"), "gone"),
        (lambda: dora.post(testbed.general, "x", "y"), "in a forum"),
        (lambda: dora.post(testbed.forum, "x" * 101, "y"), "1 to 100 characters"),
        (lambda: dora.post(testbed.forum, "x", " "), "needs a text or a file"),
        (lambda: dora.write(testbed.forum, "x"), "posts only"),
    ):
        with pytest.raises(Refused, match=says):
            act()
    assert testbed.violations == []


async def test_context_menu_carries_its_message(testbed, client):
    dora = testbed.member("dora")
    message = dora.write(testbed.general, "look")
    answer = await testbed.wait_for_answer(dora.menu(testbed.general, "Look again", message.id))
    assert answer.content == "0 file(s), by Dora"


async def test_autocomplete_offers_the_bots_choices(testbed, client):
    dora = testbed.member("dora")
    asked = dora.autocomplete(testbed.general, "whisper", "style", "i", {})
    assert await dora.answered(asked)
    assert asked.autocomplete_choices == [{"name": "Ink", "value": "ink"}]


async def test_member_option_arrives_resolved(testbed, client):
    options = {"member": str(testbed.member("dora").id), "amount": 5}
    answer = await testbed.wait_for_answer(
        testbed.admin.slash(testbed.general, "credits grant", options)
    )
    assert answer.content == "Dora got 5."


@pytest.mark.parametrize(
    ("act", "says"),
    [
        (lambda m, s: m.slash(s.general, "imagin", {}), "no command 'imagin'"),
        (lambda m, s: m.slash(s.general, "imagine", {}), "requires option 'prompt'"),
        (lambda m, s: m.slash(s.general, "imagine", {"prompt": 3}), "expects str"),
        (lambda m, s: m.slash(s.general, "imagine", {"p": "x"}), "no option 'p'"),
        (lambda m, s: m.slash(s.general, "credits grant", {}), "may not use 'credits'"),
        (lambda m, s: m.click(s.general, 1, "U1"), "gone"),
        (lambda m, s: m.write(s.general, "  "), "nothing to send"),
        (lambda m, s: m.write(s.general, "x" * 2001), "2000 characters"),
        (lambda m, s: m.write(s.direct("ansel"), "x"), "cannot see"),
        (lambda m, s: m.choose(s.general, 1, "x", ["1"]), "gone"),
    ],
)
async def test_what_a_person_cannot_do_is_refused_in_a_sentence(testbed, client, act, says):
    with pytest.raises(Refused, match=says):
        act(testbed.member("dora"), testbed)


async def test_forged_button_arrives_as_if_it_stood_under_the_message(testbed, client):
    message = testbed.state.create_message(testbed.general, testbed.bot_id, "no buttons here")
    testbed.member("dora").forge(testbed.general, message.id, "job:7:u:3")
    answer = await testbed.wait_for_message(after=message.id)
    assert answer.content.startswith("**job 7** - Image #3")
    assert message.components == []


def example_bot(client):
    return sys.modules[type(client).__module__]


async def test_menus_of_texts_and_of_people_are_chosen_in(testbed, client):
    channel = client.get_partial_messageable(testbed.general, guild_id=testbed.guild)
    message = await channel.send("Choose.", view=example_bot(client).Sizes())
    rows = testbed.state.messages[testbed.general][message.id].components
    size, who = (row["components"][0]["custom_id"] for row in rows)
    dora = testbed.member("dora")
    answer = await testbed.wait_for_answer(
        dora.choose(testbed.general, message.id, size, ["large"])
    )
    assert answer.content == "size ['large']"
    ids = [str(dora.id), str(testbed.member("gordon").id)]
    answer = await testbed.wait_for_answer(dora.choose(testbed.general, message.id, who, ids))
    assert answer.content == "who ['Dora', 'Gordon']"
    with pytest.raises(Refused, match="no choice 'huge'"):
        dora.choose(testbed.general, message.id, size, ["huge"])
    with pytest.raises(Refused, match="between 1 and 2"):
        dora.choose(testbed.general, message.id, who, [])


async def test_commands_work_in_direct_messages(testbed, client):
    dora = testbed.member("dora")
    direct = testbed.direct("dora")
    answer = await testbed.wait_for_answer(dora.slash(direct, "info"))
    assert answer.channel_id == direct
    dora.slash(direct, "imagine", {"prompt": "a red cat"})
    await testbed.wait_for_message(is_grid, channel=direct)


async def test_registered_commands_outlive_the_server(tmp_path, bot_command):
    state_file = tmp_path / "playground.json"
    async with Testbed(state_file=state_file) as first:
        await first.start_bot(bot_command)
        await first.wait_for_command("imagine")
        command = first.state.find_command("imagine", first.guild)
    async with Testbed(state_file=state_file) as second:
        assert second.state.find_command("imagine", second.guild) == command
