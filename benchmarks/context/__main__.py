"""The personal-context store, measured.

`python -m benchmarks.context` makes up a life of 100,000 records (chats, mails, appointments, notes, contacts), asks it
questions, and imports a mailbox. Each part runs in a process of its own. Large stores are written in bulk, with vectors
that point anywhere: search reads all of them whatever they say. Questions are embedded for real, and each is asked
three times, of which the quickest counts, so that other work on the machine matters less.

  python -m benchmarks.context                      five minutes on two cores
  python -m benchmarks.context --records 1000000    ten minutes, and 2 GB of temporary files
  python -m benchmarks.context --peers --mem0 PY    beside sqlite-utils and mem0, with 3,000 records that are embedded
  python -m benchmarks.context --separation         whose question is whose: the example household's, or the world's
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.context.peers import compare
from benchmarks.context.report import Figure, as_json, peers_table, separation_table, table
from benchmarks.context.separation import ask_household
from benchmarks.context.speed import Importing, Recalling, importing, p50, p99, recalling
from benchmarks.context.stores import make

_Result = TypeVar("_Result")
_SMALL = 10_000
_GOALS_MS = {100_000: (12.0, 30.0), 1_000_000: (40.0, 90.0)}
"""Records → p50 and p99."""


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, and print what came out."""
    options = _options(argv)
    with tempfile.TemporaryDirectory(prefix="edgewise-benchmark-", dir=options.folder) as folder:
        if options.separation:
            rows = ask_household(Path(folder, "household.db"))
            print(json.dumps([asdict(row) for row in rows]) if options.json else "\n".join(separation_table(rows)))
            return
        if options.peers:
            found = compare(Path(folder), _model(options), options.peers, options.questions, options.mem0)
            print(json.dumps([asdict(peer) for peer in found]) if options.json else "\n".join(peers_table(found)))
            return
        figures = measure(Path(folder), options)
    print(json.dumps(as_json(figures), indent=2) if options.json else "\n".join(table(figures)))


def measure(folder: Path, options: argparse.Namespace) -> list[Figure]:
    """Every figure of the table."""
    model = _model(options)
    small = _recalling(folder, model, _SMALL, options.questions)[0]
    large, beyond_text = _recalling(folder, model, options.records, options.questions)
    figures = list(_about_recall(options.records, small, large, beyond_text))
    if options.messages:
        brought = apart(importing, folder, model, options.messages, options.embedded, options.threads)
        figures += _about_import(brought)
    return figures


def _model(options: argparse.Namespace) -> Path:
    from edge_agent.slm.pull import ensure

    return ensure(options.model)


def _recalling(folder: Path, model: Path, records: int, questions: int) -> tuple[Recalling, float]:
    """Recall in a store of so many records, and the bytes on disk of each beyond its text."""
    path = folder / f"{records}.db"
    text_bytes = apart(make, path, model, records)
    beyond_text = (path.stat().st_size - text_bytes) / records
    found = apart(recalling, path, model, records, questions)
    for file in folder.glob(f"{path.name}*"):
        file.unlink()
    return found, beyond_text


def _about_recall(records: int, small: Recalling, large: Recalling, beyond_text: float) -> list[Figure]:
    goal_p50, goal_p99 = _GOALS_MS.get(records, (None, None))
    growth = p50(large.ms) / p50(small.ms)
    return [
        Figure(f"recall of 8 records among {records:,}, p50", p50(large.ms), "ms", at_most=goal_p50),
        Figure("the same, p99", p99(large.ms), "ms", at_most=goal_p99),
        Figure("of that on the processor, p50", p50(large.cpu_ms), "ms"),
        Figure("the same, p99", p99(large.cpu_ms), "ms"),
        Figure(f"recall of 8 records among {_SMALL:,}, p50", p50(small.ms), "ms"),
        Figure("the same, p99", p99(small.ms), "ms"),
        Figure(f"growth of recall time from {_SMALL:,} to {records:,} records", growth, "×", at_most=6),
        Figure("the first question of a process, vectors loaded", large.first_ms, "ms"),
        Figure("loading the vectors", large.load_s, "s"),
        Figure("questions that brought their record, whose vector says nothing", 100 * large.found, "%"),
        Figure("most memory of the process", large.memory_mb, "MB", at_most=600),
        Figure("bytes on disk of a record beyond its text", beyond_text, "B", at_most=1200),
    ]


def _about_import(brought: Importing) -> list[Figure]:
    return [
        Figure(f"import of an .mbox of {brought.messages:,} messages", brought.per_s, "/s", at_least=3000),
        Figure("the same, for each second of processor time", brought.per_cpu_s, "/s"),
        Figure(
            f"the same with embeddings, {brought.embedded_messages:,} messages",
            brought.embedded_per_s,
            "/s",
            at_least=300,
        ),
    ]


def apart(work: Callable[..., _Result], *arguments: Any) -> _Result:
    """Do it in a new process: what earlier work left in memory, or in a cache, is not in its way."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(work, *arguments).result()


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    from edge_agent.slm.cores import usable_cores

    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.context", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--records", type=int, default=100_000, help="records of the large store")
    parser.add_argument("--questions", type=int, default=300, help="questions that are timed")
    parser.add_argument("--messages", type=int, default=50_000, help="of the mailbox; 0 leaves the import out")
    parser.add_argument("--embedded", type=int, default=1500, help="messages that are imported and embedded")
    parser.add_argument("--threads", type=int, default=usable_cores(), help="that embed")
    parser.add_argument("--model", default="all-minilm-l6-v2", help="the embedding model")
    parser.add_argument("--folder", type=Path, help="where the temporary stores lie; the system's place by default")
    parser.add_argument(
        "--peers", type=int, nargs="?", const=3000, default=0, metavar="RECORDS", help="compare with others instead"
    )
    parser.add_argument("--mem0", default=sys.executable, metavar="PYTHON", help="of an environment that has mem0ai")
    parser.add_argument("--separation", action="store_true", help="measure whose question is whose instead")
    parser.add_argument("--json", action="store_true", help="for programs")
    return parser.parse_args(argv)


if __name__ == "__main__":
    main()
