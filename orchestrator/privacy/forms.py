"""The stand-ins of a request as they may come back: in another case, with another separator, inflected.

A stand-in is read by a trie over its characters. Letters are read in any case; `_`, `-` and a space are one and the
same between words, may be missing, and may be escaped for Markdown. Whether a stand-in ends is decided by the one
character behind it, so that PERSON_1 is never seen in PERSON_12.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from orchestrator.privacy.finding import Kind

_SEPARATORS: Final = "_- \u00a0"
_ESCAPE: Final = "\\"
_NOWHERE: Final = re.compile(r"(?!)")
_ANY_SEPARATOR: Final = "_"
_SQUEEZE: Final = {ord(character): None for character in _SEPARATORS + _ESCAPE}


def squeezed(text: str) -> str:
    """A text without all that the reading of stand-ins passes over: two texts that read alike are squeezed alike."""
    return "".join(_read(character) for character in text.translate(_SQUEEZE))


def glued(character: str) -> bool:
    """Whether a letter is written together with its neighbours: those of scripts without spaces have no case."""
    return character.isupper() or character.islower() or character.istitle()


@dataclass(frozen=True, slots=True)
class Match:
    """A stand-in in a text, up to and not including `end`."""

    end: int
    kind: Kind
    original: str


class Pending:
    """The text ends where a stand-in may go on."""


PENDING: Final = Pending()


@dataclass(slots=True)
class _Node:
    following: dict[str, _Node] = field(default_factory=dict)
    exact: dict[str, tuple[Kind, str]] = field(default_factory=dict)
    """Stand-ins that end here, as written, and their originals. The first is meant where none is written exactly so."""


class Forms:
    """What stands for what."""

    def __init__(self) -> None:
        self._root = _Node()
        self._longest = 0
        self._start = _NOWHERE

    @property
    def longest(self) -> int:
        """Code points of the longest stand-in in its longest way of writing."""
        return self._longest

    def add(self, form: str, original: str, kind: Kind) -> None:
        """Let `form` stand for `original`."""
        node = self._root
        if _read(form[0]) not in node.following:
            firsts = "".join({*node.following, _read(form[0])})
            self._start = re.compile(f"[{re.escape(firsts + firsts.upper())}]")
        for character in form:
            node = node.following.setdefault(_read(character), _Node())
        node.exact.setdefault(form, (kind, original))
        escapes = sum(character in _SEPARATORS for character in form)
        self._longest = max(self._longest, len(form) + escapes + (not form[-1].isdigit()))

    def start(self, text: str, at: int) -> int:
        """The first index from `at` on where a stand-in may begin; the length of the text where none may."""
        found = self._start.search(text, at)
        return found.start() if found else len(text)

    def match(self, text: str, at: int, *, final: bool) -> Match | Pending | None:
        """The longest stand-in at a place of a text.

        Args:
            text: with the character before `at`, where there is one: a stand-in does not begin inside a word.
            at: index of the first character.
            final: nothing comes after `text`. Otherwise `PENDING` says that what comes decides.
        """
        if at > 0 and _joined(text[at - 1], text[at]):
            return None
        node: _Node | None = self._root
        best: Match | Pending | None = None
        index = at
        while node is not None:
            if node.exact:
                best = self._ended(node, text, at, index, final) or best
            if index == len(text):
                return best if final or not node.following else PENDING
            node, index = _step(node, text, index)
        return best

    def _ended(self, node: _Node, text: str, at: int, end: int, final: bool) -> Match | Pending | None:
        """The stand-in that ends at this node, if what follows lets it end."""
        ends = _ends(text, end, final)
        if ends is None:
            return PENDING
        if not ends:
            return None
        written = text[at:end].replace(_ESCAPE, "")
        return Match(end, *(node.exact.get(written) or next(iter(node.exact.values()))))


def _read(character: str) -> str:
    """A character as the trie knows it."""
    if character in _SEPARATORS:
        return _ANY_SEPARATOR
    lower = character.lower()
    return lower if len(lower) == 1 else character


def _joined(before: str, first: str) -> bool:
    """Whether a character belongs to the one before it, so that no stand-in begins there."""
    return before.isdigit() if first.isdigit() else glued(before)


def _step(node: _Node, text: str, index: int) -> tuple[_Node | None, int]:
    """One character further: the next node, or None, and the next index."""
    following = node.following.get(_read(text[index]))
    if following is not None:
        return following, index + 1
    gap = node.following.get(_ANY_SEPARATOR)
    if gap is None:
        return None, index
    if text[index] == _ESCAPE:
        if index + 1 == len(text):
            return gap, index + 1
        return (gap, index + 2) if text[index + 1] in _SEPARATORS else (None, index)
    return gap.following.get(_read(text[index])), index + 1


def _ends(text: str, end: int, final: bool) -> bool | None:
    """Whether a stand-in may end here; None where that is not known yet.

    Behind a digit any letter may follow (PERSON_1s), but no digit. Behind a letter only the s of a genitive or a plural
    may, and then no more letters.
    """
    if end == len(text):
        return True if final else None
    following = text[end]
    if text[end - 1].isdigit():
        return not following.isdigit()
    if following in "sS":
        if end + 1 == len(text):
            return True if final else None
        following = text[end + 1]
    return not (glued(following) or following.isdigit())
