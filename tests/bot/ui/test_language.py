"""Who reads a text decides its language: the member in private, the server in a channel."""

import discord
import pytest
from sqlalchemy import select, update
from tests_support import labels, refusal

import bot.locale
from bot.storage.tables import jobs, purses
from bot.ui.actions import ACTIONS
from bot.ui.commands.audit_ import COMMANDS as AUDITED
from bot.ui.replies import NEEDED
from engine import Sentence

pytestmark = pytest.mark.simcord(shard_count=1, check_errors=False)
LONGEST = {"description": 100, "choice": 100, "menu": 32, "label": 80}
"""Characters that Discord takes."""


def texts(payload, kind="command"):
    """Each text of a command that Discord shows: (its kind, the English, the Japanese)."""
    japanese = {
        key: (payload.get(f"{key}_localizations") or {}).get("ja")
        for key in ("name", "description")
    }
    if kind == "choice" or (payload.get("type") == 3 and kind == "command"):
        yield ("choice" if kind == "choice" else "menu"), payload["name"], japanese["name"]
    else:
        assert japanese["name"] is None, f"{payload['name']} is typed the same in every language"
    if payload.get("description"):
        yield "description", payload["description"], japanese["description"]
    for option in payload.get("options", ()):
        yield from texts(option, "option")
    for choice in payload.get("choices", ()):
        yield from texts(choice, "choice")


async def registered(client):
    translator = client.tree.translator
    commands = [*client.tree.get_commands()]
    return [await command.get_translated_payload(client.tree, translator) for command in commands]


async def test_all_that_discord_shows_of_a_command_is_there_in_japanese(simcord_bot, channel):
    payloads = await registered(simcord_bot)
    shown = [text for payload in payloads for text in texts(payload)]
    assert {payload["name"] for payload in payloads} >= {"imagine", "help", "Cancel Job"}
    assert {kind for kind, *_ in shown} == {"description", "choice", "menu"}
    for kind, english, japanese in shown:
        if kind == "choice" and english in AUDITED:
            continue  # first words of commands, which are the same in all languages
        assert japanese is not None, f"no Japanese {kind} for {english!r}: is it a Sentence?"
        assert max(len(english), len(japanese)) <= LONGEST[kind]


async def test_discord_is_told_the_commands_again_when_a_translation_changed(
    simcord_bot, channel, monkeypatch
):
    assert not await simcord_bot.sync_commands()
    monkeypatch.setattr(bot.locale.translation, "LANGUAGES", {})
    simcord_bot.tree.translator.said.cache_clear()
    assert await simcord_bot.sync_commands()


@pytest.mark.parametrize(
    "text",
    [
        *(action.label for action in ACTIONS.values() if isinstance(action.label, Sentence)),
        *NEEDED.values(),
    ],
)
def test_labels_and_permissions_have_japanese_names(text):
    said = bot.locale.translated(text, "ja")
    assert said != text
    assert len(said) <= LONGEST["label"]


@pytest.mark.parametrize("action", ACTIONS.values(), ids=ACTIONS)
def test_a_label_with_words_can_be_translated(action):
    words = action.label.replace("{number}", "")
    assert isinstance(action.label, Sentence) or not any(map(str.islower, words))


async def imagine(env, channel, member, prompt):
    result = await member.slash(channel, "imagine", prompt=prompt)
    await env.settle()
    return result


async def test_a_channel_speaks_the_servers_language_to_every_member(
    simcord_env, simcord_bot, channel, alice, fake_engine, speaks, database
):
    speaks(member="en-US", server="ja")
    fake_engine.pause()
    result = await imagine(simcord_env, channel, alice, "a cat --video")
    assert result.response.content.startswith(f"**a cat --video** - {alice.mention} (順番待ち)")
    note = "\n-# Doodleでは効果のないもの：--video （動画を作れるモデルはまだありません）。"
    assert note in result.response.content
    fake_engine.resume()
    await simcord_env.settle()
    grid = channel.last_message
    assert f"{alice.mention} (高速)" in grid.content
    assert note in grid.content

    await alice.click(grid, label="U2")
    await simcord_env.settle()
    single = channel.last_message
    assert "画像 #2" in single.content
    assert {"バリエーション（弱）", "バリエーション（強）", "ズームアウト 2x"} <= set(
        labels(single)
    )

    await alice.click(single, label="バリエーション（弱）")
    await simcord_env.settle()
    assert f"{alice.mention} さんのバリエーション（弱）" in channel.last_message.content
    async with database.read() as connection:
        kept = (await connection.execute(select(jobs.c.locale, jobs.c.title))).all()
    assert sorted(kept) == [("ja", ""), ("ja", "バリエーション（弱）")]


