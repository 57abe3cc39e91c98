"""`python -m benchmarks.disclosure [--rows FILE] [--seconds S] [--show] [--json]`

Thirty written cases whose questions need private records and general knowledge: the device alone, a consultation, the
device's model joining what the consultation brought, and, as a line to compare with, the cloud with all records. An
answer is judged by key words; whatever left is searched for canaries. What was said is kept in a file of rows, and a
further run goes on where it ends: `--seconds` ends a run early. `--show` prints what was said.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from benchmarks.disclosure.cases import Case, load
from benchmarks.disclosure.recording import Recorder, Row
from benchmarks.disclosure.recording import load as load_rows
from edge_agent.demo.stage import CLOUD_MODEL
from edge_agent.home import home
from edge_agent.slm.model import OnnxModel
from edge_agent.slm.pull import ensure

DEVICE: Final = "smollm2-135m-instruct"
ARMS: Final[dict[str, Callable[[Row], str]]] = {
    "device alone": lambda row: row.alone,
    "consultation": lambda row: row.consulted,
    "the device's model joins": lambda row: row.written or row.alone,
    "cloud with all records": lambda row: row.upper,
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """One way of answering, over some cases: how many answers have which part."""

    arm: str
    part: str
    cases: int
    home: int
    world: int
    both: int


def outcomes(cases: list[Case], rows: list[Row]) -> list[Outcome]:
    """Every arm over the cases for development and over those held out."""
    said = {row.name: row for row in rows}
    found = []
    for part, held_out in (("development", False), ("held out", True)):
        these = [case for case in cases if case.held_out is held_out and case.name in said]
        for arm, text in ARMS.items():
            has = [(case.has_home(text(said[case.name])), case.has_world(text(said[case.name]))) for case in these]
            home, world = sum(at_home for at_home, _ in has), sum(general for _, general in has)
            found.append(Outcome(arm, part, len(these), home, world, sum(map(all, has))))
    return found


def leaks(cases: list[Case], rows: list[Row]) -> list[tuple[str, str]]:
    """Case and canary, for every canary that left."""
    by_name = {case.name: case for case in cases}
    return [(row.name, canary) for row in rows for text in row.sent for canary in by_name[row.name].leaked(text)]


def main() -> None:
    """Ask what is missing, then print a Markdown table, or JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.disclosure", description=__doc__)
    parser.add_argument("--rows", type=Path, help="by default in the state folder")
    parser.add_argument("--seconds", type=float, default=280, help="of a slice")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--show", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    path = options.rows or home() / "benchmarks" / "disclosure.jsonl"
    cases, rows = load(), load_rows(path)
    if len(rows) < len(cases):
        with (
            OnnxModel.open(ensure(DEVICE), threads=options.threads) as device,
            OnnxModel.open(ensure(CLOUD_MODEL), threads=options.threads) as cloud,
        ):
            rows = asyncio.run(Recorder(path, device, cloud).record(cases, within_s=options.seconds))
    if options.json:
        report = {"leaks": leaks(cases, rows), "outcomes": [asdict(outcome) for outcome in outcomes(cases, rows)]}
        print(json.dumps(report, indent=2))
        return
    if options.show:
        _show(rows)
    _print(cases, rows)


def _print(cases: list[Case], rows: list[Row]) -> None:
    asked = sum(bool(row.general) for row in rows)
    print(f"{len(rows)} of {len(cases)} cases; the cloud was asked in {asked}; canaries that left: ", end="")
    print(len(found := leaks(cases, rows)), found or "", "\n")
    print("| cases | arm | of the records | of general knowledge | both |\n|---|---|---|---|---|")
    for it in outcomes(cases, rows):
        shares = " | ".join(f"{count} of {it.cases}" for count in (it.home, it.world, it.both))
        print(f"| {it.part} | {it.arm} | {shares} |")


def _show(rows: list[Row]) -> None:
    for row in rows:
        print(f"## {row.name}\n\nleft: {row.general or 'nothing'}\n")
        for arm, text in ARMS.items():
            print(f"{arm}: {text(row)}\n")


if __name__ == "__main__":
    main()
