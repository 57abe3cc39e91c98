"""`python -m benchmarks.canaries [--trials N] [--seed S] [--faults NAME...] [--real N] [--json]`

Runs trials, searches everything that came of them, and prints what it ran, where it looked, and what it found. Exits 1
if a canary was where it may not be, and leaves that device's folder to be looked at.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from collections import Counter
from pathlib import Path

from benchmarks.canaries.faults import FAULTS
from benchmarks.canaries.suite import Report, plan, run
from benchmarks.canaries.trial import Outcome

_LEAKS_SHOWN = 40


def main() -> None:
    """Run the suite."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.canaries", description=__doc__)
    parser.add_argument("--trials", type=int, default=300)
    parser.add_argument("--seed", type=int, default=6)
    parser.add_argument("--faults", nargs="*", default=[], choices=list(FAULTS), help="only these")
    parser.add_argument("--real", type=int, default=10, help="trials that the real small model answers")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="canaries-"))
    trials = plan(options.trials, seed=options.seed, faults=options.faults, real=options.real)
    report = asyncio.run(run(trials, folder, _tell if sys.stderr.isatty() else lambda outcome: None))
    print(json.dumps(_as_json(report), indent=2) if options.json else "\n".join(_lines(report)))
    if list(report.leaks):
        sys.exit(f"canaries are where they may not be; the devices are in {folder}")


def _tell(outcome: Outcome) -> None:
    sys.stderr.write(f"{outcome.trial}: {outcome.error or 'answered'}, {len(outcome.finds.leaks)} leaks\n")


def _lines(report: Report) -> list[str]:
    outcomes = report.outcomes
    lines = [
        f"{len(outcomes)} trials with {report.canaries} canaries; the real small model answered in "
        f"{sum(each.trial.real for each in outcomes)}, a parrot in the others",
        f"{sum(each.reached > 0 for each in outcomes)} trials reached the model server, "
        f"with {sum(each.reached for each in outcomes)} chats in all",
    ]
    for title, counts in (
        ("questions", report.count(lambda trial: trial.kind)),
        ("ways", report.count(lambda trial: trial.way)),
        ("faults", report.count(lambda trial: trial.fault)),
        ("ended in", Counter(each.error or "an answer" for each in outcomes)),
    ):
        lines.append(f"{title}: " + ", ".join(f"{name} {n}" for name, n in counts.most_common()))
    lines.append("searched: " + ", ".join(f"{place} {n:,} B" for place, n in report.searched.most_common()))
    let_out = sum(each.finds.let_out for each in outcomes)
    missed = sum(len(each.finds.missed) for each in outcomes)
    lines.append(f"public canaries outside, where they may be: {let_out}")
    typed = sum(len(each.finds.typed) for each in outcomes)
    lines.append(f"personal names of strangers outside that were not recognised: {missed}")
    lines.append(f"plain words of private records outside that the user had typed: {typed}")
    leaks = list(report.leaks)
    lines += [f"LEAK {leak} ({trial})" for trial, leak in leaks[:_LEAKS_SHOWN]]
    lines.append(f"{len(leaks)} canaries where they may not be")
    return lines


def _as_json(report: Report) -> dict[str, object]:
    return {
        "trials": len(report.outcomes),
        "canaries": report.canaries,
        "chats": sum(each.reached for each in report.outcomes),
        "faults": report.count(lambda trial: trial.fault),
        "searched_bytes": report.searched,
        "leaks": [f"{leak} ({trial})" for trial, leak in report.leaks],
    }


if __name__ == "__main__":
    main()
