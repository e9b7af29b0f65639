import numpy as np
import pytest
import torch

from doodle.judge import FEATURES, WAVES, Judge, answers, questions, waves
from doodle.recipe import load


@pytest.mark.parametrize("size", [(256, 256), (128, 128), (384, 256), (256, 448)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_it_answers_every_question_of_pictures_of_all_shapes(tiny, size, dtype):
    width, height = size
    judge = Judge(tiny.vocabulary).to(dtype)
    with torch.no_grad():
        answers = judge(torch.rand(2, 3, height, width, dtype=dtype) * 2 - 1)
    wanted = {name: (2, len(each)) for name, each in questions(tiny.vocabulary).items()}
    assert {name: tuple(logits.shape) for name, logits in answers.items()} == wanted
    assert all(logits.isfinite().all() for logits in answers.values())


def test_each_question_begins_with_the_whole_picture(tiny):
    torch.manual_seed(1)
    judge = Judge(tiny.vocabulary)
    pictures = torch.rand(2, 3, 112, 112) * 2 - 1
    with torch.no_grad():
        found = judge.features(pictures) - judge.asked["embeddings"]
    assert found.shape == (2, len(judge.questions), FEATURES)
    torch.testing.assert_close(found, found[:, :1].expand_as(found))


def test_it_learns_what_stands_where():
    """Which of two colours is on the left and which on the right: the whole has both."""
    torch.manual_seed(1)
    judge = Judge(load("doodle").vocabulary)
    left = torch.arange(9) // 3
    right = torch.arange(9) % 3
    pictures = torch.zeros(9, 3, 112, 112)
    for i in range(9):
        pictures[i, left[i], 40:70, 12:42] = pictures[i, right[i], 40:70, 70:100] = 1.0
    optimizer = torch.optim.AdamW(judge.parameters(), lr=1e-3)
    for _ in range(40):
        found = judge(pictures)
        loss = sum(
            torch.nn.functional.cross_entropy(found[name], wanted)
            for name, wanted in (("subject", left), ("second", right))
        )
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    found = judge(pictures)
    assert (found["subject"].argmax(1) == left).all()
    assert (found["second"].argmax(1) == right).all()


@pytest.mark.parametrize(("height", "width"), [(7, 7), (7, 12), (12, 7)])
def test_each_part_of_a_picture_has_another_place(height, width):
    where = waves(height, width)
    assert where.shape == (height * width, 4 * WAVES)
    apart = torch.cdist(where, where) + 9 * torch.eye(len(where))
    assert apart.min() > 0.2
    torch.testing.assert_close(
        waves(1, 1), torch.tensor([[0.0] * WAVES + [1.0] * WAVES] * 2).view(1, -1)
    )


def test_it_learns_to_tell_pictures_apart():
    torch.manual_seed(1)
    judge = Judge(load("doodle").vocabulary)
    pictures = torch.zeros(4, 3, 112, 112)
    for i in range(4):
        pictures[i, i % 3, 20 : 40 + 12 * i, 60:90] = 1.0
    optimizer = torch.optim.AdamW(judge.parameters(), lr=1e-3)
    for _ in range(20):
        loss = torch.nn.functional.cross_entropy(judge(pictures)["place"], torch.arange(4))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    assert (judge(pictures)["place"].argmax(1) == torch.arange(4)).all()


class LooksLeft(torch.nn.Module):
    """Says which of three colours the left half of a picture has."""

    def __init__(self):
        super().__init__()
        self.gain = torch.nn.Parameter(torch.tensor(4.0))
        self.questions = {"colour": ("red", "green", "blue")}

    def forward(self, pictures):
        left = pictures[..., : pictures.shape[-1] // 2]
        return {"colour": self.gain * left.mean((-2, -1))}


def test_it_answers_the_same_of_a_picture_and_of_its_mirror_image():
    pictures = np.zeros((2, 3, 8, 8), dtype=np.uint8)
    pictures[0, 0, :, :4], pictures[0, 1, :, 4:] = 100, 200  # a little red, more green
    pictures[1] = pictures[0, :, :, ::-1]
    with torch.no_grad():
        alone = LooksLeft()(torch.from_numpy(pictures) / 127.5 - 1)["colour"].argmax(1)
    assert alone.tolist() == [0, 1]
    assert answers(LooksLeft(), pictures) == [{"colour": "green"}] * 2
