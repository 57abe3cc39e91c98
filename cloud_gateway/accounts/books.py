"""Where accounts are kept: the seam between what is decided about a bill and where it is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from cloud_gateway.accounts.windows import Amounts, Page, Resource


@dataclass(frozen=True, slots=True)
class Bill:
    """One request on the books. It belongs to the pages of the moment when it was reserved, however long it takes."""

    id: str
    """Of the caller and their request: whatever is retried or taken over, one id is billed once."""
    payer: str
    """Who pays: everything of a payer is kept in one place."""
    pages: tuple[Page, ...]
    worst: Amounts
    now_s: float
    """When it was reserved, in seconds since the epoch."""
    until_s: float
    """From then on its holder counts as dead, and the reservation holds nothing any more."""


class Full(NamedTuple):
    """A page that has no room for a bill."""

    page: Page
    resource: Resource
    spent: int
    reserved: int


class Books(Protocol):
    """Where accounts are kept. Each method is one atomic step.

    Each raises `CloudUnavailable` where the books cannot be reached; nobody knows then whether the step was taken, and
    taking it again is safe.
    """

    async def reserve(self, bill: Bill) -> tuple[Full, ...]:
        """Hold the bill's worst case in all its pages, or in none: the pages that have no room, or nothing.

        A resource that the bill does not touch never refuses. An id that is held already is held on, and not twice; an
        id that was billed already is not held at all.
        """
        ...

    async def settle(self, bill: Bill, actual: Amounts) -> Amounts:
        """Replace what is held by what was used, even where that is more. The first settlement of an id counts.

        Returns what that one was: a gateway may have died between its settlement and telling of it.

        A bill whose reservation has expired is settled all the same: the truth was used.
        """
        ...

    async def refund(self, bill: Bill) -> None:
        """Let go of what is held; the id can be reserved again."""
        ...

    async def read(self, payer: str, pages: Sequence[Page], now_s: float) -> list[tuple[Amounts, Amounts]]:
        """Spent and reserved, page by page, at `now_s`."""
        ...
