"""The figures as Markdown and as JSON, each beside its goal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.context.peers import Peer
from benchmarks.context.separation import Asked
from benchmarks.context.speed import p50, p99


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number, and the goal that it is held against, if it has one."""

    title: str
    value: float
    unit: str
    at_most: float | None = None
    at_least: float | None = None

    @property
    def goal(self) -> str:
        """The goal in words; empty for none."""
        if self.at_most is not None:
            return f"≤ {self.at_most:,g}"
        return f"≥ {self.at_least:,g}" if self.at_least is not None else ""

    @property
    def reached(self) -> bool | None:
        """Whether the goal is reached; None without one."""
        if self.at_most is not None:
            return self.value <= self.at_most
        return self.value >= self.at_least if self.at_least is not None else None


def table(figures: Sequence[Figure]) -> Iterator[str]:
    """Lines of Markdown."""
    yield "| | measured | goal | |\n|---|---|---|---|"
    for figure in figures:
        digits = 0 if figure.value >= 100 else 1
        verdict = {True: "reached", False: "missed", None: ""}[figure.reached]
        yield f"| {figure.title} | {figure.value:,.{digits}f} {figure.unit} | {figure.goal} | {verdict} |"


def separation_table(rows: Sequence[Asked]) -> Iterator[str]:
    """Lines of Markdown."""
    yield "| questions | count | brought a record | the right one | the right one first |\n|---|---|---|---|---|"
    for row in rows:
        shares = " | ".join(
            "–" if count is None else f"{count} ({count / row.count:.1%})"
            for count in (row.brought, row.right, row.first)
        )
        yield f"| {row.title} | {row.count} | {shares} |"


def peers_table(peers: Sequence[Peer]) -> Iterator[str]:
    """Lines of Markdown."""
    yield "| | p50 ms | p99 ms | brought their record | added, /s |\n|---|---|---|---|---|"
    for peer in peers:
        if peer.missing:
            yield f"| {peer.name} | {peer.missing} | | | |"
        else:
            row = f"{p50(peer.ms):.1f} | {p99(peer.ms):.1f} | {peer.found:.0%} | {peer.added_per_s:,.0f}"
            yield f"| {peer.name} | {row} |"


def as_json(figures: Sequence[Figure]) -> list[dict[str, Any]]:
    """For programs."""
    return [
        {"title": f.title, "value": f.value, "unit": f.unit, "goal": f.goal or None, "reached": f.reached}
        for f in figures
    ]
