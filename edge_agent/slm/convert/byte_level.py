"""Byte-level BPE (GPT-2 and its many heirs) from the metadata of a GGUF file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

from edge_agent.slm.convert.gguf_file import FETCH_AGAIN, GgufFile
from orchestrator.errors import ModelCorrupt, ModelUnsupported


@dataclass(frozen=True, slots=True)
class _Style:
    """How a family cuts texts into words before it merges bytes.

    Attributes:
        words: makes the pre-tokenizer.
        composes: whether texts are brought into the composed Unicode form (NFC) first.
        whole_words: whether a word that is a token is taken as it is, without merging.
    """

    words: Callable[[], pre_tokenizers.PreTokenizer]
    composes: bool = False
    whole_words: bool = False


def _gpt2_words() -> pre_tokenizers.PreTokenizer:
    return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)


def _single_digit_words() -> pre_tokenizers.PreTokenizer:
    return pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), _gpt2_words()])


def _newer_words(digits: str) -> pre_tokenizers.PreTokenizer:
    """Words with any one sign before them, numbers of so many `digits`, signs, line ends, spaces."""
    pattern = (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}" + digits + r"| ?[^\s\p{L}\p{N}]+[\r\n]*"
        r"|\s*[\r\n]+|\s+(?!\S)|\s+"
    )
    split = pre_tokenizers.Split(Regex(pattern), behavior="isolated")
    return pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def _cased_words() -> pre_tokenizers.PreTokenizer:
    """As `_newer_words`, and a word also ends where a capital follows a small letter (the o200k vocabularies)."""
    upper, lower = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
    before, behind = r"[^\r\n\p{L}\p{N}]?", r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    pattern = (
        f"{before}{upper}*{lower}+{behind}|{before}{upper}+{lower}*{behind}"
        r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    )
    split = pre_tokenizers.Split(Regex(pattern), behavior="isolated")
    return pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


_GPT2 = _Style(_gpt2_words)
_QWEN2 = _Style(lambda: _newer_words(""), composes=True)
_LLAMA3 = _Style(lambda: _newer_words("{1,3}"), whole_words=True)
#: By `tokenizer.ggml.pre`.
_STYLES: Mapping[str, _Style] = {
    "gpt-2": _GPT2,
    "smollm": _Style(_single_digit_words),
    "qwen2": _QWEN2,
    "deepseek-r1-qwen": _QWEN2,
    "llama-bpe": _LLAMA3,
    "llama3": _LLAMA3,
    "llama-v3": _LLAMA3,
    "gpt-4o": _Style(_cased_words, whole_words=True),
}


def byte_level_bpe(file: GgufFile, vocabulary: Mapping[str, int]) -> Tokenizer:
    """The tokenizer that `tokenizer.ggml.model` calls `gpt2`, without its added tokens.

    Args:
        file: the opened file.
        vocabulary: ids of the tokens that merging makes.

    Raises:
        ModelUnsupported: the file names a way to cut words that is not known here.
        ModelCorrupt: the merges are missing, or are not of the vocabulary.
    """
    name = file.require("tokenizer.ggml.pre", str)
    if name not in _STYLES:
        remedy = "Choose another model, or an ONNX build of this one, which has its own tokenizer.json"
        raise ModelUnsupported(f"{file.path} cuts words in the unknown way {name!r}", remedy=remedy)
    style = _STYLES[name]
    merges = _merges(file, file.require_list("tokenizer.ggml.merges", str))
    try:
        model = models.BPE(vocab=dict(vocabulary), merges=merges, ignore_merges=style.whole_words)
    # The library raises plain Exception for a merge that is not in the vocabulary.
    except Exception as error:
        raise ModelCorrupt(f"{file.path} has merges that are not in its vocabulary", remedy=FETCH_AGAIN) from error
    tokenizer = Tokenizer(model)
    if style.composes:
        tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = style.words()
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def _merges(file: GgufFile, lines: Sequence[str]) -> list[tuple[str, str]]:
    pairs = []
    for line in lines:
        first, _, second = line.partition(" ")
        if not first or not second:
            raise ModelCorrupt(f"{file.path} has the merge {line!r}, which is no pair", remedy=FETCH_AGAIN)
        pairs.append((first, second))
    return pairs
