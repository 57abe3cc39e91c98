"""How long one decision of the router takes, embedding included where it uses one.

`python -m benchmarks.routing --data mmlu.dev.jsonl.gz` asks the router for some questions of a file, the longest among
them, one after the other in one thread. `--router PATH` takes another one than the shipped router.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Final

from edge_agent.embedder import installed_embedder
from edge_agent.routing.labels import read_labels
from orchestrator.ports import Embedder
from orchestrator.routing.router import Router

_ASKED: Final = 2000
_LONGEST: Final = 20
"""Of the questions asked, those that are the longest of the file."""


def decision_ms(router: Router, questions: list[str], embedder: Embedder | None) -> list[float]:
    """What each question took, in milliseconds, rising. The first few are asked beforehand."""
    taken = []
    for place, question in enumerate(questions[:20] + questions):
        began = time.perf_counter_ns()
        vector = next(iter(embedder.embed([question]))) if embedder else None
        router.chances(question, vector)
        if place >= 20:
            taken.append((time.perf_counter_ns() - began) / 1e6)
    return sorted(taken)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="questions, as for `edgewise eval routing`")
    parser.add_argument("--router", type=Path, help="a router's file")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    router = Router.load(options.router) if options.router else Router.shipped()
    embedder = installed_embedder(router.embedder) if router.embedder else None
    by_length = sorted(read_labels(options.data).questions, key=len, reverse=True)
    step = max(1, len(by_length) // _ASKED)
    asked = by_length[:_LONGEST] + by_length[_LONGEST::step]
    taken = decision_ms(router, asked, embedder)
    longest = decision_ms(router, by_length[:_LONGEST], embedder)
    found = {
        "questions": len(taken),
        "p50_ms": round(statistics.median(taken), 2),
        "p99_ms": round(taken[int(0.99 * (len(taken) - 1))], 2),
        "longest_characters": len(by_length[0]),
        "longest_p50_ms": round(statistics.median(longest), 2),
        "longest_max_ms": round(longest[-1], 2),
    }
    print(
        json.dumps(found, indent=2) if options.json else "\n".join(f"{name}: {value}" for name, value in found.items())
    )


if __name__ == "__main__":
    main()
