"""The one place where a request becomes an answer.

Ask, recall, estimate, decide (the planner), then run and settle (here). A local answer that falters before anything was
shown goes to the cloud; a cloud answer that fails goes on at home, from what was already shown. Every request ends in
one answer or one typed error, and every leg is settled, also when the caller goes away.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from typing import cast

from orchestrator.budget import Deadline, Ledger, Reservation
from orchestrator.effort.consultation import Consultation
from orchestrator.effort.factory import strategy_for
from orchestrator.effort.sampling import Task
from orchestrator.effort.strategy import EffortRules
from orchestrator.effort.verification import INSTRUCTION_TOKENS, Verification, question_of
from orchestrator.errors import (
    BudgetExhausted,
    CloudError,
    DeadlineExceeded,
    EdgewiseError,
    EgressRefused,
)
from orchestrator.journey import Journey
from orchestrator.leg import Leg
from orchestrator.link import Link
from orchestrator.patience import Patience, patiently
from orchestrator.plan import Plan, Refused
from orchestrator.planner import Planner
from orchestrator.ports import Clock, CloudModel, EnergyMeter, LocalModel, Observer
from orchestrator.privacy.egress import Cleared
from orchestrator.prompt import Prompt
from orchestrator.repetition import RepetitionGuard
from orchestrator.routing.confidence import ConfidenceMonitor
from orchestrator.routing.costs import CostHistory
from orchestrator.routing.probe import PRIOR, Probe
from orchestrator.tally import Tally
from orchestrator.types import (
    Answer,
    Completed,
    Effort,
    FinishReason,
    ModelEvent,
    Piece,
    Request,
    Route,
    Sensitivity,
    Started,
    TextDelta,
    Usage,
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
    ) -> None:
        """Args:
        probe: judges the first tokens of a local answer before they are shown; None shows them unjudged.
        """
        self._planner = planner
        self._local = local
        self._link = link
        self._ledger = ledger
        self._meter = meter
        self._costs = costs
        self._observer = observer
        self._clock = clock
        self._probe = probe
        self._patience = patience or Patience()
        self._stop_repeating = stop_repeating
        self._effort = effort or EffortRules()

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
        try:
            planned = await self._planner.plan(request, journey.decision_id, deadline)
            if isinstance(planned, Refused):
                self._observer.refused(request, planned.refusal, planned.situation.to_dict())
                raise planned.refusal.error
            journey.plan = planned
            self._observer.decided(request, journey.plan.decision, journey.plan.situation.to_dict())
            journey.strategy = strategy_for(journey.plan.decision, request.question, self._effort)
            async with aclosing(self._pieces(journey, journey.plan)) as pieces:
                async for piece in pieces:
                    yield piece
            answer = self._conclude(journey, journey.plan)
        except EdgewiseError as error:
            self._observer.failed(journey.decision_id, error.type, error.message)
            raise
        except (asyncio.CancelledError, GeneratorExit):
            self._observer.failed(journey.decision_id, "cancelled", "the caller went away")
            raise
        finally:
            self._settle(journey)
        yield answer

    def _settle(self, journey: Journey) -> None:
        """Every leg is settled, and a reservation that no leg took up is given back."""
        journey.tally.settle()
        if journey.plan is not None and not journey.tally.legs:
            self._ledger.refund(journey.plan.reservation)

    def _conclude(self, journey: Journey, plan: Plan) -> Answer:
        answer = replace(journey.tally.answer(plan.decision), effort=journey.effort)
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
        route, reservation = plan.decision.route, plan.reservation
        if plan.decision.effort in (Effort.VERIFY, Effort.CONSULT):
            run = self._checked_pieces if plan.decision.effort is Effort.VERIFY else self._consulted_pieces
            async with aclosing(run(journey, plan)) as pieces:
                async for piece in pieces:
                    yield piece
            if tally.legs and tally.legs[-1].finish_reason is not None:
                return
            if tally.legs:
                route, reservation = self._next(journey, plan, tally.legs[-1])
        route, reservation = await self._allowed(journey, plan, route, reservation)
        while True:
            leg = self._open(journey, plan, route, reservation)
            write = self._local_pieces if route is Route.LOCAL else self._cloud_pieces
            try:
                async with aclosing(write(journey, plan, leg)) as pieces:
                    async for piece in pieces:
                        yield piece
            except CloudError as error:
                self._lost(journey, leg, error)
            leg.settle()
            if leg.finish_reason is not None:
                return
            route, reservation = await self._allowed(journey, plan, *self._next(journey, plan, leg))
            if route is Route.LOCAL and journey.held:
                yield tally.show(journey.release(), Route.LOCAL)

    async def _checked_pieces(self, journey: Journey, plan: Plan) -> AsyncGenerator[Piece, None]:
        """The device's draft, if the cloud finds it right, or cannot be asked; otherwise the cloud's own answer."""
        leg = draft = self._open(journey, plan, Route.LOCAL, plan.reservation)
        async with aclosing(self._local_pieces(journey, plan, draft)) as pieces:
            async for piece in pieces:
                yield piece
        whole = draft.finish_reason in (FinishReason.STOP, FinishReason.LENGTH)
        if whole and journey.held:
            journey.listener = listener = Verification()
            journey.check = self._check_of(journey, plan, draft)
            if kept := await self._kept(journey, plan, journey.check):
                journey.tally.notes.append(kept)
            else:
                leg = self._open_check(journey, plan, draft)
                try:
                    async with aclosing(self._cloud_pieces(journey, plan, leg)) as pieces:
                        async for piece in pieces:
                            yield piece
                except CloudError as error:
                    self._lost(journey, leg, error)
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
        if kept := await self._kept(journey, plan, cast(Prompt, plan.cloud)):
            journey.tally.notes.append(f"{kept}: the device answers alone")
            return
        journey.listener = consultation = Consultation()
        asked = self._open(journey, plan, Route.CLOUD, plan.reservation)
        asked.aside = True
        journey.tally.asked_in_general = cast(Cleared, journey.cleared).outbound.messages[-1].text
        try:
            async with aclosing(self._cloud_pieces(journey, plan, asked)) as pieces:
                async for piece in pieces:
                    yield piece
        except CloudError as error:
            self._lost(journey, asked, error)
        plan = replace(plan, local=replace(plan.local, answer=consultation.answer(plan.local)))
        leg = self._open(journey, plan, Route.LOCAL, plan.reservation)
        leg.follow(asked, plan.estimate(Route.LOCAL))
        async with aclosing(self._local_pieces(journey, plan, leg)) as pieces:
            async for piece in pieces:
                yield piece
        journey.tally.notes.append(consultation.in_words)
        leg.settle()

    async def _allowed(
        self, journey: Journey, plan: Plan, route: Route, reservation: Reservation
    ) -> tuple[Route, Reservation]:
        """The route; the device in the cloud's place where what the cloud would see may not leave.

        Raises:
            BudgetExhausted: the device cannot be afforded.
        """
        if route is Route.LOCAL:
            return route, reservation
        try:
            kept = await self._kept(journey, plan, cast(Prompt, plan.cloud))
        except BaseException:  # no leg has taken it up yet, so nobody else would
            self._ledger.refund(reservation)
            raise
        if not kept:
            if journey.tally.legs:  # it was not the decision's own route
                journey.tally.notes.append("the cloud was asked")
            return route, reservation
        self._ledger.refund(reservation)
        journey.tally.notes.append(f"{kept}: the device goes on")
        questions = reservation.amount.questions
        limit = plan.decision.max_tokens
        return Route.LOCAL, self._planner.reserve(plan, Route.LOCAL, journey.deadline, limit, questions=questions)

    async def _kept(self, journey: Journey, plan: Plan, prompt: Prompt) -> str:
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
        if await self._planner.is_withdrawn(plan):
            return "a record may not leave any more"
        journey.cleared = cleared
        return ""

    def _next(self, journey: Journey, plan: Plan, leg: Leg) -> tuple[Route, Reservation]:
        """Where an unfinished answer goes on: a faltering one to the cloud, if affordable, any other to the device.

        Raises:
            BudgetExhausted: not even the device can be afforded.
        """
        limit = plan.decision.max_tokens
        if leg.route is Route.LOCAL:
            try:
                reservation = self._planner.reserve(plan, Route.CLOUD, journey.deadline, limit)
            except BudgetExhausted:
                journey.tally.notes.append("no budget is left to ask the cloud")
            else:
                return Route.CLOUD, reservation
        return Route.LOCAL, self._planner.reserve(plan, Route.LOCAL, journey.deadline, limit)

    async def _local_pieces(self, journey: Journey, plan: Plan, leg: Leg) -> AsyncGenerator[Piece, None]:
        """The device's answer. Its first tokens are held back and judged where the cloud could do better."""
        monitor = self._monitor(journey, plan)
        hidden = len(journey.tally.legs) == 1 and plan.decision.effort is Effort.VERIFY
        # A form may well repeat itself, and cutting it would break it.
        watched = self._stop_repeating and journey.request.sampling.format is None
        guard = RepetitionGuard(journey.tally.text) if watched else None
        async with aclosing(self._local_events(journey, plan)) as events:
            async for event in events:
                doubt = monitor.doubt(event) if monitor else None
                if not (doubt and isinstance(event, Completed)):  # an end that is doubted ends nothing
                    journey.held += guard.push(leg.take(event)) if guard else leg.take(event)
                if doubt:
                    journey.tally.notes.append(str(doubt))
                    return
                if monitor and monitor.watches:
                    continue
                monitor = None
                if guard and isinstance(event, Completed):
                    journey.held += guard.flush()
                if journey.held and not hidden:
                    yield journey.tally.show(journey.release(), Route.LOCAL)
                if guard and guard.repeated:
                    leg.finish_reason = FinishReason.STOP
                    break
                if leg.at_limit and self._must_end(journey, leg):
                    leg.finish_reason = FinishReason.BUDGET
                    break
        if leg.finish_reason is FinishReason.LENGTH and plan.decision.max_tokens < journey.request.sampling.max_tokens:
            leg.finish_reason = FinishReason.BUDGET

    def _monitor(self, journey: Journey, plan: Plan) -> ConfidenceMonitor | None:
        """A watch on the device's first words, where the cloud could do better."""
        watched = len(journey.tally.legs) == 1 and plan.decision.effort is Effort.NONE and plan.may_escalate
        if self._probe is None or not watched or plan.departure.refused:
            return None
        return ConfidenceMonitor(self._probe, plan.situation, plan.decision.max_tokens)

    def _must_end(self, journey: Journey, leg: Leg) -> bool:
        """Whether a leg at its limit is cut, for no budget has room. A strategy makes do with what it has instead."""
        if journey.halt.reason is not None or self._extend(journey, leg):
            return False
        if journey.strategy is None or leg is not journey.tally.legs[0]:
            return True
        journey.halt.stop(FinishReason.BUDGET)
        return False

    def _extend(self, journey: Journey, leg: Leg) -> bool:
        """Reserve more for a leg that takes more than was foreseen; False where no budget has room."""
        try:
            leg.extend(self._planner.reserve_more(leg.held, journey.request.budget, journey.deadline))
        except BudgetExhausted:
            return False
        return True

    def _local_events(self, journey: Journey, plan: Plan) -> AsyncGenerator[ModelEvent, None]:
        if plan.local.answer:
            return _said(plan.local.answer, self._local.name)
        tally = journey.tally
        written = sum(leg.usage.completion_tokens for leg in tally.legs[:-1]) if tally.text else 0
        sampling = replace(journey.request.sampling, max_tokens=max(1, plan.decision.max_tokens - written))
        if journey.strategy is not None and len(tally.legs) == 1:
            sampling = replace(sampling, temperature=sampling.temperature or self._effort.temperature)
            task = Task(
                model=self._local,
                messages=plan.local.messages,
                sampling=sampling,
                deadline=journey.deadline,
                prefix=journey.prefix,
            )
            return journey.strategy.run(task, journey.halt)
        return _closable(
            self._local.generate(
                plan.local.messages, sampling=sampling, deadline=journey.deadline, prefix=journey.prefix
            )
        )

    async def _cloud_pieces(self, journey: Journey, plan: Plan, leg: Leg) -> AsyncGenerator[Piece, None]:
        """The cloud's answer, given up when it stalls. What the device held back is dropped once text comes."""
        cleared, listener = journey.cleared, journey.listener
        assert cleared is not None, "a cloud leg is opened once its prompt is cleared"
        outbound, restorer = cleared.outbound, cleared.restorer
        journey.tally.redactions += sum(outbound.redactions.values())
        sampling = replace(journey.request.sampling, max_tokens=plan.cloud_tokens)
        cloud = cast(CloudModel, self._link.cloud)
        stream = cloud.generate(
            outbound,
            request_id=journey.request.id,
            decision_id=journey.decision_id,
            sampling=sampling,
            deadline=plan.cloud_deadline(journey.deadline),
        )
        async with aclosing(_closable(stream)) as events:
            first_s = plan.first_patience_s(journey.deadline, self._patience)
            async for event in patiently(events, first_s, self._patience):
                text = restorer.push(leg.take(event)) + (restorer.flush() if isinstance(event, Completed) else "")
                if text := listener.take(event, text) if listener else text:
                    journey.held = ""
                    yield journey.tally.show(text, Route.CLOUD)
                if listener and listener.told_enough:
                    leg.finish_reason = FinishReason.STOP
                    return

    def _lost(self, journey: Journey, leg: Leg, error: CloudError) -> None:
        """The cloud failed: remember it and say so. A deadline that passed in mid-answer ends it as it is."""
        if journey.deadline.expired and journey.tally.text:
            leg.finish_reason = FinishReason.DEADLINE
            return
        self._link.lost(error)
        where = "in mid-answer" if journey.tally.text else "before its first token"
        journey.tally.notes.append(f"the cloud failed {where} ({error.type}): the device goes on")

    def _open(self, journey: Journey, plan: Plan, route: Route, reservation: Reservation) -> Leg:
        prompt = plan.local if route is Route.LOCAL else journey.check or cast(Prompt, plan.cloud)
        leg = Leg(
            route,
            model=self._local.name if route is Route.LOCAL else cast(CloudModel, self._link.cloud).name,
            estimate=plan.estimate(route),
            ledger=self._ledger,
            reservation=reservation,
            span=self._meter.start(),
        )
        journey.tally.begin(leg, prompt)
        return leg


async def _said(text: str, model: str) -> AsyncGenerator[ModelEvent, None]:
    """A known answer as a model's stream, which took no token."""
    yield Started(model)
    yield TextDelta(text)
    yield Completed(Usage(), FinishReason.STOP)


def _closable(events: AsyncIterator[ModelEvent]) -> AsyncGenerator[ModelEvent, None]:
    """Model streams are generators: closing one stops its work."""
    return cast(AsyncGenerator[ModelEvent, None], events)
