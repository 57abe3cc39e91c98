"""The system's clock."""

from __future__ import annotations

from datetime import timedelta

from orchestrator.clock import SystemClock


def test_it_never_runs_backwards_and_knows_its_zone() -> None:
    clock = SystemClock()
    readings = [clock.monotonic() for _ in range(100)]
    assert readings == sorted(readings)
    assert clock.now().utcoffset() == timedelta(0)
