"""The pair's figures as tables, and the frontier as a picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.pair.fitting import MOMENTS, Answers, Floats, auroc, fit, folds
from benchmarks.pair.frontier import Costs, Point
from benchmarks.pair.labels import Label
from orchestrator.routing.curve import Outcomes, score
from orchestrator.routing.probe import SIGNALS

_SHOWN: Final = (0.0, 0.1, 0.2, 0.3, 0.5, 1.0)


def outcomes(labels: Sequence[Label]) -> Iterator[str]:
    """What each model got right, by task."""
    yield "| task | questions | device right | cloud right | only the cloud | only the device | written right |"
    yield "|---|---|---|---|---|---|---|"
    for task in (*_tasks(labels), "all"):
        own = [label for label in labels if task in (label.task, "all")]
        device = np.array([label.device_right for label in own])
        cloud = np.array([label.cloud_right for label in own])
        written = np.mean([label.written for label in own])
        shares = (device.mean(), cloud.mean(), (cloud & ~device).mean(), (device & ~cloud).mean(), written)
        yield f"| {task} | {len(own)} | " + " | ".join(f"{share:.3f}" for share in shares) + " |"
    costs = Costs.of(labels)
    yield ""
    yield f"Device: {costs.read * 1000:.1f} mJ a prompt token, {costs.write * 1000:.0f} mJ a written one (modelled)."


def signals(labels: Sequence[Label], chances: Floats) -> Iterator[str]:
    """How well each signal, and the fitted probe, tells right from wrong of what the device wrote.

    Args:
        labels: n of them.
        chances: of the probe at each moment, of answers that it was not fitted on; `[moments, n]`.
    """
    answers = Answers.of(labels)
    numbers = sorted(set(answers.tasks))
    names = [_tasks(labels)[number] for number in numbers]
    yield "| signal | 4 tokens | 12 tokens | whole answer | " + " | ".join(names) + " |"
    yield "|---|---|---|---|" + "---|" * len(names)
    rows = {name: answers.signals[:, :, place] for place, name in enumerate(SIGNALS)}
    rows["margin"] = np.array([[np.mean(label.margins[:moment]) for label in labels] for moment in MOMENTS])
    rows["**fitted probe**"] = chances
    for name, values in rows.items():
        within = [_area(value, answers, None) for value in values]
        each = [_area(values[-1], answers, number) for number in numbers]
        yield f"| {name} | " + " | ".join([*within, *each]) + " |"
    yield from _partial(labels, answers)


def _partial(labels: Sequence[Label], answers: Answers) -> Iterator[str]:
    """Signals that only some answers have."""
    for name, values in (
        ("agreement of samples", [label.agreement for label in labels]),
        ("confidence of recall", [label.confidence or None for label in labels]),
    ):
        rows = np.array([place for place, value in enumerate(values) if value is not None], np.intp)
        some = np.array([value for value in values if value is not None], np.float64)
        yield f"\n{name}, {len(rows)} answers: {auroc(some, answers.right[rows], answers.tasks[rows]):.3f}"
    rows = np.array([place for place, label in enumerate(labels) if label.choice_margin is not None])
    margins = np.array([label.choice_margin for label in labels if label.choice_margin is not None])
    right = np.array([label.device_right for label in labels])[rows]
    tasks = answers.tasks[rows]
    by_task = {_tasks(labels)[task]: auroc(margins[tasks == task], right[tasks == task]) for task in sorted(set(tasks))}
    told = ", ".join(f"{task} {area:.3f}" for task, area in by_task.items())
    yield f"\nmargin of the likeliest choice, against the choice being right: {told}"


def held_out(labels: Sequence[Label], expected: Floats) -> Floats:
    """The probe's chances at each moment, each answer's by a probe fitted on the others; `[moments, n]`.

    Args:
        labels: n of them.
        expected: the device's chance before the first token, `[n]`.
    """
    answers, part = Answers.of(labels), folds(len(labels))
    chances = np.empty((len(MOMENTS), len(labels)))
    for fold in range(part.max() + 1):
        probe = fit(answers.at(np.flatnonzero(part != fold)))
        for row in np.flatnonzero(part == fold).tolist():
            for place, moment in enumerate(MOMENTS):
                chances[place, row] = probe.chance(float(expected[row]), labels[row].tokens[:moment])
    return chances


def recovered(labels: Sequence[Label], before: Floats, after: Floats) -> Iterator[str]:
    """APGR with its interval, by task: of the router before the first token, and of router and probe after twelve.

    Args:
        labels: n of them.
        before, after: P(cloud right) − P(device right), by what had not seen the question; `[n]`.
    """
    yield "| task | cloud − device | query only, APGR | with the first words, APGR |"
    yield "|---|---|---|---|"
    device = np.array([label.device_right for label in labels])
    cloud = np.array([label.cloud_right for label in labels])
    tasks = np.array([label.task for label in labels])
    for task in (*_tasks(labels), "all"):
        rows = np.flatnonzero((tasks == task) | (task == "all"))
        outcomes = Outcomes(device[rows], cloud[rows])
        # Of a gap that chance alone explains, no share can be recovered.
        if abs(outcomes.gap) <= 2 * np.sqrt((outcomes.uplift**2).sum()) / len(rows):
            yield f"| {task} | {outcomes.gap:+.3f} | – | – |"
            continue
        found = [score(values[rows], outcomes) for values in (before, after)]
        told = [f"{one.apgr:.2f} [{one.apgr_ci[0]:.2f}, {one.apgr_ci[1]:.2f}]" for one in found]
        yield f"| {task} | {outcomes.gap:+.3f} | {told[0]} | {told[1]} |"


def frontier_table(points: Mapping[str, Sequence[Point]]) -> Iterator[str]:
    """Accuracy and energy of each policy at a few shares sent."""
    yield "| policy | " + " | ".join(f"{share:.0%} sent" for share in _SHOWN) + " |"
    yield "|---|" + "---|" * len(_SHOWN)
    for name, curve in points.items():
        shown = [min(curve, key=lambda point, share=share: abs(point.sent - share)) for share in _SHOWN]  # type: ignore[misc]
        yield f"| {name} | " + " | ".join(f"{p.accuracy:.3f}, {p.device_joules:.2f} J" for p in shown) + " |"


def plot(points: Mapping[str, Sequence[Point]], path: Path) -> None:
    """Accuracy against what leaves, and against the device's energy."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(11, 4.2), sharey=True)
    for name, curve in points.items():
        style = "--" if name in ("random", "oracle") else "-"
        axes[0].plot([100 * p.sent for p in curve], [p.accuracy for p in curve], style, label=name)
        axes[1].plot([p.device_joules for p in curve], [p.accuracy for p in curve], style, label=name)
    axes[0].set(xlabel="questions that leave, %", ylabel="share of right answers")
    axes[1].set(xlabel="device energy, J a question (modelled)")
    axes[0].legend(frameon=False)
    for axis in axes:
        axis.grid(alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, dpi=140)
    pyplot.close(figure)


def _tasks(labels: Sequence[Label]) -> list[str]:
    return sorted({label.task for label in labels})


def _area(values: Floats, answers: Answers, task: int | None) -> str:
    """Within tasks, or of one task."""
    rows = np.arange(len(values)) if task is None else np.flatnonzero(answers.tasks == task)
    area = auroc(values[rows], answers.right[rows], answers.tasks[rows])
    return "–" if np.isnan(area) else f"{area:.3f}"
