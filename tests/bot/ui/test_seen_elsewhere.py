"""What was judged of a picture holds for what is made from it, wherever it is gone on from."""

import io

import discord
import pytest
from PIL import Image, PngImagePlugin
from sqlalchemy import func, select
from tests_support import custom_ids, png, refusal

from bot.storage.tables import jobs, verdicts

pytestmark = pytest.mark.simcord(shard_count=1, check_errors=False)


@pytest.fixture
async def adults(guild, manager, channel, monkeypatch):
    """A channel for adults, where adult content is allowed."""
    adults = guild.create_text_channel("adults")
    monkeypatch.setattr(discord.TextChannel, "nsfw", property(lambda self: self.id == adults.id))
    await manager.slash(channel, "channel nsfw", allowed=True, channel=adults)
    return adults


async def imagine(env, channel, member, prompt="a red cat"):
    await member.slash(channel, "imagine", prompt=prompt)
    await env.settle()


async def newest(bot):
    async with bot.database.read() as connection:
        found = select(jobs.c.id).order_by(jobs.c.created_ms.desc(), jobs.c.id).limit(1)
        return (await connection.execute(found)).scalar_one()


async def strikes(bot):
    async with bot.database.read() as connection:
        return (await connection.execute(select(func.count()).select_from(verdicts))).scalar_one()


async def available(bot, guild, member):
    balance = await bot.accounts.balance(guild_id=guild.id, user_id=member.id)
    return balance.available


async def test_a_film_for_adults_is_not_gone_on_from_in_another_channel(
    simcord_env, channel, alice, bob, adults
):
    await alice.slash(adults, "morph", text1="a woman on a bed", text2="a nude woman", frames=3)
    await simcord_env.settle()
    film = ("f.webp", await adults.last_message.attachments[0].read())
    for member in (alice, bob):
        for name, options in (
            ("blend", {"image1": ("a.png", png()), "image2": film}),
            ("upscale", {"picture": film}),
            ("vary", {"picture": film, "prompt": "a bed", "strength": "subtle"}),
        ):
            refused = await member.slash(channel, name, **options)
            await simcord_env.settle()
            assert "for adults only" in refusal(refused).description
            assert channel.history() == []


@pytest.mark.parametrize(
    "label", ["Upscale (Subtle)", "Upscale (Creative)", "Vary (Subtle)", "Zoom Out 2x"]
)
async def test_a_picture_for_adults_is_not_gone_on_from_in_another_channel(
    simcord_env, simcord_bot, guild, channel, alice, adults, label
):
    await imagine(simcord_env, adults, alice, "a woman on a bed")
    before = await available(simcord_bot, guild, alice)
    shown = await alice.slash(channel, "show")
    single = await alice.click(shown.response, label="U1")
    assert shown.ephemeral
    assert single.ephemeral
    pressed = await alice.click(single.response, label=label)
    await simcord_env.settle()
    assert "for adults only" in refusal(pressed).description
    assert channel.history() == []
    assert await available(simcord_bot, guild, alice) == before


async def test_a_picture_for_adults_is_varied_and_described_where_it_was_drawn_alone(
    simcord_env, simcord_bot, channel, alice, adults
):
    await imagine(simcord_env, adults, alice, "a nude woman on a bed")
    job_id = await newest(simcord_bot)
    told = await alice.slash(channel, "describe", job_id=job_id)
    varied = await alice.slash(channel, "vary", job_id=job_id, strength="subtle", prompt="a bed")
    await simcord_env.settle()
    assert told.ephemeral
    assert "for adults only" in refusal(varied).description
    assert channel.history() == []

    await alice.slash(adults, "vary", job_id=job_id, strength="subtle")
    await simcord_env.settle()
    assert "Variations (Subtle)" in adults.last_message.content


async def test_a_reaction_posts_nothing_for_adults_once_the_channel_is_for_everybody(
    simcord_env, simcord_bot, alice, adults, monkeypatch
):
    await imagine(simcord_env, adults, alice, "a woman on a bed")
    grid = adults.last_message
    await alice.react(grid, "1️⃣")
    await simcord_env.settle()
    assert adults.last_message.id != grid.id
    before = len(adults.history())
    monkeypatch.setattr(discord.TextChannel, "nsfw", property(lambda _: False))
    await alice.react(grid, "2️⃣")
    await simcord_env.settle()
    assert len(adults.history()) == before


