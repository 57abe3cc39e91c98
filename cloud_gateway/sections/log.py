"""What the log holds."""

from __future__ import annotations

from orchestrator.settings import Section


class LogSection(Section):
    """What the log holds."""

    content: bool = False
    """What was asked and answered, too: for looking into a fault, with people who agree. Never keys."""
