"""Who is asked, over many choices."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_gateway.upstreams.balance import choose


@dataclass
class Server:
    name: str
    weight: float = 1.0
    load: int = 0


def test_the_only_one_is_chosen() -> None:
    only = Server("a", load=99)
    assert choose([only], b"k", Random(1)) is only
    assert choose([only], None, Random(1)) is only


def test_answers_that_stay_are_shared_by_weight() -> None:
    servers, random = [Server("a"), Server("b"), Server("c", weight=2)], Random(1)
    for _ in range(400):
        choose(servers, None, random).load += 1
    assert [server.load for server in servers] == pytest.approx([100, 100, 200], abs=12)


def test_a_loaded_one_is_avoided() -> None:
    servers, random = [Server("a", load=50), Server("b"), Server("c")], Random(1)
    chosen = Counter(choose(servers, None, random).name for _ in range(300))
    assert chosen["a"] == 0


def test_a_conversation_stays_until_its_server_is_much_more_loaded() -> None:
    servers, random = [Server("a"), Server("b"), Server("c")], Random(1)
    first = choose(servers, b"talk", random)
    for load in range(4):
        first.load = load
        assert choose(servers, b"talk", random) is first
    first.load = 30
    second = choose(servers, b"talk", random)
    assert second is not first
    assert choose(servers, b"talk", random) is second
    for server in servers:
        server.load = 30
    assert choose(servers, b"talk", random) is first


@given(
    st.lists(st.tuples(st.integers(0, 100), st.floats(0.01, 100)), min_size=1, max_size=8),
    st.one_of(st.none(), st.binary(min_size=16, max_size=16)),
)
def test_somebody_is_always_chosen_and_nobody_far_above_the_mean(
    servers: list[tuple[int, float]], key: bytes | None
) -> None:
    among = [Server(str(place), weight, load) for place, (load, weight) in enumerate(servers)]
    chosen = choose(among, key, Random(3))
    if key is not None and len(among) > 1:
        mean = (sum(one.load for one in among) + 1) / sum(one.weight for one in among)
        assert chosen.load < max(4, math.ceil(1.25 * mean * chosen.weight))
