"""Several observers as one."""

from __future__ import annotations

from orchestrator.ports import Observer
from orchestrator.routing.refusal import Refusal
from orchestrator.types import Answer, Decision, Request


class Observers:
    """An `Observer` that tells others, in their order."""

    def __init__(self, *others: Observer) -> None:
        self._others = others

    def decided(self, request: Request, decision: Decision, situation: dict[str, object]) -> None:
        """A route was chosen."""
        for other in self._others:
            other.decided(request, decision, situation)

    def refused(self, request: Request, refusal: Refusal, situation: dict[str, object]) -> None:
        """No route was possible."""
        for other in self._others:
            other.refused(request, refusal, situation)

    def answered(self, decision: Decision, answer: Answer) -> None:
        """The request ended in an answer."""
        for other in self._others:
            other.answered(decision, answer)

    def failed(self, decision_id: str, error_type: str, message: str) -> None:
        """The request ended in a typed error."""
        for other in self._others:
            other.failed(decision_id, error_type, message)
