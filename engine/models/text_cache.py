"""Encoded texts, kept for the next job with the same text."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping

from torch import Tensor

from engine.errors import Sentence

Embedding = Mapping[str, Tensor]
"""What one text becomes: (1, …) tensors by the name that `predict` knows them by."""
CACHED_BYTES = 128 * 2**20
"""Bytes of device memory: about 400 prompts of SDXL, or 30 of Flux."""


class TextCache:
    """A cache of embeddings; the least recently used go first when they exceed `limit` bytes."""

    def __init__(self, limit: int = CACHED_BYTES) -> None:
        self._limit = limit
        self._held = 0
        self._embeddings: OrderedDict[Hashable, Embedding] = OrderedDict()

    def get(self, key: Hashable, encode: Callable[[], Embedding]) -> Embedding:
        """The embedding of a key; it is encoded where the cache does not have it."""
        if key not in self._embeddings:
            self._embeddings[key] = made = encode()
            self._held += _size(made)
        self._embeddings.move_to_end(key)
        while self._held > self._limit and len(self._embeddings) > 1:
            self._held -= _size(self._embeddings.popitem(last=False)[1])
        return self._embeddings[key]

    def __len__(self) -> int:
        return len(self._embeddings)


def reads_the_first(tokens: int, most: int) -> Sentence:
    """The note for a prompt of more tokens than a model reads."""
    return Sentence(
        "The prompt has {tokens} tokens; this model reads the first {most}.",
        tokens=tokens,
        most=most,
    )


def _size(embedding: Embedding) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in embedding.values())
