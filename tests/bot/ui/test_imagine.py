"""The road of one picture, as a member sees it: commands, buttons, messages."""

import io
import zlib

import discord
import pytest
from PIL import Image
from tests_support import custom_ids, labels, png, refusal, rows

import engine
from bot.moderation.policy import Quota
from bot.storage.tables import entries, holds, jobs

pytestmark = pytest.mark.simcord(shard_count=1, check_errors=False)
ALL = ["U1", "U2", "U3", "U4", "🔄", "V1", "V2", "V3", "V4", "❤️"]


async def imagine(env, channel, member, prompt="a red cat"):
    result = await member.slash(channel, "imagine", prompt=prompt)
    await env.settle()
    return result


async def available(bot, guild, member):
    balance = await bot.accounts.balance(guild_id=guild.id, user_id=member.id)
    return balance.available


async def test_imagine_ends_in_a_grid_with_its_buttons(simcord_env, channel, alice):
    result = await imagine(simcord_env, channel, alice, "a red cat --ar 3:2")
    assert not result.ephemeral
    message = channel.last_message
    assert message.content == f"**a red cat --ar 3:2** - {alice.mention} (fast)"
    assert labels(message) == ALL
    with Image.open(io.BytesIO(await message.attachments[0].read())) as grid:
        assert grid.size == (320, 224)  # two by two of 160×112
    assert len(channel.history()) == 1, "the progress message is gone"


async def test_the_first_reply_waits_then_percents_follow(simcord_env, channel, alice, fake_engine):
    fake_engine.pause()
    result = await imagine(simcord_env, channel, alice)
    assert result.response.content == f"**a red cat** - {alice.mention} (Waiting to start)"
    fake_engine.step(1 + 6)
    await simcord_env.settle()
    await simcord_env.advance_time(5)
    shown = channel.last_message
    assert shown.content == f"**a red cat** - {alice.mention} (37%) (fast)"
    assert shown.attachments[0].filename.endswith(".jpg")
    fake_engine.resume()
    await simcord_env.settle()
    assert labels(channel.last_message) == ALL


async def test_the_result_pings_the_member_once_and_nothing_else_does(simcord_env, channel, alice):
    await imagine(simcord_env, channel, alice, "a cat @everyone")
    requests = [r for r in simcord_env.http_requests if isinstance(r.json, dict)]
    mentions = [
        (r.json.get("data") or r.json).get("allowed_mentions")
        for r in requests
        if r.path.endswith("/callback") or "/messages" in r.path
    ]
    assert all(m is not None and "everyone" not in m["parse"] for m in mentions)
    assert [m["users"] for m in mentions if m.get("users")] == [[alice.id]]


async def test_flags_without_effect_are_named_under_the_reply(simcord_env, channel, alice):
    result = await imagine(simcord_env, channel, alice, "a cat --video")
    assert not result.ephemeral
    assert (
        "-# Without effect on Doodle: --video (no kind of model here makes films yet)."
        in channel.last_message.content
    )
    assert labels(channel.last_message) == ALL


async def given_back(result):
    """The text that a refusal has in a code block or in a file."""
    message = result.followups[-1] if result.followups else result.response
    for attachment in message.attachments:
        return (await attachment.read()).decode()
    return message.embeds[0].description.split("```")[1].strip("\n")


@pytest.mark.parametrize(
    ("prompt", "title", "sentence"),
    [
        ("cat --ar 0:1", "Invalid parameter", "--ar takes two whole numbers above 0"),
        ("cat --bogus", "Invalid parameter", "no parameter --bogus"),
        ("--ar 3:2", "Invalid parameter", "no words"),
        ("x" * 5000, "Invalid parameter", "Shorten it by 1000"),
        ("cat --v best", "Invalid parameter", "no model “best”"),
        ("https://127.0.0.1/a.png a cat", "Invalid link", "could not be fetched"),
        ("http://example.com/a.png a cat", "Invalid link", "could not be fetched"),
        ("cat --ar " + "9" * 3900, "Invalid parameter", "--ar takes two whole numbers"),
        ("cat --" + "a" * 3900, "Invalid parameter", "no parameter"),
        ("https://a.example/1.png " * 6 + "cat", "Invalid parameter", "5 pictures at most"),
    ],
)
async def test_a_refusal_is_ephemeral_free_and_gives_the_text_back(
    simcord_env, channel, alice, database, prompt, title, sentence
):
    result = await imagine(simcord_env, channel, alice, prompt)
    embed = refusal(result)
    assert embed.title == title
    assert sentence in embed.description
    assert await given_back(result) == f"/imagine prompt: {prompt}"
    assert await rows(database, jobs) == []
    assert channel.history() == []


