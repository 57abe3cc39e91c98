"""What the windows leave to a question, as a decision sees it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from orchestrator.budget.ledger import WindowState
from orchestrator.budget.window import Resource


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """One window: what it leaves, of how much, and until when."""

    window: str
    resource: Resource
    left: float
    limit: float
    reopens_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Headroom:
    """What the tightest windows leave. None where no window limits a resource."""

    device_joules: float | None
    usd: float | None
    cloud_requests: float | None
    rooms: tuple[Room, ...] = ()
    """Each window alone: a refusal says which of them open again, and when."""

    @classmethod
    def of(cls, states: Iterable[WindowState]) -> Self:
        """From the windows as they stand. A share limits the questions that may leave as a number of them does."""
        rooms = tuple(
            Room(
                window=state.window.name,
                resource=state.window.resource,
                left=state.left,
                limit=state.window.limit,
                reopens_at=state.reopens_at,
            )
            for state in states
            if math.isfinite(state.left)  # what limits nothing is no limit, and JSON has no infinity
        )

        def least(*resources: Resource) -> float | None:
            return min((room.left for room in rooms if room.resource in resources), default=None)

        return cls(
            device_joules=least(Resource.DEVICE_JOULES),
            usd=least(Resource.USD),
            cloud_requests=least(Resource.CLOUD_REQUESTS, Resource.CLOUD_SHARE),
            rooms=rooms,
        )
