"""A number that knows how sure it is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """A value with one standard uncertainty."""

    value: float
    uncertainty: float
