"""Jobs as text: every kind comes back the same, and what cannot be read is said."""

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

import engine
from bot.jobs import codec

texts = st.text(max_size=30)
pictures = st.binary(max_size=9)
lanes = st.sampled_from(engine.Lane)
drawn = st.builds(
    engine.DrawJob,
    id=texts,
    owner=texts,
    model=texts,
    prompt=st.lists(
        st.builds(engine.WeightedText, text=texts, weight=st.floats(-2, 2)), max_size=3
    ).map(tuple),
    negative=texts,
    seed=st.integers(0, 2**32 - 1),
    images=st.integers(1, 16),
    strength=st.floats(0, 1),
    image_scale=st.floats(0, 1),
    inputs=st.lists(
        st.builds(engine.InputPicture, data=pictures, weight=st.floats(0.1, 2)), max_size=3
    ).map(tuple),
    init_use=st.sampled_from(engine.InitUse),
    mask=pictures,
    lane=lanes,
    loras=st.lists(st.tuples(texts, st.floats(-1, 1)), max_size=2).map(tuple),
    tile=st.booleans(),
    enlarge=st.sampled_from([1, 2, 4]),
    film_frames=st.integers(0, 60),
    looks=st.lists(
        st.builds(
            engine.Look,
            prompt=st.lists(st.builds(engine.WeightedText, text=texts), max_size=2).map(tuple),
            weight=st.floats(0, 4),
        ),
        max_size=2,
    ).map(tuple),
    style_codes=st.lists(
        st.builds(engine.StyleCode, code=st.integers(0, 2**32 - 1), weight=st.floats(0, 4)),
        max_size=2,
    ).map(tuple),
    style_inputs=st.lists(st.builds(engine.InputPicture, data=pictures), max_size=2).map(tuple),
    style_scale=st.floats(0, 1),
    chaos=st.floats(0, 1),
    weird=st.floats(0, 1),
    experiment=st.floats(0, 1),
)
others = st.one_of(
    st.builds(engine.UpscaleJob, id=texts, owner=texts, picture=pictures, lane=lanes),
    st.builds(engine.DescribeJob, id=texts, owner=texts, picture=pictures, lane=lanes),
    st.builds(engine.WordWeightsJob, id=texts, owner=texts, model=texts, text=texts, lane=lanes),
)


class Kept(dict):
    """Pictures by their hash."""

    def keep(self, data):
        sha256 = hashlib.sha256(data).hexdigest()
        self[sha256] = data
        return sha256


@given(st.one_of(drawn, others))
def test_a_stored_job_of_any_kind_comes_back_the_same(job):
    kept = Kept()
    text = codec.dump(job, kept.keep)
    assert set(codec.pictures(job)) == set(kept.values())
    assert codec.load(text, codec.VERSION, kept.__getitem__) == job


def test_a_stored_inpainting_keeps_its_mask():
    job = engine.DrawJob(
        id="a",
        owner="b",
        model="m",
        prompt=(),
        inputs=(engine.InputPicture(data=b"picture"),),
        mask=b"mask",
    )
    kept = Kept()
    assert codec.load(codec.dump(job, kept.keep), codec.VERSION, kept.__getitem__).mask == b"mask"
    assert len(kept) == 2


def test_pictures_that_are_left_out_are_not_looked_for_and_those_of_the_style_are():
    job = engine.DrawJob(
        id="a",
        owner="b",
        model="m",
        prompt=(),
        inputs=(engine.InputPicture(data=b"picture"),),
        mask=b"mask",
        style_inputs=(engine.InputPicture(data=b"style"),),
    )
    kept = Kept()
    text = codec.dump(job, kept.keep)
    only_style = {sha: data for sha, data in kept.items() if data == b"style"}
    read = codec.load(text, codec.VERSION, only_style.__getitem__, without=("inputs", "mask"))
    assert (read.inputs[0].data, read.mask) == (b"", b"")
    assert read.style_inputs == job.style_inputs


@pytest.mark.parametrize("version", [1, 2])
def test_a_job_that_an_earlier_darkroom_stored_is_still_read(version):
    fields = {
        "enlarge": 1, "film_frames": 0, "guidance": 4.0, "height_px": 128, "id": "a", "images": 4,
        "init_use": "mix", "inputs": [["aa", 0.5], ["bb", 1.0]], "lane": "FAST",
        "loras": [["ink", 0.8]], "model": "doodle", "negative": "", "owner": "7", "previews": True,
        "prompt": [["a cat", 0.75], ["a hat", 0.25]], "scheduler": "", "seed": 5, "steps": 20,
        "stop": 1.0, "strength": 0.7, "tile": False, "width_px": 128,
    }  # fmt: skip
    if version == 2:
        fields["image_scale"] = 0.25
    text = json.dumps(fields)
    job = codec.load(text, version, {"aa": b"1", "bb": b"2"}.__getitem__)
    assert job.prompt[0] == engine.WeightedText(text="a cat", weight=0.75)
    assert job.inputs[0] == engine.InputPicture(data=b"1", weight=0.5)
    assert (job.lane, job.init_use) == (engine.Lane.FAST, engine.InitUse.MIX)
    assert job.loras == (("ink", 0.8),)
    assert job.image_scale == (0.25 if version == 2 else 0.6)


def stored(**changes):
    job = engine.WordWeightsJob(id="a", owner="b", model="m", text="t")
    return json.dumps({**json.loads(codec.dump(job, str)), **changes})


@pytest.mark.parametrize(
    ("text", "version", "sentence"),
    [
        ("{}", 99, "format 99, not 4"),
        (stored(colour="red"), 3, "its colour is not known"),
        (stored(type="sing"), 3, "its type is not known"),
        (stored(lane="sideways"), 3, "its lane cannot be read"),
    ],
)
def test_a_job_of_another_darkroom_is_refused_with_what_is_not_known(text, version, sentence):
    with pytest.raises(codec.StoredJobError, match=sentence):
        codec.load(text, version, {}.__getitem__)


def test_a_picture_that_is_gone_is_told_from_a_job_that_cannot_be_read():
    text = codec.dump(engine.UpscaleJob(id="a", owner="b", picture=b"x"), lambda _: "aa")
    with pytest.raises(KeyError):
        codec.load(text, codec.VERSION, {}.__getitem__)
