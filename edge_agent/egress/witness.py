"""Between the gateway's client and the egress log: nothing is sent that is not written down."""

from __future__ import annotations

import asyncio
import logging

from edge_agent.egress.entry import Cause, Departure
from edge_agent.egress.log import EgressLog
from orchestrator.client.witness import Outcome, Sending
from orchestrator.errors import CloudUnavailable, StoreError
from orchestrator.routing.refusal import Refusal
from orchestrator.types import Answer, Decision, Request

_log = logging.getLogger(__name__)


class LoggingWitness:
    """A `Witness` that writes to the egress log, and an `Observer`, so as to know what a decision is about."""

    def __init__(self, log: EgressLog) -> None:
        self._egress = log
        self._requests: dict[str, Request] = {}

    async def leaving(self, sending: Sending) -> int:
        """Write it down, and wait for the disk.

        Raises:
            CloudUnavailable: it cannot be written down, so it must not leave: the device goes on by itself.
        """
        cause = sending.about if isinstance(sending.about, Cause) else None
        request = self._requests.get(cause.decision_id) if cause else None
        departure = Departure(
            target=sending.target,
            method=sending.method,
            body=sending.body,
            metadata=sending.metadata,
            attempts=sending.attempts,
            cause=cause,
            conversation=request.conversation if request else "",
            kept=request is None or not request.unkept,
        )
        try:
            return await asyncio.to_thread(self._egress.sent, departure)
        except StoreError as error:
            raise CloudUnavailable(
                f"nothing leaves that the egress log does not have, and {error.message}", remedy=error.remedy
            ) from None

    def ended(self, number: int, outcome: Outcome, error_type: str = "") -> None:
        """Write down how it ended. Where that cannot be, it stays open: what left is in the log."""
        try:
            self._egress.ended(number, outcome, error_type)
        except StoreError as error:
            _log.warning("the end of call %d is not in the egress log: %s", number, error.message)

    def decided(self, request: Request, decision: Decision, situation: dict[str, object]) -> None:
        """Remember in which conversation it was asked, and whether anything of it is kept."""
        self._requests[decision.id] = request

    def refused(self, request: Request, refusal: Refusal, situation: dict[str, object]) -> None:
        """Nothing leaves for it."""

    def answered(self, decision: Decision, answer: Answer) -> None:
        """Nothing leaves for it any more."""
        self._requests.pop(decision.id, None)

    def failed(self, decision_id: str, error_type: str, message: str) -> None:
        """Nothing leaves for it any more."""
        self._requests.pop(decision_id, None)
