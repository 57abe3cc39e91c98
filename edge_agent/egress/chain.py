"""The hash chain: each entry's hash covers the one before it, so that none can be changed, added or taken out unseen.

An entry is a JSON object, written with sorted keys, without spaces, in UTF-8. Its hash is SHA-256 of the 32 bytes of
the hash before it (zeros before the first) and those characters. What was sent is not in the entry itself, only its
salted SHA-256: so the content can be blanked later, and the chain still holds. The kinds of entries, beside what all
have (`number`, `kind` and `at`):

    sent      a call is about to be made: target, method, bytes, digest of the content, …
    ended     how the call `of` that number ended
    blanked   the contents of `numbers` were removed on purpose
    pruned    the entries up to `through`, whose hash was `hash`, were removed for their age
    begun     the user accepted that the log up to `through`, whose hash was `hash`, is gone
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

NOTHING_BEFORE: Final = "0" * 64


@dataclass(frozen=True, slots=True)
class Head:
    """The newest entry of a chain at some moment: whoever keeps one can tell later that nothing was cut off."""

    number: int
    hash: str
    """64 hexadecimal digits."""

    def __str__(self) -> str:
        return f"{self.number}:{self.hash}"


@dataclass(frozen=True, slots=True)
class Link:
    """An entry in its place, with its content where that is kept."""

    number: int
    entry: str
    """In canonical form."""
    hash: str
    salt: bytes | None = None
    body: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a look at a whole chain found."""

    entries: int
    head: Head | None
    """The newest entry; None of an empty chain."""
    contents: int
    """How many messages that were sent are kept word for word."""
    broken_at: int | None = None
    """The number of the first entry that is not as it was written; None where the chain holds."""
    fault: str = ""
    """What is wrong with it."""
    begun_at: tuple[int, ...] = ()
    """The entries by which the user accepted that an earlier log is gone."""


def canonical(entry: Mapping[str, Any]) -> str:
    """The one way of writing an entry that its hash is made of."""
    return json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def hash_of(previous: str, entry: str) -> str:
    """The hash of an entry in canonical form, behind the entry with the hash `previous`."""
    return hashlib.sha256(bytes.fromhex(previous) + entry.encode()).hexdigest()


def digest_of(salt: bytes, body: bytes) -> str:
    """What an entry says of its content. Without the salt, which goes with the content, nobody can guess at it."""
    return hashlib.sha256(salt + body).hexdigest()


def verify(links: Iterable[Link], heads: Iterable[Head] = ()) -> Verdict:
    """Look at every entry of a chain, and compare it with what it was known to be.

    Args:
        links: all of it, in order.
        heads: newest entries of earlier moments, kept elsewhere.
    """
    look = _Look()
    for link in links:
        look.at(link)
    return look.verdict(tuple(heads))


class _Look:
    """One walk along a chain. What was removed on purpose is known only at its end."""

    def __init__(self) -> None:
        self._first: Link | None = None
        self._last: Link | None = None
        self._entries = self._contents = 0
        self._faults: dict[int, str] = {}
        self._without: set[int] = set()
        self._blanked: set[int] = set()
        self._pruned: dict[int, str] = {}
        self._begun: list[int] = []
        self._hashes: dict[int, str] = {}

    def at(self, link: Link) -> None:
        """The next one."""
        self._entries += 1
        entry = self._read(link)
        if self._last is None:
            self._first = link
        elif link.number != self._last.number + 1:
            self._fault(self._last.number + 1, "it is missing")
        elif hash_of(self._last.hash, link.entry) != link.hash:
            self._fault(link.number, "it was changed, or the one before it")
        self._last = link
        self._hashes[link.number] = link.hash
        self._look_inside(link, entry)

    def verdict(self, heads: tuple[Head, ...]) -> Verdict:
        """Once all were looked at."""
        self._look_before_the_first()
        for number in self._without - self._blanked:
            self._fault(number, "what was sent is missing, and no later entry tells of its removal")
        for head in heads:
            self._compare(head)
        broken_at = min(self._faults, default=None)
        return Verdict(
            entries=self._entries,
            head=Head(self._last.number, self._last.hash) if self._last else None,
            contents=self._contents,
            broken_at=broken_at,
            fault="" if broken_at is None else self._faults[broken_at],
            begun_at=tuple(self._begun),
        )

    def _read(self, link: Link) -> dict[str, Any]:
        try:
            entry = json.loads(link.entry)
        except ValueError:
            entry = None
        if not isinstance(entry, dict) or entry.get("number") != link.number:
            self._fault(link.number, "it was changed: it is no entry of that number")
            return {}
        return entry

    def _look_inside(self, link: Link, entry: dict[str, Any]) -> None:
        match entry.get("kind"):
            case "sent":
                self._look_at_content(link, entry)
            case "blanked":
                self._blanked.update(entry.get("numbers", ()))
            case "pruned":
                self._pruned[entry.get("through", 0)] = str(entry.get("hash"))
            case "begun":
                self._begun.append(link.number)

    def _look_at_content(self, link: Link, entry: dict[str, Any]) -> None:
        if link.salt is not None and link.body is not None:
            self._contents += 1
            if entry.get("digest") != digest_of(link.salt, link.body):
                self._fault(link.number, "what was sent was changed")
        elif entry.get("kept") and entry.get("bytes"):
            self._without.add(link.number)

    def _look_before_the_first(self) -> None:
        if (first := self._first) is None:
            return
        before = first.number - 1
        previous = self._pruned.get(before) if before else NOTHING_BEFORE
        if previous is None:
            self._fault(before, "it is missing, with all before it, and no later entry tells of its removal")
        elif hash_of(previous, first.entry) != first.hash:
            self._fault(first.number, "it was changed, or the one before it")

    def _compare(self, head: Head) -> None:
        if self._first is not None and head.number < self._first.number:
            return  # pruned since, which the chain tells of itself
        found = self._hashes.get(head.number)
        if found is None:
            newest = self._last.number if self._last else 0
            self._fault(newest + 1, f"it is missing, with all after it up to {head.number}")
        elif found != head.hash:
            self._fault(head.number, "it is another one than was known: the chain was written anew")

    def _fault(self, number: int, what: str) -> None:
        self._faults.setdefault(number, what)
