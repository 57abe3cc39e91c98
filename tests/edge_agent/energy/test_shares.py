"""What one counter counts is shared out completely, and never twice."""

from __future__ import annotations

import gc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.energy.shares import Share, SharedCounters


class Counter:
    """A counter turned by hand."""

    def __init__(self) -> None:
        self.value = 100.0

    def __call__(self) -> tuple[float, ...]:
        return (self.value,)


def test_alone_a_span_gets_everything() -> None:
    counter = Counter()
    share = SharedCounters(counter).open()
    counter.value += 8
    assert share.read().counts == (8,)
    assert share.read().contested == (0,)


def test_together_they_split_evenly_and_say_so() -> None:
    counter = Counter()
    counters = SharedCounters(counter)
    first = counters.open()
    counter.value += 4
    second = counters.open()
    counter.value += 6
    assert (first.read().counts, first.read().contested) == ((7,), (3,))
    assert (second.read().counts, second.read().contested) == ((3,), (3,))


def test_a_stopped_span_takes_no_more() -> None:
    counter = Counter()
    counters = SharedCounters(counter)
    first, second = counters.open(), counters.open()
    counter.value += 2
    assert first.stop().counts == (1,)
    counter.value += 10
    assert first.read().counts == first.stop().counts == (1,)
    assert second.read().counts == (11,)


def test_a_forgotten_span_takes_no_more() -> None:
    counter = Counter()
    counters = SharedCounters(counter)
    share = counters.open()
    counters.open()
    gc.collect()
    counter.value += 10
    assert share.read().counts == (10,)


def test_what_was_counted_while_no_span_was_open_is_nobodys() -> None:
    counter = Counter()
    counters = SharedCounters(counter)
    counters.open().stop()
    counter.value += 50
    share = counters.open()
    counter.value += 1
    assert share.read().counts == (1,)


@given(st.lists(st.tuples(st.sampled_from(["open", "stop", "read"]), st.integers(0, 8), st.integers(0, 64))))
def test_the_parts_add_up_to_the_whole(steps: list[tuple[str, int, int]]) -> None:
    counter = Counter()
    counters = SharedCounters(counter)
    running: list[Share] = []
    stopped: list[Share] = []
    whole = 0
    for action, which, risen in steps:
        counter.value += risen
        whole += risen if running else 0
        if action == "open" or not running:
            running.append(counters.open())
        elif action == "stop":
            stopped.append(running.pop(which % len(running)))
            stopped[-1].stop()
        else:
            running[which % len(running)].read()
    parts = [share.read() for share in running + stopped]
    assert sum(part.counts[0] for part in parts) == pytest.approx(whole)
    assert all(part.contested[0] <= part.counts[0] + 1e-9 for part in parts)
