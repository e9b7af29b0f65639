"""/describe: what a picture could have been drawn from, and buttons that draw it."""

import io

import discord
import pytest
from PIL import Image, PngImagePlugin
from tests_support import custom_ids, labels, png, refusal, rows

from bot.jobs.kinds.describe import Describe, aspect_of
from bot.pictures import metadata
from bot.pictures.making import Making, Program
from bot.storage.tables import holds, jobs
from engine.fake import FAKE_MODEL

pytestmark = pytest.mark.simcord(shard_count=1, check_errors=False)
BUTTONS = ["1", "2", "3", "4", "🔄", "Imagine all"]


async def describe(env, channel, member, data=None, name="a.png", **options):
    if data is not None:
        options["picture"] = (name, data)
    result = await member.slash(channel, "describe", **options)
    await env.settle()
    return result


def prompts(message):
    return [line[3:] for line in message.content.splitlines() if line[:1].isdigit()]


def file(size=(90, 60), colours=("red",), kind="PNG", **options):
    buffer = io.BytesIO()
    frames = [Image.new("RGB", size, colour) for colour in colours]
    frames[0].save(buffer, kind, save_all=len(frames) > 1, append_images=frames[1:], **options)
    return buffer.getvalue()


def stranger():
    """A picture with shapes that nobody drew here."""
    picture = Image.effect_noise((90, 60), 90).convert("RGB")
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


async def press(env, member, message, label):
    button = custom_ids(message)[labels(message).index(label)]
    result = await member.click(message, custom_id=button)
    await env.settle()
    return result


async def test_four_distinct_prompts_in_the_shape_of_the_picture(simcord_env, channel, alice):
    await describe(simcord_env, channel, alice, stranger())
    message = channel.last_message
    assert message.content.startswith(f"Description by {alice.mention}")
    assert len(set(prompts(message))) == 4
    assert all(prompt.endswith(" --ar 3:2") for prompt in prompts(message))
    assert labels(message) == BUTTONS
    assert message.attachments[0].filename.endswith(".jpg"), "the picture stands beside its words"


async def test_a_number_draws_its_prompt_for_who_presses_it(
    simcord_env, channel, alice, bob, database, fake_engine
):
    await describe(simcord_env, channel, alice, stranger())
    message = channel.last_message
    await press(simcord_env, bob, message, "3")
    wanted = prompts(message)[2]
    assert channel.last_message.content == f"**{wanted}** - {bob.mention} (fast)"
    drawn = fake_engine.jobs[-1]
    assert drawn.prompt[0].text == wanted.removesuffix(" --ar 3:2")
    assert drawn.width_px / drawn.height_px == pytest.approx(1.5, rel=0.1)
    assert (await rows(database, jobs))[-1].user_id == bob.id
    assert [hold.settled for hold in await rows(database, holds)] == [25, 110]


async def test_its_buttons_work_after_a_restart(simcord_env, channel, alice, new_bot, fake_engine):
    await describe(simcord_env, channel, alice, stranger())
    message = channel.last_message
    fresh = type(fake_engine)()
    fresh.env = simcord_env
    await simcord_env.restart_bot(new_bot(fresh))
    await press(simcord_env, alice, message, "1")
    assert prompts(message)[0] in channel.last_message.content
    assert "U4" in labels(channel.last_message)


async def test_the_arrows_bring_four_others_each_time(simcord_env, channel, alice):
    await describe(simcord_env, channel, alice, stranger())
    seen = prompts(channel.last_message)
    for _ in range(2):
        await press(simcord_env, alice, channel.last_message, "🔄")
        seen += prompts(channel.last_message)
    assert len(set(seen)) == 12


