"""From one leg of an answer to the next: where it goes on, whether that may leave, and what is reserved for it."""

from __future__ import annotations

import math
from typing import cast

from orchestrator.budget import Ledger, Reservation
from orchestrator.errors import BudgetExhausted, EgressRefused
from orchestrator.journey import Journey
from orchestrator.leg import Leg
from orchestrator.plan import Plan
from orchestrator.planner import Planner
from orchestrator.prompt import Prompt
from orchestrator.types import FinishReason, Route, Sensitivity

Way = tuple[Route, Reservation]
"""Which model writes next, and what is held for it."""


class Passage:
    """Sees an answer from one model to the other."""

    def __init__(self, planner: Planner, ledger: Ledger) -> None:
        self._planner = planner
        self._ledger = ledger

    async def onward(self, journey: Journey, plan: Plan, leg: Leg) -> Way | None:
        """Where an unfinished answer goes on: a faltering one to the cloud, if affordable, any other to the device.

        None where not even the device can be afforded: what it wrote so far stands.

        Raises:
            BudgetExhausted: and it wrote nothing.
        """
        try:
            return await self.allowed(journey, plan, *self._next(journey, plan, leg))
        except BudgetExhausted:
            if not journey.tally.text and not journey.held:
                raise
            leg.finish_reason = FinishReason.BUDGET
            return None

    def _next(self, journey: Journey, plan: Plan, leg: Leg) -> Way:
        if leg.route is Route.LOCAL:
            try:
                return Route.CLOUD, self._reserve(journey, plan, Route.CLOUD)
            except BudgetExhausted:
                journey.tally.notes.append("no budget is left to ask the cloud")
        return Route.LOCAL, self._reserve(journey, plan, Route.LOCAL)

    def _reserve(self, journey: Journey, plan: Plan, route: Route, *, questions: int = 0) -> Reservation:
        """For what is left of the answer; at home, for as much of it as there are joules for."""
        estimate = plan.estimate(route).behind(journey.written)
        tokens = max(1, plan.decision.max_tokens - journey.written)
        if route is Route.LOCAL:
            left = self._planner.headroom().device_joules
            joules = min(journey.joules_left, math.inf if left is None else left)
            tokens = min(tokens, estimate.affordable_tokens(device_joules=joules, usd=math.inf, total_ms=math.inf))
            if tokens < 1:
                raise BudgetExhausted("no joules are left for the rest of the answer")
        elif journey.move:
            tokens = journey.move.max_tokens
        return self._planner.reserve(estimate, journey.deadline, tokens, questions=questions)

    async def allowed(self, journey: Journey, plan: Plan, route: Route, reservation: Reservation) -> Way:
        """The route; the device in the cloud's place where what the cloud would see may not leave.

        Raises:
            BudgetExhausted: the device cannot be afforded.
        """
        if route is Route.LOCAL:
            return route, reservation
        try:
            kept = await self.kept(journey, plan, cast(Prompt, plan.cloud))
        except BaseException:  # no leg has taken it up yet, so nobody else would
            self._ledger.refund(reservation)
            raise
        if not kept:
            if journey.tally.legs:  # it was not the decision's own route
                journey.tally.notes.append("the cloud was asked")
            return route, reservation
        self._ledger.refund(reservation)
        journey.tally.notes.append(f"{kept}: the device goes on")
        return Route.LOCAL, self._reserve(journey, plan, Route.LOCAL, questions=reservation.amount.questions)

    async def kept(self, journey: Journey, plan: Plan, prompt: Prompt) -> str:
        """Why a prompt may not leave now, in plain words; empty where it may, and then the journey has it cleared.

        Labels are read again last of all, after the user has answered.
        """
        try:
            made_from = plan.made_from if journey.tally.text else Sensitivity.PUBLIC
            cleared = await plan.departure.clear(prompt, journey.prefix, made_from)
        except EgressRefused as error:
            return error.message
        if not await plan.departure.is_agreed(cleared.outbound, patience_s=journey.deadline.remaining_s / 2):
            return "it was not agreed that this leaves (`edgewise ask` asks you, in a terminal)"
        if await self._planner.is_withdrawn(plan, shown=bool(journey.tally.text)):
            return "a record may not leave any more"
        journey.cleared = cleared
        return ""
