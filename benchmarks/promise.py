"""How often a promise is broken, beside what it says: `python -m benchmarks.promise --data FILE...`.

A file holds labels, as for `edgewise train routing`, or is a router that it wrote, whose calibration is taken: training
takes minutes. Two routers score the questions: one trained on the same file, out of fold, and chance, since a promise
has to hold for a bad router, too. Each promise is calibrated on a random
half of a file and tried on the other, and once more as if the file were the whole world: calibrated on questions drawn
from it with replacement, and judged by the mean over all of it. Last, what the watch over drift makes of questions of
the same file, and of another.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_agent.routing.labels import read_labels
from edge_agent.routing.training import train
from edge_agent.routing.verification import effective, verify
from orchestrator.routing.calibration import Calibration
from orchestrator.routing.drift import DriftWatch
from orchestrator.routing.learn_then_test import choose
from orchestrator.routing.promise import Promise
from orchestrator.routing.router import Router

PROMISES = (
    *(Promise(at_most_worse=limit, confidence=sure) for limit in (0.02, 0.05) for sure in (0.8, 0.9)),
    *(Promise(at_most_leaving=0.3, confidence=sure) for sure in (0.8, 0.9)),
)
_COLUMNS = (
    *("file", "router", "promise", "sure", "promised"),
    *("broken by a fresh half", "broken in the mean", "worse", "leaving"),
)
_STREAMS = 50


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument("--splits", type=int, default=200)
    arguments = parser.parse_args()
    scored = {path.name.partition(".")[0]: dict(_scored(path)) for path in arguments.data}
    _print_head(*_COLUMNS)
    for name, routers in scored.items():
        for router, rows in routers.items():
            for promise in PROMISES:
                _print_promise(name, router, promise, rows, arguments.splits)
    print()
    _print_head("calibrated on", "asked", "under caution", "drift called after")
    for calibrated, routers in scored.items():
        for asked, others in scored.items():
            _print_drift(calibrated, asked, routers["trained"], others["trained"])


def _scored(path: Path) -> Iterator[tuple[str, Calibration]]:
    router = Router.load(path) if path.suffix == ".npz" else train([read_labels(path)]).router
    if router.calibration is None:
        raise SystemExit(f"{path} holds no calibration: fit it again by edgewise train routing")
    yield "trained", router.calibration
    chance = np.random.default_rng(0).uniform(-1, 1, len(router.calibration))
    yield "chance", replace(router.calibration, uplift=chance)


def _print_head(*columns: str) -> None:
    print(f"| {' | '.join(columns)} |")
    print("|---" * len(columns) + "|")


def _print_promise(name: str, router: str, promise: Promise, rows: Calibration, splits: int) -> None:
    found = verify(promise, rows, splits=splits)
    cells = [name, router, str(promise), f"{promise.confidence:.0%}", f"{found.promised:.0%}", f"{found.broken:.1%}"]
    cells += [
        f"{_broken_in_mean(promise, rows, splits):.1%}",
        f"{100 * found.worse:.1f} points",
        f"{found.leaving:.0%}",
    ]
    print(f"| {' | '.join(cells)} |", flush=True)


def _broken_in_mean(promise: Promise, world: Calibration, draws: int) -> float:
    """The share of calibrations, drawn from `world` as it is, whose threshold breaks the promise over all of it."""
    rng = np.random.default_rng(1)
    broken = 0
    for _ in range(draws):
        sample = world[rng.integers(len(world), size=len(world) // 2)]
        line = effective(promise, choose(promise, sample))
        broken += (world.worse(line) if promise.about_quality else world.leaving(line)) > promise.limit
    return broken / draws


def _print_drift(calibrated: str, asked: str, reference: Calibration, others: Calibration) -> None:
    rng = np.random.default_rng(2)
    called, cautious = [], []
    for _ in range(_STREAMS):
        known = rng.permutation(len(reference))
        half = len(reference) // 2
        pool = reference[known[half:]] if calibrated == asked else others
        verdicts = _stream(reference[known[:half]].uplift, rng.choice(pool.uplift, 1000))
        cautious.append(np.mean(verdicts))
        if any(verdicts):
            called.append(verdicts.index(True) + 1)
    after = f"{np.median(called):.0f} questions, in {len(called)} of {_STREAMS} streams" if called else "never"
    print(f"| {calibrated} | {asked} | {np.mean(cautious):.1%} of questions | {after} |")


def _stream(reference: NDArray[np.float64], scores: Sequence[float] | NDArray[np.float64]) -> list[bool]:
    watch, verdicts = DriftWatch(reference), []
    for score in scores:
        watch.observe(float(score))
        verdicts.append(watch.drifted)
    return verdicts


if __name__ == "__main__":
    main()
