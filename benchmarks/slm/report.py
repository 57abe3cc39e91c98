"""What is handed on: one JSON object, and Markdown tables of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.profile_slm import tables
from benchmarks.slm.entries import LLAMA
from benchmarks.slm.figures import METRICS, Figure, Metric, Results
from benchmarks.slm.goals import standings


@dataclass(slots=True)
class Report:
    """One run: the command, the machine, and what was measured of each model so far."""

    command: str
    machine: Mapping[str, str]
    models: list[Results] = field(default_factory=list)
    minutes: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """Every value of every round, and what was made of them."""
        return {
            "command": self.command,
            "machine": dict(self.machine),
            "minutes": round(self.minutes, 2),
            "models": {results.model: _model_json(results) for results in self.models},
        }

    def as_markdown(self) -> str:
        """Medians (lowest to highest), ratios, and the goals."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield f"`{self.command}`, {self.minutes:.1f} minutes. "
        yield "; ".join(f"{name}: {value}" for name, value in self.machine.items()) + ".\n"
        yield "Medians of all rounds, and (lowest to highest). The contestants take turns within each round."
        for results in self.models:
            yield from _model_lines(results)


def _model_json(results: Results) -> dict[str, Any]:
    shown: dict[str, dict[str, Any]] = {}
    for entry in results.entries:
        shown[entry.key] = {
            key: {"unit": metric.unit, "median": figure.median, "values": figure.values, "ratio_to_llama_cpp": ratio}
            for key, metric in METRICS.items()
            if (figure := results.figure(entry.key, key))
            for ratio in [results.ratio(entry.key, LLAMA, key)]
        }
    goals = [
        {
            **asdict(standing.goal),
            "contestant": standing.contestant,
            "value": standing.value,
            "reached": standing.reached,
        }
        for standing in standings(results)
    ]
    found = {"profile": asdict(results.profile)} if results.profile else {}
    return {"contestants": shown, "goals": goals, "notes": results.notes, **found}


def _model_lines(results: Results) -> Iterator[str]:
    keys = [entry.key for entry in results.entries if entry.key in results.values]
    yield f"\n### {results.model}\n"
    yield _row(["what", "unit", *keys])
    yield _row(["---"] * (len(keys) + 2))
    for key, metric in METRICS.items():
        figures = [results.figure(contestant, key) for contestant in keys]
        if any(figures):
            yield _row([metric.title, metric.unit, *(_cell(metric, figure) for figure in figures)])
    if LLAMA in keys:
        yield from _ratio_lines(results, [key for key in keys if key != LLAMA])
    yield from _goal_lines(results)
    if results.notes:
        yield ""
        yield from (f"- {note}" for note in results.notes)
    if results.profile is not None:
        yield "\n#### Where a pass's time goes\n\nSince a goal was missed. What was tried is in docs/profile.md.\n"
        yield from tables(results.profile)


def _ratio_lines(results: Results, keys: list[str]) -> Iterator[str]:
    yield f"\n| divided by {LLAMA} | {' | '.join(keys)} |"
    yield _row(["---"] * (len(keys) + 1))
    for key, metric in METRICS.items():
        ratios = [results.ratio(contestant, LLAMA, key) for contestant in keys]
        if any(ratios) and metric.unit in ("tok/s", "ms", "MB", "J"):
            yield _row([metric.title, *("" if ratio is None else f"{ratio:.2f}" for ratio in ratios)])


def _goal_lines(results: Results) -> Iterator[str]:
    yield "\n| goal | by | wanted | reached | |"
    yield _row(["---"] * 5)
    for standing in standings(results):
        goal, sign = standing.goal, "≥" if standing.goal.at_least else "≤"
        value = "not measured" if standing.value is None else _short(standing.value)
        verdict = "" if standing.value is None else "yes" if standing.reached else "no"
        yield _row([goal.title, standing.contestant, f"{sign} {_short(goal.bound)}", value, verdict])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(metric: Metric, figure: Figure | None) -> str:
    if figure is None:
        return ""
    median, lowest, highest = (
        f"{value:,.{metric.digits}f}" for value in (figure.median, figure.lowest, figure.highest)
    )
    return median if lowest == highest else f"{median} ({lowest} to {highest})"


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