async def test_what_is_drawn_over_a_covered_picture_is_covered(
    simcord_env, channel, alice, manager
):
    await manager.slash(channel, "words add", phrase="gadget", level="spoiler")
    await imagine(simcord_env, channel, alice, "a purple gadget")
    await alice.slash(channel, "vary", prompt="a thing", strength="subtle")
    await simcord_env.settle()
    assert channel.last_message.attachments[0].filename.startswith("SPOILER_")


async def test_words_that_another_member_typed_are_refused_without_a_strike(
    simcord_env, simcord_bot, channel, alice, bob, manager
):
    await imagine(simcord_env, channel, alice, "a purple gadget")
    grid = channel.last_message
    await manager.slash(channel, "words add", phrase="gadget", level="block")
    for _ in range(3):
        pressed = await bob.click(grid, label="V1")
        assert "The words of this picture have a phrase" in refusal(pressed).description
    again = await bob.click(
        grid, custom_id=next(each for each in custom_ids(grid) if each.endswith(":r"))
    )
    assert "The words of this picture have a phrase" in refusal(again).description
    assert await strikes(simcord_bot) == 0
    await imagine(simcord_env, channel, bob)
    assert "a red cat" in channel.last_message.content

    typed = await bob.slash(channel, "imagine", prompt="a purple gadget")
    assert "Your text has a phrase" in refusal(typed).description
    assert await strikes(simcord_bot) == 1


async def test_details_of_a_picture_stand_without_the_one_that_its_member_erased(
    simcord_env, simcord_bot, channel, alice, bob
):
    await imagine(simcord_env, channel, alice)
    grid = channel.last_message
    await bob.click(grid, label="V1")
    await simcord_env.settle()
    varied = channel.last_message
    await simcord_bot.privacy.erase(alice.id)
    told = await bob.context_menu(channel, "Job details", varied)
    assert told.response.embeds[0].title == "Job details"


@pytest.mark.parametrize("menu", ["Job details", "DM Results", "Vary", "Cancel Job"])
async def test_menus_on_an_erased_picture_say_that_it_is_erased(
    simcord_env, simcord_bot, channel, alice, bob, menu
):
    await imagine(simcord_env, channel, alice)
    grid = channel.last_message
    await simcord_bot.privacy.erase(alice.id)
    for member in (alice, bob):
        told = await member.context_menu(channel, menu, grid)
        assert "erased this picture" in refusal(told).description


async def test_a_suffix_that_was_taken_out_of_a_form_does_not_come_back_in_a_batch(
    simcord_env, simcord_bot, channel, alice
):
    await simcord_bot.preferences.change(alice.id, suffix="--ar 3:2", remix=True)
    await imagine(simcord_env, channel, alice)
    grid = channel.last_message
    form = await alice.click(
        grid, custom_id=next(each for each in custom_ids(grid) if each.endswith(":r"))
    )
    asked = await alice.submit_modal(form, {"prompt": "a {red, blue} cat"})
    message = asked.followups[-1] if asked.followups else asked.response
    assert "a blue cat" in message.embeds[0].description
    assert "--ar 3:2" not in message.embeds[0].description


ORDERS = {
    "vary": lambda file: ("vary", {"picture": file, "prompt": "a bed", "strength": "subtle"}),
    "upscale": lambda file: ("upscale", {"picture": file}),
    "blend": lambda file: ("blend", {"image1": ("a.png", png()), "image2": file}),
}


async def picture_of(bot, job_id):
    _, data = await bot.lookup.picture(job_id, 1)
    return data


def saved_anew(data):
    buffer = io.BytesIO()
    with Image.open(io.BytesIO(data)) as picture:
        picture.save(buffer, "WEBP", quality=90)
    return buffer.getvalue()


