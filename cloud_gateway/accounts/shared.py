"""Books in Redis: any number of gateways, one sum.

Each method is one script, so one round trip and one atomic step for all windows of a request. Time comes from the
caller, as in memory: the same moment decides about the page and about what has expired, and a clock in a test moves
both. What has to go in the end goes by Redis's own time, seconds after nobody can ask for it any more.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from importlib.resources import files
from typing import Final

from cloud_gateway.accounts.books import Bill, Full
from cloud_gateway.accounts.windows import RESOURCES, Amounts, Page
from cloud_gateway.state import SharedState, faults

_SLACK_S: Final = 3600
"""How much longer than its window a page is kept: for late bills, and for clocks that differ."""


class RedisBooks:
    """`Books` that several gateways share."""

    def __init__(self, state: SharedState, *, keep_s: float) -> None:
        """Remember what was billed for `keep_s` seconds."""
        scripts = files("cloud_gateway.accounts") / "scripts"
        common = (scripts / "common.lua").read_text()
        self._reserve, self._settle, self._refund, self._read = (
            state.script(f"{common}\n{(scripts / f'{name}.lua').read_text()}")
            for name in ("reserve", "settle", "refund", "read")
        )
        self._state = state
        self._keep_s = math.ceil(keep_s)

    async def reserve(self, bill: Bill) -> tuple[Full, ...]:
        """Hold the worst case in every page or in none; see `Books`."""
        limits: list[int | str] = []
        for page in bill.pages:
            limits.append(_seconds(page, bill))
            limits += ["" if most is None else most for most in page.window.most]
        with faults():
            full: list[int] = await self._reserve(
                keys=self._keys(bill), args=[bill.id, bill.now_s, bill.until_s, *bill.worst, *limits]
            )
        return tuple(
            Full(bill.pages[page], RESOURCES[resource], spent, reserved)
            for page, resource, spent, reserved in zip(*[iter(full)] * 4, strict=True)
        )

    async def settle(self, bill: Bill, actual: Amounts) -> Amounts:
        """Replace what is held by what was used, once; see `Books`."""
        kept = [_seconds(page, bill) for page in bill.pages]
        with faults():
            billed: bytes | None = await self._settle(
                keys=self._keys(bill), args=[bill.id, self._keep_s, *actual, *kept]
            )
        return actual if billed is None else Amounts(*map(int, billed.split()))

    async def refund(self, bill: Bill) -> None:
        """Let go of what is held; see `Books`."""
        with faults():
            await self._refund(keys=self._keys(bill)[:2], args=[bill.id])

    async def read(self, payer: str, pages: Sequence[Page], now_s: float) -> list[tuple[Amounts, Amounts]]:
        """Spent and reserved, page by page; see `Books`."""
        keys = [*self._held(payer), *(self._page(payer, page) for page in pages)]
        with faults():
            sums: list[int] = await self._read(keys=keys, args=[now_s])
        return [(Amounts(*sums[at : at + 3]), Amounts(*sums[at + 3 : at + 6])) for at in range(0, len(sums), 6)]

    def _keys(self, bill: Bill) -> list[str]:
        billed = self._key(bill.payer, "billed", bill.id)
        return [*self._held(bill.payer), billed, *(self._page(bill.payer, page) for page in bill.pages)]

    def _held(self, payer: str) -> tuple[str, str]:
        return self._key(payer, "held"), self._key(payer, "expiring")

    def _page(self, payer: str, page: Page) -> str:
        return self._key(payer, page.place)

    def _key(self, payer: str, *parts: str) -> str:
        """With the payer as its hash tag."""
        return self._state.key("accounts", f"{{{payer}}}", *parts)


def _seconds(page: Page, bill: Bill) -> int:
    """For how long a page is kept."""
    return math.ceil(max(page.ends_s, bill.until_s) - bill.now_s) + _SLACK_S
