"""One request on its way through the engine: what was planned, held back, cleared to leave and spent so far."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from orchestrator.budget import Deadline
from orchestrator.effort.consultation import Consultation
from orchestrator.effort.sampling import Halt
from orchestrator.effort.strategy import Strategy
from orchestrator.effort.verification import Verification
from orchestrator.moves import Move
from orchestrator.plan import Plan
from orchestrator.privacy.egress import Cleared
from orchestrator.prompt import Prompt
from orchestrator.tally import Tally
from orchestrator.tracing import NO_SPAN, Span
from orchestrator.types import EffortReceipt, Request
from orchestrator.whole_words import whole_words


@dataclass(slots=True)
class Journey:
    """One request on its way."""

    request: Request
    decision_id: str
    deadline: Deadline
    tally: Tally
    plan: Plan | None = None
    held: str = ""
    """Text of a local answer that is not shown yet: it is still being judged, or its last word is not finished."""
    strategy: Strategy | None = None
    """What makes the device's answer out of several."""
    halt: Halt = field(default_factory=Halt)
    cleared: Cleared | None = None
    """What the next cloud leg sends, agreed to where that is wanted, and what restores its answer."""
    move: Move | None = None
    """Why its shown text goes on in the cloud, if it does."""
    check: Prompt | None = None
    """What the cloud is asked about the device's draft."""
    span: Span = NO_SPAN
    """Each leg is a part of it."""
    listener: Verification | Consultation | None = None
    """Who hears what the cloud says, where that is not simply the answer."""

    @property
    def effort(self) -> EffortReceipt | None:
        """What was done beside writing the answer once."""
        worked = self.strategy or self.listener
        return worked.receipt if worked else None

    @property
    def written(self) -> int:
        """Tokens of the text that was shown, by whoever wrote them."""
        legs = [leg for leg in self.tally.legs if not leg.aside]
        return sum(leg.usage.completion_tokens for leg in legs) if self.tally.text else 0

    @property
    def joules_left(self) -> float:
        """Of the device, that the question may still spend; its legs have ended."""
        limit = self.request.budget.device_joules
        spent = sum(leg.energy.joules for leg in self.tally.legs if leg.energy is not None)
        return math.inf if limit is None else max(0.0, limit - spent)

    @property
    def prefix(self) -> str:
        """The beginning of the answer, as the next leg takes it up."""
        return self.request.prefix + self.tally.text

    def release(self, *, words: bool = False) -> str:
        """The held text, to be shown now; only the finished `words` of it where another model may go on."""
        end = whole_words(self.held) if words else len(self.held)
        text, self.held = self.held[:end], self.held[end:]
        return text
