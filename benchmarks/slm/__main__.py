"""`python -m benchmarks.slm`: the command line."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from benchmarks.profile_slm import profile
from benchmarks.slm.course import FULL, QUICK, Course, Effort
from benchmarks.slm.entries import GENAI, LLAMA, PLAIN, SPECULATIVE, TUNED, entries_of, exact_entry
from benchmarks.slm.figures import Results
from benchmarks.slm.goals import standings
from benchmarks.slm.machine import describe
from benchmarks.slm.plot import draw
from benchmarks.slm.prompts import Prompts
from benchmarks.slm.report import Report
from edge_agent.cli.progress import Lines
from edge_agent.slm.cores import usable_cores
from edge_agent.slm.pull import ensure

MODELS = ("smollm2-135m-instruct", "qwen2.5-coder-0.5b-instruct")
CONTESTANTS = (PLAIN, TUNED, SPECULATIVE, LLAMA, GENAI)
_PROFILED = 12
"""Passes of each kind that are looked into."""
_HELP = """\
Measure the on-device engine and its peers on the same weights, in one run.

contestants
  plain        Edgewise, 8-bit blocks of 32 everywhere (recipe q8)
  tuned        Edgewise, as the model is installed (`edgewise models tune`, or the shipped recipe)
  speculative  tuned, with tokens guessed ahead; only where that matters: whole answers
  llama.cpp    llama-cpp-python on the original GGUF file
  genai        onnxruntime-genai on the graph of `plain`

what is measured
  load, start      opening the model, once its library is imported; a fresh process up to its first token
  prefill N        reading N tokens, up to the logits behind the last
  decode at N      32 single-token passes behind N tokens, the likeliest token each
  first token      of a conversation of about 1,000 tokens, nothing cached; and of its second turn
  grounded         decoding answers to questions about the example household, records in the prompt
  memory           the process's peak resident memory after all lengths
  joules           modelled, by edge_agent/energy (processor time and bytes moved): for comparison, not a measurement
  agreement, KL    teacher-forced against full precision, on its own answers and on eight kinds of text

Every contestant runs in processes of its own. They take turns within each round, and another one is first in each, so
that what disturbs the machine disturbs all alike; still, let it do nothing else. A peer that is missing is said; they
come with `pip install --group peers`. For llama.cpp the build matters: see the line about the machine. Full precision
and other conversions are kept in the home folder under benchmarks/ (2 GB for the larger model). Where a goal is missed,
the report ends with where a pass's time goes.
"""


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print the Markdown, and write it with the JSON and the plot where `--out` says."""
    given = list(sys.argv[1:] if argv is None else argv)
    options = _options(given)
    started_s = time.monotonic()
    shown = Console(stderr=True, highlight=False)
    effort = QUICK if options.quick else FULL
    if options.rounds:
        effort = replace(effort, rounds=options.rounds)
    report = Report(f"python -m benchmarks.slm {' '.join(given)}".strip(), describe(options.threads))
    for name in options.models:
        report.models.append(_measure(name, options, effort, shown))
        report.minutes = (time.monotonic() - started_s) / 60
        if options.out:  # after each model: whoever stops a long run keeps what there is
            _write(report, options.out, shown)
    print(report.as_markdown())


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.slm", description=_HELP, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--models", nargs="+", metavar="NAME", help=f"catalog names, pulled where missing ({', '.join(MODELS)})"
    )
    parser.add_argument("--only", nargs="+", default=(), choices=CONTESTANTS, metavar="WHO", help="of the contestants")
    parser.add_argument(
        "--quick", action="store_true", help="2 rounds, fewer texts, the first model: about 2 minutes instead of 12"
    )
    parser.add_argument("--rounds", type=int, help="of everything that is timed, at most (5, or 2 with --quick)")
    parser.add_argument("--threads", type=int, default=usable_cores(), help="of every contestant (%(default)s here)")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="write slm.json, slm.md and slm.png there")
    options = parser.parse_args(argv)
    options.models = options.models or (MODELS[:1] if options.quick else MODELS)
    return options


def _measure(name: str, options: argparse.Namespace, effort: Effort, shown: Console) -> Results:
    """Everything about one model."""
    said = Lines(shown)
    prompts = Prompts(ensure(name, progress=said))
    entries, notes = entries_of(
        name, threads=options.threads, ends=prompts.ends, only=frozenset(options.only), progress=said
    )
    exact = exact_entry(name, threads=options.threads, progress=said)
    for note in notes:
        shown.print(note, markup=False)
    results = Results(name, entries, notes=notes)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=shown, transient=True) as bars:
        task = bars.add_task(name)

        def step(what: str) -> None:
            bars.update(task, advance=1, description=f"{name}: {what}")

        course = Course(results, prompts, effort, step)
        bars.update(task, total=course.steps() + 1)
        course.run(exact)
        _explain(results, options.threads, step)
    return results


def _explain(results: Results, threads: int, step: Callable[[str], None]) -> None:
    """Where a goal was missed, look where a pass's time goes."""
    missed = [standing for standing in standings(results) if standing.value is not None and not standing.reached]
    if missed:
        step("profile")
        entry = next(entry for entry in results.entries if entry.key == missed[0].contestant)
        results.profile = profile(entry.path, threads=threads, rounds=_PROFILED, machine={})


def _write(report: Report, folder: Path, shown: Console) -> None:
    """The three files; without matplotlib the plot is missing, which is said."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "slm.json").write_text(json.dumps(report.as_json(), indent=2) + "\n", encoding="utf-8")
    (folder / "slm.md").write_text(report.as_markdown() + "\n", encoding="utf-8")
    try:
        draw(report, folder / "slm.png")
    except ImportError:
        shown.print("no plot: matplotlib is not installed (pip install '.[plot]')", markup=False)


if __name__ == "__main__":
    main()
