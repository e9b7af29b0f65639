from __future__ import annotations

import io
import subprocess
import sys

import pytest
from PIL import Image

import engine
from engine import (
    Cancelled,
    DescribeJob,
    DrawJob,
    EngineClosed,
    EngineLost,
    Failed,
    FailureKind,
    FakeEngine,
    Finished,
    InputPicture,
    Progress,
    Queued,
    Sentence,
    Started,
    UpscaleJob,
    WeightedText,
    WordWeightsJob,
)


def draw(job_id="a", *, prompt="a red cat", images=1, steps=3, **fields):
    return DrawJob(
        id=job_id,
        owner="ann",
        model="doodle",
        prompt=(WeightedText(text=prompt),),
        images=images,
        steps=steps,
        width_px=128,
        height_px=128,
        **fields,
    )


async def collect(stream):
    return [event async for event in stream]


async def test_a_job_is_queued_started_drawn_and_finished():
    events = await collect(FakeEngine().run(draw()))

    assert isinstance(events[0], Queued)
    assert isinstance(events[1], Started)
    assert [(e.done, e.total) for e in events if isinstance(e, Progress)] == [
        (1, 3),
        (2, 3),
        (3, 3),
    ]
    assert isinstance(events[-1], Finished)


async def test_a_picture_depends_on_prompt_and_seed_alone():
    fake = FakeEngine()

    first = (await collect(fake.run(draw("a", images=2, seed=7))))[-1]
    again = (await collect(fake.run(draw("b", images=1, seed=8))))[-1]
    other = (await collect(fake.run(draw("c", images=1, seed=8, prompt="a blue cat"))))[-1]

    assert first.pictures[1].png == again.pictures[0].png
    assert other.pictures[0].png != again.pictures[0].png
    with Image.open(io.BytesIO(again.pictures[0].png)) as picture:
        assert picture.size == (128, 128)


async def test_paused_jobs_advance_only_by_step():
    fake = FakeEngine()
    fake.pause()
    stream = fake.run(draw())
    fake.step(2)

    seen = [await anext(stream) for _ in range(3)]
    assert isinstance(seen[2], Progress) and seen[2].done == 1
    fake.resume()
    assert isinstance((await collect(stream))[-1], Finished)


async def test_unread_progress_is_replaced_by_the_latest():
    fake = FakeEngine()
    fake.pause()
    stream = fake.run(draw())
    fake.step(3)

    events = [await anext(stream) for _ in range(3)]

    assert isinstance(events[2], Progress) and events[2].done == 2


async def test_jobs_above_capacity_wait_with_a_position():
    fake = FakeEngine(capacity=1)
    fake.pause()
    streams = [fake.run(draw(name)) for name in "abc"]
    fake.step()

    assert fake.status().running == ("a",)
    assert fake.status().queued == ("b", "c")
    assert await anext(streams[2]) == Queued(job_id="c", position=1)


async def test_cancel_ends_the_stream_and_knows_no_other_id():
    fake = FakeEngine()
    fake.pause()
    stream = fake.run(draw())

    assert fake.cancel("a")
    assert not fake.cancel("a")
    assert (await collect(stream))[-1] == Cancelled(job_id="a")


async def test_a_scripted_failure_hits_the_next_job_only():
    fake = FakeEngine()
    fake.fail_next("Out of memory.", FailureKind.OUT_OF_MEMORY)

    first = await collect(fake.run(draw("a")))
    second = await collect(fake.run(draw("b")))

    assert first[-1] == Failed(
        job_id="a", reason=Sentence("Out of memory."), kind=FailureKind.OUT_OF_MEMORY
    )
    assert isinstance(second[-1], Finished)


async def test_closing_the_iterator_detaches_and_the_job_goes_on():
    fake = FakeEngine()
    fake.pause()
    stream = fake.run(draw())
    await stream.aclose()
    fake.step(10)

    assert isinstance(fake.ends[-1], Finished)
    assert await collect(stream) == []


async def test_a_lost_device_raises_in_every_open_stream_and_refuses_new_jobs():
    fake = FakeEngine()
    fake.pause()
    stream = fake.run(draw())
    fake.lose("The GPU fell off the bus.")

    with pytest.raises(EngineLost, match="fell off"):
        await collect(stream)
    with pytest.raises(EngineLost):
        fake.run(draw("b"))
    assert not fake.status().alive


async def test_close_leaves_open_jobs_without_an_end():
    fake = FakeEngine()
    fake.pause()
    stream = fake.run(draw())
    await fake.close()

    with pytest.raises(EngineClosed):
        await collect(stream)
    assert fake.ends == []


