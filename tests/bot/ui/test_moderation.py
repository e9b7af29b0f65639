"""Words that are refused, appeals, strikes, blocked members, rules and channels."""

import dataclasses
import io
import logging

import discord
import pytest
from PIL import Image, PngImagePlugin
from sqlalchemy import select
from tests_support import custom_ids, labels, refusal

from bot.storage.tables import audit, entries, jobs, verdicts

pytestmark = pytest.mark.simcord(shard_count=1, check_errors=False)


def with_role(simcord_env, guild, name, **permissions):
    role = guild.create_role(name, permissions=discord.Permissions(**permissions))
    return guild.add_member(simcord_env.create_user(name), roles=[role])


@pytest.fixture
def manager(simcord_env, guild):
    return with_role(simcord_env, guild, "manager", manage_guild=True)


@pytest.fixture
def appeals(guild):
    return guild.create_text_channel("appeals")


async def rows(bot, table):
    async with bot.database.read() as connection:
        return list(await connection.execute(select(table)))


def last(channel):
    return channel.last_message


async def test_a_blocked_text_is_refused_in_private_charged_nothing_and_logged(
    simcord_bot, channel, alice
):
    result = await alice.slash(channel, "imagine", prompt="a n.u.d.e statue")
    shown = refusal(result)
    assert shown.title == "Blocked"
    assert "rule about adult content. Nothing was drawn or charged." in shown.description
    assert "/imagine prompt: a n.u.d.e statue" in shown.description
    assert not await rows(simcord_bot, jobs)
    assert not await rows(simcord_bot, entries)
    [row] = await rows(simcord_bot, verdicts)
    assert (row.category, row.level, row.phrase) == ("adult", "block", "nude")
    assert (row.user_id, row.prompt) == (alice.id, "a n.u.d.e statue")
    assert not channel.history()


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("imagine", {"prompt": "a cat --no nude"}),
        ("imagine", {"prompt": "a {red, nude} cat"}),
        ("imagine", {"prompt": "a nu{de, ll} cat"}),
        ("shorten", {"prompt": "a nude cat"}),
        ("morph", {"text1": "a cat", "text2": "a nude cat"}),
    ],
)
async def test_every_command_with_a_text_is_looked_through(
    simcord_bot, channel, alice, command, options
):
    result = await alice.slash(channel, command, **options)
    assert refusal(result).title == "Blocked"
    assert not await rows(simcord_bot, jobs)


async def test_a_suffix_and_parameters_of_ones_own_are_looked_through(simcord_bot, channel, alice):
    await alice.slash(channel, "prefer suffix", new_value="--no naked")
    assert refusal(await alice.slash(channel, "imagine", prompt="a cat")).title == "Blocked"
    await alice.slash(channel, "prefer suffix")
    await alice.slash(channel, "prefer option set", option="mine", value="--no nude")
    assert refusal(await alice.slash(channel, "imagine", prompt="a cat --mine")).title == "Blocked"


async def test_a_button_is_refused_once_its_words_are_a_rule(
    simcord_env, simcord_bot, channel, manager, alice
):
    await alice.slash(channel, "imagine", prompt="a green parrot")
    await simcord_env.settle()
    await manager.slash(channel, "words add", phrase="parrot")
    grid = last(channel)
    result = await alice.click(grid, label="V1")
    assert "a phrase that this server does not allow" in refusal(result).description
    assert len(await rows(simcord_bot, jobs)) == 1


async def test_managers_add_try_list_and_remove_phrases(
    simcord_bot, guild, channel, manager, alice
):
    said = await manager.slash(channel, "words add", phrase="red cat", level="warn")
    assert "`red cat` is a rule" in said.response.content
    tried = await manager.slash(channel, "words test", text="a r e d c a t, red cat")
    assert "`red cat`: warn" in tried.response.content
    listed = await manager.slash(channel, "words list")
    assert "`red cat` warn" in listed.response.embeds[0].description
    assert "living artists: off" in listed.response.embeds[0].description
    result = await alice.slash(channel, "imagine", prompt="a red cat")
    assert "a phrase with which this server asks you to be careful" in result.followups[-1].content
    assert result.followups[-1].ephemeral
    await manager.slash(channel, "words remove", phrase="Red-Cat")
    assert (
        "meets no rule"
        in (await manager.slash(channel, "words test", text="a red cat")).response.content
    )
    assert [row.action for row in await rows(simcord_bot, audit)] == ["words add", "words remove"]


