"""Callers, their windows, and what they hear: on books in memory and in Redis, and on books that are away."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from cloud_gateway.accounts.accounts import Accounts
from cloud_gateway.accounts.books import Books
from cloud_gateway.accounts.memory import MemoryBooks
from cloud_gateway.accounts.shared import RedisBooks
from cloud_gateway.accounts.windows import Amounts, Limit, Resource
from cloud_gateway.call import Caller
from cloud_gateway.sections.accounts import AccountsSection, WhenUnavailable
from cloud_gateway.sections.state import StateSection
from cloud_gateway.state import opened
from orchestrator.accounts import Owner, Quantity, Stretch
from orchestrator.errors import CloudRateLimited, CloudUnavailable
from orchestrator.testing import ManualClock
from simulation.redis_server import RedisServer

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("one_loop")]
ONE = Amounts(1, 40, 400)
PHONE = Caller(name="phone", tenant="acme", limits=(Limit(Resource.REQUESTS, Stretch.MINUTE, 2),))
TABLET = Caller(name="tablet", tenant="acme")
SECTION = AccountsSection(hold_s=60)
ANSWERING = AccountsSection(hold_s=60, when_unavailable=WhenUnavailable.ANSWER)
ACME = {"acme": (Limit(Resource.TOKENS, Stretch.DAY, 100),)}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def accounts(new_books: Callable[[], Books], clock: ManualClock) -> Accounts:
    return Accounts(new_books(), ACME, SECTION, clock)


async def test_a_refusal_says_which_window_and_when_it_opens(accounts: Accounts, clock: ManualClock) -> None:
    clock.advance(12.25)
    for number in range(2):
        await accounts.settle(await accounts.reserve(PHONE, str(number), Amounts(1, 1, 1)), Amounts(1, 1, 1))
    with pytest.raises(CloudRateLimited) as refused:
        await accounts.reserve(PHONE, "3", Amounts(1, 1, 1))
    assert refused.value.retry_after_s == 47.75
    assert refused.value.message == (
        "the key 'phone' may use 2 requests a minute and has 0 requests left, of which this request may need 1 request"
    )
    assert refused.value.remedy == "it opens again at 2026-01-05 09:01:00 UTC"
    clock.advance(47.75)
    await accounts.reserve(PHONE, "3", Amounts(1, 1, 1))


async def test_the_window_that_opens_last_is_told(accounts: Accounts) -> None:
    await accounts.settle(await accounts.reserve(PHONE, "1", ONE), Amounts(1, 90, 1))
    await accounts.settle(await accounts.reserve(PHONE, "2", Amounts(1, 1, 1)), Amounts(1, 1, 1))
    with pytest.raises(
        CloudRateLimited, match="the tenant 'acme' may use 100 tokens a day and has 9 tokens"
    ) as refused:
        await accounts.reserve(PHONE, "3", ONE)
    assert refused.value.retry_after_s == 15 * 3600


async def test_keys_of_a_tenant_share_its_limits_and_not_their_own(accounts: Accounts) -> None:
    for number in range(2):
        await accounts.reserve(PHONE, str(number), Amounts(1, 1, 1))
    with pytest.raises(CloudRateLimited):
        await accounts.reserve(PHONE, "3", Amounts(1, 1, 1))
    await accounts.reserve(TABLET, "1", Amounts(1, 98, 1))
    with pytest.raises(CloudRateLimited, match="tenant 'acme'"):
        await accounts.reserve(TABLET, "2", Amounts(1, 1, 1))


async def test_what_answers_under_way_hold_is_worth_a_short_wait(accounts: Accounts) -> None:
    first = await accounts.reserve(TABLET, "1", Amounts(1, 80, 1))
    with pytest.raises(CloudRateLimited) as refused:
        await accounts.reserve(TABLET, "2", ONE)
    assert refused.value.retry_after_s == 1.0
    assert "answers under way" in refused.value.remedy
    await accounts.settle(first, Amounts(1, 10, 1))
    await accounts.reserve(TABLET, "2", ONE)


async def test_what_no_window_could_hold_is_not_worth_waiting(accounts: Accounts) -> None:
    with pytest.raises(CloudRateLimited, match="ask for fewer tokens") as refused:
        await accounts.reserve(TABLET, "1", Amounts(1, 101, 1))
    assert refused.value.retry_after_s is None


async def test_the_same_id_of_two_keys_is_two_bills(accounts: Accounts) -> None:
    for caller in (PHONE, TABLET):
        await accounts.settle(await accounts.reserve(caller, "1", ONE), Amounts(1, 30, 300))
    assert (await accounts.usage(TABLET))[-1].requests.spent == 2


async def test_usage_tells_of_every_window(accounts: Accounts, clock: ManualClock) -> None:
    await accounts.settle(await accounts.reserve(PHONE, "1", ONE), Amounts(1, 30, 300))
    await accounts.reserve(PHONE, "2", ONE)
    usage = await accounts.usage(PHONE)
    assert [(window.owner, window.name, window.stretch) for window in usage] == [
        (Owner.KEY, "phone", Stretch.MINUTE),
        (Owner.KEY, "phone", Stretch.DAY),
        (Owner.KEY, "phone", Stretch.MONTH),
        (Owner.TENANT, "acme", Stretch.DAY),
        (Owner.TENANT, "acme", Stretch.MONTH),
    ]
    assert usage[0].requests == Quantity(1, 1, 2)
    assert usage[3].tokens == Quantity(30, 40, 100)
    assert usage[3].tokens.left == 30
    assert usage[3].begins <= clock.now() < usage[3].ends
    assert {window.nano_usd for window in usage} == {Quantity(300, 400)}
    clock.advance(60)
    assert (await accounts.usage(PHONE))[0].requests == Quantity(0, 0, 2)


async def test_a_caller_whose_limits_change_keeps_what_they_used(accounts: Accounts) -> None:
    for number in range(2):
        await accounts.settle(await accounts.reserve(PHONE, str(number), Amounts(1, 1, 1)), Amounts(1, 1, 1))
    more = Caller(name="phone", tenant="acme", limits=(Limit(Resource.REQUESTS, Stretch.MINUTE, 3),))
    await accounts.reserve(more, "3", Amounts(1, 1, 1))
    with pytest.raises(CloudRateLimited):
        await accounts.reserve(more, "4", Amounts(1, 1, 1))


async def test_limits_of_tenants_change_while_it_runs(accounts: Accounts) -> None:
    await accounts.settle(await accounts.reserve(TABLET, "1", ONE), Amounts(1, 30, 300))
    accounts.configure({"acme": (Limit(Resource.TOKENS, Stretch.DAY, 60),)}, SECTION)
    with pytest.raises(CloudRateLimited, match="60 tokens a day and has 30 tokens left"):
        await accounts.reserve(TABLET, "2", ONE)
    accounts.configure({}, SECTION)
    await accounts.reserve(TABLET, "2", ONE)


async def test_while_redis_is_away_nobody_is_answered_and_no_bill_is_lost(
    mortal_redis: RedisServer, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(StateSection(redis_url=mortal_redis.url), {}) as state:
        assert state is not None
        accounts = Accounts(RedisBooks(state, keep_s=600), ACME, SECTION, clock)
        under_way = await accounts.reserve(TABLET, "1", ONE)
        failing = await accounts.reserve(TABLET, "2", ONE)
        mortal_redis.kill()
        with pytest.raises(CloudUnavailable) as refused:
            await accounts.reserve(TABLET, "3", ONE)
        assert refused.value.retry_after_s
        with pytest.raises(CloudUnavailable):
            await accounts.usage(TABLET)
        await accounts.settle(under_way, Amounts(1, 30, 300))
        await accounts.refund(failing)
        mortal_redis.start()
        await accounts.aclose()
        assert (await accounts.usage(TABLET))[-1].tokens == Quantity(30, 0)
    assert "unsettled" not in caplog.messages


async def test_or_everybody_is_answered_and_billed_later(mortal_redis: RedisServer, clock: ManualClock) -> None:
    async with opened(StateSection(redis_url=mortal_redis.url), {}) as state:
        assert state is not None
        books = RedisBooks(state, keep_s=600)
        accounts = Accounts(books, ACME, ANSWERING, clock)
        mortal_redis.kill()
        bills = [await accounts.reserve(TABLET, str(number), ONE) for number in range(4)]
        for bill in bills:
            await accounts.settle(bill, Amounts(1, 30, 300))
        mortal_redis.start()
        await accounts.aclose()
        assert (await accounts.usage(TABLET))[-1].tokens == Quantity(120, 0)
        with pytest.raises(CloudRateLimited):
            await accounts.reserve(TABLET, "5", ONE)


async def test_a_bill_that_can_never_be_written_is_told_to_the_log(
    mortal_redis: RedisServer, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(StateSection(redis_url=mortal_redis.url), {}) as state:
        assert state is not None
        accounts = Accounts(RedisBooks(state, keep_s=600), ACME, SECTION, clock)
        bill = await accounts.reserve(TABLET, "1", ONE)
        mortal_redis.kill()
        await accounts.settle(bill, Amounts(1, 30, 300))
        await accounts.aclose()
    (lost,) = [record for record in caplog.records if record.message == "unsettled"]
    assert lost.levelno == logging.ERROR
    assert lost.__dict__["fields"] == {
        "bill": "tablet:1",
        "payer": "acme",
        "requests": 1,
        "tokens": 30,
        "nano_usd": 300,
    }


async def test_books_in_memory_are_bounded(clock: ManualClock) -> None:
    books = MemoryBooks(keep_s=60, keep_ids=10)
    accounts = Accounts(books, {}, SECTION, clock)
    for number in range(5000):
        caller = Caller(name=str(number % 7), limits=PHONE.limits)
        await accounts.settle(await accounts.reserve(caller, str(number), Amounts(1, 1, 1)), Amounts(1, 1, 1))
        clock.advance(30)
    assert len(books) < 4000
