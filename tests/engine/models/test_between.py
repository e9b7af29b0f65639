"""Pictures between two texts or two pictures: one noise, each its share of the way."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from engine import InitUse, InputPicture, Look, WeightedText
from engine.models.stable_diffusion import StableDiffusion
from engine.models.word_weights import distance
from engine.validation import check
from tests.engine import tiny_models
from tests.engine.samples import finish, photo, png

DOG = (WeightedText(text="a blue dog in a long sentence"),)


async def test_the_ends_are_what_each_text_draws_alone_and_the_middle_is_neither(engine_of, draw):
    engine = await engine_of("sd")
    first, middle, last = await finish(
        engine, draw(towards=DOG, shares=(0.0, 0.5, 1.0), images=3, seed=5)
    )
    [cat] = await finish(engine, draw(seed=5))
    [dog] = await finish(engine, draw(prompt=DOG, seed=5))
    assert np.abs(first.astype(int) - cat).max() <= 1
    assert np.abs(last.astype(int) - dog).max() <= 1
    assert np.abs(first.astype(int) - last).max() > 8
    assert np.abs(middle.astype(int) - cat).max() > 2
    assert np.abs(middle.astype(int) - dog).max() > 2


def test_the_nearer_text_changes_half_way(draw):
    """The bot names the frame by this."""
    model = StableDiffusion("sd", tiny_models.stable_diffusion(), torch.device("cpu"))

    @torch.inference_mode()
    def embedded(share):
        look = Look(prompt=DOG, weight=share)
        return model.condition(draw(looks=(look,), guidance=1.0)).tensors

    begin, end = embedded(0.0), embedded(1.0)
    for share, ends in ((0.3, False), (0.49, False), (0.51, True), (0.7, True)):
        here = embedded(share)
        assert (distance(here, end) < distance(here, begin)) is ends


async def test_pictures_between_pictures_are_mixed_by_their_shares(engine_of, draw):
    engine = await engine_of("sd")
    one, other, third = (
        InputPicture(data=png(each)) for each in (photo(), photo().rotate(180), photo().rotate(90))
    )
    fields = {"init_use": InitUse.MIX, "strength": 0.5, "seed": 5, "images": 3}
    shares = (0.0, 0.5, 1.0)
    to_other = await finish(engine, draw(inputs=(one, other), shares=shares, **fields))
    to_third = await finish(engine, draw(inputs=(one, third), shares=shares, **fields))
    assert np.abs(to_other[0].astype(int) - to_third[0]).max() <= 1, "the second counts nothing"
    assert np.abs(to_other[1].astype(int) - to_third[1]).max() > 8
    assert np.abs(to_other[2].astype(int) - to_third[2]).max() > 8


async def test_all_of_them_have_the_jobs_seed(engine_of, draw):
    engine = await engine_of("sd")
    job = draw(towards=DOG, shares=(0.2, 0.8), images=2, seed=5)
    [*_, end] = [event async for event in engine.run(job)]
    assert [picture.seed for picture in end.pictures] == [5, 5]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"shares": (0.5,)}, "two texts or between two"),
        ({"towards": DOG}, "share"),
        ({"towards": DOG, "shares": (0.5, 1.5), "images": 2}, "share"),
        ({"towards": DOG, "shares": (0.5,) * 61, "images": 61}, "61"),
        ({"towards": DOG, "shares": (0.5,), "mask": b"x"}, "mask"),
        (
            {"towards": DOG, "shares": (0.5,), "inputs": (InputPicture(data=b"x"),)},
            "two texts or between two",
        ),
    ],
)
def test_what_is_between_nothing_is_refused(draw, weights, fields, words):
    models = {"sd": tiny_models.spec("sd", weights("sd"))}
    with pytest.raises(ValueError, match=words):
        check(draw(**fields), models)


def test_sixty_pictures_may_lie_between_two_texts(draw, weights):
    models = {"sd": tiny_models.spec("sd", weights("sd"))}
    check(draw(towards=DOG, shares=(0.5,) * 60, images=60), models)