async def test_a_category_is_switched(channel, manager, alice):
    text = "a hill by greg rutkowski"
    result = await alice.slash(channel, "imagine", prompt=text)
    assert not result.ephemeral
    await manager.slash(channel, "words category", name="artists", on=True)
    assert (
        "living artists" in refusal(await alice.slash(channel, "imagine", prompt=text)).description
    )
    await manager.slash(channel, "words category", name="artists", on=False)
    assert not (await alice.slash(channel, "imagine", prompt=text)).ephemeral


async def test_a_phrase_of_level_spoiler_hides_the_picture_until_somebody_clicks(
    simcord_env, channel, manager, alice
):
    await manager.slash(channel, "words add", phrase="spider*", level="spoiler")
    await alice.slash(channel, "imagine", prompt="two spiders")
    await simcord_env.settle()
    [file] = last(channel).attachments
    assert file.filename.startswith("SPOILER_")
    await alice.click(last(channel), label="U1")
    assert last(channel).attachments[0].filename.startswith("SPOILER_")


@pytest.mark.usefixtures("shown_to_all")
async def test_a_member_may_not_change_the_rules(channel, alice):
    for command, options in (
        ("words add", {"phrase": "cat"}),
        ("words list", {}),
        ("words test", {"text": "cat"}),
        ("words category", {"name": "adult", "on": False}),
        ("member block", {"member": alice}),
        ("member unblock", {"member": alice}),
        ("member strikes", {"member": alice}),
        ("channel deny", {}),
        ("channel nsfw", {"allowed": True}),
        ("rules set", {"text": "x"}),
    ):
        result = await alice.slash(channel, command, **options)
        assert "Only who manages this server" in refusal(result).description, command


async def test_a_rule_holds_in_its_server_alone(simcord_env, simcord_bot, channel, manager):
    await manager.slash(channel, "words add", phrase="parrot")
    other = simcord_env.create_guild("Other")
    there = other.create_text_channel("general")
    dave = other.add_member(simcord_env.create_user("dave"))
    assert not (await dave.slash(there, "imagine", prompt="a parrot")).ephemeral


# Appeals.


async def refused(channel, alice, text="a naked tree in winter"):
    result = await alice.slash(channel, "imagine", prompt=text)
    return result.response.message


async def test_an_appeal_that_is_approved_lets_the_member_have_that_text_and_no_other(
    simcord_env, simcord_bot, new_bot, guild, channel, manager, alice, bob, appeals
):
    await manager.slash(channel, "server appeals", channel=appeals)
    message = await refused(channel, alice)
    assert labels(message) == ["Appeal"]
    sent = await alice.click(message, label="Appeal")
    assert "The moderators have it" in sent.response.content
    asked = last(appeals)
    assert labels(asked) == ["Approve", "Deny"]
    assert "a naked tree in winter" in asked.embeds[0].description
    assert f"<@{alice.id}>" in str(asked.embeds[0].to_dict())
    await manager.click(asked, label="Approve")
    assert "Approved by" in last(appeals).content
    assert not last(appeals).components
    assert "approved your text" in alice.user.dm_channel.last_message.content
    assert not (await alice.slash(channel, "imagine", prompt="a naked tree in winter")).ephemeral
    await simcord_env.settle()
    assert not (await bob.click(last(channel), label="U1")).ephemeral, "it was approved for alice"
    other = await alice.slash(channel, "imagine", prompt="a naked tree in summer")
    assert refusal(other).title == "Blocked"
    assert refusal(await bob.slash(channel, "imagine", prompt="a naked tree in winter"))
    assert [row.action for row in await rows(simcord_bot, audit)][-1] == "appeal approve"


