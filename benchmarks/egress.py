"""What the egress log costs: an entry before a call, checking the chain, looking for forgotten records, its size."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from edge_agent.driver import Encryption
from edge_agent.egress.entry import Cause, Departure
from edge_agent.egress.log import EgressLog
from edge_agent.journal import Journal
from edge_agent.keys import KeyFile
from orchestrator.client import Outcome
from orchestrator.clock import SystemClock

_BODY_BYTES = 1500
"""Of a question with a few records."""


def main(argv: Sequence[str] | None = None) -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=1000, help="calls that are logged")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args(argv)
    figures = {how: measure(arguments.calls, encrypted=how == "encrypted") for how in ("plain", "encrypted")}
    if arguments.json:
        print(json.dumps(figures))
        return
    print(f"| {arguments.calls:,} calls | plain | encrypted |\n|---|---|---|")
    for name, plain in figures["plain"].items():
        print(f"| {name} | {plain:.1f} | {figures['encrypted'][name]:.1f} |")


def measure(calls: int, *, encrypted: bool) -> dict[str, float]:
    """Figures by name, each with its unit."""
    with tempfile.TemporaryDirectory() as folder:
        path, key = Path(folder) / "egress.db", Path(folder) / "key"
        encryption = Encryption(KeyFile(key), required=True) if encrypted else None
        with (
            Journal.open(Path(folder) / "journal.db") as journal,
            EgressLog.open(path, SystemClock(), encryption=encryption, heads=journal) as log,
        ):
            departures = [_departure(number) for number in range(calls)]
            before_ms = [_timed(lambda each=departure: log.sent(each)) for departure in departures]  # type: ignore[misc]
            after_ms = [_timed(lambda number=n: log.ended(2 * number, Outcome.ANSWERED)) for n in range(calls)]  # type: ignore[misc]
            verify_ms = _timed(log.verify)
            held_ms = _timed(log.held_record_ids)
        return {
            "before a call, ms, p50": statistics.median(before_ms),
            "before a call, ms, p99": statistics.quantiles(before_ms, n=100)[98],
            "after it, ms, p50": statistics.median(after_ms),
            "verify all, ms": verify_ms,
            "records in them, ms": held_ms,
            "file, kB a call": path.stat().st_size / 1000 / calls,
        }


def _departure(number: int) -> Departure:
    return Departure(
        target="localhost:1",
        method="/orchestrator.v1.GatewayService/StreamGenerate",
        body=os.urandom(_BODY_BYTES),
        attempts=3,
        cause=Cause(
            decision_id=f"{number:012x}", request_id=f"{number:032x}", rule="public: allow", record_ids=(number, 7)
        ),
    )


def _timed(work: Callable[[], object]) -> float:
    """Milliseconds."""
    started_s = time.perf_counter()
    work()
    return (time.perf_counter() - started_s) * 1000


if __name__ == "__main__":
    main()
