import math
from collections import Counter
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file
from torch.nn.functional import cross_entropy, normalize

from doodle import pair as pairs
from doodle import text_encoder
from doodle import tokenizer as tokenizers
from doodle.known_words import sentence, wording
from doodle.tokenizer import token_ids
from doodle.training.judge import (
    BENT,
    CAPTIONS_EVERY,
    MOVED_PX,
    OFTEN,
    SCALE,
    Sentences,
    bent,
    blurred,
    hardest,
    in_order,
    moved,
)
from doodle.training.parts import Parts
from doodle.training.pools import Filling
from doodle.training.stock import NAMES


@pytest.fixture(scope="module")
def course(tiny):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tokenizers, "CORPUS_CAPTIONS", 500)
        words = tokenizers.build(tiny)
    return SimpleNamespace(recipe=tiny, words=words, device=torch.device("cpu"))


@pytest.fixture(scope="module")
def pair(course):
    torch.manual_seed(1)
    return pairs.build(course.recipe, text_encoder.build(course.recipe, course.words)).eval()


def embedded(pair, course, texts):
    features = pair.get_text_features(input_ids=token_ids(course.words, texts))
    return normalize(getattr(features, "pooler_output", features), dim=-1)


def labels_of(rows):
    labels = torch.zeros(len(rows), len(NAMES), dtype=torch.long)
    for row, words in enumerate(rows):
        for name, answer in zip(("subject", "colour", "place", "style"), words, strict=True):
            labels[row, NAMES.index(name)] = answer
    return labels


@torch.no_grad()
def test_each_word_is_chosen_in_the_sentence_whose_other_words_are_right(course, pair):
    kinds = [wording(course.recipe.vocabulary)[k] for k in ("subjects", "colours", "places")]
    kinds.append(wording(course.recipe.vocabulary)["styles"])
    rows = [(2, 4, 1, 0), (0, 1, 0, 1)]
    seen = normalize(torch.randn(2, 32, generator=torch.Generator().manual_seed(2)), dim=-1)
    expected = 0.0
    for kind in range(4):
        for row, picture in zip(rows, seen, strict=True):
            texts = []
            for word in kinds[kind]:
                said = [kinds[k][answer] for k, answer in enumerate(row)]
                said[kind] = word
                texts.append(sentence(*said))
            logits = SCALE * embedded(pair, course, texts) @ picture
            expected += float(cross_entropy(logits[None], torch.tensor([row[kind]]))) / 2
    found = float(Sentences(course, pair).loss(seen, labels_of(rows)))
    assert found == pytest.approx(expected, rel=1e-4)


def test_the_pairs_text_tower_stays_and_its_scale_is_that_of_training(
    train, trained, tiny, tmp_path
):
    out, _ = trained
    before = load_file(out / "pair.safetensors")
    before["pair.logit_scale"] = torch.tensor(1.0)
    parts = Parts(tmp_path / "begun")
    parts.read(out)
    parts._states["pair"] = before
    parts.write()
    failed, said = train(
        tiny,
        tmp_path / "out",
        begin_with=tmp_path / "begun",
        tokenizer=out / "tokenizer",
        only=("pair",),
    )
    assert failed == [], "\n".join(said)
    after = load_file(tmp_path / "out" / "pair.safetensors")
    changed = {
        key.split(".")[1]
        for key in before
        if not torch.equal(before[key], after[key].view_as(before[key]))
    }
    assert changed == {"vision_model", "visual_projection", "text_projection", "logit_scale"}
    assert float(after["pair.logit_scale"]) == pytest.approx(math.log(SCALE))
    model = pairs.build(tiny, text_encoder.build(tiny, tokenizers.load(out / "tokenizer")))
    parts = Parts(tmp_path / "out")
    parts.read()
    parts.give("pair", model)
    assert model.logit_scale.exp().item() == pytest.approx(SCALE)


def test_pictures_are_moved_by_a_few_pixels_and_half_of_them_mirrored():
    torch.manual_seed(0)
    pictures = torch.rand(64, 3, 48, 64)
    seen = moved(pictures, MOVED_PX)
    assert seen.shape == pictures.shape
    inner = slice(MOVED_PX, 48 - MOVED_PX), slice(MOVED_PX, 64 - MOVED_PX)
    places = []
    for before, after in zip(pictures, seen, strict=True):
        found = [
            (mirrored, down, right)
            for mirrored in (False, True)
            for down in range(-MOVED_PX, MOVED_PX + 1)
            for right in range(-MOVED_PX, MOVED_PX + 1)
            if torch.equal(
                (after.flip(-1) if mirrored else after)[:, inner[0], inner[1]],
                before[
                    :,
                    inner[0].start + down : inner[0].stop + down,
                    inner[1].start + right : inner[1].stop + right,
                ],
            )
        ]
        assert len(found) == 1
        places += found
    assert len({place[1:] for place in places}) == 1
    assert 16 <= sum(mirrored for mirrored, *_ in places) <= 48


