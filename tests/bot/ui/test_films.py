"""/morph and 🎞: animated pictures, and a grid of steps between two things."""

import io

import pytest
from PIL import Image, ImageSequence
from tests_support import custom_ids, labels, png, refusal, rows

import engine
from bot.errors import UserError
from bot.jobs.kinds import Context, Morph
from bot.jobs.kinds.morph import turn
from bot.storage.tables import films, holds, images, jobs, messages

pytestmark = pytest.mark.simcord(shard_count=1, check_errors=False)


async def morph(env, channel, member, **options):
    result = await member.slash(channel, "morph", **options)
    await env.settle()
    return result


async def press(env, member, message, label):
    button = custom_ids(message)[labels(message).index(label)]
    result = await member.click(message, custom_id=button)
    await env.settle()
    return result


async def frames_of(message):
    with Image.open(io.BytesIO(await message.attachments[0].read())) as film:
        assert film.format == "WEBP"
        return [frame.convert("RGB") for frame in ImageSequence.Iterator(film)]


async def test_a_morph_of_two_texts_is_one_animated_picture_of_one_noise(
    simcord_env, channel, alice, fake_engine, database
):
    await morph(simcord_env, channel, alice, text1="a cat --seed 7", text2="a dog", frames=4)
    message = channel.last_message
    assert message.content.startswith(f"**a cat --seed 7 → a dog** - Morph by {alice.mention}")
    assert message.attachments[0].description == "a cat --seed 7 → a dog"
    said = "Frame 3 of 4 is the first whose words are nearer to “dog” than to “cat”."
    assert said in message.content
    frames = await frames_of(message)
    assert len(frames) == 4
    assert frames[0].size == (128, 128)
    job = fake_engine.jobs[-1]
    assert job.shares == pytest.approx((0, 1 / 3, 2 / 3, 1))
    assert (job.seed, job.towards[0].text) == (7, "a dog")
    assert await rows(database, images) == [], "only the film is kept"
    assert len(await rows(database, films)) == 1
    assert labels(message) == ["🔄"]
    assert [hold.settled for hold in await rows(database, holds)] == [100]


async def test_a_morph_is_morphed_again_with_another_seed(simcord_env, channel, alice, fake_engine):
    await morph(simcord_env, channel, alice, text1="a cat", text2="a dog", frames=2)
    await press(simcord_env, alice, channel.last_message, "🔄")
    first, second = fake_engine.jobs
    assert (first.shares, first.towards) == (second.shares, second.towards)
    assert first.seed != second.seed
    assert len(await frames_of(channel.last_message)) == 2


async def test_a_cross_is_a_grid_whose_pictures_go_on(simcord_env, channel, alice, fake_engine):
    await morph(simcord_env, channel, alice, text1="a cat", text2="a dog", cross=True)
    assert fake_engine.jobs[-1].shares == (0.35, 0.45, 0.55, 0.65)
    message = channel.last_message
    assert "U4" in labels(message)
    await press(simcord_env, alice, message, "V2")
    job = fake_engine.jobs[-1]
    assert (job.shares, job.towards, job.images) == ((), (), 4)
    assert job.looks[-1].prompt[0].text == "a dog"


async def test_a_morph_of_two_pictures_mixes_them(simcord_env, channel, alice, fake_engine):
    await morph(
        simcord_env,
        channel,
        alice,
        image1=("a.png", png((96, 64))),
        image2=("b.png", png((96, 64), "blue")),
        frames=3,
    )
    job = fake_engine.jobs[-1]
    assert job.init_use is engine.InitUse.MIX
    assert len(job.inputs) == 2
    assert job.width_px / job.height_px == pytest.approx(1.5, rel=0.1)
    frames = await frames_of(channel.last_message)
    assert frames[0].getpixel((50, 50))[0] > 200
    assert frames[2].getpixel((50, 50))[2] > 200
    assert "Frame 3 of 3 is the first that is nearer to the second" in channel.last_message.content


@pytest.mark.parametrize(
    ("texts", "shown", "said"),
    [
        (("a red cat", "a blue cat"), range(5), "Frame 4 of 5 is the first whose words are nearer"),
        (("a red cat", "a blue cat"), range(5), "to “blue” than to “red”."),
        (("a cat", "a cat at night"), range(4), "Frame 3 of 4"),
        (("a cat", "a cat at night"), range(4), "to “at night” than to “a cat”."),
        (("a cat", "a dog"), (0, 3, 4), "Frame 2 of 3"),  # some frames are withheld
        (("a cat", "a cat"), range(4), None),
        (("a cat", "a dog"), (0, 1), None),
        (("a cat", "a dog"), (3, 4), None),
        (("a **cat**", "a dog"), range(4), "than to “\\*\\*cat\\*\\*”."),
    ],
)
def test_the_frame_is_named_at_which_the_nearer_words_change(texts, shown, said):
    first, second = ((engine.WeightedText(text=text),) for text in texts)
    count = max(5, len(shown)) if not isinstance(shown, range) else len(shown)
    shares = tuple(number / (count - 1) for number in range(count))
    job = engine.DrawJob(
        id="a", owner="1", model="m", prompt=first, towards=second, shares=shares, images=count
    )
    sentence = turn(job, tuple(shown))
    assert sentence is None if said is None else said in sentence


