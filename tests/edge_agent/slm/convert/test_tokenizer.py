from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from edge_agent.slm.convert.gguf_file import GgufFile
from edge_agent.slm.convert.synthetic import CHAT_TEMPLATE, tiny_tokenizer
from edge_agent.slm.convert.tokenizer import ModelTokenizer, model_tokenizer
from orchestrator.errors import ModelCorrupt, ModelError, ModelUnsupported

CONTROL, USER_DEFINED, UNUSED, BYTE = 3, 4, 5, 6
MODEL = json.loads(tiny_tokenizer().to_str())["model"]
TEXTS = sorted(MODEL["vocab"], key=MODEL["vocab"].__getitem__)
BYTE_LEVEL: dict[str, Any] = {
    "model": "gpt2",
    "pre": "gpt-2",
    "tokens": TEXTS,
    "token_type": [CONTROL if text.startswith("<|") else 1 for text in TEXTS],
    "merges": [" ".join(merge) for merge in MODEL["merges"]],
    "bos_token_id": 1,
    "eos_token_id": 2,
}


class Metadata(GgufFile):
    """A file of nothing but what it says of its tokenizer."""

    def __init__(self, fields: dict[str, Any], **others: Any) -> None:
        said = {f"tokenizer.ggml.{key}": value for key, value in fields.items() if value is not None}
        self.path, self.metadata = Path("model.gguf"), said | others


def built(**fields: Any) -> ModelTokenizer:
    return model_tokenizer(Metadata(BYTE_LEVEL | fields))


BY_STYLE = {style: built(pre=style).tokenizer for style in ("gpt-2", "smollm", "qwen2", "llama-bpe")}


def words(style: str, text: str) -> list[str]:
    return [text[start:end] for _, (start, end) in BY_STYLE[style].pre_tokenizer.pre_tokenize_str(text)]


@pytest.mark.parametrize("style", ["gpt-2", "smollm", "llama-bpe"])
@given(text=st.text())
def test_every_text_comes_back(style: str, text: str) -> None:
    tokenizer = BY_STYLE[style]
    assert tokenizer.decode(tokenizer.encode(text).ids, skip_special_tokens=False) == text


@given(text=st.text())
def test_qwen_composes_texts_and_then_they_come_back(text: str) -> None:
    tokenizer = BY_STYLE["qwen2"]
    again = tokenizer.decode(tokenizer.encode(text).ids, skip_special_tokens=False)
    # Added tokens are found before composing, so that a text is composed part by part.
    assert tokenizer.normalizer.normalize_str(again) == tokenizer.normalizer.normalize_str(text)


@pytest.mark.parametrize(
    ("style", "text", "expected"),
    [
        ("smollm", "in 2024", ["in", " ", "2", "0", "2", "4"]),
        ("qwen2", "in 2024", ["in", " ", "2", "0", "2", "4"]),
        ("llama-bpe", "in 2024", ["in", " ", "202", "4"]),
        ("gpt-2", "in 2024", ["in", " 2024"]),
        ("smollm", "I'm here, WE'LL go", ["I", "'m", " here", ",", " WE", "'", "LL", " go"]),
        ("qwen2", "I'm here, WE'LL go", ["I", "'m", " here", ",", " WE", "'LL", " go"]),
        ("smollm", "a   b", ["a", "  ", " b"]),
        ("qwen2", "a   b\n\n  c", ["a", "  ", " b", "\n\n", " ", " c"]),
        ("qwen2", "日本語、テスト", ["日本語", "、テスト"]),
        ("smollm", "日本語、テスト", ["日本語", "、", "テスト"]),
        ("qwen2", "go 🎉👩‍👧 now", ["go", " 🎉👩‍👧", " now"]),
        ("qwen2", "(x)=y;\n", ["(x", ")=", "y", ";\n"]),
    ],
)
def test_words(style: str, text: str, expected: list[str]) -> None:
    assert words(style, text) == expected


def test_digits_of_other_scripts_are_digits() -> None:
    assert words("smollm", "a½٣") == ["a", "½", "٣"]


def test_settings_name_the_special_tokens_and_the_template() -> None:
    fields = BYTE_LEVEL | {"padding_token_id": 0}
    made = model_tokenizer(Metadata(fields, **{"tokenizer.chat_template": CHAT_TEMPLATE}))
    assert made.settings == {
        "bos_token": "<|im_start|>",
        "eos_token": "<|im_end|>",
        "pad_token": "<|endoftext|>",
        "chat_template": CHAT_TEMPLATE,
    }


def test_a_base_model_has_no_template() -> None:
    assert "chat_template" not in built().settings


def test_an_answer_ends_at_every_usual_end_token() -> None:
    assert built().eos_token_ids == (2, 0)
    assert built(eot_token_id=5).eos_token_ids == (2, 5, 0)


