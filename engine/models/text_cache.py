"""Encoded texts, kept for the next job with the same text."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping

from torch import Tensor

from engine.errors import Sentence

Text = tuple[str, int]
"""A text, and how many chunks of its encoder it is given."""
Embedding = Mapping[str, Tensor]
"""What one text becomes: (1, …) tensors by the name that `predict` knows them by."""
CACHED_BYTES = 128 * 2**20
"""Bytes of device memory: about 400 prompts of SDXL, or 30 of Flux."""


class TextCache:
    """A cache of embeddings; the least recently used go first when they exceed `limit` bytes.

    Those of texts that were encoded together differ by rounding from those encoded alone.
    """

    def __init__(self, limit: int = CACHED_BYTES) -> None:
        self._limit = limit
        self._held = 0
        self._embeddings: OrderedDict[Hashable, Embedding] = OrderedDict()
        self._together: set[Hashable] = set()

    def get(
        self, key: Hashable, encode: Callable[[], Embedding], *, alone: bool = True
    ) -> Embedding:
        """The embedding of a key; it is encoded where the cache does not have it.

        alone: whether one that was encoded together with others will not do.
        """
        if key not in self._embeddings or (alone and key in self._together):
            self.put(key, encode())
        self._embeddings.move_to_end(key)
        return self._embeddings[key]

    def put(self, key: Hashable, embedding: Embedding, *, together: bool = False) -> None:
        """Keep an embedding; together: whether it was encoded with others."""
        self._forget(key)
        self._embeddings[key] = embedding
        self._held += _size(embedding)
        if together:
            self._together.add(key)
        while self._held > self._limit and len(self._embeddings) > 1:
            self._forget(next(iter(self._embeddings)))

    def _forget(self, key: Hashable) -> None:
        if key in self._embeddings:
            self._held -= _size(self._embeddings.pop(key))
            self._together.discard(key)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._embeddings

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
