"""What a caller may take."""

from __future__ import annotations

from pydantic import Field

from cloud_gateway.sections.kinds import Seconds
from orchestrator.settings import Section
from orchestrator.wire.limits import MAX_MESSAGE_BYTES


class LimitsSection(Section):
    """What a caller may take."""

    request_s: Seconds = 600.0
    """The longest a call may run, where its own deadline is later or missing."""
    message_bytes: int = Field(default=MAX_MESSAGE_BYTES, ge=1024, le=2**30)