async def test_an_appeal_is_sent_and_decided_once(
    simcord_bot, channel, manager, alice, bob, appeals
):
    await manager.slash(channel, "server appeals", channel=appeals)
    message = await refused(channel, alice)
    await alice.click(message, label="Appeal")
    again = await alice.click(message, label="Appeal")
    assert "sent to the moderators already" in refusal(again).description
    assert len(appeals.history()) == 1
    stranger = await bob.click(last(appeals), label="Approve")
    assert "Only moderators" in refusal(stranger).description
    asked = last(appeals)
    await manager.click(asked, label="Deny")
    assert refusal(await alice.slash(channel, "imagine", prompt="a naked tree in winter"))


async def test_forged_buttons_and_moderators_of_another_server_decide_nothing(
    simcord_env, simcord_bot, channel, manager, alice, bob, appeals
):
    await manager.slash(channel, "server appeals", channel=appeals)
    await alice.click(await refused(channel, alice), label="Appeal")
    [row] = await rows(simcord_bot, verdicts)
    other = simcord_env.create_guild("Other")
    there = other.create_text_channel("general")
    stranger = with_role(simcord_env, other, "stranger", manage_guild=True)
    view = discord.ui.View()
    for custom_id in (f"apl:{row.id}:y", "apl:aaaaaaaaaaaaaaaa:y", "apl:x", "apl:' OR 1=1:y"):
        view.add_item(discord.ui.Button(label=custom_id[:80], custom_id=custom_id))
    posted = await simcord_bot.get_channel(there.id).send("forged", view=view)
    forged = next(each for each in there.history() if each.id == posted.id)
    for custom_id, said in zip(
        custom_ids(forged),
        ("Only moderators", "not known here", "not one of Darkroom's", "not one of Darkroom's"),
        strict=True,
    ):
        result = await stranger.click(forged, custom_id=custom_id)
        assert said in refusal(result).description
    assert [each.appeal for each in await rows(simcord_bot, verdicts)] == ["pending"]


async def test_there_is_no_appeal_without_a_channel_for_it_or_where_minors_are_meant(
    channel, manager, alice, appeals
):
    assert not (await refused(channel, alice)).components
    await manager.slash(channel, "server appeals", channel=appeals)
    assert not (await refused(channel, alice, "a nude schoolgirl")).components


async def test_nobody_without_manage_server_decides_their_own_appeal(
    simcord_env, guild, channel, manager, appeals
):
    await manager.slash(channel, "server appeals", channel=appeals)
    moderator = with_role(simcord_env, guild, "moderator", moderate_members=True)
    await moderator.click(await refused(channel, moderator), label="Appeal")
    result = await moderator.click(last(appeals), label="Approve")
    assert "your own appeal" in refusal(result).description


async def test_the_moderators_get_three_texts_of_a_member_at_once(
    simcord_bot, guild, channel, manager, alice, appeals
):
    await manager.slash(channel, "server appeals", channel=appeals)
    for number in range(4):
        message = await refused(channel, alice, f"a naked tree {number}")
        result = await alice.click(message, label="Appeal")
        await manager.slash(channel, "member strikes", member=alice, clear=True)
        await manager.slash(channel, "member unblock", member=alice)
    assert "wait for their answers" in refusal(result).description
    assert len(appeals.history()) == 3


async def test_an_approval_never_covers_sexualised_minors(
    simcord_bot, channel, manager, alice, appeals
):
    await manager.slash(channel, "server appeals", channel=appeals)
    message = await refused(channel, alice, "a nude loli")
    assert "sexualised minors" in refusal_of(message)
    assert not message.components


# Strikes and blocks.


async def test_the_third_strike_is_a_time_out_and_cleared_strikes_do_not_count(
    simcord_bot, channel, manager, alice
):
    for _ in range(2):
        assert "order again" not in refusal_of(await refused(channel, alice))
    assert "order again <t:" in refusal_of(await refused(channel, alice))
    result = await alice.slash(channel, "imagine", prompt="a cat")
    assert "You can order pictures here again" in refusal(result).description
    told = await manager.slash(channel, "member strikes", member=alice)
    assert "has 3 strikes" in told.response.content
    assert "adult content: 3" in told.response.content
    await manager.slash(channel, "member unblock", member=alice)
    await manager.slash(channel, "member strikes", member=alice, clear=True)
    assert not (await alice.slash(channel, "imagine", prompt="a cat")).ephemeral
    assert "order again" not in refusal_of(await refused(channel, alice))