async def test_markdown_and_backticks_in_a_prompt_do_no_harm(simcord_env, channel, alice):
    await imagine(simcord_env, channel, alice, "a **cat** `x` ~~y~~")
    assert r"\*\*cat\*\*" in channel.last_message.content
    result = await imagine(simcord_env, channel, alice, "``` @everyone --bogus")
    assert "```" not in refusal(result).description
    assert await given_back(result) == "/imagine prompt: ``` @everyone --bogus"


async def test_a_grid_costs_one_credit_and_money_adds_up(
    simcord_env, simcord_bot, guild, channel, alice, database
):
    await imagine(simcord_env, channel, alice)
    assert await available(simcord_bot, guild, alice) == 2500 - 100
    [hold] = await rows(database, holds)
    assert (hold.state, hold.settled) == ("settled", 100)
    assert sum(entry.amount for entry in await rows(database, entries)) == 2400


async def test_a_failure_is_said_costs_nothing_and_can_be_tried_again(
    simcord_env, simcord_bot, guild, channel, alice, fake_engine
):
    fake_engine.fail_next("The model is broken.", engine.FailureKind.BROKEN_MODEL)
    await imagine(simcord_env, channel, alice)
    message = channel.last_message
    assert "(failed)" in message.content
    assert "The model is broken. Nothing was charged." in message.content
    assert await available(simcord_bot, guild, alice) == 2500
    await alice.click(message, custom_id=custom_ids(message)[0])
    await simcord_env.settle()
    assert labels(channel.last_message) == ALL


async def test_without_credits_nothing_is_drawn(
    simcord_env, simcord_bot, channel, alice, fake_engine
):
    await imagine(simcord_env, channel, alice, "a cat --q 4 --ar 14:1")
    for _ in range(30):
        result = await imagine(simcord_env, channel, alice)
        if result.ephemeral:
            break
    assert refusal(result).title == "Credits exhausted"
    assert "This needs 1 credit; you have" in refusal(result).description
    assert "a red cat" in refusal(result).description
    drawn = len(fake_engine.jobs)
    await imagine(simcord_env, channel, alice)
    assert len(fake_engine.jobs) == drawn


async def test_a_full_queue_refuses_and_takes_nothing(
    simcord_env, new_bot, guild, channel, alice, fake_engine
):
    bot = new_bot(max_running=1, max_queued=2)
    await simcord_env.restart_bot(bot)
    fake_engine.pause()
    for _ in range(3):
        assert not (await imagine(simcord_env, channel, alice)).ephemeral
    before = await available(bot, guild, alice)
    result = await imagine(simcord_env, channel, alice)
    assert refusal(result).title == "Queue full"
    assert "3 pictures waiting" in refusal(result).description
    assert await available(bot, guild, alice) == before
    fake_engine.resume()
    await simcord_env.settle()


async def test_the_place_in_the_queue_is_shown(simcord_env, channel, alice, fake_engine):
    fake_engine.pause()
    for _ in range(6):
        await imagine(simcord_env, channel, alice)
    fake_engine.step(1)
    await simcord_env.settle()
    await simcord_env.advance_time(10)
    contents = [message.content for message in channel.history()]
    assert any("(Waiting to start, 1 before it)" in content for content in contents)
    fake_engine.resume()
    await simcord_env.settle()


# Buttons.


