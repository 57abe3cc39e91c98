"""How long answers are kept."""

from __future__ import annotations

from pydantic import Field

from cloud_gateway.sections.kinds import Seconds
from orchestrator.settings import Section


class ReplaySection(Section):
    """How long a finished answer is kept for callers who repeat its request id."""

    keep_s: Seconds = 600.0
    keep_answers: int = Field(default=10_000, ge=1)
