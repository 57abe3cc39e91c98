"""Configuration of when an answer that was shown goes on in the cloud: docs/handoff.md tells of it."""

from __future__ import annotations

from pydantic import Field

from orchestrator.moves import MoveRules
from orchestrator.settings import Section


class HandoffSection(Section):
    """When an answer of the device that was shown goes on in the cloud."""

    unfinished: bool = True
    """Where the device would not finish it in time, in joules or in tokens, and the cloud would."""
    least_logprob: float | None = Field(default=None, le=0)
    """And where the mean log-probability of its latest tokens falls below this, in nats; by default never."""
    window_tokens: int = Field(default=24, ge=4, le=256)
    """How many the latest are."""

    def rules(self) -> MoveRules:
        """As the engine takes them."""
        return MoveRules(unfinished=self.unfinished, least_logprob=self.least_logprob, window_tokens=self.window_tokens)
