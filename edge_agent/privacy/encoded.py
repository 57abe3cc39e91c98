"""What stands in a text in disguise: spelled letter by letter, in base64, in hex, or escaped as in a URL."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final
from urllib.parse import unquote

from orchestrator.ports import Detector
from orchestrator.privacy.finding import Finding, Kind

_SPELLED: Final = re.compile(r"(?<!\w)\w(?:[\s.,;:*_·-]{1,3}\w(?!\w)){4,}")
_GAP: Final = re.compile(r"(\w)([^\w]*)")
_BASE64: Final = re.compile(r"(?<![\w+/])[A-Za-z0-9+/_-]{10,}")
_HEX: Final = re.compile(r"(?<![\w])(?:[0-9A-Fa-f]{2}[ :]?){6,}(?!\w)")
_ESCAPED: Final = re.compile(r"(?<!\S)[^\s%]*%[0-9A-Fa-f]{2}\S*")


class Encoded:
    """Finds what another detector would find if it were written plainly; a `Detector` of `orchestrator.ports`.

    The whole disguise is one finding of the kind `SECRET`, with the highest label of what is in it. What is written
    backwards, in a cipher, or within a longer word is not seen.
    """

    def __init__(self, plain: Detector) -> None:
        """`plain` reads what was decoded."""
        self._plain = plain

    def find(self, text: str) -> Sequence[Finding]:
        """In no order; what hides nothing is not found."""
        return [finding for start, end, said in _disguised(text) for finding in self._of(start, end, said)]

    def _of(self, start: int, end: int, said: str) -> Iterator[Finding]:
        worst = max(self._plain.find(said), key=lambda each: each.label.rank, default=None)
        if worst is not None:
            yield Finding(Kind.SECRET, start, end, worst.label, worst.source)


def _disguised(text: str) -> Iterator[tuple[int, int, str]]:
    """Where something may be hidden, and what it says."""
    for pattern, decoded in _FORMS:
        if pattern is _ESCAPED and "%" not in text:
            continue
        for match in pattern.finditer(text):
            if said := decoded(match.group()):
                yield match.start(), match.end(), said


def _joined(spelled: str) -> str:
    """`A n n a` is Anna; where a gap is wider than the others, a word ends."""
    letters = _GAP.findall(spelled)
    usual = min(len(gap) for _, gap in letters[:-1])
    return "".join(letter + " " * (len(gap) > usual) for letter, gap in letters).strip()


def _from_base64(coded: str) -> str:
    if coded.isalpha() and coded[1:].islower():  # a word: what is encoded has capitals or digits in it
        return ""
    plain = coded.translate(str.maketrans("-_", "+/"))
    return _readable(base64.b64decode, plain + "=" * (-len(plain) % 4))


def _from_hex(coded: str) -> str:
    return _readable(bytes.fromhex, coded.replace(":", " "))


def _readable(decode: Callable[[str], bytes], coded: str) -> str:
    """The text in it; empty where there is none."""
    try:
        said = decode(coded).decode()
    except (binascii.Error, ValueError):
        return ""
    return said if said.isprintable() or said.replace("\n", " ").isprintable() else ""


_FORMS: Final[tuple[tuple[re.Pattern[str], Callable[[str], str]], ...]] = (
    (_SPELLED, _joined),
    (_BASE64, _from_base64),
    (_HEX, _from_hex),
    (_ESCAPED, unquote),
)