def refusal_of(message):
    return message.embeds[0].description


async def test_a_blocked_member_orders_nothing_in_that_server_until_unblocked(
    simcord_env, simcord_bot, guild, channel, manager, alice
):
    await alice.slash(channel, "imagine", prompt="a cat")
    await simcord_env.settle()
    grid = last(channel)
    await manager.slash(channel, "member block", member=alice, reason="spam")
    result = await alice.slash(channel, "imagine", prompt="a cat")
    assert refusal(result).description.startswith(
        "Who manages this server lets you order no pictures here. They wrote: spam"
    )
    assert "lets you order no pictures" in refusal(await alice.click(grid, label="V1")).description
    await manager.slash(channel, "member unblock", member=alice)
    assert not (await alice.slash(channel, "imagine", prompt="a cat")).ephemeral


async def test_the_owner_of_the_bot_is_not_blocked(simcord_bot, channel, manager, alice):
    simcord_bot.place = dataclasses.replace(simcord_bot.place, owner_ids=(alice.id,))
    result = await manager.slash(channel, "member block", member=alice)
    assert "cannot be blocked" in refusal(result).description


# Rules and channels.


async def test_a_member_accepts_the_rules_once_and_gets_examples(
    simcord_bot, channel, manager, alice
):
    await manager.slash(channel, "rules set", text="Be kind.")
    result = await alice.slash(channel, "imagine", prompt="a cat")
    assert "accept the rules:\nBe kind." in refusal(result).description
    thanks = await alice.click(result.response.message, label="Accept the rules")
    assert labels(thanks.response.message) == ["Draw 1", "Draw 2", "Draw 3"]
    await alice.click(thanks.response.message, label="Draw 2")
    assert "lighthouse" in last(channel).content
    assert not (await alice.slash(channel, "imagine", prompt="a cat")).ephemeral
    await manager.slash(channel, "rules set", text="Be kinder.")
    assert (
        "Be kinder." in refusal(await alice.slash(channel, "imagine", prompt="a cat")).description
    )
    late = await alice.click(result.response.message, label="Accept the rules")
    assert "have changed" in refusal(late).description
    await manager.slash(channel, "rules set")
    assert not (await alice.slash(channel, "imagine", prompt="a cat")).ephemeral


async def test_orders_are_taken_where_the_managers_let_them(guild, channel, manager, alice):
    other = guild.create_text_channel("other")
    await manager.slash(channel, "channel deny", channel=other)
    assert "in this channel" in refusal(await alice.slash(other, "imagine", prompt="a")).description
    await manager.slash(channel, "channel allow", channel=other)
    assert (
        "in this channel" in refusal(await alice.slash(channel, "imagine", prompt="a")).description
    )
    assert not (await alice.slash(other, "imagine", prompt="a")).ephemeral
    await manager.slash(channel, "channel allow", channel=other, only=False)
    assert not (await alice.slash(channel, "imagine", prompt="a")).ephemeral


async def test_what_goes_on_in_direct_messages_is_not_stopped_by_a_list_of_channels(
    simcord_env, guild, channel, manager, alice
):
    await alice.slash(channel, "imagine", prompt="a cat --stealth")
    await simcord_env.settle()
    await manager.slash(channel, "channel allow", channel=channel)
    grid = alice.user.dm_channel.last_message
    await alice.user.click(grid, label="V1")
    await simcord_env.settle()
    assert "Variations" in alice.user.dm_channel.last_message.content


async def test_adult_content_is_for_channels_that_managers_and_discord_both_restrict(
    simcord_env, simcord_bot, guild, channel, manager, alice, monkeypatch
):
    adults = guild.create_text_channel("adults")
    monkeypatch.setattr(discord.TextChannel, "nsfw", property(lambda self: self.id == adults.id))
    said = refusal(await manager.slash(channel, "channel nsfw", allowed=True))
    assert "does not restrict this channel by age" in said.description
    assert refusal(await alice.slash(adults, "imagine", prompt="a nude statue"))
    await manager.slash(channel, "channel nsfw", allowed=True, channel=adults)
    assert not (await alice.slash(adults, "imagine", prompt="a nude statue")).ephemeral
    await simcord_env.settle()
    [job] = await rows(simcord_bot, jobs)
    shown = await alice.slash(channel, "show", job=job.id)
    assert shown.response.ephemeral
    assert not (await alice.slash(adults, "show", job=job.id)).response.ephemeral
    assert refusal(await alice.slash(channel, "imagine", prompt="a nude statue"))
    assert refusal(await alice.slash(adults, "imagine", prompt="a nude schoolgirl"))