async def test_a_member_reads_refusals_in_their_own_language(simcord_env, channel, alice, speaks):
    speaks(member="ja", server="en-US")
    embed = refusal(await imagine(simcord_env, channel, alice, "cat --ar 0:1"))
    assert embed.title == "無効なパラメータ"
    sentence, place, command = embed.description.split("\n", 2)
    assert sentence == (
        "--ar には3:2のように0より大きい整数を2つ指定してください。「0:1」は使えません。"
    )
    assert place == "cat __**\u2068--ar 0:1\u2069**__"
    assert command == "```\n/imagine prompt: cat --ar 0:1\n```"
    speaks(member="en-GB", server="ja")
    embed = refusal(await imagine(simcord_env, channel, alice, "cat --ar 0:1"))
    assert embed.title == "Invalid parameter"


async def test_credits_info_and_help_are_private_and_in_the_members_language(
    simcord_env, simcord_bot, channel, guild, alice, database, speaks
):
    speaks(member="ja", server="en-US")
    info = await alice.slash(channel, "info")
    shown = info.response.embeds[0]
    assert info.ephemeral
    assert shown.title == "あなたの情報"
    assert ("クレジット", "25クレジット") in [(field.name, field.value) for field in shown.fields]
    told = (await alice.slash(channel, "help")).response.embeds[1].description
    assert "`--raw` モデル標準の画風を外します。" in told
    async with database.write() as connection:
        await connection.execute(update(purses).values(available=0))
    embed = refusal(await imagine(simcord_env, channel, alice, "a cat"))
    assert embed.title == "クレジット不足"
    assert embed.description.startswith("1クレジットが必要ですが、残高は0クレジットです。")


async def test_in_direct_messages_all_is_in_the_members_language(
    simcord_env, simcord_bot, alice, fake_engine, speaks
):
    speaks(member="ja", server="en-US")
    await simcord_bot.accounts.grant(
        guild_id=0, user_id=alice.id, amount=1000, actor_id=1, by_owner=True
    )
    fake_engine.pause()
    result = await alice.user.slash("imagine", prompt="a cat")
    assert "(順番待ち)" in result.response.content
    fake_engine.resume()
    await simcord_env.settle()


async def test_what_a_channel_refuses_is_told_to_the_member_in_their_own_language(
    simcord_env, channel, alice, speaks
):
    speaks(member="ja", server="en-US")
    simcord_env.inject_error("POST", "/channels/*/messages", status=403, code=50013)
    await imagine(simcord_env, channel, alice, "a cat")
    [told] = alice.user.dm_channel.history()
    assert "(高速)" in told.content
    assert "画像は保存されています" in told.content


async def test_the_end_of_a_batch_that_a_channel_refuses_is_told_in_the_members_language(
    simcord_env, channel, alice, fake_engine, speaks
):
    speaks(member="ja", server="en-US")
    fake_engine.pause()
    question = await imagine(simcord_env, channel, alice, "a {red, blue} cat")
    await alice.click(question.response.message, label="確定")
    await simcord_env.settle()
    simcord_env.inject_error(
        "POST", f"/channels/{channel.id}/messages", status=403, code=50013, times=None
    )
    fake_engine.resume()
    await simcord_env.settle()
    *_, told = alice.user.dm_channel.history()
    assert "(2件中2件完成)" in told.content


async def test_what_the_bot_may_not_do_is_named_as_the_members_discord_names_it(
    simcord_env, guild, alice, speaks
):
    speaks(member="ja")
    overwrite = discord.PermissionOverwrite(attach_files=False, embed_links=False)
    channel = guild.create_text_channel("quiet", overwrites={guild.default_role: overwrite})
    embed = refusal(await imagine(simcord_env, channel, alice, "a cat"))
    assert "ファイルを添付、埋め込みリンク" in embed.description


async def test_a_long_prompt_with_japanese_notes_fits_into_a_message(
    simcord_env, channel, alice, speaks
):
    speaks(member="ja", server="ja")
    prompt = "赤い猫*と_青い犬、" * 350 + " --video --p --no 霧"
    await imagine(simcord_env, channel, alice, prompt)
    content = channel.last_message.content
    assert "効果のないもの" in content
    assert len(content) <= 2000