@pytest.mark.parametrize("anew", [False, True])
@pytest.mark.parametrize("command", [*ORDERS, "describe"])
async def test_a_picture_for_adults_that_is_sent_is_not_gone_on_from_in_another_channel(
    simcord_env, simcord_bot, guild, channel, bob, alice, adults, command, anew
):
    await imagine(simcord_env, adults, alice, "a woman on a bed")
    data = await picture_of(simcord_bot, await newest(simcord_bot))
    file = ("a.webp", saved_anew(data)) if anew else ("a.png", data)
    name, options = ORDERS[command](file) if command in ORDERS else (command, {"picture": file})
    before = await available(simcord_bot, guild, bob)
    told = await bob.slash(channel, name, **options)
    await simcord_env.settle()
    assert channel.history() == []
    assert await available(simcord_bot, guild, bob) == before
    if command == "describe":  # by whoever may read the other channel
        assert told.followups[-1].ephemeral if told.followups else told.ephemeral
        return
    assert "channel for adults only" in refusal(told).description
    await bob.slash(adults, name, **options)
    await simcord_env.settle()
    assert adults.last_message.attachments


async def test_what_nobody_may_see_is_not_described_for_all(
    simcord_env, simcord_bot, guild, channel, alice, bob, manager, monkeypatch
):
    locked = guild.create_text_channel(
        "locked", overwrites={bob: discord.PermissionOverwrite(view_channel=False)}
    )
    monkeypatch.setattr(discord.TextChannel, "nsfw", property(lambda self: self.id == locked.id))
    await manager.slash(channel, "channel nsfw", allowed=True, channel=locked)
    await imagine(simcord_env, locked, alice, "a woman on a bed")
    data = await picture_of(simcord_bot, await newest(simcord_bot))
    told = await bob.slash(channel, "describe", picture=("a.png", data))
    assert "channel for adults only" in refusal(told).description
    assert channel.history() == []


@pytest.mark.parametrize("command", ORDERS)
async def test_what_is_drawn_over_a_covered_picture_that_is_sent_is_covered(
    simcord_env, simcord_bot, channel, alice, bob, manager, command
):
    await manager.slash(channel, "words add", phrase="gadget", level="spoiler")
    await imagine(simcord_env, channel, alice, "a purple gadget")
    data = await picture_of(simcord_bot, await newest(simcord_bot))
    name, options = ORDERS[command](("a.webp", saved_anew(data)))
    await bob.slash(channel, name, **options)
    await simcord_env.settle()
    assert channel.last_message.attachments[0].filename.startswith("SPOILER_")


async def test_a_blend_of_ones_own_hidden_picture_is_hidden_and_of_anothers_is_not(
    simcord_env, simcord_bot, channel, alice, bob
):
    await imagine(simcord_env, channel, alice, "a secret --stealth")
    data = await picture_of(simcord_bot, await newest(simcord_bot))
    name, options = ORDERS["blend"](("a.png", data))
    await alice.slash(channel, name, **options)
    await simcord_env.settle()
    assert channel.history() == []
    direct = alice.user.dm_channel
    assert "add --public to the words" in direct.last_message.content
    await alice.slash(channel, name, **options, prompt="a thing --public")
    await simcord_env.settle()
    assert f"Blend by {alice.mention}" in channel.last_message.content
    await bob.slash(channel, name, **options)
    await simcord_env.settle()
    assert channel.last_message.attachments


async def test_what_is_made_of_a_picture_for_adults_in_direct_messages_is_shown_in_private(
    simcord_env, channel, alice, adults
):
    await imagine(simcord_env, adults, alice, "a woman on a bed")
    await alice.react(adults.last_message, "✉️")
    await simcord_env.settle()
    direct = alice.user.dm_channel
    await alice.user.click(direct.last_message, label="V1")
    await simcord_env.settle()
    assert "Variations" in direct.last_message.content
    shown = await alice.slash(channel, "show")
    assert shown.ephemeral
    assert channel.history() == []


async def test_a_prompt_that_a_file_names_is_offered_where_it_may_be_ordered(
    simcord_env, guild, channel, adults, alice
):
    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", "a nude statue\nSteps: 20, Sampler: Euler, Seed: 5, Size: 90x60")
    buffer = io.BytesIO()
    Image.new("RGB", (90, 60), "red").save(buffer, "PNG", pnginfo=info)
    offered = {}
    for place in (channel, adults):
        await alice.slash(place, "describe", picture=("a.png", buffer.getvalue()))
        await simcord_env.settle()
        offered[place] = "a nude statue" in place.last_message.content
    assert offered == {channel: False, adults: True}
