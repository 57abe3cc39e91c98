"""A question that no route can answer: what stands in the way, when it is gone, and the one typed error of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

from orchestrator.budget import Headroom, Resource, Room
from orchestrator.errors import BudgetExhausted, ContextWindowExceeded, EdgewiseError
from orchestrator.types import Budget, Prediction, Request, Route, Spend

Exclusion = tuple[str, str]
"""The rule that excluded a route, and its reason in plain words."""

_OF_BUDGETS: Final = {"budget", "window", "outrun", "first_token_budget"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What a decision comes to where no route is left. Plain values, no text of the user's: it is stored as it is."""

    id: str
    """The decision's."""
    request_id: str
    error_type: str
    """`budget_exhausted` or `context_window_exceeded`."""
    message: str
    remedy: str
    reopens_at: datetime | None
    """When a window opens again that this is waiting for; None where waiting does not help."""
    excluded: dict[str, Exclusion]
    """Of each route, what forbids it."""
    predictions: tuple[Prediction, ...]
    """What each route would have done, with the longest answer that was asked for."""

    @classmethod
    def of(
        cls,
        error: EdgewiseError,
        request: Request,
        decision_id: str,
        excluded: Mapping[Route, Exclusion],
        predictions: tuple[Prediction, ...],
    ) -> Self:
        """The refusal that ends in `error`."""
        return cls(
            id=decision_id,
            request_id=request.id,
            error_type=error.type,
            message=error.message,
            remedy=error.remedy,
            reopens_at=error.reopens_at if isinstance(error, BudgetExhausted) else None,
            excluded={route.value: exclusion for route, exclusion in excluded.items()},
            predictions=predictions,
        )

    @property
    def error(self) -> EdgewiseError:
        """The typed error that the request ends in."""
        if self.error_type == "context_window_exceeded":
            return ContextWindowExceeded(self.message, remedy=self.remedy)
        return BudgetExhausted(self.message, remedy=self.remedy, reopens_at=self.reopens_at)


def refusal(
    excluded: Mapping[Route, Exclusion], least: Mapping[Route, Spend], budget: Budget, headroom: Headroom
) -> EdgewiseError:
    """The error that a request ends in when no route is left.

    Args:
        excluded: the routes that were wanted, with what forbids each.
        least: what the shortest answer of each may spend.
        budget: the question's own.
        headroom: what the windows leave.
    """
    reasons = [excluded[route] for route in (Route.LOCAL, Route.CLOUD) if route in excluded]
    message = "; ".join(dict.fromkeys(text for _, text in reasons))
    rules = {rule for rule, _ in reasons}
    if "context_length" in rules and not rules & _OF_BUDGETS:
        return ContextWindowExceeded(message, remedy="shorten the question or the conversation")
    if "battery" in rules:
        return BudgetExhausted(message, remedy="plug the device in, or lower the battery's floor")
    if "outrun" in rules:
        return BudgetExhausted(message, remedy="ask again in a moment: what others do not use is given back")
    waits = [
        _shut(least[route], headroom)
        for route, (rule, _) in excluded.items()
        if rule in ("budget", "window") and route in least and _within(least[route], budget)
    ]
    openings = [rooms for rooms in waits if rooms and all(_ever(room, least) for room in rooms)]
    if not openings:
        return BudgetExhausted(f"no route fits the budget: {message}", remedy=_no_wait(waits))
    soonest = min(openings, key=_opens)
    names = " and ".join(repr(room.window) for room in soonest)
    return BudgetExhausted(
        f"no route fits the budget: {message}",
        remedy=f"the window {names} opens again at {_opens(soonest):%Y-%m-%d %H:%M:%S} UTC",
        reopens_at=_opens(soonest),
    )


def _within(least: Spend, budget: Budget) -> bool:
    """Whether the question's own limits allow it: if not, no window helps by opening."""
    joules, usd = budget.device_joules, budget.usd
    return (joules is None or least.device_joules <= joules) and (usd is None or least.usd <= usd)


def _shut(least: Spend, headroom: Headroom) -> list[Room]:
    """The windows without room for it."""
    return [room for room in headroom.rooms if room.resource.of(least) > 0 and room.resource.of(least) > room.left]


def _ever(room: Room, least: Mapping[Route, Spend]) -> bool:
    """Whether a whole period of the window has room for any of the routes."""
    if room.resource is Resource.CLOUD_SHARE:
        return room.limit > 0
    return any(room.resource.of(spend) <= room.limit for spend in least.values())


def _opens(rooms: Sequence[Room]) -> datetime:
    """When all of them have."""
    return max(room.reopens_at for room in rooms)


def _no_wait(waits: Sequence[Sequence[Room]]) -> str:
    names = sorted({room.window for rooms in waits for room in rooms})
    if names:
        return f"raise the limit of the window {names[0]!r}: a whole period of it is too small"
    return "allow a larger budget"
