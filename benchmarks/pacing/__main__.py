"""Replayed days under a budget that is too small: paced, first come first served, and the best plan in hindsight.

`python -m benchmarks.pacing [--data FILE...] [--days N] [--seeds N] [--json]` asks 400 questions a day, of several
shapes, through the product's decision and ledger. Each figure is the worth of the answers beyond what the device's
model alone is worth (where joules are short too: beyond nothing), as a share of what no plan can exceed that knows the
whole day. The first day has nothing before it; the others have the day before.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean

import numpy as np

from benchmarks.pacing import streams
from benchmarks.pacing.replay import DAY_S, PRICES, Asked, Replay, hindsight_usd, prepared
from benchmarks.pacing.streams import Stream
from orchestrator.budget import Resource, Window
from orchestrator.routing.value import value_usd
from orchestrator.types import Route

MONEY = Window("money", Resource.USD, 0.03, DAY_S)
ENERGY = Window("energy", Resource.DEVICE_JOULES, 4500, DAY_S)
SCARCE = Window("energy", Resource.DEVICE_JOULES, 3000, DAY_S)
"""Less than the questions take that the money keeps at home: some cannot be answered at all."""
SHAPES: dict[str, tuple[Stream, tuple[Window, ...]]] = {
    "even": (streams.even, (MONEY,)),
    "bursts": (streams.bursts, (MONEY,)),
    "morning": (streams.morning, (MONEY,)),
    "the evening's gain most": (streams.evening_gains, (MONEY,)),
    "each day another": (streams.turning, (MONEY,)),
    "joules short too": (streams.even, (MONEY, ENERGY)),
    "joules too short for all": (streams.even, (MONEY, SCARCE)),
    "plenty": (streams.plenty, (MONEY,)),
}


@dataclass(frozen=True, slots=True)
class Result:
    """Shares of the best plan in hindsight, means over seeds, and over days but the first.

    Attributes:
        worst: of the single days that were paced, the first days left out.
    """

    shape: str
    first_come: float
    first_day: float
    paced: float
    worst: float
    left: float
    refused: float


def measured(name: str, stream: Stream, windows: Sequence[Window], *, days: int, seeds: int) -> Result:
    """Replay one shape."""
    rows = [
        _days([prepared(stream(random)) for _ in range(days)], windows)
        for random in map(np.random.default_rng, range(seeds))
    ]
    later = [day for row in rows for day in row[1:]]
    return Result(
        name,
        first_come=fmean(day[1] for day in later),
        first_day=fmean(row[0][0] for row in rows),
        paced=fmean(day[0] for day in later),
        worst=min(day[0] for day in later),
        left=fmean(day[2] for day in later),
        refused=fmean(day[3] for day in later),
    )


def _days(days: Sequence[Sequence[Asked]], windows: Sequence[Window]) -> list[tuple[float, float, int, int]]:
    """Of each day: paced, first come, questions that left and were refused when paced."""
    paced, first_come = Replay(windows, pacing=True), Replay(windows, pacing=False)
    found = []
    for asked in days:
        base = 0.0 if len(windows) > 1 else sum(value_usd(q.routes[Route.LOCAL], PRICES) for q in asked)
        best = hindsight_usd(asked, windows) - base
        one, other = paced.day(asked), first_come.day(asked)
        found.append(((one.worth_usd - base) / best, (other.worth_usd - base) / best, one.left, one.refused))
    return found


def main(argv: Sequence[str] | None = None) -> None:
    """Replay all shapes and print what came out."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pacing", description=__doc__)
    parser.add_argument("--data", type=Path, nargs="*", default=[], help="labels: gzipped JSON lines of a routing set")
    parser.add_argument("--days", type=int, default=4)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    shapes = dict(SHAPES)
    for file in options.data:
        shapes[file.name.split(".")[0]] = (streams.labelled(file), (MONEY,))
    results = [
        measured(name, stream, windows, days=options.days, seeds=options.seeds)
        for name, (stream, windows) in shapes.items()
    ]
    if options.json:
        print(json.dumps([asdict(result) for result in results], indent=2))
        return
    print("| a day's questions | first come first served | paced, first day | paced, later days | worst of them |")
    print("|---|---|---|---|---|")
    for r in results:
        print(f"| {r.shape} | {r.first_come:.2f} | {r.first_day:.2f} | {r.paced:.2f} | {r.worst:.2f} |")


if __name__ == "__main__":
    main()
