"""Budget windows: a limit on one resource over a stretch of time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from orchestrator.types import Spend


class Resource(StrEnum):
    """What a window limits; each value is a field of `Spend`, unit in its name."""

    DEVICE_JOULES = "device_joules"
    USD = "usd"
    CLOUD_REQUESTS = "cloud_requests"

    def of(self, spend: Spend) -> float:
        """This resource's amount in `spend`."""
        return float(getattr(spend, self.value))


@dataclass(frozen=True, slots=True)
class Window:
    """At most `limit` of `resource` in every stretch of `period_s` seconds, aligned to the Unix epoch (UTC)."""

    name: str
    resource: Resource
    limit: float
    period_s: int

    def at(self, now: datetime) -> Period:
        """The stretch that `now` falls in."""
        seconds = int(now.timestamp())
        return Period(self, seconds - seconds % self.period_s)


@dataclass(frozen=True, slots=True)
class Period:
    """One stretch of a window, named by its first second since the epoch."""

    window: Window
    start_s: int

    @property
    def ends(self) -> datetime:
        """When the window opens again."""
        return datetime.fromtimestamp(self.start_s + self.window.period_s, UTC)