async def test_u_posts_one_full_size_picture_at_no_charge(
    simcord_env, simcord_bot, guild, channel, alice
):
    await imagine(simcord_env, channel, alice)
    before = await available(simcord_bot, guild, alice)
    result = await alice.click(channel.last_message, label="U3")
    said = result.response.content
    assert said.startswith(f"**a red cat** - Image #3 {alice.mention}\n-# Seed ")
    with Image.open(io.BytesIO(await result.response.attachments[0].read())) as picture:
        assert picture.size == (128, 128)
        assert "a red cat" in picture.text["parameters"]
        assert "Seed: " in picture.text["parameters"]
    assert {"Vary (Subtle)", "Vary (Strong)"} <= set(labels(result.response.message))
    assert await available(simcord_bot, guild, alice) == before


async def test_v_draws_four_variations_from_the_stored_picture(
    simcord_env, channel, alice, fake_engine
):
    await imagine(simcord_env, channel, alice)
    await alice.click(channel.last_message, label="V2")
    await simcord_env.settle()
    message = channel.last_message
    first_line, from_ = message.content.split("\n")
    assert first_line == f"**a red cat** - Variations (Strong) by {alice.mention} (fast)"
    assert from_.startswith("-# From [image #2](")
    assert labels(message) == ALL
    first, second = fake_engine.jobs
    assert second.inputs
    assert second.prompt == first.prompt
    assert 0 < second.strength < 1


async def test_reroll_draws_the_same_words_with_another_seed(
    simcord_env, channel, alice, fake_engine
):
    await imagine(simcord_env, channel, alice, "a red cat --seed 7")
    await alice.click(channel.last_message, custom_id=custom_ids(channel.last_message)[4])
    await simcord_env.settle()
    first, second = fake_engine.jobs
    assert first.prompt == second.prompt
    assert first.seed == 7
    assert second.seed != 7


async def test_another_member_may_vary_and_pays_for_it(
    simcord_env, simcord_bot, guild, channel, alice, bob
):
    await imagine(simcord_env, channel, alice)
    await bob.click(channel.last_message, label="V1")
    await simcord_env.settle()
    assert bob.mention in channel.last_message.content
    assert await available(simcord_bot, guild, alice) == 2400
    assert await available(simcord_bot, guild, bob) == 2500 - 75


async def test_buttons_stay_usable_after_use(simcord_env, channel, alice):
    await imagine(simcord_env, channel, alice)
    message = channel.last_message
    for label in ("U1", "U1", "V1"):
        result = await alice.click(message, label=label)
        assert not result.ephemeral
        await simcord_env.settle()


FORGED = [
    "job:nonsense",
    "job:aaaaaaaaaaaaaaaa:u:1",
    "job:aaaaaaaaaaaaaaaa:x:1",
    "job:aaaaaaaaaaaaaaaa:u:1'; DROP TABLE jobs;--",
]


@pytest.mark.parametrize("custom_id", FORGED)
async def test_a_forged_button_gets_one_ephemeral_sentence(
    simcord_env, simcord_bot, channel, alice, database, custom_id
):
    view = discord.ui.View(timeout=None)
    view.add_item(discord.ui.Button(label="x", custom_id=custom_id))
    await simcord_bot.get_channel(channel.id).send("x", view=view)
    result = await alice.click(channel.last_message, label="x")
    assert result.ephemeral
    assert refusal(result).title == "Not found"
    assert await rows(database, jobs) == []


async def test_a_job_of_another_channel_is_out_of_reach(
    simcord_env, simcord_bot, guild, channel, alice, bob
):
    await imagine(simcord_env, channel, alice)
    hidden = custom_ids(channel.last_message)[0]
    other = guild.create_text_channel("other")
    view = discord.ui.View(timeout=None)
    view.add_item(discord.ui.Button(label="x", custom_id=hidden))
    await simcord_bot.get_channel(other.id).send("x", view=view)
    result = await bob.click(other.last_message, label="x")
    assert "another channel" in refusal(result).description


