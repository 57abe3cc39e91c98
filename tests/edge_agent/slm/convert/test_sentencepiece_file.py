from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edge_agent.slm.convert.sentencepiece_file import fields_of_a_model, read_sentencepiece
from orchestrator.errors import ModelCorrupt, ModelUnsupported

UNKNOWN, CONTROL, USER_DEFINED, UNUSED = 2, 3, 4, 5
PIECES: tuple[tuple[str, float, int | None], ...] = (
    ("<unk>", 0, UNKNOWN),
    ("<s>", 0, CONTROL),
    ("<tool>", 0, USER_DEFINED),
    ("▁", -9, None),
    ("a", -8, None),
    ("b", -7, None),
    ("ab", -1, None),
    ("▁ab", -2, None),
)


def write_sentencepiece(path: Path, *, kind: int = 2, prefixed: bool | None = None, pieces: Any = PIECES) -> Path:
    """A SentencePiece model file of a few pieces. `prefixed`: whether texts begin with a space; None does not say."""
    model: Any = fields_of_a_model()()
    for text, score, role in pieces:
        piece = model.pieces.add(piece=text, score=score)
        if role:
            piece.type = role
    model.trainer_spec.model_type = kind
    if prefixed is not None:
        model.normalizer_spec.add_dummy_prefix = prefixed
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize(("prefixed", "ids"), [(None, [7]), (True, [7]), (False, [6])])
def test_pairs_are_merged_by_score(tmp_path: Path, prefixed: bool | None, ids: list[int]) -> None:
    tokenizer = read_sentencepiece(write_sentencepiece(tmp_path / "tokenizer.model", prefixed=prefixed))
    assert tokenizer.encode("ab").ids == ids
    assert tokenizer.decode(ids) == "ab"


def test_control_tokens_are_special_and_the_users_own_are_text(tmp_path: Path) -> None:
    tokenizer = read_sentencepiece(write_sentencepiece(tmp_path / "tokenizer.model", prefixed=False))
    assert tokenizer.encode("<s>ab<tool>").ids == [1, 6, 2]
    assert tokenizer.decode([1, 6, 2]) == "ab<tool>"


def test_unused_pieces_are_no_tokens(tmp_path: Path) -> None:
    pieces = [(text, score, UNUSED if text == "ab" else role) for text, score, role in PIECES]
    path = write_sentencepiece(tmp_path / "tokenizer.model", prefixed=False, pieces=pieces)
    assert read_sentencepiece(path).encode("ab").ids == [4, 5]


def test_a_unigram_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelUnsupported, match="not a byte-pair model"):
        read_sentencepiece(write_sentencepiece(tmp_path / "tokenizer.model", kind=1))


@pytest.mark.parametrize("content", [b"not a model", b"\xff\xff\xff", b""])
def test_what_is_no_model(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "tokenizer.model"
    path.write_bytes(content)
    with pytest.raises(ModelCorrupt, match=r"tokenizer\.model") as error:
        read_sentencepiece(path)
    assert error.value.remedy
