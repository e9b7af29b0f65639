from __future__ import annotations

import asyncio
import os
import select
import sys

import pytest

from playground.refusal import Refused
from playground.stage import BotEnded, Stage, is_grid


async def test_buttons_made_before_kill_9_work_after_a_new_start(stage, bot_command):
    await stage.start_bot(bot_command)
    await stage.wait_for_command("imagine")
    dora = stage.member("dora")
    dora.slash(stage.general, "imagine", {"prompt": "a red cat"})
    grid = await stage.wait_for_message(is_grid)
    assert await stage.kill_bot() == -9
    await stage.start_bot(bot_command)
    dora.click(stage.general, grid.id, "V2")
    again = await stage.wait_for_message(is_grid, after=grid.id)
    assert again.content.startswith("**variation 2 of")
    assert await stage.stop_bot() == 0


async def test_transcript_tells_every_edit_and_each_ping_once(stage, client):
    dora = stage.member("dora")
    dora.slash(stage.general, "imagine", {"prompt": "a red cat"})
    await stage.wait_for_message(is_grid)
    messages = await stage.wait_until_idle(quiet_s=0.05)
    kinds = [entry.kind for entry in stage.transcript.of(stage.general)]
    assert kinds == ["create", "update", "update", "create", "delete"]
    assert [is_grid(message) for message in messages] == [True]
    assert len(stage.transcript.pings(dora.id)) == 2
    assert "〈U1 U2 U3 U4 🔄 V1 V2 V3 V4〉" in stage.transcript.text()


async def test_bot_that_ends_is_told_with_its_last_lines(stage):
    script = "import sys; print('no such model', file=sys.stderr); sys.exit(3)"
    with pytest.raises(BotEnded, match=r"exit code 3(.|\n)*no such model"):
        await stage.start_bot([sys.executable, "-c", script])


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


async def test_waiting_in_vain_tells_the_transcript(stage):
    stage.member("dora").write(stage.general, "anyone here?")
    with pytest.raises(TimeoutError, match=r"anyone here\?"):
        await stage.until(lambda: False, timeout_s=0.01)


async def test_modal_is_filled_and_sent(stage, client):
    dora = stage.member("dora")
    dora.slash(stage.general, "imagine", {"prompt": "a red cat"})
    grid = await stage.wait_for_message(is_grid)
    shown = dora.click(stage.general, grid.id, "🔄")
    assert await stage.wait_for_answer(shown) is None
    field = shown.modal["components"][0]["components"][0]["custom_id"]
    dora.submit(shown, {field: "a blue dog"})
    await stage.wait_for_message(lambda m: "a blue dog" in m.content and is_grid(m))
    with pytest.raises(Refused, match="already sent"):
        dora.submit(shown, {field: "a blue dog"})


async def test_reaction_reaches_the_bot_and_its_answer_comes_by_dm(stage, client):
    dora = stage.member("dora")
    message = dora.write(stage.general, "look")
    dora.react(stage.general, message.id, "✉️")
    direct = await stage.wait_for_message(channel=stage.direct("dora"))
    assert direct.content == "Here are your pictures."
    assert dora.messages(stage.direct("dora")) == [direct]
    assert stage.member("gordon").messages(stage.direct("dora")) == []


async def test_context_menu_carries_its_message(stage, client):
    dora = stage.member("dora")
    message = dora.write(stage.general, "look")
    answer = await stage.wait_for_answer(dora.menu(stage.general, "Look again", message.id))
    assert answer.content == "0 file(s), by Dora"


async def test_autocomplete_offers_the_bots_choices(stage, client):
    dora = stage.member("dora")
    asked = dora.autocomplete(stage.general, "whisper", "style", "i", {})
    assert await dora.answered(asked)
    assert asked.autocomplete_choices == [{"name": "Ink", "value": "ink"}]


async def test_member_option_arrives_resolved(stage, client):
    options = {"member": str(stage.member("dora").id), "amount": 5}
    answer = await stage.wait_for_answer(stage.admin.slash(stage.general, "credits grant", options))
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
async def test_what_a_person_cannot_do_is_refused_in_a_sentence(stage, client, act, says):
    with pytest.raises(Refused, match=says):
        act(stage.member("dora"), stage)


async def test_forged_button_arrives_as_if_it_stood_under_the_message(stage, client):
    message = stage.world.create_message(stage.general, stage.bot_id, "no buttons here")
    stage.member("dora").forge(stage.general, message.id, "job:7:u:3")
    answer = await stage.wait_for_message(after=message.id)
    assert answer.content.startswith("**job 7** - Image #3")
    assert message.components == []


def example_bot(client):
    return sys.modules[type(client).__module__]


async def test_menus_of_texts_and_of_people_are_chosen_in(stage, client):
    channel = client.get_partial_messageable(stage.general, guild_id=stage.guild)
    message = await channel.send("Choose.", view=example_bot(client).Sizes())
    rows = stage.world.messages[stage.general][message.id].components
    size, who = (row["components"][0]["custom_id"] for row in rows)
    dora = stage.member("dora")
    answer = await stage.wait_for_answer(dora.choose(stage.general, message.id, size, ["large"]))
    assert answer.content == "size ['large']"
    ids = [str(dora.id), str(stage.member("gordon").id)]
    answer = await stage.wait_for_answer(dora.choose(stage.general, message.id, who, ids))
    assert answer.content == "who ['Dora', 'Gordon']"
    with pytest.raises(Refused, match="no choice 'huge'"):
        dora.choose(stage.general, message.id, size, ["huge"])
    with pytest.raises(Refused, match="between 1 and 2"):
        dora.choose(stage.general, message.id, who, [])


async def test_commands_work_in_direct_messages(stage, client):
    dora = stage.member("dora")
    direct = stage.direct("dora")
    answer = await stage.wait_for_answer(dora.slash(direct, "info"))
    assert answer.channel_id == direct
    dora.slash(direct, "imagine", {"prompt": "a red cat"})
    await stage.wait_for_message(is_grid, channel=direct)


async def test_registered_commands_outlive_the_server(tmp_path, bot_command):
    state = tmp_path / "playground.json"
    async with Stage(state_file=state) as first:
        await first.start_bot(bot_command)
        await first.wait_for_command("imagine")
        command = first.world.find_command("imagine", first.guild)
    async with Stage(state_file=state) as second:
        assert second.world.find_command("imagine", second.guild) == command
