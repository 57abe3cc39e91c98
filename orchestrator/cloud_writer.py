"""The cloud's share of an answer, given up when it stalls."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import cast

from orchestrator.errors import CloudError
from orchestrator.joint import Joint
from orchestrator.journey import Journey
from orchestrator.leg import Leg
from orchestrator.link import Link
from orchestrator.patience import Patience, closable, patiently
from orchestrator.plan import Plan
from orchestrator.ports import CloudModel
from orchestrator.types import Completed, FinishReason, Piece, Route
from orchestrator.whole_words import whole_words


class CloudWriter:
    """Writes legs with the model behind the gateway."""

    def __init__(self, link: Link, patience: Patience) -> None:
        self._link = link
        self._patience = patience

    async def pieces(self, journey: Journey, plan: Plan, leg: Leg) -> AsyncGenerator[Piece, None]:
        """The cloud's answer, given up when it stalls. What the device held back is dropped once text comes.

        A word is shown once it is whole: where the stream breaks, the device goes on behind the last one.
        """
        cleared, listener = journey.cleared, journey.listener
        assert cleared is not None, "a cloud leg is opened once its prompt is cleared"
        outbound, restorer = cleared.outbound, cleared.restorer
        journey.tally.redactions += sum(outbound.redactions.values())
        tokens = journey.move.max_tokens if journey.move else plan.cloud_tokens
        sampling = replace(journey.request.sampling, max_tokens=tokens)
        cloud = cast(CloudModel, self._link.cloud)
        stream = cloud.generate(
            outbound,
            request_id=journey.request.id,
            decision_id=journey.decision_id,
            sampling=sampling,
            deadline=plan.cloud_deadline(journey.deadline),
            span=leg.trace,
        )
        shown = bool(journey.tally.text)
        joint, pending = Joint(journey.prefix if shown else ""), ""
        async with aclosing(closable(stream)) as events:
            first_s = plan.first_patience_s(journey.deadline, self._patience, shown=shown)
            async for event in patiently(events, first_s, self._patience):
                ends = isinstance(event, Completed)
                text = joint.push(restorer.push(leg.take(event)) + (restorer.flush() if ends else ""))
                text += joint.flush() if ends else ""
                pending += listener.take(event, text) if listener else text
                whole = len(pending) if ends else whole_words(pending)
                if text := pending[:whole]:
                    journey.held, pending = "", pending[whole:]
                    yield journey.tally.show(text, Route.CLOUD)
                if listener and listener.told_enough:
                    leg.finish_reason = FinishReason.STOP
                    return

    def lost(self, journey: Journey, leg: Leg, error: CloudError) -> None:
        """The cloud failed: remember it and say so. A deadline that passed in mid-answer ends it as it is."""
        if journey.deadline.expired and journey.tally.text:
            leg.finish_reason = FinishReason.DEADLINE
            return
        self._link.lost(error)
        where = "in mid-answer" if journey.tally.text else "before its first token"
        journey.tally.notes.append(f"the cloud failed {where} ({error.type}): the device goes on")
