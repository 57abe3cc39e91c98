"""The one place where a request becomes an answer.

Ask, recall, estimate, decide (the planner), then run and settle (here). A local answer that falters before anything was
shown goes to the cloud; a cloud answer that fails goes on at home, from what was already shown. Every request ends in
one answer or one typed error, and every leg is settled, also when the caller goes away.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import cast

from orchestrator.budget import Deadline, Ledger, Reservation
from orchestrator.cloud_writer import CloudWriter
from orchestrator.device_writer import DeviceWriter
from orchestrator.effort.consultation import Consultation
from orchestrator.effort.factory import strategy_for
from orchestrator.effort.strategy import EffortRules
from orchestrator.effort.verification import INSTRUCTION_TOKENS, Verification, question_of
from orchestrator.errors import (
    BudgetExhausted,
    CloudError,
    DeadlineExceeded,
    EdgewiseError,
)
from orchestrator.journey import Journey
from orchestrator.leg import Leg
from orchestrator.link import Link
from orchestrator.moves import MoveRules
from orchestrator.passage import Passage, Way
from orchestrator.patience import Patience
from orchestrator.plan import Plan, Refused
from orchestrator.planner import Planner
from orchestrator.ports import Clock, CloudModel, EnergyMeter, LocalModel, Observer
from orchestrator.privacy.egress import Cleared
from orchestrator.prompt import Prompt
from orchestrator.routing.costs import CostHistory
from orchestrator.routing.probe import PRIOR, Probe
from orchestrator.tally import Tally
from orchestrator.tracing import NO_TRACER, Tracer
from orchestrator.types import (
    Answer,
    Effort,
    FinishReason,
    Piece,
    Request,
    Route,
)
from orchestrator.validity import check


class Engine:
    """Runs requests. One instance serves any number at once."""

    def __init__(
        self,
        *,
        planner: Planner,
        local: LocalModel,
        link: Link,
        ledger: Ledger,
        meter: EnergyMeter,
        costs: CostHistory,
        observer: Observer,
        clock: Clock,
        probe: Probe | None = PRIOR,
        patience: Patience | None = None,
        stop_repeating: bool = True,
        effort: EffortRules | None = None,
        moves: MoveRules | None = None,
        tracer: Tracer = NO_TRACER,
    ) -> None:
        """Args:
        probe: judges the first tokens of a local answer before they are shown; None shows them unjudged.
        moves: when a local answer that was shown goes on in the cloud.
        tracer: keeps a span of every request, with what it saw and did as parts; never with its content.
        """
        self._planner = planner
        self._local = local
        self._link = link
        self._ledger = ledger
        self._meter = meter
        self._costs = costs
        self._observer = observer
        self._clock = clock
        self._tracer = tracer
        self._effort = effort or EffortRules()
        self._device = DeviceWriter(
            local,
            planner,
            probe=probe,
            stop_repeating=stop_repeating,
            effort=self._effort,
            moves=moves or MoveRules(),
        )
        self._cloud = CloudWriter(link, patience or Patience())
        self._passage = Passage(planner, ledger)

    async def run(self, request: Request) -> AsyncGenerator[Piece | Answer, None]:
        """Stream the answer's pieces, then the `Answer` with its receipt, last and once.

        Closing the generator stops the work; what it has used by then is settled.

        Raises:
            EdgewiseError: the one typed error that the request ended in. Pieces that came before it stand.
        """
        check(request)
        started_s = self._clock.monotonic()
        deadline = Deadline.after(self._clock, request.budget.total_ms)
        journey = Journey(request, uuid.uuid4().hex[:12], deadline, Tally(self._clock, started_s))
        journey.span = span = self._tracer.start("ask", {"edgewise.decision_id": journey.decision_id})
        ended = ""
        try:
            planned = await self._planner.plan(request, journey.decision_id, deadline, span)
            if isinstance(planned, Refused):
                self._observer.refused(request, planned.refusal, planned.situation.to_dict())
                raise planned.refusal.error
            journey.plan = planned
            span.set({"edgewise.route": planned.decision.route.value, "edgewise.rule": planned.decision.rule})
            self._observer.decided(request, journey.plan.decision, journey.plan.situation.to_dict())
            journey.strategy = strategy_for(journey.plan.decision, request.question, self._effort)
            async with aclosing(self._pieces(journey, journey.plan)) as pieces:
                async for piece in pieces:
                    yield piece
            answer = self._conclude(journey, journey.plan)
        except EdgewiseError as error:
            ended = error.type
            self._observer.failed(journey.decision_id, error.type, error.message)
            raise
        except (asyncio.CancelledError, GeneratorExit):
            ended = "cancelled"
            self._observer.failed(journey.decision_id, "cancelled", "the caller went away")
            raise
        finally:
            self._settle(journey)
            span.end(ended)
        yield answer

    def _settle(self, journey: Journey) -> None:
        """Every leg is settled, and a reservation that no leg took up is given back."""
        journey.tally.settle()
        if journey.plan is not None and not journey.tally.legs:
            self._ledger.refund(journey.plan.reservation)

    def _conclude(self, journey: Journey, plan: Plan) -> Answer:
        answer = replace(journey.tally.answer(plan.decision), effort=journey.effort, move=journey.move)
        if not answer.text and answer.finish_reason is FinishReason.DEADLINE:
            raise DeadlineExceeded("no token came before the deadline", remedy="allow more time")
        if not answer.text and answer.finish_reason is FinishReason.BUDGET:
            raise BudgetExhausted("reading the prompt used the whole budget", remedy="allow a larger budget")
        self._costs.observe(answer, speed=plan.situation.device_speed)
        self._observer.answered(plan.decision, answer)
        return answer

    async def _pieces(self, journey: Journey, plan: Plan) -> AsyncGenerator[Piece, None]:
        """One leg after another, until one of them ends the answer."""
        tally = journey.tally
        way: Way | None = None
        async with aclosing(self._together(journey, plan)) as pieces:
            async for piece in pieces:
                yield piece
        if not tally.legs:
            way = await self._passage.allowed(journey, plan, plan.decision.route, plan.reservation)
        while not tally.legs or tally.legs[-1].finish_reason is None:
            if tally.legs:
                way = await self._passage.onward(journey, plan, tally.legs[-1])
                if journey.held and (way is None or way[0] is Route.LOCAL):
                    yield tally.show(journey.release(), Route.LOCAL)
            if way is None:
                return
            leg = self._open(journey, plan, *way)
            write = self._device.pieces if leg.route is Route.LOCAL else self._cloud.pieces
            try:
                async with aclosing(write(journey, plan, leg)) as pieces:
                    async for piece in pieces:
                        yield piece
            except CloudError as error:
                self._cloud.lost(journey, leg, error)
            leg.settle()

    async def _together(self, journey: Journey, plan: Plan) -> AsyncGenerator[Piece, None]:
        """What both models write together, where the decision wants that."""
        ways = {Effort.VERIFY: self._checked_pieces, Effort.CONSULT: self._consulted_pieces}
        if write := ways.get(plan.decision.effort):
            async with aclosing(write(journey, plan)) as pieces:
                async for piece in pieces:
                    yield piece

    async def _checked_pieces(self, journey: Journey, plan: Plan) -> AsyncGenerator[Piece, None]:
        """The device's draft, if the cloud finds it right, or cannot be asked; otherwise the cloud's own answer."""
        leg = draft = self._open(journey, plan, Route.LOCAL, plan.reservation)
        async with aclosing(self._device.pieces(journey, plan, draft)) as pieces:
            async for piece in pieces:
                yield piece
        whole = draft.finish_reason in (FinishReason.STOP, FinishReason.LENGTH)
        if whole and journey.held:
            journey.listener = listener = Verification()
            journey.check = self._check_of(journey, plan, draft)
            if kept := await self._passage.kept(journey, plan, journey.check):
                journey.tally.notes.append(kept)
            else:
                leg = self._open_check(journey, plan, draft)
                try:
                    async with aclosing(self._cloud.pieces(journey, plan, leg)) as pieces:
                        async for piece in pieces:
                            yield piece
                except CloudError as error:
                    self._cloud.lost(journey, leg, error)
            journey.tally.notes.append(listener.in_words)
        if journey.held:
            leg.finish_reason = draft.finish_reason
            yield journey.tally.show(journey.release(), Route.LOCAL)
        leg.settle()

    def _check_of(self, journey: Journey, plan: Plan, draft: Leg) -> Prompt:
        """What the cloud is asked about the draft."""
        own, asked = cast(Prompt, plan.cloud), plan.estimate(Route.CLOUD)
        tokens = asked.prompt_tokens + draft.usage.completion_tokens + INSTRUCTION_TOKENS
        return replace(own, messages=question_of(own.messages, journey.held, plan.made_from), tokens=tokens)

    def _open_check(self, journey: Journey, plan: Plan, draft: Leg) -> Leg:
        """Ask the cloud about the draft, out of the same reservation."""
        leg = self._open(journey, plan, Route.CLOUD, plan.reservation)
        leg.follow(draft, replace(plan.estimate(Route.CLOUD), prompt_tokens=cast(Prompt, journey.check).tokens))
        return leg

    async def _consulted_pieces(self, journey: Journey, plan: Plan) -> AsyncGenerator[Piece, None]:
        """The device's records beside what the cloud says in general; nothing where it may not be asked.

        Where the cloud fails, the device answers alone, out of the same reservation.
        """
        if kept := await self._passage.kept(journey, plan, cast(Prompt, plan.cloud)):
            journey.tally.notes.append(f"{kept}: the device answers alone")
            return
        journey.listener = consultation = Consultation()
        asked = self._open(journey, plan, Route.CLOUD, plan.reservation)
        asked.aside = True
        journey.tally.asked_in_general = cast(Cleared, journey.cleared).outbound.messages[-1].text
        try:
            async with aclosing(self._cloud.pieces(journey, plan, asked)) as pieces:
                async for piece in pieces:
                    yield piece
        except CloudError as error:
            self._cloud.lost(journey, asked, error)
        plan = replace(plan, local=replace(plan.local, answer=consultation.answer(plan.local)))
        leg = self._open(journey, plan, Route.LOCAL, plan.reservation)
        leg.follow(asked, plan.estimate(Route.LOCAL))
        async with aclosing(self._device.pieces(journey, plan, leg)) as pieces:
            async for piece in pieces:
                yield piece
        journey.tally.notes.append(consultation.in_words)
        leg.settle()

    def _open(self, journey: Journey, plan: Plan, route: Route, reservation: Reservation) -> Leg:
        prompt = plan.local if route is Route.LOCAL else journey.check or cast(Prompt, plan.cloud)
        model = self._local.name if route is Route.LOCAL else cast(CloudModel, self._link.cloud).name
        leg = Leg(
            route,
            model=model,
            estimate=plan.estimate(route).behind(journey.written),
            ledger=self._ledger,
            reservation=reservation,
            span=self._meter.start(),
            trace=journey.span.child(f"leg {route.value}", {"gen_ai.request.model": model}),
        )
        journey.tally.begin(leg, prompt)
        return leg