async def test_a_deleted_picture_is_one_sentence(simcord_env, channel, alice, tmp_path):
    await imagine(simcord_env, channel, alice)
    for file in (tmp_path / "pictures").rglob("*.png"):
        file.unlink()
    for label in ("U1", "V1"):
        result = await alice.click(channel.last_message, label=label)
        assert result.ephemeral
        assert "was deleted" in refusal(result).description


async def test_a_fifth_picture_of_four_is_one_sentence(simcord_env, simcord_bot, channel, alice):
    await imagine(simcord_env, channel, alice)
    job = custom_ids(channel.last_message)[0].split(":")[1]
    view = discord.ui.View(timeout=None)
    view.add_item(discord.ui.Button(label="x", custom_id=f"job:{job}:v:9"))
    await simcord_bot.get_channel(channel.id).send("x", view=view)
    result = await alice.click(channel.last_message, label="x")
    assert "no picture 9" in refusal(result).description


# /vary and /blend.


async def test_vary_takes_the_newest_job_of_the_channel(simcord_env, channel, alice, fake_engine):
    await imagine(simcord_env, channel, alice)
    await alice.slash(channel, "vary", image=2, strength="subtle", prompt="a blue cat")
    await simcord_env.settle()
    assert "Variations (Subtle) by" in channel.last_message.content
    assert channel.last_message.content.endswith("\n-# From picture 2 of **a red cat**.")
    assert fake_engine.jobs[-1].prompt[0].text == "a blue cat"


async def test_vary_without_a_picture_says_what_to_do(channel, alice):
    result = await alice.slash(channel, "vary")
    assert "try /imagine first" in refusal(result).description


async def test_vary_of_another_members_job_is_not_found(simcord_env, channel, alice, bob):
    await imagine(simcord_env, channel, alice)
    job = custom_ids(channel.last_message)[0].split(":")[1]
    result = await bob.slash(channel, "vary", job_id=job)
    assert "You have no such job" in refusal(result).description


async def test_blend_mixes_attached_pictures(simcord_env, channel, alice, fake_engine, database):
    await alice.slash(
        channel,
        "blend",
        image1=("a.png", png(colour="red")),
        image2=("b.png", png(colour="blue")),
        dimensions="3:2",
    )
    await simcord_env.settle()
    job = fake_engine.jobs[-1]
    assert job.init_use is engine.InitUse.MIX
    assert len(job.inputs) == 2
    assert job.width_px > job.height_px
    assert labels(channel.last_message) == ALL
    assert "Blend by" in channel.last_message.content


def bomb():
    """A PNG that says it is 20,000×20,000 pixels."""
    header = (20000).to_bytes(4, "big") * 2 + b"\x08\x02\x00\x00\x00"
    chunk = b"IHDR" + header
    return (
        b"\x89PNG\r\n\x1a\n"
        + len(header).to_bytes(4, "big")
        + chunk
        + zlib.crc32(chunk).to_bytes(4, "big")
        + b"\x00\x00\x00\x00IEND\xaeB`\x82"
    )


@pytest.mark.parametrize(
    ("name", "data", "sentence"),
    [
        ("notes.txt", b"hello", "not a picture"),
        ("bomb.png", bomb(), "at most 36 megapixels"),
        ("cut.png", png((300, 300))[:150], "damaged or cut short"),
        ("tiny.png", png((4, 4)), "only 4×4"),
        ("x.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a picture"),
    ],
)
async def test_a_bad_attachment_is_one_ephemeral_sentence(
    simcord_env, channel, alice, database, name, data, sentence
):
    result = await alice.slash(channel, "blend", image1=("a.png", png()), image2=(name, data))
    await simcord_env.settle()
    assert sentence in refusal(result).description
    assert await rows(database, jobs) == []
    assert channel.history() == [], "the deferral was taken back"


# Permissions.


@pytest.mark.parametrize("name", ["attach_files", "send_messages", "read_message_history"])
async def test_a_missing_permission_is_named_before_anything_is_drawn(
    simcord_env, simcord_bot, guild, alice, database, name
):
    overwrite = discord.PermissionOverwrite(**{name: False})
    channel = guild.create_text_channel("quiet", overwrites={guild.default_role: overwrite})
    result = await imagine(simcord_env, channel, alice)
    assert name.replace("_", " ").title() in refusal(result).description
    assert await rows(database, jobs) == []


