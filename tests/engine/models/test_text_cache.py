from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from engine.models.text_cache import TextCache


def embedding(size):
    return {"hidden": torch.zeros(1, size, dtype=torch.uint8)}


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 60)), max_size=60))
def test_no_more_is_held_than_the_limit_except_for_one_alone(asked):
    texts = TextCache(limit=100)
    held = {}
    for key, size in asked:
        got = texts.get(key, lambda size=size: embedding(size))
        held.pop(key, None)
        held[key] = got
        while sum(e["hidden"].numel() for e in held.values()) > 100 and len(held) > 1:
            held.pop(next(iter(held)))
        assert len(texts) == len(held)


def test_the_same_text_is_encoded_once_while_it_is_remembered():
    texts, encoded = TextCache(limit=100), []

    def encode(name):
        encoded.append(name)
        return embedding(40)

    for name in "abaca":
        texts.get(name, lambda name=name: encode(name))
    texts.get("b", lambda: encode("b"))
    assert encoded == ["a", "b", "c", "b"]


def test_a_text_larger_than_the_limit_is_still_encoded():
    texts = TextCache(limit=10)
    assert texts.get("a", lambda: embedding(50))["hidden"].numel() == 50
