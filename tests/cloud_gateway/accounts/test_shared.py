"""What the books leave behind in Redis."""

from __future__ import annotations

import uuid

import pytest

from cloud_gateway.accounts.books import Bill
from cloud_gateway.accounts.shared import RedisBooks
from cloud_gateway.accounts.windows import Amounts, windows_of
from cloud_gateway.state import SharedState
from orchestrator.accounts import Owner

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("one_loop")]
NOW_S = 1_767_603_600.0  # 2026-01-05 09:00 UTC
HOUR_S, DAY_S = 3600, 86_400


def bill(id: str, now_s: float = NOW_S) -> Bill:
    windows = windows_of(Owner.KEY, "phone", ()) + windows_of(Owner.TENANT, "acme", ())
    return Bill(id, "acme", tuple(window.at(now_s) for window in windows), Amounts(1, 2, 3), now_s, now_s + 60)


async def test_every_key_goes_in_the_end_and_a_payers_keys_are_in_one_slot(state: SharedState) -> None:
    own = SharedState(state.redis, state.key(uuid.uuid4().hex, ""))
    books = RedisBooks(own, keep_s=600)
    for name in "settled", "held", "refunded":
        await books.reserve(bill(name))
    await books.settle(bill("settled"), Amounts(1, 1, 1))
    await books.refund(bill("refunded"))
    left_s = {
        key.decode().removeprefix(own.key("accounts", "{acme}", "")): await own.redis.ttl(key)
        async for key in own.redis.scan_iter(own.key("*"))
    }
    day_s, month_s = DAY_S - 9 * HOUR_S + HOUR_S, 27 * DAY_S - 9 * HOUR_S + HOUR_S
    expected = {
        "key:phone:day:1767571200": day_s,
        "key:phone:month:1767225600": month_s,
        "tenant:acme:day:1767571200": day_s,
        "tenant:acme:month:1767225600": month_s,
        "held": month_s,
        "expiring": month_s,
        "billed:settled": 600,
    }
    assert left_s.keys() == expected.keys()
    assert all(expected[key] - 30 <= left <= expected[key] for key, left in left_s.items())


async def test_what_is_settled_and_refunded_leaves_no_reservation(state: SharedState) -> None:
    own = SharedState(state.redis, state.key(uuid.uuid4().hex, ""))
    books = RedisBooks(own, keep_s=600)
    for number in range(20):
        await books.reserve(bill(str(number)))
    for number in range(0, 20, 2):
        await books.settle(bill(str(number)), Amounts(1, 1, 1))
    for number in range(1, 16, 2):
        await books.refund(bill(str(number)))
    later_s = NOW_S + 60
    await books.read("acme", bill("x").pages, later_s)  # the last two expire
    left = [key.decode() async for key in own.redis.scan_iter(own.key("*"))]
    assert not any(key.endswith((":held", ":expiring")) for key in left)


async def test_scripts_that_redis_forgot_are_sent_again(state: SharedState) -> None:
    books = RedisBooks(SharedState(state.redis, state.key(uuid.uuid4().hex, "")), keep_s=600)
    await books.reserve(bill("one"))
    await state.redis.script_flush()
    await books.settle(bill("one"), Amounts(1, 1, 1))
    assert (await books.read("acme", bill("one").pages, NOW_S))[0] == (Amounts(1, 1, 1), Amounts())
