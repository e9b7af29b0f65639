"""A drawing over a picture of an earlier one."""

import dataclasses

import pytest

import engine
from bot.jobs.kinds import Context, draw

MODEL = dataclasses.replace(
    engine.FakeEngine().models()[0], name="m", scheduler="euler", installed=True
)
JOB = engine.DrawJob(id="a", owner="o", model="m", prompt=(engine.WeightedText(text="cat"),))


def over(job, model=MODEL, strength=0.45):
    context = Context(models=(model,), default_model="m", job_id="b", owner="o", seed=1)
    return draw.over(job, context, {}, picture=b"x", strength=strength)


@pytest.mark.parametrize(("own", "draws"), [("euler", "euler"), ("", ""), ("ipndm", "")])
def test_a_sampler_that_cannot_begin_from_a_picture_gives_way_to_the_models_with_a_note(own, draws):
    job = dataclasses.replace(JOB, scheduler="ipndm")
    written = over(job, dataclasses.replace(MODEL, scheduler=own))
    assert written.job.scheduler == draws
    [note] = written.notes
    assert "sampler ipndm cannot begin from a picture" in note


def test_any_other_sampler_stays():
    written = over(dataclasses.replace(JOB, scheduler="heun"))
    assert (written.job.scheduler, written.notes) == ("heun", ())


@pytest.mark.parametrize("steps", [1, 2, 3, 20])
def test_at_least_a_step_is_drawn(steps):
    written = over(dataclasses.replace(JOB, steps=steps))
    assert int(steps * written.job.strength) >= 1
    assert written.job.strength == 0.45 or steps < 3
