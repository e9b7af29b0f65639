"""What may be ordered, and what may be shown."""

import dataclasses

import pytest

import engine
from bot.errors import QueueFull
from bot.moderation.policy import Asked, Policy, Quota
from engine.fake import FAKE_MODEL

MODEL = dataclasses.replace(FAKE_MODEL.info, safety_threshold=0.5)


def scored(*scores):
    return [
        engine.Picture(png=b"", seed=0, width_px=1, height_px=1, safety_score=score)
        for score in scores
    ]


def asked(open_jobs):
    return Asked(guild_id=1, channel_id=2, user_id=3, text="a cat", open_jobs=open_jobs)


def test_a_member_may_have_as_many_jobs_as_run_and_wait():
    policy = Policy(Quota(running=2, queued=3))
    policy.check_order(asked(4))
    with pytest.raises(QueueFull, match="5 pictures waiting"):
        policy.check_order(asked(5))


def test_pictures_without_a_score_are_shown():
    verdict = Policy().check_result(scored(None, None), MODEL)
    assert (verdict.shown, verdict.reason) == ((0, 1), None)


def test_only_what_scores_above_the_threshold_is_withheld_and_it_is_said():
    verdict = Policy().check_result(scored(0.5, 0.51, 0.1, float("nan")), MODEL)
    assert verdict.shown == (0, 2)
    assert verdict.reason == ("The safety check blurred 2 of 4 pictures; you did not pay for them.")


def test_nothing_is_shown_where_all_is_withheld():
    verdict = Policy().check_result(scored(0.9, 0.9), MODEL)
    assert verdict.shown == ()
    assert "blurred all of this; you do not pay for it." in verdict.reason


def test_where_adult_content_is_allowed_nothing_is_withheld():
    verdict = Policy().check_result(scored(0.9, 0.1), MODEL, adult=True)
    assert (verdict.shown, verdict.reason) == ((0, 1), None)


def test_what_starts_from_an_unsafe_picture_is_withheld_whatever_came_of_it():
    verdict = Policy().check_result(scored(0.1, 0.1), MODEL, inputs=(0.2, 0.9))
    assert (verdict.shown, verdict.of_inputs) == ((), True)
    assert Policy().check_result(scored(0.1), MODEL, inputs=(0.5,)).shown == (0,)
    assert Policy().check_result(scored(0.1), MODEL, inputs=(0.9,), adult=True).shown == (0,)
