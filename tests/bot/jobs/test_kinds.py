"""Every kind of job goes the whole road: ordered, stored, restarted, shown."""

import dataclasses
import io
import re

import pytest
from PIL import Image
from tests_support import custom_ids, labels, png, rows

import engine
from bot.jobs.kinds import KINDS, Context, Describe, Imagine, Shorten, Source, Upscale, Written
from bot.storage.tables import holds, images, inputs, jobs, messages
from bot.ui.actions import ACTIONS

pytestmark = pytest.mark.simcord(shard_count=1, check_errors=False)


class Drawn:
    """A drawing with whatever no command offers yet: a mask, a film, one image."""

    kind, title, parent_id, text = "imagine", "", None, "a red cat"

    def __init__(self, **fields):
        self._fields = fields

    def write(self, context: Context) -> Written:
        written = Imagine(text=self.text).write(context)
        job = engine.DrawJob(
            **{
                name: getattr(written.job, name)
                for name in engine.DrawJob.__slots__
                if name not in self._fields
            },
            **self._fields,
        )
        return Written(job=job, model=written.model, resolved=written.resolved)


@pytest.fixture
def order(simcord_env, simcord_bot, channel, alice):
    """Orders any request by a command of its own, and waits for the end."""

    async def place(request):
        async def imagine(interaction, _text):
            await simcord_bot.interactions.place(interaction, request)

        simcord_bot.interactions.imagine = imagine
        await alice.slash(channel, "imagine", prompt="whatever")
        await simcord_env.settle()

    return place


async def picture_of(message):
    return Image.open(io.BytesIO(await message.attachments[0].read()))


async def test_a_description_is_delivered_as_text_and_paid(order, channel, database):
    await order(Describe(picture=png()))
    message = channel.last_message
    assert message.content.startswith("Description by <@")
    assert re.search(r"\n1\. \w.+\n2\. \w.+\n3\. \w.+\n4\. \w.+$", message.content)
    assert [file.filename[-4:] for file in message.attachments] == [".jpg"]
    assert labels(message) == ["1", "2", "3", "4", "🔄", "Imagine all"]
    [job] = await rows(database, jobs)
    assert (job.outcome, job.delivery, job.kind) == ("finished", "posted", "describe")
    assert [hold.state for hold in await rows(database, holds)] == ["settled"]
    assert [row.role for row in await rows(database, messages)] == ["text"]


async def test_word_weights_are_shown_in_the_words(order, channel):
    await order(Shorten(text="a magnificent cat --seed 5"))
    assert channel.last_message.content.splitlines()[1:] == [
        "~~a~~ **magnificent** cat",
        "1. magnificent cat --seed 5",
        "2. magnificent --seed 5",
    ]


async def test_an_enlarged_picture_is_one_picture_and_can_be_varied(
    simcord_env, order, channel, alice, fake_engine
):
    await order(Upscale(source=Source(picture=png((64, 32)), text="a cat")))
    message = channel.last_message
    assert message.content.startswith("**a cat** - Upscaled (Subtle) by <@")
    with await picture_of(message) as picture:
        assert picture.size == (128, 64)
    assert {"Vary (Subtle)", "Vary (Strong)"} <= set(labels(message))
    await alice.click(message, label="Vary (Strong)")
    await simcord_env.settle()
    assert fake_engine.jobs[-1].prompt[0].text == "a cat"
    assert "U4" in labels(channel.last_message)


async def test_a_single_drawing_is_one_picture_with_its_own_buttons(order, channel):
    await order(Drawn(images=1))
    assert {"Vary (Subtle)", "Vary (Strong)"} <= set(labels(channel.last_message))


async def test_a_film_is_posted_as_one_animated_picture(order, channel, database):
    await order(Drawn(film_frames=5))
    message = channel.last_message
    assert message.attachments[0].filename.endswith(".webp")
    with await picture_of(message) as film:
        assert film.n_frames == 5
    assert "U4" in labels(message)
    assert [row.role for row in await rows(database, messages)] == ["film"]
    assert len(await rows(database, images)) == 4, "its pictures are kept as well"


@pytest.mark.parametrize(
    ("films", "frames"),
    [
        ([5, 3, 4, 5], 3),  # a frame was lost: all are cut to the shortest
        ([5, 5, 5], None),  # whose frames they are is not known: none is shown
        ([5, 0, 5, 5], None),
        ([], None),
    ],
)
async def test_frames_that_are_missing_fail_no_job(order, channel, fake_engine, films, frames):
    real = fake_engine.run

    async def fewer(job, *arguments):
        async for event in real(job, *arguments):
            if isinstance(event, engine.Finished):
                kept = tuple(event.films[0][:count] for count in films)
                event = dataclasses.replace(event, films=kept)  # noqa: PLW2901
            yield event

    fake_engine.run = fewer
    await order(Drawn(film_frames=5))
    with await picture_of(channel.last_message) as shown:
        assert getattr(shown, "n_frames", 1) == (frames or 1)
    assert "U4" in labels(channel.last_message)


async def test_variations_of_an_enlarged_picture_take_a_new_seed_each_time(
    simcord_env, order, channel, alice, fake_engine
):
    await order(Upscale(source=Source(picture=png((64, 32)), text="a cat --seed 7")))
    message = channel.last_message
    for _ in range(2):
        await alice.click(message, label="Vary (Strong)")
        await simcord_env.settle()
    seeds = {job.seed for job in fake_engine.jobs if isinstance(job, engine.DrawJob)}
    assert len(seeds) == 2


REQUESTS = {
    "an inpainting": Drawn(inputs=(engine.InputPicture(data=png()),), mask=png(colour="white")),
    "a film": Drawn(film_frames=3),
    "an enlargement in parts": Drawn(
        inputs=(engine.InputPicture(data=png()),), images=1, enlarge=2
    ),
    "an enlargement": Upscale(source=Source(picture=png(), text="")),
    "a description": Describe(picture=png()),
    "word weights": Shorten(text="a red cat"),
}


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS.keys())
async def test_it_runs_again_after_a_kill_as_it_was_ordered(
    simcord_env, order, fake_engine, new_bot, database, request_
):
    fake_engine.pause()
    await order(request_)
    fresh = type(fake_engine)()
    fresh.env = simcord_env
    await simcord_env.restart_bot(new_bot(fresh))
    await simcord_env.settle()
    assert fresh.jobs == fake_engine.jobs, "with its pictures and its mask"
    [job] = await rows(database, jobs)
    assert (job.outcome, job.delivery) == ("finished", "posted")


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS.keys())
async def test_it_is_done_once_more_by_its_button(
    simcord_env, order, channel, alice, fake_engine, request_
):
    fake_engine.fail_next()
    await order(request_)
    [again] = custom_ids(channel.last_message)
    await alice.click(channel.last_message, custom_id=again)
    await simcord_env.settle()
    first, second = fake_engine.jobs
    renewed = {name for name in first.__slots__ if getattr(first, name) != getattr(second, name)}
    assert renewed == ({"id", "seed"} if isinstance(first, engine.DrawJob) else {"id"})


async def test_masks_are_kept_like_pictures(order, database):
    await order(REQUESTS["an inpainting"])
    assert len(await rows(database, inputs)) == 2


def test_what_may_follow_is_in_the_table_of_actions():
    names = {name for kind in KINDS.values() for line in kind.follow_ups.values() for name in line}
    assert names <= set(ACTIONS)
