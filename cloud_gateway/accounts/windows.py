"""Windows of an owner: which stretch, what it lets through, and which page of the books it is now.

Windows are fixed, on the clock and the calendar in UTC: a page is one sum for each resource, so that counting takes the
same few steps at any rate, a bill belongs to one day and one month, and the moment when a window opens again is exact.
What a sliding window would add, that no two neighbouring minutes together take more than one limit, is the work of
admission, which bounds what is under way at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Final, NamedTuple

from orchestrator.accounts import Owner, Stretch
from orchestrator.chat import NANO

_DAY_S: Final = 86_400
_LENGTH_S: Final = {Stretch.MINUTE: 60, Stretch.HOUR: 3600, Stretch.DAY: _DAY_S}
_ALWAYS: Final = frozenset({Stretch.DAY, Stretch.MONTH})
"""Counted for everybody, so that usage can be asked for where nothing is limited."""


class Resource(StrEnum):
    """What is counted."""

    REQUESTS = "requests"
    TOKENS = "tokens"
    NANO_USD = "nano_usd"

    def in_words(self, value: int) -> str:
        """`value` with its unit, for people: "3 requests", "0.0125 USD"."""
        if self is Resource.NANO_USD:
            return f"{value // NANO:,}.{value % NANO:09d}".rstrip("0").rstrip(".") + " USD"
        return f"{value:,} {self.value.removesuffix('s') if value == 1 else self.value}"


RESOURCES: Final = tuple(Resource)


class Amounts(NamedTuple):
    """One of each resource, in their order."""

    requests: int = 0
    tokens: int = 0
    nano_usd: int = 0


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` of `resource` in every `stretch`."""

    resource: Resource
    stretch: Stretch
    most: int


class Window(NamedTuple):
    """A stretch of an owner's account, with its limits."""

    owner: Owner
    name: str
    stretch: Stretch
    most: tuple[int | None, int | None, int | None]
    """Of each resource, in their order; None where there is no limit."""

    def at(self, now_s: float) -> Page:
        """The page for `now_s`, in seconds since the epoch."""
        second = int(now_s)
        length_s = _LENGTH_S.get(self.stretch)
        if length_s is None:
            begins_s, ends_s = _month(second // _DAY_S)
        else:
            begins_s = second - second % length_s
            ends_s = begins_s + length_s
        return Page(self, begins_s, ends_s, f"{self.owner}:{self.name}:{self.stretch}:{begins_s}")


class Page(NamedTuple):
    """One page of the books: a window from its first second to the first of the next page, since the epoch."""

    window: Window
    begins_s: int
    ends_s: int
    place: str
    """Its name in the books."""


def windows_of(owner: Owner, name: str, limits: Iterable[Limit]) -> tuple[Window, ...]:
    """The windows of an owner, the shortest first. Of two limits for one thing, the lower counts."""
    lowest: dict[tuple[Stretch, Resource], int] = {}
    for limit in limits:
        place = limit.stretch, limit.resource
        lowest[place] = min(limit.most, lowest.get(place, limit.most))
    limited = {stretch for stretch, _ in lowest}
    return tuple(
        Window(
            owner,
            name,
            stretch,
            (
                lowest.get((stretch, Resource.REQUESTS)),
                lowest.get((stretch, Resource.TOKENS)),
                lowest.get((stretch, Resource.NANO_USD)),
            ),
        )
        for stretch in Stretch
        if stretch in limited | _ALWAYS
    )


@lru_cache(maxsize=64)
def _month(day: int) -> tuple[int, int]:
    """The first second of the month that has this day of the epoch, and of the month after it."""
    first = datetime.fromtimestamp(day * _DAY_S, UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    after = first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)
    return int(first.timestamp()), int(after.timestamp())
