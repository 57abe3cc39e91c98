"""Two meters as one: the processor's and the GPUs', where a model runs on both."""

from __future__ import annotations

from orchestrator.ports import EnergyMeter, EnergySpan
from orchestrator.units import Energy


class CombinedMeter:
    """An `EnergyMeter` that adds up meters which count different parts of the machine."""

    def __init__(self, *meters: EnergyMeter) -> None:
        """`meters` must have no part in common: no joule may be counted twice."""
        self._meters = meters

    def start(self) -> EnergySpan:
        """Begin a span of each."""
        return _CombinedSpan([meter.start() for meter in self._meters])


class _CombinedSpan:
    """Spans that began together; their figures are independent, so uncertainties add in quadrature."""

    def __init__(self, spans: list[EnergySpan]) -> None:
        self._spans = spans

    def moved(self, n_bytes: int) -> None:
        """Told to all."""
        for span in self._spans:
            span.moved(n_bytes)

    def read(self) -> Energy:
        """Energy since the span began."""
        return _sum([span.read() for span in self._spans])

    def stop(self) -> Energy:
        """The final figure."""
        return _sum([span.stop() for span in self._spans])


def _sum(parts: list[Energy]) -> Energy:
    first, *others = parts
    return sum(others, start=first)