async def test_no_prompt_is_logged_above_debug(simcord_env, channel, alice, caplog):
    with caplog.at_level(logging.DEBUG):
        await alice.slash(channel, "imagine", prompt="a zanzibar cat")
        await simcord_env.settle()
        await alice.slash(channel, "imagine", prompt="a zanzibar nude")
        await alice.slash(channel, "imagine", prompt="a zanzibar cat --ar 99999:1")
        await alice.click(last(channel), label="V1")
        await simcord_env.settle()
    for record in caplog.records:
        if record.levelno > logging.DEBUG:
            assert "zanzibar" not in record.getMessage()


# Lists.


async def test_a_list_is_taken_whole_or_not_at_all(simcord_bot, guild, channel, manager, alice):
    good = b"# ours\nparrot\nwarn,red cat\n\nallow,parrot fish\n"
    result = await manager.slash(channel, "words import", file=("words.txt", good))
    assert "3 phrases were read; 3 of them are new" in result.response.content
    assert refusal(await alice.slash(channel, "imagine", prompt="a parrot"))
    assert not (await alice.slash(channel, "imagine", prompt="a parrot fish")).ephemeral
    for data, said in (
        (b"owl\n*\n", "Line 2 cannot be taken, so nothing was changed"),
        (b"owl\nbl\0ue\n", "not text in UTF-8"),
        (b"\xff\xfe\x00", "not text in UTF-8"),
        (b"# nothing\n", "no phrase in this file"),
        (b"x" * 300_000, "a list has at most 256 KiB"),
        ("\n".join(f"word{n}" for n in range(1200)).encode(), "at most 1000 phrases"),
    ):
        result = await manager.slash(channel, "words import", file=("words.txt", data))
        assert said in refusal(result).description
    own = await simcord_bot.moderation.words.own(guild.id)
    assert [rule.phrase for rule in own] == ["parrot", "red cat", "parrot fish"]


async def test_a_prompt_that_a_described_file_names_is_looked_through(
    simcord_env, simcord_bot, channel, alice, bob
):
    await alice.slash(channel, "imagine", prompt="a zebra")
    await simcord_env.settle()
    picture = PngImagePlugin.PngInfo()
    picture.add_text("parameters", "a naked zebra\nSteps: 20, Sampler: Euler, Seed: 1")
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(buffer, "PNG", pnginfo=picture)
    for _ in range(3):
        await bob.slash(channel, "describe", picture=("a.png", buffer.getvalue()))
        await simcord_env.settle()
        said = channel.last_message.content
        assert "naked" not in said
        assert "break this server's rules of words are left out" in said
    assert await rows(simcord_bot, verdicts) == []


async def test_a_suggestion_that_is_blocked_since_is_refused_without_a_strike(
    simcord_env, simcord_bot, channel, alice, bob, manager
):
    buffer = io.BytesIO()
    Image.effect_mandelbrot((64, 64), (-2, -1, 1, 1), 50).save(buffer, "PNG")
    await alice.slash(channel, "describe", picture=("a.png", buffer.getvalue()))
    await simcord_env.settle()
    described = channel.last_message
    first = described.content.split("1. ")[1].splitlines()[0]
    word = next(word for word in first.split() if len(word) > 2)
    await manager.slash(channel, "words add", phrase=word, level="block")
    for label in ("1", "Imagine all"):
        button = custom_ids(described)[labels(described).index(label)]
        pressed = await bob.click(described, custom_id=button)
        assert "The words of this picture have a phrase" in refusal(pressed).description
    assert await rows(simcord_bot, verdicts) == []

    typed = await bob.slash(channel, "imagine", prompt=first)
    assert "Your text has a phrase" in refusal(typed).description
    assert len(await rows(simcord_bot, verdicts)) == 1
