"""Bills wait for books that are away, and are written once when they are back."""

from __future__ import annotations

import pytest

from cloud_gateway.accounts.books import Bill
from cloud_gateway.accounts.memory import MemoryBooks
from cloud_gateway.accounts.unsettled import Unsettled
from cloud_gateway.accounts.windows import Amounts, windows_of
from orchestrator.accounts import Owner
from orchestrator.errors import CloudUnavailable
from orchestrator.testing import ManualClock

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("one_loop")]
PAGES = tuple(window.at(0) for window in windows_of(Owner.KEY, "phone", ()))


def bill(number: int) -> Bill:
    return Bill(str(number), "phone", PAGES, Amounts(1, 2, 3), 0, 60)


class AwayFor(MemoryBooks):
    """Books that cannot be reached for so many steps."""

    def __init__(self, steps: int) -> None:
        super().__init__(keep_s=600, keep_ids=100)
        self.steps = steps

    async def settle(self, bill: Bill, actual: Amounts) -> Amounts:
        self.steps -= 1
        if self.steps >= 0:
            raise CloudUnavailable("away")
        return await super().settle(bill, actual)


async def test_it_tries_until_every_bill_is_written() -> None:
    clock, books = ManualClock(), AwayFor(3)
    unsettled = Unsettled(books, clock)
    for number in range(5):
        unsettled.add(bill(number), Amounts(1, 1, 1))
    while unsettled:
        await clock.sleep(0.5)
    assert clock.monotonic() >= 4  # one try a second
    assert (await books.read("phone", PAGES, 1))[0] == (Amounts(5, 5, 5), Amounts())
    unsettled.add(bill(9), Amounts(1, 1, 1))  # it can begin again
    await unsettled.aclose()
    assert (await books.read("phone", PAGES, 1))[0] == (Amounts(6, 6, 6), Amounts())
