"""Budget windows: a limit on one resource over a stretch of time."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from fractions import Fraction
from typing import Final

from orchestrator.errors import ConfigError
from orchestrator.types import Spend

_LONGEST_S: Final = 10**10
"""Some three centuries, so that the end of any period is still a date."""
_MONDAY_S: Final = 4 * 86_400
"""The first Monday of the Unix epoch: weeks begin on Mondays."""
_UNITS_S: Final = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400, "week": 604_800}
_STRETCH: Final = re.compile(r"(?:(\d{1,9}) )?(second|minute|hour|day|week)(s?)")


class Resource(StrEnum):
    """What a window limits."""

    DEVICE_JOULES = "device_joules"
    USD = "usd"
    CLOUD_REQUESTS = "cloud_requests"
    CLOUD_SHARE = "cloud_share"
    """Cloud requests as a share of all questions, 0 to 1."""
    QUESTIONS = "questions"
    """What a share is a share of."""

    def of(self, spend: Spend) -> float:
        """This resource's amount in `spend`."""
        match self:
            case Resource.CLOUD_SHARE:
                return float(spend.cloud_requests)
            case _:
                return float(getattr(spend, self.value))

    def in_words(self, value: float) -> str:
        """`value` with its unit, for people: "12.5 J", "0.0040 USD", "3 cloud requests"."""
        match self:
            case Resource.DEVICE_JOULES:
                return f"{value:,.1f} J"
            case Resource.USD:
                return f"{value:,.4f} USD"
            case Resource.CLOUD_REQUESTS | Resource.CLOUD_SHARE:
                return f"{value:,.0f} cloud request{'' if value == 1 else 's'}"
            case Resource.QUESTIONS:
                return f"{value:,.0f} question{'' if value == 1 else 's'}"


def seconds_in(stretch: str) -> int:
    """The seconds of "minute", "hour", "day", "week", or of several: "90 minutes", "2 days".

    Raises:
        ValueError: it is no such stretch.
    """
    found = _STRETCH.fullmatch(stretch.strip())
    if found is None or (found[1] is None and found[3]):
        raise ValueError("not a stretch of time: write minute, hour, day, week, or a number of them: 90 minutes")
    seconds = int(found[1] or 1) * _UNITS_S[found[2]]
    if not 1 <= seconds <= _LONGEST_S:
        raise ValueError(f"a stretch of time is 1 to {_LONGEST_S} s, not {seconds}")
    return seconds


@dataclass(frozen=True, slots=True)
class Window:
    """At most `limit` of `resource` in every stretch of `period_s` seconds, counted on from a Monday midnight (UTC).

    A share holds at every moment, not only at the end of a period: of the first three questions none may leave under
    30 %, of the fourth one may.

    Raises:
        ConfigError: a limit that is negative or not a number, a share above 1, or a period that is no stretch of time.
    """

    name: str
    resource: Resource
    limit: float
    period_s: int

    def __post_init__(self) -> None:
        if not self.limit >= 0:
            raise ConfigError(f"budget window {self.name!r} needs a limit of zero or more, not {self.limit}")
        if self.resource is Resource.CLOUD_SHARE and self.limit > 1:
            raise ConfigError(
                f"budget window {self.name!r} needs a share of 0 to 1, not {self.limit}", remedy="write 30 % as 0.3"
            )
        if not 1 <= self.period_s <= _LONGEST_S:
            raise ConfigError(f"budget window {self.name!r} needs a period of 1 to {_LONGEST_S} s, not {self.period_s}")

    def at(self, now: datetime) -> Period:
        """The stretch that `now` falls in."""
        seconds = int(now.timestamp())
        return Period(self, seconds - (seconds - _MONDAY_S) % self.period_s)

    @property
    def counts(self) -> tuple[Resource, ...]:
        """The sums that it needs: its own resource, and for a share the whole."""
        own = self.resource
        return (own, Resource.QUESTIONS) if own is Resource.CLOUD_SHARE else (own,)

    def held(self, resource: Resource, worst: Spend) -> float:
        """What a reservation holds of one of `counts`.

        A question that may still be called off is no part of the whole yet, else a share could be exceeded by its
        refund. One that wants to leave itself is: the two stand or fall together.
        """
        if self.resource is Resource.CLOUD_SHARE and resource is Resource.QUESTIONS and not worst.cloud_requests:
            return 0.0
        return resource.of(worst)

    def has_room(self, worst: Spend, taken: Mapping[Resource, float]) -> bool:
        """Whether `worst` fits beside what is `taken`: spent and reserved, for each of `counts`.

        A spend that does not touch the resource always fits.
        """
        wanted = self.resource.of(worst)
        if wanted <= 0:
            return True
        if self.resource is not Resource.CLOUD_SHARE:
            return taken[self.resource] + wanted <= self.limit
        whole = taken[Resource.QUESTIONS] + self.held(Resource.QUESTIONS, worst)
        return taken[self.resource] + wanted <= self._share * Fraction(whole)

    def left(self, taken: Mapping[Resource, float]) -> float:
        """What could still be taken. Of a share: the questions that could leave from now on if all did."""
        if self.resource is not Resource.CLOUD_SHARE:
            return max(0.0, self.limit - taken[self.resource])
        if self._share == 1:
            return float("inf")
        ahead = self._share * Fraction(taken[Resource.QUESTIONS]) - Fraction(taken[self.resource])
        return float(max(0, ahead // (1 - self._share)))

    @property
    def limit_in_words(self) -> str:
        """The limit with its unit."""
        if self.resource is Resource.CLOUD_SHARE:
            return f"{100 * self.limit:.4g} % of the questions"
        return self.resource.in_words(self.limit)

    @property
    def _share(self) -> Fraction:
        """The limit as it was written: 0.29 of 100 questions are 29, whatever floating-point numbers say."""
        return Fraction(repr(float(self.limit)))


@dataclass(frozen=True, slots=True)
class Account:
    """One sum in the ledger's books: an amount of one resource in one period of a window.

    A window's limit is no part of it: a limit that is changed holds at once for what was already spent. A window whose
    length or resource is changed counts from zero.
    """

    window: str
    resource: Resource
    period_s: int
    start_s: int
    """Seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Period:
    """One stretch of a window, named by its first second since the epoch."""

    window: Window
    start_s: int

    @property
    def account(self) -> Account:
        """Of the window's own resource."""
        return self._account(self.window.resource)

    @property
    def accounts(self) -> tuple[Account, ...]:
        """One for each of the window's `counts`."""
        return tuple(map(self._account, self.window.counts))

    @property
    def ends(self) -> datetime:
        """When the window opens again."""
        return datetime.fromtimestamp(self.start_s + self.window.period_s, UTC)

    def _account(self, resource: Resource) -> Account:
        return Account(self.window.name, resource, self.window.period_s, self.start_s)
