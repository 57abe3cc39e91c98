"""Whether an answer falters while it streams: the model's own token probabilities, watched from the first token on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from orchestrator.types import TokenScore


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfidenceRule:
    """When to call an answer unsure.

    The mean log-probability of an answer's tokens tells right from wrong answers of a small model somewhat (AUROC about
    .7), so it corrects a decision and does not make one. The first tokens are mostly form, hence a window.
    """

    window_tokens: int = 12
    """How many tokens are held back and judged before anything is shown."""
    min_mean_logprob: float = -1.6
    """Natural log. Below this mean the answer falters."""


@dataclass(slots=True)
class ConfidenceMonitor:
    """Takes token scores as they come and judges once, when its window is full or the answer has ended."""

    rule: ConfidenceRule
    _logprobs: list[float] = field(default_factory=list)

    def observe(self, tokens: Sequence[TokenScore]) -> None:
        """Take in the scores of more tokens."""
        self._logprobs.extend(token.logprob for token in tokens)

    @property
    def full(self) -> bool:
        """Whether enough was seen to judge."""
        return len(self._logprobs) >= self.rule.window_tokens

    @property
    def falters(self) -> bool:
        """Whether the answer so far is too unsure. An answer of no tokens says nothing."""
        return self.mean_logprob is not None and self.mean_logprob < self.rule.min_mean_logprob

    @property
    def mean_logprob(self) -> float | None:
        """Mean natural-log probability of the tokens seen; None before the first."""
        return sum(self._logprobs) / len(self._logprobs) if self._logprobs else None
