"""The fair queue: nobody waits for another's flood, whatever the sizes and the order of arrival."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_gateway.admission.queue import FairQueue

TENANTS = ("ann", "bob", "cy")
Requests = list[tuple[str, int]]
requests = st.lists(st.tuples(st.sampled_from(TENANTS), st.integers(1, 1000)), min_size=1, max_size=60)


class Request:
    def __init__(self, tenant: str, tokens: float) -> None:
        self.tenant = tenant
        self.tokens = tokens


def filled(asked: Requests) -> FairQueue[Request]:
    queue: FairQueue[Request] = FairQueue()
    for tenant, tokens in asked:
        queue.push(tenant, Request(tenant, tokens), tokens=tokens, seconds=tokens / 100)
    return queue


@given(requests)
def test_between_tenants_who_wait_no_more_is_served_than_one_request_of_each(asked: Requests) -> None:
    """The bound of Goyal, Vin and Cheng: over any interval in which both wait."""
    queue = filled(asked)
    largest = {tenant: max((tokens for who, tokens in asked if who == tenant), default=0) for tenant in TENANTS}
    left = Counter(tenant for tenant, _ in asked)
    served: Counter[str] = Counter()
    while queue:
        request = queue.pop()
        served[request.tenant] += int(request.tokens)
        left[request.tenant] -= 1
        waiting = [tenant for tenant in TENANTS if left[tenant] > 0]
        for one in waiting:
            for other in waiting:
                assert served[one] - served[other] <= largest[one] + largest[other]
    assert sum(served.values()) == sum(tokens for _, tokens in asked)


@given(st.integers(1, 300), st.integers(1, 500))
def test_a_flood_delays_a_newcomer_by_nothing_but_what_is_served_already(flood: int, tokens: int) -> None:
    queue = filled([("ann", 100)] * flood)
    assert queue.pop().tenant == "ann"
    queue.push("bob", Request("bob", tokens), tokens=tokens, seconds=1)
    turns = [queue.pop().tenant for _ in range(min(2, len(queue)))]
    assert "bob" in turns


@given(requests)
def test_one_tenants_requests_keep_their_order(asked: Requests) -> None:
    queue = filled(asked)
    popped = [queue.pop() for _ in range(len(queue))]
    for tenant in TENANTS:
        assert [each.tokens for each in popped if each.tenant == tenant] == [n for who, n in asked if who == tenant]


def test_who_paused_saved_nothing_up() -> None:
    queue = filled([("ann", 100)] * 50)
    for _ in range(50):
        queue.pop()
    for _ in range(20):
        for tenant in "ann", "bob":
            queue.push(tenant, Request(tenant, 100), tokens=100, seconds=1)
    first = Counter(queue.pop().tenant for _ in range(10))
    assert abs(first["ann"] - first["bob"]) <= 2


def test_an_answer_that_was_longer_than_expected_is_paid_for_later() -> None:
    queue = filled([("ann", 100)] * 30 + [("bob", 100)] * 30)
    first = queue.pop()
    queue.correct(first.tenant, 1000)
    turns = [queue.pop().tenant for _ in range(11)]
    assert turns.count(first.tenant) <= 1
    assert len(queue) == 48


@given(requests, st.data())
def test_who_leaves_is_served_no_more_and_costs_nothing(asked: Requests, data: st.DataObject) -> None:
    queue: FairQueue[Request] = FairQueue()
    waiting = [Request(tenant, tokens) for tenant, tokens in asked]
    for request in waiting:
        queue.push(request.tenant, request, tokens=request.tokens, seconds=1)
    gone = data.draw(st.sets(st.integers(0, len(waiting) - 1)))
    for place in gone:
        assert queue.remove(waiting[place].tenant, waiting[place])
        assert not queue.remove(waiting[place].tenant, waiting[place])
    stay = [request for place, request in enumerate(waiting) if place not in gone]
    assert len(queue) == len(stay)
    assert {id(queue.pop()) for _ in range(len(queue))} == {id(request) for request in stay}
    with pytest.raises(IndexError):
        queue.pop()


@given(requests, st.sampled_from(TENANTS))
def test_what_is_ahead_is_foretold_to_within_one_request_of_each(asked: Requests, newcomer: str) -> None:
    queue = filled(asked)
    foretold_s = queue.ahead_s(newcomer)
    mine = Request(newcomer, 1)
    queue.push(newcomer, mine, tokens=1, seconds=0.01)
    ahead_s = 0.0
    while (request := queue.pop()) is not mine:
        ahead_s += request.tokens / 100
    slack_s = sum(max((n for who, n in asked if who == tenant), default=0) for tenant in TENANTS) / 100
    assert abs(ahead_s - foretold_s) <= slack_s + 1e-6


def test_the_greediest_gives_up_what_came_last() -> None:
    queue = filled([("ann", 10), ("bob", 10), ("bob", 20), ("bob", 30)])
    assert queue.longest() == "bob"
    assert queue.drop_last("bob").tokens == 30
    assert len(queue) == 3
    assert queue.waiting_tokens("bob") == 30


def test_thousands_of_tenants_who_come_and_go_are_forgotten() -> None:
    queue: FairQueue[Request] = FairQueue()
    for number in range(5000):
        tenant = str(number)
        queue.push(tenant, Request(tenant, 10), tokens=10, seconds=1)
        queue.pop()
    assert len(queue._flows) <= 1100
    assert len(queue._heads) <= 2 * 1100 + 64
