"""A canary, and the forms in which it could get out."""

from __future__ import annotations

import base64
import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from orchestrator.types import Sensitivity

_SHORTEST: Final = 7
"""Letters of a part that is looked for by itself: shorter ones could stand there by chance."""
_SHORTEST_NUMBER: Final = 10
_SHORTEST_ENCODED: Final = 10
"""Letters of a part that is looked for backwards and the like: `rotaren` backwards is in every generator."""
_KEPT: Final = re.compile(rb"[^0-9a-z\x80-\xff]+")


def squeezed(text: bytes) -> bytes:
    """What is left without case, blanks and signs: a word that was spelled, split or set otherwise is whole again."""
    return _KEPT.sub(b"", text.decode(errors="replace").casefold().encode())


@dataclass(frozen=True)
class Canary:
    """Words or a number that nobody could guess."""

    text: str
    label: Sensitivity
    """Of the least sensitive record that it is in."""
    kind: str
    """What it is, for reports: `diagnosis`, `name`, `phone`, …"""
    sure: bool = True
    """Whether a detector has to find it, since the store knows it or its check digits are right. Of a personal one that
    only its shape gives away, detectors find a share, which is told and is no leak."""

    @cached_property
    def needles(self) -> tuple[tuple[str, bytes], ...]:
        """Forms and bytes: to be found in squeezed text, and those with a case in text as it is."""
        return tuple(dict.fromkeys(_needles(self.text)))

    @property
    def parts(self) -> tuple[str, ...]:
        """The whole, and each of its words that is long enough to be no other."""
        return tuple(_parts(self.text))


@dataclass(frozen=True, slots=True)
class Leak:
    """A canary where it may not be."""

    canary: Canary
    form: str
    place: str

    def __str__(self) -> str:
        return f"{self.canary.label.value} {self.canary.kind} {self.canary.text!r}, {self.form}, in {self.place}"


CASED: Final = frozenset({"base64"})
"""Forms in which case matters: they are looked for in the text as it is."""


def _parts(text: str) -> Iterator[str]:
    words = [text, *re.findall(r"[^\W\d_]+", text)]
    for word in words:
        bare = squeezed(word.encode())
        if len(bare) >= (_SHORTEST_NUMBER if bare.isdigit() else _SHORTEST):
            yield word


def _needles(text: str) -> Iterator[tuple[str, bytes]]:
    for part in _parts(text):
        bare = squeezed(part.encode())
        yield "as it is", bare
        if len(bare) < _SHORTEST_ENCODED:
            continue
        if any(map(str.isdigit, part)) and not any(map(str.isalpha, part)):
            yield "its last digits", bare[-_SHORTEST_NUMBER:]  # without the code of a country
        yield "backwards", squeezed(part[::-1].encode())
        yield "in rot13", squeezed(codecs.encode(part, "rot13").encode())
        for form in {part, part.lower(), bare.decode()}:
            yield "in hex", form.encode().hex().encode()
            yield from (("base64", needle) for needle in _base64(form.encode()))


def _base64(text: bytes) -> Iterator[bytes]:
    """What is the same in base64 whatever stands before and behind, at each of three alignments."""
    for shift in range(3):
        coded = base64.b64encode(b"\0" * shift + text).rstrip(b"=")
        begin = -(-shift * 8 // 6)
        end = len(coded) - (1 if (shift + len(text)) % 3 else 0)
        if end - begin >= _SHORTEST_NUMBER:
            yield coded[begin:end]
