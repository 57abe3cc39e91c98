"""From a decision to the strategy that carries it out."""

from __future__ import annotations

from orchestrator.effort.extraction import AnswerKind
from orchestrator.effort.rebase import Rebase
from orchestrator.effort.strategy import BestOfN, EffortRules, Strategy, Voting
from orchestrator.types import Decision, Effort


def strategy_for(decision: Decision, question: str, rules: EffortRules) -> Strategy | None:
    """What makes the device's answer; None where it is written once."""
    match decision.effort:
        case Effort.BEST:
            return BestOfN(decision.samples)
        case Effort.VOTE:
            return Voting(decision.samples, AnswerKind.of(question).extractor, weighted=rules.weighted)
        case Effort.REBASE:
            return Rebase(decision.samples, AnswerKind.of(question).extractor)
        case _:
            return None
