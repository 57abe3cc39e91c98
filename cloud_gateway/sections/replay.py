"""How long answers are kept."""

from __future__ import annotations

from pydantic import Field

from cloud_gateway.sections.kinds import Seconds
from orchestrator.settings import Section


class ReplaySection(Section):
    """How long an answer is there for callers who repeat its request id or lost their connection."""

    linger_s: float = Field(default=10.0, ge=0, allow_inf_nan=False)
    """How long an answer is written on while nobody follows it."""
    keep_s: Seconds = 600.0
    """How long a finished one is kept."""
    keep_answers: int = Field(default=10_000, ge=1)
    keep_bytes: int = Field(default=64 * 2**20, ge=1)
    """Of all finished answers of a process."""
