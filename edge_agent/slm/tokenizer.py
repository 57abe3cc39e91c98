"""The tokenizer of an installed model: text to token ids and back, whole or as a stream."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import tokenizers

from orchestrator.errors import ModelCorrupt, ModelNotFound


class Tokenizer:
    """A `tokenizer.json`. Special tokens in a text are recognised: whoever renders a prompt guards what goes in."""

    def __init__(self, inner: tokenizers.Tokenizer) -> None:
        self._inner = inner
        inner.no_padding()
        inner.no_truncation()

    @classmethod
    def open(cls, path: Path) -> Tokenizer:
        """Read a tokenizer.json.

        Raises:
            ModelNotFound: there is no such file.
            ModelCorrupt: it is not a tokenizer.
        """
        if not path.is_file():
            raise ModelNotFound(f"no tokenizer at {path}", remedy="pull the model again: edgewise models pull NAME")
        try:
            return cls(tokenizers.Tokenizer.from_file(str(path)))
        except Exception as error:  # the library raises nothing narrower
            raise ModelCorrupt(
                f"{path} is not a tokenizer: {error}", remedy="pull the model again: edgewise models pull NAME"
            ) from error

    @property
    def special_tokens(self) -> tuple[str, ...]:
        """The strings that stand for control tokens, such as `<|im_end|>`."""
        return tuple(token.content for token in self._inner.get_added_tokens_decoder().values() if token.special)

    def ids_of(self, tokens: Iterable[str]) -> frozenset[int]:
        """The ids of single tokens; those that the vocabulary lacks are left out."""
        return frozenset(found for token in tokens if (found := self._inner.token_to_id(token)) is not None)

    @property
    def vocabulary_size(self) -> int:
        """Number of ids, added tokens included."""
        return self._inner.get_vocab_size(with_added_tokens=True)

    @property
    def vocabulary(self) -> dict[str, int]:
        """The id of each token, added tokens included."""
        return self._inner.get_vocab(with_added_tokens=True)

    def encode(self, text: str) -> list[int]:
        """Token ids of `text` as it stands: no beginning or end token is added, the chat template has them."""
        whole = text.encode(errors="replace").decode()  # JSON can bring half a surrogate pair, which is no text
        return list(self._inner.encode(whole, add_special_tokens=False).ids)

    def decode(self, ids: list[int]) -> str:
        """The text of `ids`, without control tokens."""
        return self._inner.decode(ids, skip_special_tokens=True)

    def to_json(self) -> str:
        """The text of its `tokenizer.json`."""
        return self._inner.to_str()

    def stream(self, behind: str = "") -> TokenStream:
        """A decoder for tokens that come right behind the text `behind`."""
        return TokenStream(self, self.encode(behind))


class TokenStream:
    """Token ids to text, one at a time, never showing half a character.

    Bytes that never become a character come out as U+FFFD once that is certain: at the next whole character, or at
    `flush`. Each piece is decoded behind a few tokens of context, because in some vocabularies (SentencePiece) a word
    keeps its leading space only there. `tokenizers.DecodeStream` does the same but has no flush.
    """

    _CONTEXT = 4
    _LONGEST = 16

    def __init__(self, tokenizer: Tokenizer, behind: list[int]) -> None:
        self._tokenizer = tokenizer
        self._ids: list[int] = []
        self._shown = 0
        self._rebase(behind)

    def push(self, token: int) -> str:
        """The text that `token` completes; empty in the middle of a character."""
        self._ids.append(token)
        text = self._tokenizer.decode(self._ids)
        if text.endswith("\ufffd"):  # perhaps the first bytes of a longer character
            return ""
        fresh = text[self._shown :]
        self._shown = len(text)
        if len(self._ids) > self._LONGEST:
            self._rebase(self._ids)
        return fresh

    def flush(self) -> str:
        """What is left of an unfinished character when nothing more comes."""
        text = self._tokenizer.decode(self._ids)
        fresh, self._shown = text[self._shown :], len(text)
        return fresh

    def _rebase(self, ids: list[int]) -> None:
        """Keep only the last few tokens, so that a step costs the same however long the text is."""
        self._ids = ids[-self._CONTEXT :]
        self._shown = len(self._tokenizer.decode(self._ids))
