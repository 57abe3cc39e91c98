"""Regret of the learning router against the frozen one, when a user's topics shift and when they do not.

`python -m benchmarks.learning --data FILE [--users N] [--plot PNG] [--json]` asks real questions with real labels
(RouteLLM's layout, with `domain`) through the product's decision. The frozen router is fitted on half of the questions
of the subjects that a user begins with; the user turns to others at question 500. Leaving costs what the median uplift
is worth. Half of the answers are rated, and one verdict of twenty is wrong.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks.learning.replay import Course, Habits, ask
from benchmarks.learning.users import SHAPES, Crowd, Floats, crowds
from edge_agent.routing.labels import read_labels

_SHIFT, _LENGTH = 500, 1400


@dataclass(frozen=True, slots=True)
class Result:
    """Means over users, in good answers a hundred questions, each with the bounds of a 95 % interval.

    Attributes:
        before: gained before the shift, beyond the frozen router.
        after: gained after it.
        latest: gained in the last 100 questions.
        possible: after it, by somebody who knows both answers beforehand.
        acting: share of the questions after it in which the learned policy was proved.
        worst: of the users, after it.
    """

    shape: str
    questions: int
    before: tuple[float, float, float]
    after: tuple[float, float, float]
    latest: tuple[float, float, float]
    possible: float
    acting: float
    worst: float


def measured(shape: str, crowd: Crowd, users: int, habits: Habits) -> tuple[Result, Floats]:
    """One shape: the result, and each user's cumulated gain, `[users, questions]`."""
    streams = [crowd.stream(np.random.default_rng(user), _SHIFT, _LENGTH) for user in range(users)]
    length = min(len(stream) for stream in streams)
    courses = [ask(crowd, stream[:length], habits, seed=user) for user, stream in enumerate(streams)]
    return _result(shape, courses), np.cumsum([course.gained for course in courses], axis=1)


def _result(shape: str, courses: Sequence[Course]) -> Result:
    gained = np.array([course.gained for course in courses]) * 100
    after = gained[:, _SHIFT:].mean(axis=1)
    return Result(
        shape,
        questions=gained.shape[1],
        before=_interval(gained[:, :_SHIFT].mean(axis=1)),
        after=_interval(after),
        latest=_interval(gained[:, -100:].mean(axis=1)),
        possible=float(np.mean([course.possible[_SHIFT:].mean() for course in courses]) * 100),
        acting=float(np.mean([course.acting[_SHIFT:].mean() for course in courses])),
        worst=float(after.min()),
    )


def _interval(values: Floats) -> tuple[float, float, float]:
    mean, error = float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))
    return mean, mean - 1.96 * error, mean + 1.96 * error


def draw(curves: dict[str, Floats], file: Path) -> None:
    """Draw the cumulated gain of each shape: the mean, its 95 % band, and eight of ten users.

    Raises:
        ImportError: matplotlib is not installed.
    """
    from matplotlib.figure import Figure  # an extra, and slow to load

    figure = Figure(figsize=(4 * len(curves), 3.6), layout="constrained")
    for axes, (shape, curve) in zip(
        figure.subplots(1, len(curves), sharey=True, squeeze=False)[0], curves.items(), strict=True
    ):
        mean, error = curve.mean(axis=0), curve.std(axis=0, ddof=1) / np.sqrt(len(curve))
        number = np.arange(curve.shape[1])
        low, high = np.quantile(curve, (0.1, 0.9), axis=0)
        axes.fill_between(number, low, high, color="#deebf7", label="eight of ten users")
        axes.fill_between(number, mean - 1.96 * error, mean + 1.96 * error, color="#9ecae1", label="95 % of the mean")
        axes.plot(mean, color="#08306b", label="mean")
        axes.axhline(0, color="black", linewidth=0.8)
        axes.axvline(_SHIFT, color="grey", linestyle=":")
        axes.set_title(shape)
        axes.set_xlabel("questions")
    figure.axes[0].set_ylabel("good answers gained\nbeyond the frozen router")
    figure.axes[0].legend(loc="upper left", fontsize=8)
    figure.savefig(file, dpi=110)


def main(argv: Sequence[str] | None = None) -> None:
    """Replay all shapes and print what came out."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.learning", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="labels with subjects: gzipped JSON lines")
    parser.add_argument("--users", type=int, default=20)
    parser.add_argument("--rate", type=float, default=0.5, help="share of answers rated")
    parser.add_argument("--seed", type=int, default=0, help="of the halves that routers are fitted on")
    parser.add_argument("--plot", type=Path, help="write a PNG")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    habits = Habits(rate=options.rate)
    found = crowds(read_labels(options.data), options.seed)
    outcomes = {shape: measured(shape, found[shape], options.users, habits) for shape in SHAPES}
    if options.plot:
        draw({shape: curves for shape, (_, curves) in outcomes.items()}, options.plot)
    results = [result for result, _ in outcomes.values()]
    if options.json:
        print(json.dumps([asdict(result) for result in results], indent=2))
        return
    print("| good answers gained in 100 questions | before | after | last 100 | worst user | possible | proved |")
    print("|---|---|---|---|---|---|---|")
    for r in results:
        cells = " | ".join(
            f"{mean:+.2f} ({low:+.2f} to {high:+.2f})" for mean, low, high in (r.before, r.after, r.latest)
        )
        print(f"| {r.shape} | {cells} | {r.worst:+.2f} | {r.possible:.1f} | {r.acting:.0%} |")


if __name__ == "__main__":
    main()
