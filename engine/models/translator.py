"""Words in another language → English, by a translation model; always on the CPU, in fp32."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import torch

from engine.catalogue import ModelSpec
from engine.models.parts import load_network, load_processor
from engine.models.pipelines import check_tokenizer

READ_TOKENS = 256
WRITTEN_TOKENS = 128
BEAMS = 4


def load(spec: ModelSpec, device: torch.device, dtype: torch.dtype) -> Translator:
    """The network of a directory, with its tokenizer: Marian (OPUS-MT), M2M100 or T5."""
    model = load_network("AutoModelForSeq2SeqLM", spec.place, device, dtype)
    with warnings.catch_warnings():
        # Marian's recommends a package that it then does not use.
        warnings.filterwarnings("ignore", message="Recommended: pip install sacremoses")
        tokenizer = load_processor("AutoTokenizer", spec.place)
    check_tokenizer(tokenizer, spec.place)
    return Translator(spec.info.name, model, tokenizer, before=spec.info.prompt_prefix)


class Translator:
    """A sequence-to-sequence network of transformers and its tokenizer."""

    def __init__(self, name: str, model: Any, tokenizer: Any, *, before: str) -> None:  # noqa: ANN401
        """before: what each text begins with, such as T5's "translate German to English:"."""
        self.name = name
        self.model = model
        self._tokenizer = tokenizer
        self._before = f"{before} " if before else ""

    @torch.inference_mode()
    def translate(self, texts: Sequence[str], language: str) -> list[str]:
        """Each text in English. language: of the texts, an ISO 639 code.

        Beam search without chance: equal texts are translated equally.
        """
        options = {}
        if hasattr(self._tokenizer, "get_lang_id"):  # M2M100 is told both languages
            self._tokenizer.src_lang = language
            options["forced_bos_token_id"] = self._tokenizer.get_lang_id("en")
        given = self._tokenizer(
            [self._before + text for text in texts],
            padding=True,
            truncation=True,
            max_length=READ_TOKENS,
            return_tensors="pt",
        )
        written = self.model.generate(
            input_ids=given.input_ids,
            attention_mask=given.attention_mask,
            do_sample=False,
            num_beams=BEAMS,
            max_new_tokens=WRITTEN_TOKENS,
            **options,
        )
        said: list[str] = self._tokenizer.batch_decode(written, skip_special_tokens=True)
        return said
