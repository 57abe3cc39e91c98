"""The device's share of an answer: its first words are judged before they are shown, and no sentence comes twice."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from orchestrator.effort.sampling import Task
from orchestrator.effort.strategy import EffortRules
from orchestrator.errors import BudgetExhausted
from orchestrator.joint import Joint
from orchestrator.journey import Journey
from orchestrator.leg import Leg
from orchestrator.patience import closable
from orchestrator.plan import Plan
from orchestrator.planner import Planner
from orchestrator.ports import LocalModel
from orchestrator.repetition import RepetitionGuard
from orchestrator.routing.confidence import ConfidenceMonitor
from orchestrator.routing.probe import Probe
from orchestrator.types import (
    Completed,
    Effort,
    FinishReason,
    ModelEvent,
    Piece,
    Route,
    Started,
    TextDelta,
    Usage,
)


class DeviceWriter:
    """Writes legs with the device's model."""

    def __init__(
        self,
        model: LocalModel,
        planner: Planner,
        *,
        probe: Probe | None,
        stop_repeating: bool,
        effort: EffortRules,
    ) -> None:
        self._model = model
        self._planner = planner
        self._probe = probe
        self._stop_repeating = stop_repeating
        self._effort = effort

    async def pieces(self, journey: Journey, plan: Plan, leg: Leg) -> AsyncGenerator[Piece, None]:
        """The device's answer. Its first tokens are held back and judged where the cloud could do better."""
        monitor = self._monitor(journey, plan)
        hidden = len(journey.tally.legs) == 1 and plan.decision.effort is Effort.VERIFY
        # A form may well repeat itself, and cutting it would break it.
        watched = self._stop_repeating and journey.request.sampling.format is None
        guard = RepetitionGuard(journey.tally.text) if watched else None
        joint = Joint(journey.prefix if journey.tally.text else "")
        async with aclosing(self._events(journey, plan)) as events:
            async for event in events:
                doubt = monitor.doubt(event) if monitor else None
                if not (doubt and isinstance(event, Completed)):  # an end that is doubted ends nothing
                    text = joint.push(leg.take(event)) + (joint.flush() if isinstance(event, Completed) else "")
                    journey.held += guard.push(text) if guard else text
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

    def _events(self, journey: Journey, plan: Plan) -> AsyncGenerator[ModelEvent, None]:
        if plan.local.answer:
            return _said(plan.local.answer, self._model.name)
        tally = journey.tally
        written = sum(leg.usage.completion_tokens for leg in tally.legs[:-1]) if tally.text else 0
        sampling = replace(journey.request.sampling, max_tokens=max(1, plan.decision.max_tokens - written))
        if journey.strategy is not None and len(tally.legs) == 1:
            sampling = replace(sampling, temperature=sampling.temperature or self._effort.temperature)
            task = Task(
                model=self._model,
                messages=plan.local.messages,
                sampling=sampling,
                deadline=journey.deadline,
                prefix=journey.prefix,
            )
            return journey.strategy.run(task, journey.halt)
        return closable(
            self._model.generate(
                plan.local.messages, sampling=sampling, deadline=journey.deadline, prefix=journey.prefix
            )
        )


async def _said(text: str, model: str) -> AsyncGenerator[ModelEvent, None]:
    """A known answer as a model's stream, which took no token."""
    yield Started(model)
    yield TextDelta(text)
    yield Completed(Usage(), FinishReason.STOP)