async def test_an_id_that_runs_already_is_refused():
    fake = FakeEngine()
    fake.run(draw())

    with pytest.raises(ValueError, match="already running"):
        fake.run(draw())


async def test_the_fake_does_every_kind_of_job():
    fake = FakeEngine()
    picture = (await collect(fake.run(draw(film_frames=3))))[-1]
    assert len(picture.films[0]) == 3
    data = picture.pictures[0].png
    large = draw("l", inputs=(InputPicture(data=data),), enlarge=2)
    jobs = [
        large,
        UpscaleJob(id="u", owner="ann", picture=data, factor=2),
        DescribeJob(id="d", owner="ann", picture=data),
        WordWeightsJob(id="w", owner="ann", model="doodle", text="a red cat"),
    ]
    ends = [(await collect(fake.run(job)))[-1] for job in jobs]
    assert [end.pictures[0].width_px for end in ends[:2]] == [256, 256]
    assert len(ends[2].texts) == 4
    assert ends[3].texts == ("a", "red", "cat")


def colours(png):
    with Image.open(io.BytesIO(png)) as picture:
        return picture.convert("RGB").getpixel((8, 64)), picture.getpixel((120, 64))


async def test_a_mask_says_where_the_input_is_drawn_over():
    fake = FakeEngine()
    teal, mask = Image.new("RGB", (128, 128), "teal"), Image.new("L", (128, 128))
    mask.paste(255, (64, 0, 128, 128))
    files = []
    for picture in (teal, mask):
        buffer = io.BytesIO()
        picture.save(buffer, "PNG")
        files.append(buffer.getvalue())
    job = draw(inputs=(InputPicture(data=files[0]),), mask=files[1])
    kept, drawn = colours((await collect(fake.run(job)))[-1].pictures[0].png)
    assert kept == (0, 128, 128) != drawn


async def test_films_have_the_frames_that_were_asked_for_of_each_picture():
    end = (await collect(FakeEngine().run(draw(images=2, film_frames=5))))[-1]
    assert [len(film) for film in end.films] == [5, 5]
    assert end.films[0] != end.films[1]
    for frame in end.films[0]:
        with Image.open(io.BytesIO(frame)) as picture:
            assert (picture.format, picture.size) == ("JPEG", (32, 32))
    assert (await collect(FakeEngine().run(draw())))[-1].films == ()


async def test_descriptions_are_distinct_and_depend_on_the_picture():
    fake = FakeEngine()
    pictures = (await collect(fake.run(draw(images=2))))[-1].pictures
    ends = [
        (await collect(fake.run(DescribeJob(id=f"d{n}", owner="ann", picture=p.png))))[-1]
        for n, p in enumerate(pictures)
    ]
    many = DescribeJob(id="many", owner="ann", picture=pictures[0].png, suggestions=16)
    texts = (await collect(fake.run(many)))[-1].texts
    assert len(set(texts)) == 16 and texts[:4] == ends[0].texts != ends[1].texts
    assert ends[0].weights == tuple(sorted(ends[0].weights, reverse=True))


async def test_safety_scores_are_those_that_a_test_sets():
    fake = FakeEngine(safety_scores=(0.9, None, 0.2))
    end = (await collect(fake.run(draw(images=4))))[-1]
    assert [picture.safety_score for picture in end.pictures] == [0.9, None, 0.2, None]
    fake.safety_scores = ()
    end = (await collect(fake.run(draw("b"))))[-1]
    assert end.pictures[0].safety_score is None


@pytest.mark.parametrize(
    "job",
    [
        draw(inputs=(InputPicture(data=b"no picture"),)),
        UpscaleJob(id="a", owner="ann", picture=b"no picture"),
        DescribeJob(id="a", owner="ann", picture=b"no picture"),
        WordWeightsJob(id="a", owner="ann", model="doodle", text=" "),
    ],
)
async def test_what_no_engine_could_read_fails_with_a_sentence(job):
    end = (await collect(FakeEngine().run(job)))[-1]
    assert isinstance(end, Failed) and isinstance(end.reason, Sentence)
    assert end.kind is FailureKind.BAD_INPUT


def test_importing_the_engine_imports_no_torch():
    code = "import sys, engine; sys.exit(any(m in sys.modules for m in ('torch', 'diffusers')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_public_name_exists():
    assert all(hasattr(engine, name) for name in engine.__all__)
