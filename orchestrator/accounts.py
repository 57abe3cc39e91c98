"""What a gateway has counted for a key and its tenant, as values. The gateway and its clients share them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Stretch(StrEnum):
    """How long a window is. Windows are those of the clock and the calendar, in UTC."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    MONTH = "month"


class Owner(StrEnum):
    """Whose account it is."""

    KEY = "key"
    TENANT = "tenant"


@dataclass(frozen=True, slots=True)
class Quantity:
    """Of one resource in one window, in whole units."""

    spent: int
    """Settled."""
    reserved: int
    """The worst case of answers under way."""
    limit: int | None = None
    """None where there is none."""

    @property
    def left(self) -> int | None:
        """What can still be reserved; zero where the truth went beyond the limit, None where there is no limit."""
        return None if self.limit is None else max(0, self.limit - self.spent - self.reserved)


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowUsage:
    """A window as it stands."""

    owner: Owner
    name: str
    """Of the key or the tenant."""
    stretch: Stretch
    begins: datetime
    ends: datetime
    """When it opens again, timezone-aware."""
    requests: Quantity
    tokens: Quantity
    """Read and written, together."""
    nano_usd: Quantity
    """In billionths of a US dollar."""
