"""The model's own small CLIP tokenizer, of bytes, so that it can read any text."""

from __future__ import annotations

import json
from random import Random
from typing import TYPE_CHECKING

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import CLIPTokenizer

from doodle.captions import caption
from doodle.recipe import RecipeError

if TYPE_CHECKING:
    from pathlib import Path

    from doodle.recipe import Recipe

BOS, EOS = "<|startoftext|>", "<|endoftext|>"
WORD_END = "</w>"
CONTEXT_TOKENS = 77
CORPUS_CAPTIONS = 30_000


def build(recipe: Recipe) -> CLIPTokenizer:
    """Learn a vocabulary of about the recipe's size from captions.

    Every byte is in it twice, within a word and at its end, even if the corpus lacks it: a missing
    piece would be read as the end of the text.
    """
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = _merges(recipe, recipe.tokenizer.vocabulary - 2 * len(alphabet) - 2)
    pieces = [*alphabet, *(byte + WORD_END for byte in alphabet)]
    pieces += [left + right for left, right in merges]
    vocabulary = {piece: i for i, piece in enumerate([*dict.fromkeys(pieces), BOS, EOS])}
    return CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=CONTEXT_TOKENS)


def token_ids(tokenizer: CLIPTokenizer, texts: list[str]):  # noqa: ANN201 - torch stays out of here
    """Return the padded ids of texts: (len(texts), 77) int64."""
    return tokenizer(
        texts,
        padding="max_length",
        max_length=CONTEXT_TOKENS,
        truncation=True,
        return_tensors="pt",
    ).input_ids


def save(tokenizer: CLIPTokenizer, folder: Path) -> None:
    """Write the tokenizer as it was built, without the padding that its last call has set."""
    tokenizer.backend_tokenizer.no_padding()
    tokenizer.backend_tokenizer.no_truncation()
    tokenizer.save_pretrained(folder)


def load(folder: Path) -> CLIPTokenizer:
    """Read a tokenizer; `RecipeError` if there is none."""
    if not (folder / "tokenizer.json").is_file():
        message = f"{folder} has no tokenizer; give the one that the weights were trained with."
        raise RecipeError(message)
    return CLIPTokenizer.from_pretrained(folder, local_files_only=True)


def _merges(recipe: Recipe, count: int) -> list[tuple[str, str]]:
    rng = Random(recipe.seed)
    corpus = [caption(recipe.vocabulary.sample(rng), rng) for _ in range(CORPUS_CAPTIONS)]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    learner = Tokenizer(models.BPE(end_of_word_suffix=WORD_END))
    learner.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    learner.pre_tokenizer = CLIPTokenizer()._tokenizer.pre_tokenizer  # noqa: SLF001 - to cut words as CLIP does
    trainer = trainers.BpeTrainer(
        vocab_size=len(alphabet) * 2 + count,
        initial_alphabet=alphabet,
        # Named first, so that pairs that are equally frequent come in the same order each time.
        special_tokens=[byte + WORD_END for byte in alphabet],
        end_of_word_suffix=WORD_END,
        show_progress=False,
    )
    learner.train_from_iterator(corpus, trainer)
    learnt = json.loads(learner.to_str())["model"]["merges"]
    return [tuple(pair) for pair in learnt][:count]
