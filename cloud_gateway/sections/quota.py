"""What a key or a tenant may use in a stretch of time."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from cloud_gateway.accounts.windows import Limit, Resource
from cloud_gateway.sections.kinds import Usd
from orchestrator.accounts import Stretch
from orchestrator.chat import NANO
from orchestrator.settings import Section

Count = Annotated[int, Field(ge=0, le=2**53)]
"""Redis compares numbers of this size exactly."""


class QuotaSection(Section):
    """Limits by minute, hour, day and month, in UTC. One that is left out does not limit."""

    requests_per_minute: Count | None = None
    requests_per_hour: Count | None = None
    requests_per_day: Count | None = None
    requests_per_month: Count | None = None
    tokens_per_minute: Count | None = None
    """Read and written, together."""
    tokens_per_hour: Count | None = None
    tokens_per_day: Count | None = None
    tokens_per_month: Count | None = None
    usd_per_minute: Usd | None = None
    usd_per_hour: Usd | None = None
    usd_per_day: Usd | None = None
    usd_per_month: Usd | None = None

    @property
    def limits(self) -> tuple[Limit, ...]:
        """Those that are given, in whole units."""
        return tuple(
            Limit(resource, stretch, int(given * (NANO if unit == "usd" else 1)))
            for resource, unit in zip(Resource, ("requests", "tokens", "usd"), strict=True)
            for stretch in Stretch
            if (given := getattr(self, f"{unit}_per_{stretch}")) is not None
        )