async def test_imagine_all_asks_for_the_price_of_four_grids(simcord_env, channel, alice, database):
    await describe(simcord_env, channel, alice, stranger())
    message = channel.last_message
    question = await press(simcord_env, alice, message, "Imagine all")
    assert question.ephemeral
    assert len(await rows(database, jobs)) == 1
    await alice.click(question.response.message, label="Confirm")
    await simcord_env.settle()
    drawn = [job.prompt for job in await rows(database, jobs) if job.kind == "imagine"]
    assert sorted(drawn) == sorted(prompts(message))


async def test_a_forged_number_is_refused(simcord_env, simcord_bot, channel, alice, database):
    await describe(simcord_env, channel, alice, stranger())
    forged = custom_ids(channel.last_message)[0].replace(":i:1", ":i:9")
    view = discord.ui.View(timeout=None)
    view.add_item(discord.ui.Button(label="x", custom_id=forged))
    await simcord_bot.get_channel(channel.id).send("x", view=view)
    result = await alice.click(channel.last_message, label="x")
    assert "no such prompt" in refusal(result).description
    assert len(await rows(database, jobs)) == 1


async def test_a_picture_made_here_knows_its_prompt_at_no_charge(
    simcord_env, channel, alice, bob, fake_engine, database
):
    await alice.slash(channel, "imagine", prompt="a red cat --ar 3:2")
    await simcord_env.settle()
    grid = await channel.last_message.attachments[0].read()
    result = await describe(simcord_env, channel, bob, grid)
    assert not result.ephemeral
    assert channel.last_message.content.startswith("**a red cat --ar 3:2** - Made here")
    assert "U4" in labels(channel.last_message)
    assert len(fake_engine.jobs) == 1
    assert len(await rows(database, jobs)) == 1


async def test_one_made_where_others_may_not_read_is_told_to_its_reader_alone(
    simcord_env, channel, guild, alice, bob
):
    other = guild.create_text_channel("other")
    await alice.slash(other, "imagine", prompt="a red cat")
    await simcord_env.settle()
    grid = await other.last_message.attachments[0].read()
    result = await describe(simcord_env, channel, bob, grid)
    told = (result.followups or [result.response])[-1]
    assert told.ephemeral
    assert "a red cat" in told.content
    assert channel.history() == []
    assert not told.components, "nobody may press them here"


async def test_a_stealthy_prompt_is_told_to_its_member_alone(simcord_env, channel, alice, bob):
    await alice.slash(channel, "imagine", prompt="a red cat --stealth")
    await simcord_env.settle()
    grid = await alice.user.dm_channel.last_message.attachments[0].read()
    await describe(simcord_env, channel, bob, grid)
    assert channel.last_message.content.startswith("Description by")
    result = await describe(simcord_env, channel, alice, grid)
    told = (result.followups or [result.response])[-1]
    assert told.ephemeral
    assert "a red cat" in told.content


async def test_a_prompt_that_the_file_names_comes_first(simcord_env, channel, alice, fake_engine):
    info = PngImagePlugin.PngInfo()
    told = "a --v 9 **blue** {whale}\nSteps: 20, Sampler: Euler, Seed: 5, Size: 90x60"
    info.add_text("parameters", told)
    await describe(simcord_env, channel, alice, file(pnginfo=info))
    message = channel.last_message
    assert r"1. a v 9 \*\*blue\*\* \\{whale\\} --ar 3:2" in message.content
    assert len(prompts(message)) == 4
    await press(simcord_env, alice, message, "1")
    assert fake_engine.jobs[-1].prompt[0].text == "a v 9 **blue** {whale}"


@pytest.mark.parametrize(
    ("canonical", "offered"),
    [
        ("a lion in a meadow --no grass --s 250 --ar 3:2", "a lion in a meadow"),
        ("red::2 a cat::1 fruit::-0.5 --chaos 20", "red, a cat"),
    ],
)
async def test_of_a_picture_of_another_darkroom_the_words_come_first_without_parameters(
    simcord_env, channel, alice, fake_engine, canonical, offered
):
    told = Making(program=Program.DARKROOM, prompt="typed --no grass", canonical=canonical)
    await describe(simcord_env, channel, alice, metadata.sign(file(), told))
    message = channel.last_message
    assert prompts(message)[0] == f"{offered} --ar 3:2"
    await press(simcord_env, alice, message, "1")
    assert fake_engine.jobs[-1].prompt[0].text == offered
    assert not fake_engine.jobs[-1].negative


