"""How much is answered at once."""

from __future__ import annotations

from pydantic import Field

from cloud_gateway.sections.kinds import Seconds
from orchestrator.settings import Section


class AdmissionSection(Section):
    """How much is answered at once, and how much may wait."""

    runs: int = Field(default=1024, ge=1)
    """Answers under way."""
    queue: int = Field(default=1024, ge=0)
    """Requests that wait for one of them to end."""
    wait_s: Seconds = 30.0
    """The longest that a request may wait, where its deadline would allow more."""
    calls: int = Field(default=16_384, ge=1)
    """Calls open at once, with those that wait or follow an answer of another call."""
    pending: int = Field(default=512, ge=1, le=2**20)
    """Calls that have arrived and that the process has not come to take."""
    request_bytes: int = Field(default=256 * 2**20, ge=1024)
    """Of all open calls' requests together."""
    lag_ms: float = Field(default=200.0, gt=0, allow_inf_nan=False)
    """How late the process may be, all the time, before it refuses those who have the most calls open."""
