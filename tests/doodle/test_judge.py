import pytest
import torch

from doodle.judge import Judge, questions
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
