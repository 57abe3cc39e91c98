"""What the log holds."""

from __future__ import annotations

from typing import Literal

from orchestrator.settings import Section


class LogSection(Section):
    """What the log holds."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """What matters less is left out. A line for every call is `info`."""
    content: bool = False
    """What was asked and answered, too: for looking into a fault, with people who agree. Never keys."""
