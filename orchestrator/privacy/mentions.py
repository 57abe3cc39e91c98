"""What was found once, found again: mentions that a detector missed.

Originals are kept as sequences of tokens (words, and marks between them) in a trie, so that looking for hundreds of
them takes the time of reading the text. Words are compared without case, accents and the width of spaces.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from orchestrator.privacy.finding import Kind

# Scripts without spaces have no words to see: each of their characters is a token.
_UNSPACED: Final = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_TOKEN: Final = re.compile(rf"[{_UNSPACED}]|(?:[^\W_{_UNSPACED}]|[\u0300-\u036f])+|[^\w\s]|_")
_BARE_NUMBER: Final = re.compile(r"\W*\d{0,3}\W*")
_NAMES: Final = frozenset({Kind.PERSON, Kind.ORGANIZATION, Kind.GPE})
_SHORTEST_STEM: Final = 3


def folded(text: str) -> str:
    """Without case and accents, spaces as one."""
    if text.isascii():
        return " ".join(text.lower().split())
    bare = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return " ".join(bare.casefold().split())


@dataclass(frozen=True, slots=True)
class Mention:
    """A stretch of a text, in code points, that says what was found elsewhere."""

    start: int
    end: int
    kind: Kind

    def of(self, text: str) -> tuple[Kind, str]:
        """What it is, and as it stands in the text."""
        return self.kind, text[self.start : self.end]


@dataclass(slots=True)
class _Node:
    following: dict[str, _Node] = field(default_factory=dict)
    kind: Kind | None = None
    cased: bool = False
    """Found only in the case in which it was written: its lower case is an ordinary word."""
    written: set[str] = field(default_factory=set)


class Mentions:
    """The originals of a request. Bare numbers of up to three digits are left out: they are said of everything."""

    def __init__(self) -> None:
        self._root = _Node()

    def add(self, original: str, kind: Kind, *, cased: bool = False) -> None:
        """Look for `original` from now on. The first kind of an original stays.

        Args:
            original: as it was written.
            kind: what it is.
            cased: its lower case is an ordinary word ("will", "rose"), and not meant.
        """
        if _BARE_NUMBER.fullmatch(original):
            return
        node = self._root
        for token in _TOKEN.finditer(original):
            node = node.following.setdefault(folded(token[0]), _Node())
        if node is self._root:
            return
        node.kind = node.kind or kind
        node.written.add(original)
        node.cased = cased

    def find(self, text: str, start: int, end: int) -> Iterator[Mention]:
        """Mentions inside a stretch of a text, in order, the longest at each place."""
        tokens = list(_TOKEN.finditer(text, start, end))
        index = 0
        while index < len(tokens):
            found = self._longest(text, tokens, index)
            if found is None:
                index += 1
                continue
            mention, index = found
            yield mention

    def _longest(self, text: str, tokens: list[re.Match[str]], first: int) -> tuple[Mention, int] | None:
        """The longest original that begins with a token, and the index of the token behind it."""
        node, best = self._root, None
        for index in range(first, len(tokens)):
            token = tokens[index]
            word = folded(token[0])
            start = tokens[first].start()
            stem = node.following.get(word[:-1]) if word.endswith("s") and len(word) > _SHORTEST_STEM else None
            if stem is not None and stem.kind in _NAMES and self._meant(stem, text[start : token.end() - 1]):
                best = Mention(start, token.end() - 1, stem.kind), index + 1
            following = node.following.get(word)
            if following is None:
                break
            node = following
            if node.kind is not None and self._meant(node, text[start : token.end()]):
                best = Mention(start, token.end(), node.kind), index + 1
        return best

    def _meant(self, node: _Node, written: str) -> bool:
        """Whether these words are the original: an ordinary word in lower case is not."""
        return not node.cased or written in node.written or not written.islower()
