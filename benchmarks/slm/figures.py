"""What was measured: figures of each contestant by metric."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field

from benchmarks.profile_slm import Profile
from benchmarks.slm.contestant import Entry

READS = (128, 512, 1536)
WRITES = (16, 512, 1536)


@dataclass(frozen=True, slots=True)
class Metric:
    """A thing to measure.

    Attributes:
        larger_is_better: so that a ratio above 1 is always good news when it is turned that way.
        digits: behind the point, when it is shown.
    """

    key: str
    title: str
    unit: str
    larger_is_better: bool = False
    digits: int = 0


METRICS = {
    metric.key: metric
    for metric in (
        Metric("load", "load", "ms"),
        Metric("start", "process start to first token", "ms"),
        *(Metric(f"prefill {n}", f"prefill {n}", "tok/s", True) for n in READS),
        *(Metric(f"decode {n}", f"decode at {n}", "tok/s", True, 1) for n in WRITES),
        Metric("cold", "first token, conversation of 1,000 tokens, nothing cached", "ms"),
        Metric("warm", "first token, its second turn", "ms"),
        Metric("warm share", "second turn / cold", "", False, 3),
        Metric("grounded", "decode of answers grounded in records", "tok/s", True, 1),
        Metric("memory", "peak memory", "MB"),
        Metric("joules", "modelled joules a token, decode at 512", "J", False, 3),
        Metric("agreement answers", "agreement with full precision, answers", "", True, 3),
        Metric("agreement texts", "agreement with full precision, texts", "", True, 3),
        Metric("kl answers", "divergence from full precision, answers", "nats", False, 4),
        Metric("kl texts", "divergence from full precision, texts", "nats", False, 4),
    )
}


@dataclass(frozen=True, slots=True)
class Figure:
    """One metric of one contestant, in every round."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The figure that counts."""
        return statistics.median(self.values)

    @property
    def lowest(self) -> float:
        """The lowest of all rounds."""
        return min(self.values)

    @property
    def highest(self) -> float:
        """The highest of all rounds."""
        return max(self.values)


@dataclass(slots=True)
class Results:
    """All that was measured of one model.

    Attributes:
        values: by contestant and metric, one value a round.
        notes: what a reader must know: who is missing and why, what was left out.
        profile: where a pass's time goes, looked into where a goal was missed.
    """

    model: str
    entries: list[Entry]
    values: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    profile: Profile | None = None

    def add(self, contestant: str, metric: str, value: float | None) -> None:
        """One more value of a metric; None where there is none."""
        if value is not None:
            self.values.setdefault(contestant, {}).setdefault(metric, []).append(value)

    def figure(self, contestant: str, metric: str) -> Figure | None:
        """What was measured, if it was."""
        values = self.values.get(contestant, {}).get(metric)
        return Figure(tuple(values)) if values else None

    def ratio(self, contestant: str, to: str, metric: str, *, to_metric: str = "") -> float | None:
        """Median over median."""
        ours, theirs = self.figure(contestant, metric), self.figure(to, to_metric or metric)
        return ours.median / theirs.median if ours and theirs and theirs.median else None