async def test_the_first_frame_of_an_animation_is_described_and_that_is_said(
    simcord_env, channel, alice
):
    data = file(colours=("red", "blue"), kind="GIF")
    await describe(simcord_env, channel, alice, data, "a.gif")
    assert "-# This picture is animated; its first frame was looked at." in (
        channel.last_message.content
    )


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({}, "one of the two"),
        ({"link": "https://127.0.0.1/a.png"}, "could not be fetched"),
        ({"link": "https://[::1]/a.png"}, "could not be fetched"),
        ({"link": "http://example.com/a.png"}, "could not be fetched"),
        ({"link": "file:///etc/passwd"}, "could not be fetched"),
        ({"picture": ("a.png", b"no picture")}, "not a picture"),
        ({"picture": ("a.png", png()), "link": "https://a.example/b.png"}, "one of the two"),
    ],
)
async def test_what_cannot_be_described_is_one_sentence_and_free(
    simcord_env, channel, alice, database, given, sentence
):
    result = await describe(simcord_env, channel, alice, **given)
    assert sentence in refusal(result).description
    assert await rows(database, jobs) == []
    assert channel.history() == []


async def test_without_a_describing_model_it_is_refused_with_what_to_install(
    simcord_env, channel, alice, database, new_bot, fake_engine
):
    bare = type(fake_engine)([FAKE_MODEL])
    bare.env = simcord_env
    await simcord_env.restart_bot(new_bot(bare))
    result = await describe(simcord_env, channel, alice, stranger())
    assert "models.toml" in refusal(result).description
    assert await rows(database, jobs) == []


async def test_the_menu_describes_a_message_of_anybody(simcord_env, channel, alice, bob):
    sent = await bob.send(channel, "look", attachments=[("b.png", stranger())])
    await alice.context_menu(channel, "Describe", sent)
    await simcord_env.settle()
    assert labels(channel.last_message) == BUTTONS


async def test_the_menu_knows_the_prompt_of_a_message_of_ours(simcord_env, channel, alice, bob):
    await alice.slash(channel, "imagine", prompt="a red cat")
    await simcord_env.settle()
    await bob.context_menu(channel, "Describe", channel.last_message)
    assert channel.last_message.content.startswith("**a red cat** - Made here")


async def test_the_menu_says_so_where_there_is_no_picture(simcord_env, channel, alice, bob):
    sent = await bob.send(channel, "only words")
    result = await alice.context_menu(channel, "Describe", sent)
    assert "no picture" in refusal(result).description


@pytest.mark.parametrize(
    ("size", "aspect"),
    [
        ((64, 64), "1:1"),
        ((1920, 1080), "16:9"),
        ((1080, 1920), "9:16"),
        ((1024, 683), "3:2"),
        ((1003, 997), "1:1"),
        ((448, 256), "16:9"),
        ((768, 1344), "9:16"),
        ((1216, 832), "3:2"),
        ((1152, 896), "5:4"),
        ((1680, 720), "7:3"),
        ((1449, 1000), "13:9"),
        ((1150, 1000), "8:7"),
        ((2000, 20), "14:1"),
    ],
)
def test_the_aspect_is_a_usual_one_or_the_simplest_that_is_near(size, aspect):
    assert aspect_of(png(size)) == aspect


@pytest.mark.parametrize("claimed", ["a red cat \\", "a red cat ＼ \\", "a" * 998 + " {x} tail"])
def test_a_claimed_prompt_does_not_end_within_an_escape(claimed):
    offered = Describe(claimed=claimed).offered
    assert offered
    assert not offered.endswith(("\\", "＼"))