def test_pictures_are_blurred_each_by_another_share():
    torch.manual_seed(0)
    pictures = torch.zeros(64, 3, 9, 11)
    pictures[:, :, 4, 5] = 1.0  # one white pixel: its blur is a square of nine
    seen = blurred(pictures)
    assert seen.shape == pictures.shape
    torch.testing.assert_close(seen.sum((-2, -1)), pictures.sum((-2, -1)))
    much = seen[:, 0, 3, 4] * 9
    torch.testing.assert_close(seen[:, 0, 4, 5], 1 - much * 8 / 9)
    assert much.min() < 0.1
    assert much.max() > 0.9


def test_scenes_of_two_things_are_chosen_more_often():
    torch.manual_seed(0)
    labels = torch.zeros(100, len(NAMES), dtype=torch.int16)
    labels[:20, NAMES.index("relation")] = 2
    chosen = hardest(SimpleNamespace(labels=labels, count=80), 4000)  # the rest is not there yet
    assert chosen.max() == 79
    share = (chosen < 20).float().mean()
    assert share == pytest.approx(20 * OFTEN / (20 * OFTEN + 60), abs=0.03)


def test_half_of_the_pictures_are_bent_by_a_few_pixels():
    torch.manual_seed(0)
    ramp = torch.linspace(-1, 1, 96)  # a picture that says where each of its pixels was
    pictures = torch.stack(torch.meshgrid(ramp, ramp, indexing="ij")).expand(64, 2, 96, 96)
    farthest = (bent(pictures) - pictures).abs().amax(dim=(1, 2, 3))
    straight = farthest < 1e-4
    assert 16 <= straight.sum() <= 48
    assert (farthest[~straight] > BENT).all()
    assert farthest.max() < 6 * BENT


@pytest.mark.parametrize(("width", "height"), [(256, 256), (448, 256), (256, 384)])
def test_pictures_of_all_shapes_are_squeezed_to_what_the_pair_sees(width, height):
    pixels = torch.zeros(2, 3, height, width, dtype=torch.uint8)
    pixels[1, :, :, width // 2 :] = 255
    seen = pairs.seen(pixels)
    assert seen.shape == (2, 3, pairs.SEEN_PX, pairs.SEEN_PX)
    torch.testing.assert_close(seen[0], torch.full_like(seen[0], -1))
    half = torch.ones(3, pairs.SEEN_PX, 40)  # the middle is between both
    torch.testing.assert_close(seen[1, :, :, :40], -half)
    torch.testing.assert_close(seen[1, :, :, -40:], half)


def test_captions_are_learnt_of_scenes_of_all_kinds():
    filling = object.__new__(Filling)
    filling.pools = {
        name: SimpleNamespace(name=name, count=1)
        for name in ("square", "siblings", "384x256", "256x384", "448x256", "256x448")
    }
    filling._wides = [name for name in filling.pools if "x" in name]
    learnt_of = {filling.turn(step).name for step in range(0, 200, CAPTIONS_EVERY)}
    assert learnt_of == {*filling.pools}


def test_two_of_eight_steps_are_of_shapes_that_are_not_square_each_as_often():
    filling = object.__new__(Filling)
    wides = ("384x256", "256x384", "448x256", "256x448")
    names = ("square", "siblings", *wides)
    filling.pools = {name: SimpleNamespace(name=name, count=1) for name in names}
    filling._wides = [*wides]
    turns = Counter(filling.turn(step).name for step in range(64))
    assert turns == {"square": 40, "siblings": 8, **dict.fromkeys(wides, 4)}


def test_of_two_things_beside_each_other_the_first_in_the_vocabulary_comes_first():
    # subject, colour, place, style, count, relation, second, second colour
    rows = [
        [5, 2, 0, 0, 0, 1, 4, 8],  # beside: the sixth and the fourth subject
        [3, 7, 0, 0, 0, 1, 6, 3],  # beside, in order already
        [5, 2, 0, 0, 0, 2, 4, 8],  # on
        [5, 2, 0, 0, 0, 0, 0, 0],  # alone
    ]
    labels = torch.tensor(rows)
    assert in_order(labels, 1).tolist() == [[3, 7, 0, 0, 0, 1, 6, 3], *rows[1:]]
    assert in_order(labels, -1).tolist() == rows == labels.tolist()
