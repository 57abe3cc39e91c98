"""Books in memory: one process, and gone with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cloud_gateway.accounts.books import Bill, Full
from cloud_gateway.accounts.windows import RESOURCES, Amounts, Page

_NOTHING: Final = Amounts()


class _Sums:
    """A page. Lists, because adding in place is what a request waits for."""

    __slots__ = ("ends_s", "reserved", "spent")

    def __init__(self, ends_s: int) -> None:
        self.ends_s = ends_s
        self.spent = [0, 0, 0]
        self.reserved = [0, 0, 0]


@dataclass(slots=True)
class _Held:
    worst: Amounts
    sums: list[_Sums]
    until_s: float


class MemoryBooks:
    """`Books` of one process. No method ever waits, so each is atomic on its loop."""

    def __init__(self, *, keep_s: float, keep_ids: int) -> None:
        """Remember what was billed for `keep_s` seconds, and at most `keep_ids` of it."""
        self._keep_s = keep_s
        self._keep_ids = keep_ids
        self._sums: dict[str, _Sums] = {}
        self._held: dict[str, _Held] = {}  # in the order in which they expire
        self._billed: dict[str, tuple[float, Amounts]] = {}  # until when, and what, in the order of their billing
        self._clean_at = 1024

    def __len__(self) -> int:
        """How many pages there are."""
        return len(self._sums)

    async def reserve(self, bill: Bill) -> tuple[Full, ...]:
        """Hold the worst case in every page or in none; see `Books`."""
        self._expire(bill.now_s)
        if bill.id in self._billed:
            return ()
        known = self._held.pop(bill.id, None)
        if known is not None:
            known.until_s = bill.until_s
            self._held[bill.id] = known
            return ()
        sums = [self._open(page, bill.now_s) for page in bill.pages]
        full = [
            Full(page, RESOURCES[index], own.spent[index], own.reserved[index])
            for page, own in zip(bill.pages, sums, strict=True)
            for index, most in enumerate(page.window.most)
            if most is not None
            and (wanted := bill.worst[index]) > 0
            and own.spent[index] + own.reserved[index] + wanted > most
        ]
        if not full:
            for own in sums:
                _add(own.reserved, bill.worst)
            self._held[bill.id] = _Held(bill.worst, sums, bill.until_s)
        return tuple(full)

    async def settle(self, bill: Bill, actual: Amounts) -> Amounts:
        """Replace what is held by what was used, once; see `Books`."""
        self._release(bill.id)
        if (billed := self._billed.get(bill.id)) is not None:
            return billed[1]
        for page in bill.pages:
            _add(self._open(page, bill.now_s).spent, actual)
        self._billed[bill.id] = bill.now_s + self._keep_s, actual
        if len(self._billed) > self._keep_ids:
            del self._billed[next(iter(self._billed))]
        return actual

    async def refund(self, bill: Bill) -> None:
        """Let go of what is held; see `Books`."""
        self._release(bill.id)

    async def read(self, payer: str, pages: Sequence[Page], now_s: float) -> list[tuple[Amounts, Amounts]]:
        """Spent and reserved, page by page; see `Books`."""
        self._expire(now_s)
        known = (self._sums.get(page.place) for page in pages)
        return [(Amounts(*own.spent), Amounts(*own.reserved)) if own else (_NOTHING, _NOTHING) for own in known]

    def _open(self, page: Page, now_s: float) -> _Sums:
        own = self._sums.get(page.place)
        if own is None:
            if len(self._sums) >= self._clean_at:
                self._sums = {old: sums for old, sums in self._sums.items() if sums.ends_s > now_s}
                self._clean_at = 2 * len(self._sums) + 1024
            own = self._sums[page.place] = _Sums(page.ends_s)
        return own

    def _release(self, bill_id: str) -> None:
        held = self._held.pop(bill_id, None)
        if held is not None:
            requests, tokens, nano_usd = held.worst
            for own in held.sums:
                _add(own.reserved, (-requests, -tokens, -nano_usd))

    def _expire(self, now_s: float) -> None:
        """Free what nobody holds any more, and forget what was billed long ago."""
        while self._held and self._held[oldest := next(iter(self._held))].until_s <= now_s:
            self._release(oldest)
        while self._billed and self._billed[oldest := next(iter(self._billed))][0] <= now_s:
            del self._billed[oldest]


def _add(sums: list[int], amounts: tuple[int, int, int]) -> None:
    sums[0] += amounts[0]
    sums[1] += amounts[1]
    sums[2] += amounts[2]
