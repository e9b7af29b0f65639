"""CLIP text encoders for prompts of any length, in chunks of 75 tokens; none is dropped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from engine.models.text_cache import Text

CHUNKS = 16
"""Of a pass: more gain little, and the prompts of some jobs have hundreds."""


class ClipText:
    """A tokenizer and the encoder it belongs to."""

    def __init__(self, tokenizer: Any, encoder: Any, *, penultimate: bool) -> None:  # noqa: ANN401
        self._tokenizer, self._encoder = tokenizer, encoder
        self._penultimate = penultimate
        """SDXL and SD3 take the last layer but one, Stable Diffusion the last."""
        self._room = int(tokenizer.model_max_length) - 2

    def chunks(self, text: str) -> int:
        """How many chunks a text needs."""
        return len(self._split(text))

    def encode(self, texts: Sequence[Text]) -> list[tuple[Tensor, Tensor | None]]:
        """For each text (1, chunks · 77, D) and the pooled embedding of its first chunk, (1, P), if
        any; as many chunks in a pass as it takes.

        Chunks beyond the end of a text contain the empty text.
        """
        ids = [self._padded(text) if n == 1 else self._chunked(text, n) for text, n in texts]
        chunks = [n for _, n in texts]
        passes = [self._forward(part) for part in torch.split(torch.cat(ids), CHUNKS)]
        hidden = torch.cat([each for each, _ in passes])
        pooled = [each for _, each in passes if each is not None]
        firsts = torch.split(torch.cat(pooled), chunks) if pooled else [None] * len(texts)
        return [
            (of_text.flatten(0, 1)[None], None if first is None else first[:1])
            for of_text, first in zip(torch.split(hidden, chunks), firsts, strict=True)
        ]

    def _padded(self, text: str) -> Tensor:
        given: Tensor = self._tokenizer(
            text,
            padding="max_length",
            max_length=self._tokenizer.model_max_length,
            truncation=True,
            return_tensors="pt",
        ).input_ids
        return given

    def _chunked(self, text: str, chunks: int) -> Tensor:
        blank = self._padded("")
        filled = []
        for piece in self._split(text):
            ids = blank.clone()
            ids[0, 1 : 1 + len(piece)] = torch.tensor(piece, dtype=ids.dtype)
            ids[0, 1 + len(piece)] = self._tokenizer.eos_token_id
            filled.append(ids)
        return torch.cat(filled + [blank] * (chunks - len(filled)))

    def _split(self, text: str) -> list[list[int]]:
        """Token ids in chunks, cut at the end of a word where there is one."""
        ids = self._tokenizer(text, add_special_tokens=False, verbose=False).input_ids
        pieces = []
        while len(ids) > self._room:
            words = self._tokenizer.convert_ids_to_tokens(ids[: self._room])
            ends = [place + 1 for place, word in enumerate(words) if word.endswith("</w>")]
            cut = ends[-1] if ends else self._room
            pieces.append(ids[:cut])
            ids = ids[cut:]
        return [*pieces, ids]

    def _forward(self, ids: Tensor) -> tuple[Tensor, Tensor | None]:
        config = self._encoder.config
        asks_mask = getattr(config, "use_attention_mask", None)
        attention_mask = (ids != self._tokenizer.pad_token_id).long() if asks_mask else None
        output = self._encoder(
            ids.to(self._encoder.device),
            attention_mask=attention_mask,
            output_hidden_states=self._penultimate,
        )
        if self._penultimate:
            pooled = output[0] if output[0].ndim == 2 else None
            return output.hidden_states[-2], pooled
        return output[0], None
