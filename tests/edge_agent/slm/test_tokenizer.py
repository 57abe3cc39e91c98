"""Tokens to text, whole and as a stream."""

from __future__ import annotations

from pathlib import Path

import pytest
import tokenizers
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.slm.tokenizer import Tokenizer
from orchestrator.errors import ModelCorrupt, ModelNotFound

plain = st.text(st.characters(codec="utf-8", exclude_characters="|"))  # spells no control token


@given(text=plain)
def test_text_survives_the_way_there_and_back(tokenizer: Tokenizer, text: str) -> None:
    assert tokenizer.decode(tokenizer.encode(text)) == text


@given(text=plain, behind=plain)
def test_the_stream_shows_whole_characters_and_loses_none(tokenizer: Tokenizer, text: str, behind: str) -> None:
    stream, pieces = tokenizer.stream(behind), []
    for token in tokenizer.encode(text):
        pieces.append(stream.push(token))
        assert text.startswith("".join(pieces))
    assert "".join([*pieces, stream.flush()]) == text


@given(data=st.binary(max_size=40))
def test_bytes_that_are_no_text_stream_to_what_they_decode_to(tokenizer: Tokenizer, data: bytes) -> None:
    """One token a byte: the models' random output is seldom UTF-8."""
    alphabet = byte_tokens(tokenizer)
    ids = [alphabet[byte] for byte in data]
    stream = tokenizer.stream()
    assert "".join([stream.push(token) for token in ids] + [stream.flush()]) == data.decode(errors="replace")


def byte_tokens(tokenizer: Tokenizer) -> list[int]:
    """Byte → token, as GPT-2 spells bytes: printable ones as themselves, the others from U+0100 on."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = iter(range(256, 512))
    letters = [chr(byte if byte in printable else next(others)) for byte in range(256)]
    return [next(iter(tokenizer.ids_of([letter]))) for letter in letters]


def test_a_word_behind_a_prefix_keeps_its_space() -> None:
    """SentencePiece vocabularies drop the space of the first word only."""
    vocabulary = {"<unk>": 0, "▁The": 1, "▁cat": 2}
    inner = tokenizers.Tokenizer(tokenizers.models.BPE(vocab=vocabulary, merges=[], unk_token="<unk>"))
    inner.pre_tokenizer = tokenizers.pre_tokenizers.Metaspace()
    inner.decoder = tokenizers.decoders.Metaspace()
    inner.add_tokens([tokenizers.AddedToken("▁The", normalized=False)])
    tokenizer = Tokenizer(inner)
    assert tokenizer.stream().push(2) == "cat"
    assert tokenizer.stream("▁The").push(2) == " cat"


def test_half_a_surrogate_pair_is_no_reason_to_fail(tokenizer: Tokenizer) -> None:
    assert tokenizer.encode("a\ud800b") == tokenizer.encode("a?b")


def test_control_tokens_are_read_but_not_shown(tokenizer: Tokenizer) -> None:
    assert "<|im_end|>" in tokenizer.special_tokens
    ids = tokenizer.encode("a<|im_end|>b")
    assert tokenizer.ids_of(["<|im_end|>", "nothing like this"]) <= set(ids)
    assert tokenizer.decode(ids) == "ab"


def test_a_missing_file_and_a_broken_one_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match=r"tokenizer\.json"):
        Tokenizer.open(tmp_path / "tokenizer.json")
    (tmp_path / "tokenizer.json").write_text('{"version": ')
    with pytest.raises(ModelCorrupt, match=r"tokenizer\.json"):
        Tokenizer.open(tmp_path / "tokenizer.json")
