"""How accounts are kept."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from cloud_gateway.keys import NAME
from cloud_gateway.sections.kinds import Seconds
from cloud_gateway.sections.quota import QuotaSection
from orchestrator.settings import Section


class WhenUnavailable(StrEnum):
    """What happens to requests while the accounts cannot be reached."""

    REFUSE = "refuse"
    """Nobody is answered: no limit is ever exceeded."""
    ANSWER = "answer"
    """Everybody is answered, without limits; the bills are written when the accounts are back."""


class AccountsSection(Section):
    """What is reserved for how long, and what happens where it cannot be."""

    hold_s: Seconds = 900.0
    """How long the reservation of a gateway that died is held. Longer than any answer."""
    when_unavailable: WhenUnavailable = WhenUnavailable.REFUSE
    """Whether callers are answered while Redis is away: `refuse`, or `answer` without limits."""


class TenantSection(Section):
    """Who pays for several keys. One that is not named here has no limits of its own."""

    name: Annotated[str, Field(pattern=rf"^{NAME}\Z")]
    quota: QuotaSection = QuotaSection()
