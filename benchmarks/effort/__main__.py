"""`python -m benchmarks.effort [--questions N] [--rows FILE] [--seconds S] [--json]`

Real models write: the device's answer, nine samples, a tree search, the cloud's answer, and what the cloud says to the
device's answer. What was written is kept in a file of rows, and a further run goes on where it ends. The strategies
then run over these very samples. `--seconds` ends the writing early.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from benchmarks.effort.comparison import compare
from benchmarks.effort.questions import questions
from benchmarks.effort.recording import Recorder, load
from edge_agent.demo.stage import CLOUD_MODEL
from edge_agent.home import home
from edge_agent.slm.model import OnnxModel
from edge_agent.slm.pull import ensure

_HEADER = (
    "| strategy | right (95 %) | device tokens | cloud tokens, read + written | J | USD a million questions "
    "| a mix as often right: J | USD a million | odds |"
)


def main() -> None:
    """Write what is missing, then print a Markdown table, or JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.effort", description=__doc__)
    parser.add_argument("--questions", type=int, default=60)
    parser.add_argument("--rows", type=Path, help="by default in the state folder")
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    path = options.rows or home() / "benchmarks" / "effort.jsonl"
    asked = questions(options.questions)
    if len(load(path)) < len(asked):
        with (
            OnnxModel.open(ensure("smollm2-135m-instruct"), threads=options.threads) as device,
            OnnxModel.open(ensure(CLOUD_MODEL), threads=options.threads) as cloud,
        ):
            Recorder(path, device, cloud).record(asked, seconds=options.seconds)
    rows = load(path)[: options.questions]
    found = compare(rows) if rows else []
    if options.json:
        print(json.dumps([asdict(outcome) for outcome in found], indent=2))
        return
    print(f"{len(rows)} questions\n")
    print(_HEADER)
    print("|---|---|---|---|---|---|---|---|---|")
    for it in found:
        low, high = it.right_ci
        print(
            f"| {it.name} | {it.right:.3f} ({low:.2f} to {high:.2f}) | {it.device_tokens:.0f} | "
            f"{it.cloud_read:.0f} + {it.cloud_written:.0f} | {it.joules:.1f} | {it.usd * 1e6:.1f} | "
            f"{it.mix_joules:.1f} | {it.mix_usd * 1e6:.1f} | {it.odds:.2f} |"
        )


if __name__ == "__main__":
    main()
