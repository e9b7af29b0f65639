"""Tiny translation models: a Marian that learnt three sentences, and random ones of other kinds."""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Iterable
from pathlib import Path

import sentencepiece
import torch
from transformers import (
    M2M100Config,
    M2M100ForConditionalGeneration,
    M2M100Tokenizer,
    MarianConfig,
    MarianMTModel,
    MarianTokenizer,
    T5Config,
    T5ForConditionalGeneration,
    T5Tokenizer,
)

SENTENCES = {
    "赤い猫": "a red cat",
    "夜の青い舟": "a blue boat at night",
    "城": "a castle",
}
"""What the tiny Marian translates; all else becomes nonsense."""
_SHAPE = {
    "d_model": 32,
    "encoder_layers": 1,
    "decoder_layers": 1,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 64,
    "decoder_ffn_dim": 64,
    "max_position_embeddings": 512,
    "dropout": 0.0,
    "attention_dropout": 0.0,
    "activation_dropout": 0.0,
}


def _learn_characters(texts: Iterable[str], path: Path) -> list[str]:
    """Write a vocabulary of single characters; returns its pieces."""
    buffer = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(list(texts) * 20),
        model_writer=buffer,
        vocab_size=60,
        hard_vocab_limit=False,
        character_coverage=1.0,
        model_type="char",
        minloglevel=5,
    )
    path.write_bytes(buffer.getvalue())
    read = sentencepiece.SentencePieceProcessor(model_proto=buffer.getvalue())
    return [read.id_to_piece(number) for number in range(read.get_piece_size())]


def _numbered(path: Path, pieces: Iterable[str]) -> str:
    numbers = {piece: number for number, piece in enumerate(dict.fromkeys(pieces))}
    path.write_text(json.dumps(numbers), encoding="utf-8")
    return str(path)


class Marian:
    """A Marian that is trained until it knows its sentences by heart, in about a second."""

    def save_pretrained(self, place):
        place.mkdir()
        spoken = _learn_characters(SENTENCES, place / "source.spm")
        written = _learn_characters(SENTENCES.values(), place / "target.spm")
        pieces = ["</s>", "<unk>", *spoken, *written, "<pad>"]
        vocabulary = _numbered(place / "vocab.json", pieces)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it recommends a package
            words = MarianTokenizer(
                str(place / "source.spm"),
                str(place / "target.spm"),
                vocabulary,
                source_lang="ja",
                target_lang="en",
            )
        pad = words.pad_token_id
        torch.manual_seed(0)
        model = MarianMTModel(
            MarianConfig(
                vocab_size=len(set(pieces)),
                pad_token_id=pad,
                eos_token_id=0,
                decoder_start_token_id=pad,
                forced_eos_token_id=0,
                **_SHAPE,
            )
        )
        given = words(list(SENTENCES), padding=True, return_tensors="pt")
        wanted = words(text_target=list(SENTENCES.values()), padding=True, return_tensors="pt")
        labels = wanted.input_ids.masked_fill(wanted.input_ids == pad, -100)
        optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
        with torch.enable_grad():
            for _ in range(150):
                loss = model(**given, labels=labels).loss
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
        model.eval().save_pretrained(place)
        words.save_pretrained(place)


class M2M100:
    """A random M2M100, which is told both languages."""

    def save_pretrained(self, place):
        place.mkdir()
        learnt = _learn_characters([*SENTENCES, *SENTENCES.values()], place / "spm.model")
        vocabulary = _numbered(place / "numbers.json", ["<s>", "<pad>", "</s>", "<unk>", *learnt])
        words = M2M100Tokenizer(vocabulary, str(place / "spm.model"))
        torch.manual_seed(1)
        config = M2M100Config(
            vocab_size=max(words.lang_code_to_id.values()) + 1,
            pad_token_id=1,
            eos_token_id=2,
            decoder_start_token_id=2,
            **_SHAPE,
        )
        M2M100ForConditionalGeneration(config).eval().save_pretrained(place)
        words.save_pretrained(place)


class T5:
    """A random T5, which is told its task in words."""

    def save_pretrained(self, place):
        pieces = ["<pad>", "</s>", "<unk>", "▁", *"abcdefghijklmnopqrstuvwxyz赤い猫夜の"]
        words = T5Tokenizer(vocab=[(piece, -2.0) for piece in pieces], extra_ids=0)
        torch.manual_seed(2)
        config = T5Config(
            vocab_size=len(words), d_model=32, d_kv=16, d_ff=64, num_layers=1, num_heads=2
        )
        config.decoder_start_token_id = 0
        T5ForConditionalGeneration(config).eval().save_pretrained(place)
        words.save_pretrained(place)