def test_special_tokens_are_found_in_texts_and_left_out_of_answers() -> None:
    tokenizer = built().tokenizer
    ids = tokenizer.encode("<|im_start|>the<|im_end|>").ids
    assert (ids[0], ids[-1]) == (1, 2)
    assert tokenizer.decode(ids) == "the"


def test_a_token_that_users_defined_is_one_token_and_stays_in_answers() -> None:
    tokens = [*TEXTS, "<tool_call>"]
    tokenizer = built(tokens=tokens, token_type=[*BYTE_LEVEL["token_type"], USER_DEFINED]).tokenizer
    ids = tokenizer.encode("a<tool_call>b").ids
    assert ids[1] == len(TEXTS)
    assert tokenizer.decode(ids) == "a<tool_call>b"


def test_padding_of_the_vocabulary_is_no_text() -> None:
    tokenizer = built(tokens=[*TEXTS, "[PAD300]"], token_type=[*BYTE_LEVEL["token_type"], UNUSED]).tokenizer
    assert tokenizer.token_to_id("[PAD300]") is None


def test_a_text_starts_with_bos_where_the_file_wants_it() -> None:
    tokenizer = built(add_bos_token=True).tokenizer
    assert tokenizer.encode("a").ids[0] == 1
    assert tokenizer.encode("a", add_special_tokens=False).ids[0] != 1


@pytest.mark.parametrize(
    ("fields", "error", "said"),
    [
        ({"tokens": None}, ModelCorrupt, r"no metadata 'tokenizer\.ggml\.tokens'"),
        ({"tokens": [1, 2]}, ModelCorrupt, r"wrong kind of metadata 'tokenizer\.ggml\.tokens'"),
        ({"merges": None}, ModelCorrupt, r"no metadata 'tokenizer\.ggml\.merges'"),
        ({"merges": ["th"]}, ModelCorrupt, "the merge 'th', which is no pair"),
        ({"merges": ["zz qq"]}, ModelCorrupt, "merges that are not in its vocabulary"),
        ({"token_type": [1]}, ModelCorrupt, "300 tokens, but kinds for 1"),
        ({"eos_token_id": None}, ModelCorrupt, r"no metadata 'tokenizer\.ggml\.eos_token_id'"),
        ({"eos_token_id": 300}, ModelCorrupt, "names the token 300"),
        ({"unknown_token_id": 2**31}, ModelCorrupt, "names the token 2147483648"),
        ({"pre": "new-style"}, ModelUnsupported, "unknown way 'new-style'"),
        ({"model": "bert"}, ModelUnsupported, "unknown kind of tokenizer 'bert'"),
        ({"model": "llama"}, ModelCorrupt, r"no metadata 'tokenizer\.ggml\.scores'"),
        ({"model": "llama", "scores": [0.0]}, ModelCorrupt, "fewer scores than tokens"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_cannot_be_is_named_with_a_remedy(fields: dict[str, Any], error: type[ModelError], said: str) -> None:
    with pytest.raises(error, match=rf"model\.gguf .*{said}") as failure:
        built(**fields)
    assert failure.value.remedy


PIECES = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
LETTERS = [*"▁abcdehlortwß", "he", "ll", "llo", "hello", "▁h", "▁hello", "or", "▁w", "▁wor"]


def sentencepiece(**fields: Any) -> Tokenizer:
    special = {"<unk>": 2, "<s>": CONTROL, "</s>": CONTROL}
    tokens = PIECES + LETTERS
    said = {
        "model": "llama",
        "tokens": tokens,
        "token_type": [special.get(text, BYTE if text in PIECES else 1) for text in tokens],
        "scores": [0.0] * len(PIECES) + [-float(place) for place in range(len(LETTERS))],
        "bos_token_id": 1,
        "eos_token_id": 2,
    }
    return model_tokenizer(Metadata(said | fields)).tokenizer


class TestSentencePiece:
    @given(text=st.text())
    def test_every_text_comes_back(self, text: str) -> None:
        tokenizer = sentencepiece()
        ids = tokenizer.encode(text.replace("▁", " "), add_special_tokens=False).ids
        assert tokenizer.decode(ids, skip_special_tokens=False) == text.replace("▁", " ")

    def test_the_best_score_is_merged_first(self) -> None:
        assert sentencepiece().encode("hello world").tokens == ["<s>", "▁hello", "▁wor", "l", "d"]

    def test_what_is_no_piece_falls_back_to_bytes(self) -> None:
        assert sentencepiece().encode("ü", add_special_tokens=False).tokens == ["▁", "<0xC3>", "<0xBC>"]

    def test_without_a_space_before_the_text(self) -> None:
        tokenizer = sentencepiece(add_space_prefix=False, add_bos_token=False)
        assert tokenizer.encode("hello").tokens == ["hello"]
        assert tokenizer.decode(tokenizer.encode(" hello").ids) == " hello"
