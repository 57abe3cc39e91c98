"""SentencePiece BPE (Llama 2, Gemma and their heirs), from its vocabulary and scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tokenizers import Tokenizer, decoders, models, normalizers

from edge_agent.slm.convert.gguf_file import FETCH_AGAIN, GgufFile
from orchestrator.errors import ModelCorrupt

# SentencePiece writes a space as this sign.
_SPACE = "▁"


def sentencepiece_bpe(
    vocabulary: Mapping[str, int], scores: Sequence[float], *, unknown: str, prefixed: bool
) -> Tokenizer:
    """A tokenizer without its added tokens.

    Args:
        vocabulary: ids of the tokens that merging makes.
        scores: of each id; the higher, the earlier it is made.
        unknown: the token for what no token stands for.
        prefixed: whether a text begins with a space, whatever it begins with.
    """
    merges = _merges(vocabulary, scores)
    model = models.BPE(vocab=dict(vocabulary), merges=merges, unk_token=unknown, fuse_unk=True, byte_fallback=True)
    tokenizer = Tokenizer(model)
    steps: list[normalizers.Normalizer] = [normalizers.Prepend(_SPACE)] if prefixed else []
    tokenizer.normalizer = normalizers.Sequence([*steps, normalizers.Replace(" ", _SPACE)])
    back: list[decoders.Decoder] = [decoders.Replace(_SPACE, " "), decoders.ByteFallback(), decoders.Fuse()]
    tokenizer.decoder = decoders.Sequence([*back, decoders.Strip(" ", left=1)] if prefixed else back)
    return tokenizer


def gguf_sentencepiece(file: GgufFile, vocabulary: Mapping[str, int]) -> Tokenizer:
    """The tokenizer that `tokenizer.ggml.model` calls `llama`, without its added tokens.

    Args:
        file: the opened file.
        vocabulary: ids of the tokens that merging makes.

    Raises:
        ModelCorrupt: the scores are missing, or there are not as many as tokens.
    """
    scores = file.require_list("tokenizer.ggml.scores", float)
    if len(scores) <= max(vocabulary.values(), default=0):
        raise ModelCorrupt(f"{file.path} has fewer scores than tokens", remedy=FETCH_AGAIN)
    unknown = file.require_list("tokenizer.ggml.tokens", str)[file.optional("tokenizer.ggml.unknown_token_id", 0)]
    prefixed = file.optional("tokenizer.ggml.add_space_prefix", True)
    return sentencepiece_bpe(vocabulary, scores, unknown=unknown, prefixed=prefixed)


def _merges(vocabulary: Mapping[str, int], scores: Sequence[float]) -> list[tuple[str, str]]:
    """Every way to join two tokens to a third, best score of the third first.

    The files keep no merges. SentencePiece joins the neighbours whose union scores highest, so that the order of the
    scores is the order of the merges.
    """
    found = []
    for text, index in vocabulary.items():
        for cut in range(1, len(text)):
            first, second = text[:cut], text[cut:]
            if first in vocabulary and second in vocabulary:
                found.append((-scores[index], vocabulary[first], vocabulary[second], first, second))
    return [(first, second) for *_, first, second in sorted(found)]
