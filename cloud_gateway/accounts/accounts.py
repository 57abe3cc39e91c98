"""The accounts of a gateway: every request is reserved before the model server is asked, and settled once.

No reservation takes a window beyond its limit. Only the truth can: an answer that used more than its own worst case is
billed as it was.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from cloud_gateway.accounts.books import Bill, Books
from cloud_gateway.accounts.refusal import refusal
from cloud_gateway.accounts.unsettled import Unsettled
from cloud_gateway.accounts.windows import Amounts, Limit, Page, windows_of
from cloud_gateway.call import Caller
from cloud_gateway.sections.accounts import AccountsSection, WhenUnavailable
from orchestrator.accounts import Owner, Quantity, WindowUsage
from orchestrator.errors import CloudUnavailable
from orchestrator.ports import Clock

_MOST_CALLERS: Final = 10_000
_log = logging.getLogger(__name__)


class Accounts:
    """Reserve, settle and refund for callers, in the windows of their key and of their tenant."""

    def __init__(
        self,
        books: Books,
        tenants: Mapping[str, tuple[Limit, ...]],
        section: AccountsSection,
        clock: Clock,
    ) -> None:
        """Accounts in `books`.

        Args:
            books: where they are kept.
            tenants: the limits of tenants, by name; one without limits need not be there.
            section: how long a reservation is held, and what happens while the books cannot be reached.
            clock: its wall clock says which page of the books it is. Gateways that share books share their time too:
                a clock that is seconds off only turns the page seconds early or late.
        """
        self._books = books
        self._tenants = tenants
        self._clock = clock
        self._section = section
        self._open: dict[str, _Open] = {}
        self._unsettled = Unsettled(books, clock)
        self.refused: Counter[tuple[str, str, str]] = Counter()
        """How many requests found no room: by owner, stretch and resource of the first window that had none."""

    @property
    def unsettled(self) -> int:
        """Bills that wait for the books to be back."""
        return len(self._unsettled)

    def configure(self, tenants: Mapping[str, tuple[Limit, ...]], section: AccountsSection) -> None:
        """Take other limits over. What was used stays."""
        self._tenants = tenants
        self._section = section
        self._open.clear()

    async def reserve(self, caller: Caller, request_id: str, worst: Amounts) -> Bill:
        """Hold `worst` in every window of the caller, or in none.

        Raises:
            CloudRateLimited: a window has no room; says which, what it has left, and when it has room again.
            CloudUnavailable: the books cannot be reached, and nobody is answered without them.
        """
        now_s = self._clock.now().timestamp()
        pages = self._pages(caller, now_s)
        bill = Bill(f"{caller.name}:{request_id}", caller.payer, pages, worst, now_s, now_s + self._section.hold_s)
        try:
            full = await self._books.reserve(bill)
        except CloudUnavailable:
            if self._section.when_unavailable is WhenUnavailable.REFUSE:
                raise
            _log.warning("unreserved", extra={"fields": {"caller": caller.name, "request_id": request_id}})
            return bill
        if full:
            window = full[0].page.window
            self.refused[window.owner, window.stretch, full[0].resource] += 1
            raise refusal(bill, full, now_s)
        return bill

    async def settle(self, bill: Bill, actual: Amounts) -> Amounts:
        """Replace the reservation by what was billed. The first settlement of an id counts, and is returned.

        Where the books cannot be reached it is done as soon as they are back: an answer is not held up for its bill.
        """
        try:
            return await self._books.settle(bill, actual)
        except CloudUnavailable:
            self._unsettled.add(bill, actual)
            return actual

    async def refund(self, bill: Bill) -> None:
        """Give the reservation back: nothing was billed. Where the books cannot be reached, it expires."""
        try:
            await self._books.refund(bill)
        except CloudUnavailable as error:
            _log.warning("unrefunded", extra={"fields": {"bill": bill.id, "error": error.type}})

    async def usage(self, caller: Caller) -> list[WindowUsage]:
        """The caller's windows as they stand: those of the key, then those of the tenant, the shortest first.

        Raises:
            CloudUnavailable: the books cannot be reached.
        """
        now_s = self._clock.now().timestamp()
        pages = self._pages(caller, now_s)
        sums = await self._books.read(caller.payer, pages, now_s)
        return [_usage(page, *spent_and_reserved) for page, spent_and_reserved in zip(pages, sums, strict=True)]

    def _pages(self, caller: Caller, now_s: float) -> tuple[Page, ...]:
        """Of everything that limits and counts the caller. They stay the same until one of them ends."""
        known = self._open.get(caller.name)
        if known is None or known.caller is not caller or not known.begins_s <= now_s < known.ends_s:
            if len(self._open) >= _MOST_CALLERS:
                self._open.clear()
            windows = windows_of(Owner.KEY, caller.name, caller.limits)
            if caller.tenant:
                windows += windows_of(Owner.TENANT, caller.tenant, self._tenants.get(caller.tenant, ()))
            known = self._open[caller.name] = _Open(caller, tuple(window.at(now_s) for window in windows))
        return known.pages

    async def aclose(self) -> None:
        """Try once more to settle what is open, and tell the log of what is not."""
        await self._unsettled.aclose()


class _Open:
    """A caller's pages, and how long they are those of the present."""

    __slots__ = ("begins_s", "caller", "ends_s", "pages")

    def __init__(self, caller: Caller, pages: tuple[Page, ...]) -> None:
        self.caller = caller
        self.pages = pages
        self.begins_s = max(page.begins_s for page in pages)
        self.ends_s = min(page.ends_s for page in pages)


def _usage(page: Page, spent: Amounts, reserved: Amounts) -> WindowUsage:
    window = page.window
    requests, tokens, nano_usd = map(Quantity, spent, reserved, window.most)
    return WindowUsage(
        owner=window.owner,
        name=window.name,
        stretch=window.stretch,
        begins=datetime.fromtimestamp(page.begins_s, UTC),
        ends=datetime.fromtimestamp(page.ends_s, UTC),
        requests=requests,
        tokens=tokens,
        nano_usd=nano_usd,
    )
