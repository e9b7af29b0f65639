import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import CLIPTokenizer

from doodle import recipe
from doodle import tokenizer as tokenizers
from doodle.weights import WEIGHTS


@pytest.fixture(scope="module")
def shipped():
    return CLIPTokenizer.from_pretrained(WEIGHTS / "tokenizer", local_files_only=True)


@pytest.fixture(scope="module")
def built(tiny):
    """A tokenizer of the tiny recipe, learnt from few captions."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tokenizers, "CORPUS_CAPTIONS", 2000)
        return tokenizers.build(tiny)


@given(text=st.text(max_size=60))
def test_the_end_of_text_appears_only_at_the_end(shipped, text):
    ids = shipped(text.replace("<|", "")).input_ids
    assert shipped.eos_token_id not in ids[:-1]
    assert ids[0] == shipped.bos_token_id
    assert ids[-1] == shipped.eos_token_id


@pytest.mark.parametrize("text", ["🦊", "Ωß", "٣", "\x00\x7f", "é clair", "ㅎㅎ", "a\u200db"])
def test_symbols_it_never_met_are_not_the_end_of_the_text(shipped, text):
    assert shipped.eos_token_id not in shipped(text).input_ids[:-1]


def test_every_byte_is_known_bare_and_ending_a_word(built):
    vocabulary = built.get_vocab()
    bare = [piece for piece in vocabulary if len(piece) == 1]
    assert len(bare) == 256
    assert all(piece + "</w>" in vocabulary for piece in bare)


def test_a_built_tokenizer_survives_saving(built, tmp_path):
    built.save_pretrained(tmp_path)
    again = CLIPTokenizer.from_pretrained(tmp_path, local_files_only=True)
    assert again.model_max_length == 77
    for text in ("a red cat at night", "夜の赤い猫", "🦊 zzz", ""):
        assert again(text).input_ids == built(text).input_ids


def test_building_twice_gives_the_same_tokenizer(monkeypatch):
    monkeypatch.setattr(tokenizers, "CORPUS_CAPTIONS", 10_000)
    whole = recipe.load("doodle")
    assert tokenizers.build(whole).get_vocab() == tokenizers.build(whole).get_vocab()


def test_ids_are_padded_and_cut_to_the_context(shipped):
    ids = tokenizers.token_ids(shipped, ["a red cat", "word " * 200])
    assert ids.shape == (2, 77)
    assert ids[0, -1] == ids[1, -1] == shipped.eos_token_id
