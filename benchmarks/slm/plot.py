"""One picture of a run: a row a model, a panel a question that a user has."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.slm.figures import METRICS, READS, WRITES, Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from benchmarks.slm.report import Report

_PANELS = (
    ("prefill, tok/s", tuple(f"prefill {n}" for n in READS)),
    ("decode, tok/s", (*(f"decode {n}" for n in WRITES), "grounded")),
    ("first token, ms", ("start", "cold", "warm")),
    ("peak memory, MB", ("memory",)),
)
_LABELS = {
    "grounded": "grounded",
    "start": "process\nstart",
    "cold": "turn 2\ncold",
    "warm": "turn 2\nwarm",
    "memory": "",
}
_COLOURS = {
    "plain": "#9ecae1",
    "tuned": "#3182bd",
    "speculative": "#08306b",
    "llama.cpp": "#e6550d",
    "genai": "#bdbdbd",
}


def draw(report: Report, file: Path) -> None:
    """Draw medians as bars with the whole range of the rounds as whiskers.

    Raises:
        ImportError: matplotlib is not installed.
    """
    from matplotlib.figure import Figure  # an extra, and slow to load

    widths = [len(metrics) + 0.6 for _, metrics in _PANELS]
    figure = Figure(figsize=(15, 0.6 + 3.6 * len(report.models)), layout="constrained")
    grid = figure.subplots(len(report.models), len(_PANELS), squeeze=False, width_ratios=widths)
    for row, results in zip(grid, report.models, strict=True):
        for axes, (title, metrics) in zip(row, _PANELS, strict=True):
            _panel(axes, results, title, metrics)
        row[0].set_ylabel(results.model, fontweight="bold")
    handles = {label: bar for axes in grid.flat for bar, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles.keys(), loc="outside upper center", ncols=len(handles), frameon=False)
    machine = report.machine
    figure.supxlabel(
        f"{machine['processor']}, AMX: {machine['AMX']}, {machine['threads']} threads; "
        f"llama.cpp built for {machine['llama.cpp build']}",
        fontsize=9,
    )
    figure.savefig(file, dpi=130)


def _panel(axes: Axes, results: Results, title: str, metrics: tuple[str, ...]) -> None:
    """Bars in groups, a group a metric, a bar a contestant; the median above each."""
    keys = [entry.key for entry in results.entries if entry.key in results.values]
    width = 0.85 / max(1, len(keys))
    for place, key in enumerate(keys):
        for group, metric in enumerate(metrics):
            figure = results.figure(key, metric)
            if figure is None:
                continue
            spread = [[figure.median - figure.lowest], [figure.highest - figure.median]]
            at = group + (place - (len(keys) - 1) / 2) * width
            bar = axes.bar(
                at, figure.median, width, yerr=spread, color=_COLOURS.get(key), label=key, error_kw={"lw": 0.8}
            )
            digits = 0 if figure.median >= 10 else METRICS[metric].digits
            axes.bar_label(bar, [f"{figure.median:,.{digits}f}"], fontsize=6.5, padding=2)
    axes.set_title(title, fontsize=10)
    axes.set_xticks(
        range(len(metrics)), [_LABELS.get(metric, metric.replace(" ", "\n")) for metric in metrics], fontsize=8
    )
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(axis="y", labelsize=8)
    axes.margins(y=0.12)
