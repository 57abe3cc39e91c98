"""The pair that ships, measured: SmolLM2-135M on the device, and the 0.5B model of the demo's cloud.

python -m benchmarks.pair collect --data FOLDER --out FOLDER   ask both models; again until it says done
python -m benchmarks.pair pack --out FOLDER                    keep labels and signals of that, without any text
python -m benchmarks.pair rows --data FOLDER --out FOLDER      pair.jsonl for `edgewise train routing`; a file a task
python -m benchmarks.pair fit                                  fit the probe that ships, from the kept labels
python -m benchmarks.pair report --data FOLDER [--plot PNG]    the tables and the frontier of docs/pair.md
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.pair.labels import LABELS, pack, read, routing_rows
from benchmarks.pair.questions import FILES, Question, sample

if TYPE_CHECKING:
    from benchmarks.pair.model import PairModel

DEVICE: Final = "smollm2-135m-instruct"
CLOUD: Final = "qwen2.5-coder-0.5b-instruct"
PROBE: Final = Path(__file__).resolve().parents[2] / "orchestrator" / "routing" / "probe.json"


def main(argv: Sequence[str] | None = None) -> None:
    """Do one of the steps."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.pair", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    steps = parser.add_subparsers(required=True)
    for name, run in (("collect", _collect), ("pack", _pack), ("rows", _rows), ("fit", _fit), ("report", _report)):
        step = steps.add_parser(name)
        step.set_defaults(run=run)
        if name in ("collect", "rows", "report"):
            step.add_argument("--data", type=Path, required=True, help="the folder of the public files")
        if name in ("collect", "pack", "rows"):
            step.add_argument("--out", type=Path, required=True, help="where what was collected is kept")
        if name == "collect":
            step.add_argument("--seconds", type=float, default=280, help="of a slice")
        if name == "report":
            step.add_argument("--plot", type=Path, help="draw the frontier, as a PNG")
    options = parser.parse_args(argv)
    options.run(options)


def _collect(options: argparse.Namespace) -> None:
    from benchmarks.pair.collect import collect
    from benchmarks.pair.model import PairModel
    from edge_agent.slm.pull import ensure

    device = PairModel(ensure(DEVICE))
    options.out.mkdir(parents=True, exist_ok=True)
    questions = _questions(options, device)
    rows = options.out / "rows.jsonl"
    done, wanted = collect(questions, device, PairModel(ensure(CLOUD)), rows, within_s=options.seconds)
    print(f"{done} of {wanted}" + (": done" if done == wanted else ""))


def _questions(options: argparse.Namespace, device: PairModel) -> list[Question]:
    """The sample, made once: recall has to embed what was said."""
    from edge_agent.assembly import chosen_embedder
    from edge_agent.config import Config
    from edge_agent.slm.progress import Quiet

    kept: Path = options.out / "questions.jsonl"
    if not kept.exists():
        questions = sample(options.data, chosen_embedder(Config.load(), Quiet()), device.count_tokens)
        kept.write_text("\n".join(question.to_json() for question in questions) + "\n", encoding="utf-8")
    return [Question.from_json(line) for line in kept.read_text(encoding="utf-8").splitlines()]


def _pack(options: argparse.Namespace) -> None:
    print(pack(options.out / "rows.jsonl", options.out / "questions.jsonl", LABELS), "labels")


def _rows(options: argparse.Namespace) -> None:
    options.out.mkdir(parents=True, exist_ok=True)
    tasks = routing_rows(read(), options.data)
    for name, lines in {**tasks, "pair": [line for task in sorted(tasks) for line in tasks[task]]}.items():
        (options.out / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _fit(options: argparse.Namespace) -> None:
    from benchmarks.pair.fitting import Answers, fit

    labels = read()
    fitted_on = f"{len(labels)} answers to questions of {', '.join(sorted(FILES))}"
    PROBE.write_bytes(fit(Answers.of(labels), model=DEVICE, fitted_on=fitted_on).to_json())


def _report(options: argparse.Namespace) -> None:
    from benchmarks.pair import report
    from benchmarks.pair.expected import expected
    from benchmarks.pair.frontier import frontier

    labels = read()
    device, cloud = expected(labels, options.data)
    chances = report.held_out(labels, device)
    before, after = cloud - device, cloud - chances[1]
    points = frontier(labels, before, after)
    tables = (
        report.outcomes(labels),
        report.signals(labels, chances),
        report.recovered(labels, before, after),
        report.frontier_table(points),
    )
    for table in tables:
        print("\n".join(table), end="\n\n")
    if options.plot:
        report.plot(points, options.plot)


if __name__ == "__main__":
    main()
