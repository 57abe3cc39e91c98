"""Deadlines live on the monotonic clock."""

from __future__ import annotations

import math
from datetime import timedelta

from orchestrator.budget import Deadline
from orchestrator.testing import ManualClock


def test_it_counts_down_to_zero_and_stays_there() -> None:
    clock = ManualClock()
    deadline = Deadline.after(clock, 1500)
    assert deadline.remaining_s == 1.5
    clock.advance(1.0)
    assert deadline.remaining_s == 0.5
    clock.advance(1.0)
    assert deadline.remaining_s == 0.0
    assert deadline.expired


def test_without_a_limit_it_never_expires() -> None:
    clock = ManualClock()
    deadline = Deadline.after(clock, None)
    clock.advance(1e9)
    assert deadline.remaining_s == math.inf
    assert not deadline.expired


def test_a_wall_clock_that_jumps_moves_no_deadline() -> None:
    clock = ManualClock()
    deadline = Deadline.after(clock, 1000)
    clock.set_wall(clock.now() - timedelta(days=3))
    assert deadline.remaining_s == 1.0


def test_the_sooner_of_two() -> None:
    clock = ManualClock()
    soon, late = Deadline.after(clock, 10), Deadline.after(clock, 20)
    assert late.sooner(soon) == soon.sooner(late) == soon
    assert soon.sooner(Deadline.after(clock, None)) == soon