async def test_what_costs_more_than_a_grid_is_asked_first(simcord_env, channel, alice, database):
    question = await morph(simcord_env, channel, alice, text1="a cat", text2="a dog", frames=60)
    asked = question.followups[-1] if question.followups else question.response.message
    assert "15 credits" in asked.embeds[0].description
    assert await rows(database, jobs) == []


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"text1": "a cat"}, "from one text to another"),
        ({"text1": "a cat", "image1": ("a.png", png())}, "from one text to another"),
        ({"text1": "a cat", "text2": "a dog --ar 3:2"}, "parameters after the first text only"),
        ({"text1": "a cat", "text2": "https://example.com/a.png a dog"}, "leave links out"),
        ({"text1": "a cat --nonsense", "text2": "a dog"}, "nonsense"),
        ({"image1": ("a.png", b"x"), "image2": ("b.png", png())}, "not a picture"),
    ],
)
async def test_what_is_no_morph_costs_nothing(
    simcord_env, channel, alice, database, options, sentence
):
    result = await morph(simcord_env, channel, alice, **options)
    assert sentence in refusal(result).description
    assert await rows(database, jobs) == []


async def test_sixty_one_frames_are_refused_by_the_rule_too(simcord_env, simcord_bot):
    from bot.errors import UserError

    context = Context(
        models=simcord_bot.engine_client.models(), default_model="", job_id="a", owner="b", seed=1
    )
    for frames in (1, 61):
        with pytest.raises(UserError, match="2 to 60 frames"):
            Morph(words=("a cat", "a dog"), frames=frames).write(context)


async def test_the_making_of_a_picture_draws_it_once_more_from_its_seed(
    simcord_env, channel, alice, bob, fake_engine, database
):
    await alice.slash(channel, "imagine", prompt="a cat --seed 7")
    await simcord_env.settle()
    await press(simcord_env, alice, channel.last_message, "U3")
    await press(simcord_env, bob, channel.last_message, "🎞️")
    message = channel.last_message
    assert f"Making-of by {bob.mention}" in message.content
    assert "price of one picture" in message.content
    grid, film = fake_engine.jobs
    assert (film.seed, film.images, film.prompt) == (9, 1, grid.prompt)
    frames = await frames_of(message)
    assert len(frames) == film.film_frames + 1
    assert frames[-1].size == (128, 128)
    [_, hold] = await rows(database, holds)
    assert hold.settled == 25
    assert labels(message) == ["U1"]
    assert (await rows(database, messages))[-1].role == "film"


async def test_an_upscaled_picture_has_no_button_for_its_making_of(simcord_env, channel, alice):
    await alice.slash(channel, "imagine", prompt="a cat")
    await simcord_env.settle()
    await press(simcord_env, alice, channel.last_message, "U3")
    await press(simcord_env, alice, channel.last_message, "Upscale (Subtle)")
    assert "🎞️" not in labels(channel.last_message)


async def test_a_making_of_that_failed_is_tried_again_with_its_own_seed(
    simcord_env, channel, alice, fake_engine
):
    await alice.slash(channel, "imagine", prompt="a cat --seed 7")
    await simcord_env.settle()
    await press(simcord_env, alice, channel.last_message, "U3")
    fake_engine.fail_next()
    await press(simcord_env, alice, channel.last_message, "🎞️")
    await press(simcord_env, alice, channel.last_message, "🔄")
    assert [job.seed for job in fake_engine.jobs] == [7, 9, 9]
    assert len(await frames_of(channel.last_message)) > 2


async def test_the_words_of_a_morph_are_not_edited_in_silence(
    simcord_env, simcord_bot, channel, alice, fake_engine
):
    await morph(simcord_env, channel, alice, text1="a cat", text2="a dog", frames=2)
    row = await simcord_bot.lookup.job(fake_engine.jobs[0].id)
    with pytest.raises(UserError, match="cannot be edited"):
        await simcord_bot.interactions.rerolled(row, "a fox")


async def test_a_long_morph_is_asked_about_again_before_it_is_charged_again(
    simcord_env, channel, alice, bob, database, fake_engine
):
    question = await morph(simcord_env, channel, alice, text1="a cat", text2="a dog", frames=24)
    asked = question.followups[-1] if question.followups else question.response.message
    await press(simcord_env, alice, asked, "Confirm")
    film = channel.last_message
    assert len(fake_engine.jobs) == 1

    again = await press(simcord_env, bob, film, "🔄")
    asked = again.followups[-1] if again.followups else again.response.message
    assert "6 credits" in asked.embeds[0].description
    await bob.react(film, "🔄")
    await simcord_env.settle()
    told = bob.user.dm_channel.last_message.embeds[0].description
    assert "This costs 6 credits once more" in told
    assert len(fake_engine.jobs) == len(await rows(database, jobs)) == 1

    await press(simcord_env, bob, asked, "Confirm")
    assert len(fake_engine.jobs) == 2
