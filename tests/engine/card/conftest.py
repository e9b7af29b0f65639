from __future__ import annotations

import pytest
import torch

from tests.engine.card.pretend import PretendCard


@pytest.fixture
def card(monkeypatch, untuned):
    """A pretended card, while the test runs."""
    if torch.version.cuda is not None or torch.version.hip is not None:
        pytest.skip("torch has its own CUDA here, which leaves no room for a pretended card.")
    pretended = PretendCard()
    with pretended.here(monkeypatch):
        yield pretended
    pretended.close()


@pytest.fixture
def any_card(request):
    """The real card where pytest is told `--device cuda`, else the pretended one."""
    if request.config.getoption("--device") == "cpu":
        request.getfixturevalue("card")