async def test_a_channel_that_refuses_the_result_keeps_it_and_tells_the_member(
    simcord_env, channel, alice, database
):
    simcord_env.inject_error("POST", "/channels/*/messages", status=403, code=50013)
    await imagine(simcord_env, channel, alice)
    [job] = await rows(database, jobs)
    assert (job.outcome, job.delivery) == ("finished", "kept")
    [told] = alice.user.dm_channel.history()
    assert "the pictures are kept" in told.content
    assert labels(told) == ALL
    shown = await alice.user.click(told, label="U1")
    assert "Image #1" in shown.response.content, "their owner still gets them"


async def test_a_result_too_large_for_discord_is_sent_smaller(simcord_env, channel, alice):
    simcord_env.inject_error("POST", "/channels/*/messages", status=413, code=40005)
    await imagine(simcord_env, channel, alice)
    assert labels(channel.last_message) == ALL


async def test_a_deleted_progress_message_does_not_stop_the_job(
    simcord_env, simcord_bot, channel, alice, fake_engine
):
    fake_engine.pause()
    await imagine(simcord_env, channel, alice)
    await simcord_bot.get_channel(channel.id).get_partial_message(channel.last_message.id).delete()
    fake_engine.step(4)
    await simcord_env.settle()
    fake_engine.resume()
    await simcord_env.settle()
    assert labels(channel.last_message) == ALL


async def test_in_a_direct_message_only_the_owners_credits_count(simcord_env, guild, alice):
    result = await alice.user.slash("imagine", prompt="a cat")
    await simcord_env.settle()
    said = refusal(result).description
    assert "you have 0 credits. Credits count in the server they were given in" in said


async def test_an_order_that_cannot_be_paid_fetches_and_keeps_nothing(
    simcord_env, channel, alice, new_bot, tmp_path
):
    await simcord_env.restart_bot(new_bot(trial_credits=0))
    await simcord_env.settle()
    result = await alice.slash(
        channel, "blend", image1=("a.png", png(colour="red")), image2=("b.png", png(colour="blue"))
    )
    await simcord_env.settle()
    assert refusal(result).title == "Credits exhausted"
    assert not list((tmp_path / "pictures").rglob("*.png"))


async def test_pictures_of_an_order_that_is_refused_late_are_not_kept(
    simcord_env, simcord_bot, channel, alice, tmp_path
):
    async def nothing_is_wrong_yet(*_):
        pass

    simcord_bot.orders.expect = nothing_is_wrong_yet
    simcord_bot.orders._policy.quota = Quota(running=0, queued=0)
    result = await alice.slash(channel, "blend", image1=("a.png", png()), image2=("b.png", png()))
    await simcord_env.settle()
    assert refusal(result).title == "Queue full"
    assert not list((tmp_path / "pictures").rglob("*.png"))


async def test_a_link_in_vary_is_refused_rather_than_ignored(simcord_env, channel, alice):
    await imagine(simcord_env, channel, alice)
    result = await alice.slash(channel, "vary", prompt="https://a.example/1.png a dog")
    assert "leave the link out" in refusal(result).description


async def test_what_cannot_be_seen_is_neither_stored_nor_shown(
    simcord_env, channel, alice, database
):
    await imagine(simcord_env, channel, alice, "a \u202ered\x00 cat \ud800\u200b")
    assert channel.last_message.content.startswith("**a red cat** - ")
    [job] = await rows(database, jobs)
    assert job.prompt == "a red cat"
    refused = refusal(await imagine(simcord_env, channel, alice, "a\u202e cat --bogus"))
    assert "\u202e" not in refused.description


async def test_a_prompt_of_brackets_is_quoted_in_linear_time(simcord_env, channel, alice):
    await imagine(simcord_env, channel, alice, "[" * 500 + "](" * 500)
    assert r"\[" in channel.last_message.content
