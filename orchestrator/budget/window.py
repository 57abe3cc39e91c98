"""Budget windows: a limit on one resource over a stretch of time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from orchestrator.errors import ConfigError
from orchestrator.types import Spend

_LONGEST_S: Final = 10**10
"""Some three centuries, so that the end of any period is still a date."""


class Resource(StrEnum):
    """What a window limits; each value is a field of `Spend`, unit in its name."""

    DEVICE_JOULES = "device_joules"
    USD = "usd"
    CLOUD_REQUESTS = "cloud_requests"

    def of(self, spend: Spend) -> float:
        """This resource's amount in `spend`."""
        return float(getattr(spend, self.value))

    def in_words(self, value: float) -> str:
        """`value` with its unit, for people: "12.5 J", "0.0040 USD", "3 cloud requests"."""
        match self:
            case Resource.DEVICE_JOULES:
                return f"{value:,.1f} J"
            case Resource.USD:
                return f"{value:,.4f} USD"
            case Resource.CLOUD_REQUESTS:
                return f"{value:,.0f} cloud requests"


@dataclass(frozen=True, slots=True)
class Window:
    """At most `limit` of `resource` in every stretch of `period_s` seconds, aligned to the Unix epoch (UTC).

    Raises:
        ConfigError: a limit that is negative or not a number, or a period that is no stretch of time.
    """

    name: str
    resource: Resource
    limit: float
    period_s: int

    def __post_init__(self) -> None:
        if not self.limit >= 0:
            raise ConfigError(f"budget window {self.name!r} needs a limit of zero or more, not {self.limit}")
        if not 1 <= self.period_s <= _LONGEST_S:
            raise ConfigError(f"budget window {self.name!r} needs a period of 1 to {_LONGEST_S} s, not {self.period_s}")

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
    def key(self) -> tuple[str, str, int, int]:
        """What its rows are kept under: the window's name, resource, length and the period's start.

        The limit is no part of it: a limit that is changed holds at once for what was already spent. A window whose
        length or resource is changed counts from zero.
        """
        return (self.window.name, self.window.resource.value, self.window.period_s, self.start_s)

    @property
    def ends(self) -> datetime:
        """When the window opens again."""
        return datetime.fromtimestamp(self.start_s + self.window.period_s, UTC)
