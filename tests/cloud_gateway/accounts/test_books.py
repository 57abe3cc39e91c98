"""The laws of the books, in memory and in Redis: against sums that are done by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud_gateway.accounts.books import Bill, Books
from cloud_gateway.accounts.windows import Amounts, Limit, Page, Resource, Window, windows_of
from orchestrator.accounts import Owner, Stretch

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("one_loop")]
NOW_S = 1_767_603_600.0  # 2026-01-05 09:00 UTC
HOLD_S = 90.0
MOST = 10
KEY = windows_of(Owner.KEY, "phone", [Limit(resource, Stretch.MINUTE, MOST) for resource in Resource])
TENANT = windows_of(Owner.TENANT, "acme", [Limit(Resource.TOKENS, Stretch.DAY, 3 * MOST)])


FOUR = Amounts(1, 4, 4)


def bill(id: str, worst: Amounts = FOUR, now_s: float = NOW_S) -> Bill:
    pages = tuple(window.at(now_s) for window in KEY + TENANT)
    return Bill(id, "acme", pages, worst, now_s, now_s + HOLD_S)


async def sums(books: Books, of: Bill, now_s: float = NOW_S) -> list[tuple[Amounts, Amounts]]:
    return await books.read(of.payer, of.pages, now_s)


async def test_a_reservation_is_in_every_page_and_settling_replaces_it(new_books: Callable[[], Books]) -> None:
    books, one = new_books(), bill("one")
    assert await books.reserve(one) == ()
    assert await sums(books, one) == [(Amounts(), Amounts(1, 4, 4))] * len(one.pages)
    await books.settle(one, Amounts(1, 3, 2))
    assert await sums(books, one) == [(Amounts(1, 3, 2), Amounts())] * len(one.pages)


async def test_a_refusal_holds_nothing_and_names_every_full_page(new_books: Callable[[], Books]) -> None:
    books = new_books()
    for name in "ab":
        await books.reserve(bill(name))
    await books.settle(bill("a"), Amounts(1, 4, 4))
    full = await books.reserve(bill("c"))
    assert [(place.page.window.stretch, place.resource, place.spent, place.reserved) for place in full] == [
        (Stretch.MINUTE, Resource.TOKENS, 4, 4),
        (Stretch.MINUTE, Resource.NANO_USD, 4, 4),
    ]
    assert await sums(books, bill("c")) == [(Amounts(1, 4, 4), Amounts(1, 4, 4))] * len(bill("c").pages)
    assert await books.reserve(bill("c", Amounts(1, 2, 2))) == ()


async def test_what_a_bill_does_not_touch_never_refuses_it(new_books: Callable[[], Books]) -> None:
    books = new_books()
    await books.settle(bill("a"), Amounts(1, 1, 10**12))  # the truth went far beyond the limit
    assert await books.reserve(bill("free", Amounts(1, 1, 0))) == ()
    assert len(await books.reserve(bill("dear", Amounts(1, 1, 1)))) == 1


async def test_large_amounts_are_exact(new_books: Callable[[], Books]) -> None:
    books, large = new_books(), 2**53 - 1
    window = Window(Owner.KEY, "phone", Stretch.MONTH, (None, None, large))
    whole = replace(bill("whole", Amounts(1, 0, large - 1)), pages=(window.at(NOW_S),))
    assert await books.reserve(whole) == ()
    assert await books.reserve(replace(whole, id="more", worst=Amounts(1, 0, 2))) != ()
    assert await books.reserve(replace(whole, id="last", worst=Amounts(1, 0, 1))) == ()
    await books.settle(whole, whole.worst)
    assert await sums(books, whole) == [(Amounts(1, 0, large - 1), Amounts(1, 0, 1))]


async def test_one_id_is_held_once_and_billed_once(new_books: Callable[[], Books]) -> None:
    books = new_books()
    for _ in range(3):  # retried, and taken over by another gateway
        assert await books.reserve(bill("one")) == ()
    assert (await sums(books, bill("one")))[0] == (Amounts(), Amounts(1, 4, 4))
    for tokens in (4, 2, 3):
        await books.settle(bill("one"), Amounts(1, tokens, 1))
    assert await books.reserve(bill("one")) == ()
    assert (await sums(books, bill("one")))[0] == (Amounts(1, 4, 1), Amounts())


async def test_a_refund_lets_the_id_try_again(new_books: Callable[[], Books]) -> None:
    books = new_books()
    await books.reserve(bill("one"))
    await books.refund(bill("one"))
    await books.refund(bill("one"))
    assert (await sums(books, bill("one")))[0] == (Amounts(), Amounts())
    await books.reserve(bill("one"))
    await books.settle(bill("one"), Amounts(1, 2, 2))
    assert (await sums(books, bill("one")))[0] == (Amounts(1, 2, 2), Amounts())


async def test_what_a_dead_gateway_held_comes_back_and_a_late_bill_counts(new_books: Callable[[], Books]) -> None:
    books = new_books()
    lost = bill("lost", Amounts(1, MOST, MOST))
    await books.reserve(lost)
    day = lost.pages[1]
    later_s = NOW_S + HOLD_S
    assert (await books.read("acme", [day], later_s - 1))[0] == (Amounts(), lost.worst)
    assert (await books.read("acme", [day], later_s))[0] == (Amounts(), Amounts())
    assert await books.settle(lost, Amounts(1, 7, 7)) == Amounts(1, 7, 7)
    assert await books.settle(lost, Amounts(1, 9, 9)) == Amounts(1, 7, 7)
    assert (await books.read("acme", [day], later_s))[0] == (Amounts(1, 7, 7), Amounts())


async def test_a_bill_belongs_to_the_pages_of_its_reservation(new_books: Callable[[], Books]) -> None:
    books, before = new_books(), bill("one", now_s=NOW_S + 59.5)
    await books.reserve(before)
    after = bill("two", Amounts(1, MOST, MOST), now_s=NOW_S + 60)
    assert await books.reserve(after) == ()
    await books.settle(before, Amounts(1, 3, 3))
    assert (await sums(books, before, NOW_S + 60))[0] == (Amounts(1, 3, 3), Amounts())
    assert (await sums(books, after, NOW_S + 60))[0] == (Amounts(), after.worst)


async def test_a_burst_never_exceeds_a_limit(new_books: Callable[[], Books]) -> None:
    books = new_books()
    window = Window(Owner.KEY, "phone", Stretch.DAY, (100, None, None))

    async def one(number: int) -> bool:
        asked = replace(bill(str(number), Amounts(1, 5, 5)), pages=(window.at(NOW_S),))
        if await books.reserve(asked):
            return False
        await (books.refund(asked) if number % 5 == 0 else books.settle(asked, Amounts(1, 1, 1)))
        return number % 5 != 0

    billed = sum(await asyncio.gather(*map(one, range(500))))
    assert billed <= 100
    assert (await books.read("acme", [window.at(NOW_S)], NOW_S)) == [(Amounts(billed, billed, billed), Amounts())]


@dataclass
class Sheet:
    """The same books as lists, added up anew every time."""

    held: dict[str, Bill] = field(default_factory=dict)
    until: dict[str, float] = field(default_factory=dict)
    billed: dict[str, tuple[Bill, Amounts]] = field(default_factory=dict)

    def of(self, page: Page, now_s: float) -> tuple[Amounts, Amounts]:
        spent = [actual for bill, actual in self.billed.values() if page in bill.pages]
        held = [bill.worst for id, bill in self.held.items() if page in bill.pages and self.until[id] > now_s]
        return _total(spent), _total(held)

    def has_room(self, asked: Bill) -> bool:
        return all(
            most is None or not asked.worst[index] or sum(both) + asked.worst[index] <= most
            for page in asked.pages
            for index, most in enumerate(page.window.most)
            for both in [[amounts[index] for amounts in self.of(page, asked.now_s)]]
        )


def _total(amounts: list[Amounts]) -> Amounts:
    return Amounts(*(sum(column) for column in zip(*amounts, strict=True))) if amounts else Amounts()


small = st.integers(0, 6)
steps = st.lists(
    st.tuples(
        st.sampled_from(["reserve", "settle", "refund"]),
        st.sampled_from("abcdef"),
        st.builds(Amounts, small, small, small),
        st.integers(0, 50),
    ),
    max_size=25,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=steps)
async def test_any_order_of_steps_gives_the_sums_done_by_hand(
    new_books: Callable[[], Books], steps: list[tuple[str, str, Amounts, int]]
) -> None:
    books, sheet, now_s = new_books(), Sheet(), NOW_S
    bills: dict[str, Bill] = {}
    for step, id, amounts, pause_s in steps:
        now_s += pause_s
        own = bills.get(id)
        if step == "reserve":
            own = bills[id] = bill(id, amounts, now_s)
            known = id in sheet.billed or (id in sheet.held and sheet.until[id] > now_s)
            has_room = known or sheet.has_room(own)
            assert (await books.reserve(own) == ()) is has_room
            if has_room and id not in sheet.billed:
                sheet.held[id] = sheet.held[id] if known else own
                sheet.until[id] = own.until_s
        elif own is not None and step == "settle":
            await books.settle(own, amounts)
            sheet.held.pop(id, None)
            sheet.billed.setdefault(id, (own, amounts))
        elif own is not None:
            await books.refund(own)
            sheet.held.pop(id, None)
        pages = {page for known_bill in bills.values() for page in known_bill.pages if page.ends_s > now_s}
        for page in pages:
            assert await books.read("acme", [page], now_s) == [sheet.of(page, now_s)]
