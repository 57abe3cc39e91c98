"""The frontier of a search as a picture. Needs the `plot` extra."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from edge_agent.slm.tune.target import Target

if TYPE_CHECKING:
    from edge_agent.slm.tune.report import Report

_COSTS = {
    Target.TURN: ("products of a turn, ms", 1e3),
    Target.DECODE: ("products of a written token, ms", 1e3),
    Target.PREFILL: ("products of a read token, ms", 1e3),
    Target.MEMORY: ("weights, MB", 1e-6),
}
# A logarithmic axis has no zero; full precision is drawn here.
_LEAST = 1e-5


def draw(report: Report, file: Path) -> None:
    """Cost against divergence: every combination on the frontier, those that were measured, the bound."""
    label, unit = _COSTS[report.target]
    figure = Figure(figsize=(7.5, 4.5), layout="constrained")
    axes = figure.subplots()
    frontier = [(max(plan.kl, _LEAST), plan.cost * unit) for plan in report.frontier]
    axes.step(*zip(*frontier, strict=True), where="post", color="#3182bd", marker="o", markersize=3, label="estimated")
    measured = [(max(each.divergence.kl, _LEAST), each.plan.cost * unit) for each in report.verified]
    axes.scatter(*zip(*measured, strict=True), color="#e6550d", zorder=3, label="measured as a whole")
    chosen = report.chosen
    place = (max(chosen.divergence.kl, _LEAST), chosen.plan.cost * unit)
    axes.scatter(*place, s=140, facecolors="none", edgecolors="#e6550d", linewidths=2, zorder=4, label="chosen")
    axes.axvline(report.max_kl, color="#636363", linestyle="--", linewidth=1, label="bound")
    axes.set_xscale("log")
    axes.set_xlabel("divergence from full precision, nats a token")
    axes.set_ylabel(label)
    axes.set_ylim(bottom=0)
    axes.set_title(f"{report.model}, tuned for {report.target}")
    axes.legend(frameon=False)
    figure.supxlabel(report.machine, fontsize=8, color="#636363")
    figure.savefig(file, dpi=130)
