"""Whether an answer that streams should be given up for the cloud's: the second half of the decision.

Before the first token the route is chosen by what is expected (`policy`). While the answer is still held back, the
probe says at its checkpoints how likely it is right by now, and the same prices decide again.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from orchestrator.routing.probe import Probe
from orchestrator.routing.situation import Situation
from orchestrator.routing.value import value_usd
from orchestrator.types import Completed, FinishReason, ModelEvent, TextDelta, TokenScore
from orchestrator.units import Interval


@dataclass(frozen=True, slots=True)
class Doubt:
    """An answer of the device is not worth going on with."""

    chance: float
    """That it is right, 0 to 1."""
    cloud: float
    """That the cloud's would be, 0 to 1."""
    tokens: int
    """How many were looked at."""

    def __str__(self) -> str:
        return (
            f"after {self.tokens} tokens the device's chance of a good answer was {self.chance:.2f}, "
            f"the cloud's {self.cloud:.2f}"
        )


@dataclass(slots=True)
class ConfidenceMonitor:
    """Reads an answer's events and judges at the probe's checkpoints, and at the end of an answer that is shorter."""

    probe: Probe
    situation: Situation
    max_tokens: int
    """Of the answer."""
    watches: bool = True
    """Whether the text is still to be held back."""
    _tokens: list[TokenScore] = field(default_factory=list)
    _passed: int = 0

    def doubt(self, event: ModelEvent) -> Doubt | None:
        """What speaks for the cloud, if anything does and it is time to judge."""
        ends = isinstance(event, Completed)
        if isinstance(event, TextDelta):
            self._tokens.extend(event.tokens)
        reached = sum(len(self._tokens) >= tokens for tokens in self.probe.checkpoints)
        is_due = reached > self._passed or (ends and bool(self._tokens))
        self._passed, self.watches = reached, not ends and reached < len(self.probe.checkpoints)
        if not is_due or self.situation.cloud is None:
            return None
        if isinstance(event, Completed) and event.finish_reason is FinishReason.DEADLINE:
            return None  # no time is left to ask anybody
        written = len(self._tokens)
        chance = self.probe.chance(self.situation.local.quality.expected, self._tokens)
        if not hands_over(self.situation, chance, written=written, max_tokens=self.max_tokens):
            return None
        return Doubt(chance, self.situation.cloud.quality.expected, written)


def hands_over(situation: Situation, chance: float, *, written: int, max_tokens: int) -> bool:
    """Whether the cloud's answer is worth more than going on with the device's.

    A pure function: with a stored situation and the chance in the answer's reason it can be decided again.

    Args:
        situation: that the route was chosen in.
        chance: that the device's answer is right by now, 0 to 1.
        written: tokens of it so far: they and the reading of the prompt are spent either way.
        max_tokens: of the answer.
    """
    if situation.cloud is None:
        return False
    whole = situation.local.predict(max_tokens)
    expected = situation.local.answer_tokens.expected
    left = max(0.0, 1 - written / max(1.0, expected))
    cut = min(1.0, max_tokens / expected) if expected else 1.0  # as the cloud's: an answer cut short is worth its share
    rest = replace(
        whole,
        quality=Interval.exactly(chance * cut),
        total_ms=Interval.exactly(left * (whole.total_ms.expected - whole.first_token_ms.expected)),
        device_joules=Interval.exactly(left * (whole.device_joules.expected - situation.local.prompt_joules.expected)),
    )
    return value_usd(situation.cloud.predict(max_tokens), situation.prices) > value_usd(rest, situation.prices)
