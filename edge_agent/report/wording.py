"""Amounts and stretches of time, for people."""

from __future__ import annotations

import math


def amount(value: float) -> str:
    """Three digits that count, or all of a large number: "0.0619", "1.25", "13,158"."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{digits}f}".replace("-", "−")


def signed(value: float) -> str:
    """The same with its sign."""
    return ("+" if value > 0 else "") + amount(value)


def stretch(seconds: int) -> str:
    """A stretch of time: "6 hours", "day"."""
    for unit, length in (("week", 604_800), ("day", 86_400), ("hour", 3600), ("minute", 60)):
        if seconds % length == 0:
            return unit if seconds == length else f"{seconds // length} {unit}s"
    return "second" if seconds == 1 else f"{seconds} seconds"
