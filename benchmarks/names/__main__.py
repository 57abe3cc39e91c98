"""The tagger of names, fitted and measured: docs/privacy.md quotes what this prints.

python -m benchmarks.names first --data FOLDER --out FILE      fit on what is written here; minutes
python -m benchmarks.names ship --data FOLDER --first FILE     tune that on real templates, and write the weights
python -m benchmarks.names report --data FOLDER --first FILE   tables: unseen templates, false alarms
python -m benchmarks.names speed --data FOLDER                 milliseconds for 1,000 words

The folder holds the public files: `routing/mmlu.dev.jsonl.gz` and `assistant/clinc150.dev.jsonl.gz` (questions in which
nobody is named) and `privacy/presidio_synth.dev.jsonl.gz` (labelled texts). Needs `pip install --group fit`.
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks.names.measuring import Alarms, alarms, folds, scores, speed
from edge_agent.privacy.detector import Detectors
from edge_agent.privacy.evaluation import Labelled, Score, read_labelled
from edge_agent.privacy.names import WEIGHTS, Names
from edge_agent.privacy.patterns import Patterns
from orchestrator.privacy.finding import Finding

if TYPE_CHECKING:
    from benchmarks.names.network import Network

_SEED: Final = 11
_LABELLED: Final = "privacy/presidio_synth.dev.jsonl.gz"
_QUESTIONS: Final = (("routing/mmlu.dev.jsonl.gz", "prompt"), ("assistant/clinc150.dev.jsonl.gz", "text"))
_CHANCES: Final = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8)


def main(argv: Sequence[str] | None = None) -> None:
    """Do one of the steps."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.names", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    steps = parser.add_subparsers(required=True)
    for name, run in (("first", _first), ("ship", _ship), ("report", _report), ("speed", _speed)):
        step = steps.add_parser(name)
        step.set_defaults(run=run)
        step.add_argument("--data", type=Path, required=True, help="the folder of the public files")
        if name == "first":
            step.add_argument("--out", type=Path, required=True, help="where the first step's network goes")
        if name in ("ship", "report"):
            step.add_argument("--first", type=Path, required=True, help="the first step's network")
    options = parser.parse_args(argv)
    options.run(options)


def _first(options: argparse.Namespace) -> None:
    import torch

    from benchmarks.names.fitting import corpus, first_step

    torch.set_num_threads(1)
    rows = corpus(_questions(options.data), seed=_SEED)
    torch.save(first_step(rows, seed=_SEED).state_dict(), options.out)
    print(f"fitted on {len(rows):,} texts: {options.out}")


def _ship(options: argparse.Namespace) -> None:
    from benchmarks.names.fitting import corpus, save, tuned

    network = _read(options.first)
    labelled = read_labelled(options.data / _LABELLED)
    save(tuned(network, labelled, corpus(_questions(options.data), seed=_SEED), seed=_SEED), WEIGHTS)
    print(f"{WEIGHTS.name}: {WEIGHTS.stat().st_size:,} bytes")


def _report(options: argparse.Namespace) -> None:
    from benchmarks.names.fitting import corpus, detector, tuned

    network = _read(options.first)
    labelled = read_labelled(options.data / _LABELLED)
    among = corpus(_questions(options.data), seed=_SEED)
    print("our own sentences alone")
    _print_chances(labelled, [(network, labelled)])
    parts = folds([row["template_id"] for row in _rows(options.data / _LABELLED)])
    judged = []
    for part in parts:
        held_out = set(part)
        kept = [row for place, row in enumerate(labelled) if place not in held_out]
        judged.append((tuned(network, kept, among, seed=_SEED), [labelled[place] for place in part]))
    print("and tuned on the other templates")
    _print_chances(labelled, judged)
    found = {row.text: _both(detector(fitted)).find(row.text) for fitted, rows in judged for row in rows}
    for name, score in scores(labelled, found).items():
        print(f"{name:18} {_figures(score)}")
    for file, key in _QUESTIONS:
        _print_alarms(file, alarms([row[key] for row in _rows(options.data / file)], Names()))


def _speed(options: argparse.Namespace) -> None:
    for file, key in (*_QUESTIONS, (_LABELLED, "text")):
        texts = [row[key] for row in _rows(options.data / file)]
        for name, searched in (("names", Names()), ("patterns and names", _both(Names()))):
            took = speed(texts, searched)
            print(f"{file}: {name}: {took.cold_ms:.1f} ms cold, {took.warm_ms:.1f} ms warm")


def _print_chances(labelled: Sequence[Labelled], judged: Sequence[tuple[Network, Sequence[Labelled]]]) -> None:
    from benchmarks.names.fitting import detector

    for chance in _CHANCES:
        found: dict[str, Sequence[Finding]] = {}
        for network, rows in judged:
            searched = _both(detector(network, personal_from=chance))
            found |= {row.text: searched.find(row.text) for row in rows}
        print(f"  personal from {chance:.1f}: {_figures(scores(labelled, found)['overall'])}")


def _print_alarms(file: str, found: Alarms) -> None:
    shares = ", ".join(f"{kind} {count / found.texts:.1%}" for kind, count in found.by_kind.items())
    print(f"{file}: of {found.texts} texts something is found in: {shares}")


def _both(names: Names) -> Detectors:
    return Detectors([Patterns(), names])


def _figures(score: Score) -> str:
    return f"precision {score.precision:.3f}, recall {score.recall:.3f}, F2 {score.f2:.3f}"


def _read(path: Path) -> Network:
    import torch

    from benchmarks.names.fitting import empty

    torch.set_num_threads(1)
    network = empty()
    network.load_state_dict(torch.load(path, weights_only=True))
    return network


def _questions(folder: Path) -> list[str]:
    return [row[key] for file, key in _QUESTIONS for row in _rows(folder / file)]


def _rows(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


if __name__ == "__main__":
    main()
