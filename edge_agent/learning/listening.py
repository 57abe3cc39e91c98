"""An observer that keeps what happens in the journal, and hears when a question is asked again."""

from __future__ import annotations

from edge_agent.journal import Journal
from edge_agent.learning.asking_again import AskingAgain
from edge_agent.learning.teacher import Teacher
from orchestrator.routing.feedback import Sign
from orchestrator.routing.refusal import Refusal
from orchestrator.types import Answer, Decision, Request


class Listener:
    """An `Observer`: all goes to the journal first."""

    def __init__(self, journal: Journal, teacher: Teacher, asking_again: AskingAgain) -> None:
        self._journal = journal
        self._teacher = teacher
        self._asking_again = asking_again

    def decided(self, request: Request, decision: Decision, situation: dict[str, object]) -> None:
        """Keep it; the answer that it asks again for was hardly good."""
        self._journal.decided(request, decision, situation)
        former = self._asking_again.decided(request, decision.id)
        if former is not None:
            self._teacher.rate(former, good=False, sign=Sign.ASKED_AGAIN)

    def refused(self, request: Request, refusal: Refusal, situation: dict[str, object]) -> None:
        """Keep it."""
        self._journal.refused(request, refusal, situation)

    def answered(self, decision: Decision, answer: Answer) -> None:
        """Keep it."""
        self._journal.answered(decision, answer)
        self._asking_again.answered(decision.id)

    def failed(self, decision_id: str, error_type: str, message: str) -> None:
        """Keep it."""
        self._journal.failed(decision_id, error_type, message)
        self._asking_again.failed(decision_id)
