"""Teaches the router from the feedback in the journal, and remembers there what was learned."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, Self

import msgspec

from edge_agent.journal import Journal, StoredDecision
from orchestrator.ports import Clock
from orchestrator.routing.bandit import WINDOW
from orchestrator.routing.feedback import Sign
from orchestrator.routing.learned import CONTEXT, Learned, Verdict
from orchestrator.routing.lesson import Lesson
from orchestrator.routing.situation import Situation
from orchestrator.types import Effort, Route

if TYPE_CHECKING:
    from edge_agent.config import RoutingSection

PRIOR: Final = "prior"
"""Stands for the router where none is configured."""


class Teacher:
    """Any number of threads and processes may teach and ask from one journal: what one learned, the others know next.

    Args:
        journal: has decisions, feedback, and what was learned.
        clock: tells how fresh feedback is.
        router: the configured one; what was learned about another says nothing about it.
        acts: whether what is learned may choose routes. Otherwise it is only kept, to be looked at.
    """

    def __init__(self, journal: Journal, clock: Clock, *, router: str | None, acts: bool) -> None:
        self._journal = journal
        self._clock = clock
        self._basis = f"{router or PRIOR}:{CONTEXT}"
        self._acts = acts
        self._latest: tuple[str, Learned] | None = None

    @classmethod
    def of(cls, section: RoutingSection, journal: Journal, clock: Clock) -> Self:
        """As configured."""
        return cls(journal, clock, router=section.router, acts=section.learning == "on")

    def lesson(self, decision_id: str, *, local: float, cloud: float) -> Lesson:
        """On one question; see the port.

        Raises:
            StoreError: the journal cannot be read.
        """
        learned = self.learned()
        say = learned.say(self._clock.now()) if self._acts else 0.0
        return learned.lesson(local, cloud, decision_id=decision_id, say=say)

    def learned(self) -> Learned:
        """What is known by now. What is missing, damaged or about another router is learned anew from the journal.

        Raises:
            StoreError: the journal cannot be read or written.
        """
        text = self._journal.learned()
        if text is not None and self._latest is not None and self._latest[0] == text:
            return self._latest[1]
        known = self._read(text) if text is not None else None
        if known is None:
            return self.learn()
        assert text is not None
        self._latest = text, known
        return known

    def rate(self, decision_id: str, *, good: bool, sign: Sign = Sign.TOLD) -> None:
        """Keep what was thought of an answer, and learn from it; errors as of `Journal.rate`."""
        self._journal.rate(decision_id, good=good, sign=sign)
        self.learn()

    def learn(self) -> Learned:
        """Learn from all feedback that counts.

        Raises:
            StoreError: the journal cannot be written.
        """
        text = self._journal.learn(self._learn, WINDOW)
        learned = self._read(text)
        assert learned is not None, "what was just written can be read"
        self._latest = text, learned
        return learned

    def unlearn(self) -> None:
        """Begin anew: only what is decided from now on counts.

        Raises:
            StoreError: the journal cannot be written.
        """
        self._journal.unlearn()

    def _learn(self, stored: list[StoredDecision]) -> str:
        verdicts = [verdict for each in stored if (verdict := _verdict(each)) is not None]
        return json.dumps(msgspec.to_builtins(Learned.of(verdicts, self._basis)))

    def _read(self, text: str) -> Learned | None:
        try:
            learned = msgspec.convert(json.loads(text), Learned)
        except (ValueError, msgspec.ValidationError):
            return None
        return learned if learned.basis == self._basis else None


def _verdict(stored: StoredDecision) -> Verdict | None:
    """None where the answer says nothing about the route that was chosen: the cloud was, and the device had to answer.

    An answer that the device handed on counts for the device: that it does so now and then is part of choosing it.
    """
    if stored.decision is None or stored.answer is None or stored.feedback is None:
        return None
    if stored.decision.route is Route.CLOUD and stored.answer.route is not Route.CLOUD:
        return None
    if stored.decision.effort is not Effort.NONE:
        return None  # its answer is not what the route gives by itself
    situation = Situation.from_dict(stored.situation)
    return Verdict(decision=stored.decision, situation=situation, feedback=stored.feedback)
