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
from orchestrator.moves import MoveRules
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
from orchestrator.watch import Watch


class Words:
    """What a model writes, as it may be shown: not what was shown before it, and no sentence twice."""

    def __init__(self, joint: Joint, guard: RepetitionGuard | None) -> None:
        self._joint = joint
        self._guard = guard

    @property
    def repeated(self) -> bool:
        """Whether a whole sentence came again: time to stop."""
        return self._guard is not None and self._guard.repeated

    def push(self, text: str, *, ends: bool = False) -> str:
        """More of the text; what of it may be shown now."""
        text = self._joint.push(text) + (self._joint.flush() if ends else "")
        if self._guard is None:
            return text
        return self._guard.push(text) + (self._guard.flush() if ends else "")


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
        moves: MoveRules,
    ) -> None:
        self._moves = moves
        self._model = model
        self._planner = planner
        self._probe = probe
        self._stop_repeating = stop_repeating
        self._effort = effort

    async def pieces(self, journey: Journey, plan: Plan, leg: Leg) -> AsyncGenerator[Piece, None]:
        """The device's answer. Its first tokens are held back and judged where the cloud could do better.

        What is shown then is watched on; where it falters, the leg ends unfinished, with `journey.move` set.
        """
        monitor, watch = self._monitor(journey, plan), self._watch(journey, plan, leg)
        hidden = len(journey.tally.legs) == 1 and plan.decision.effort is Effort.VERIFY
        words = self._words(journey)
        async with aclosing(self._events(journey, plan)) as events:
            async for event in events:
                ends = isinstance(event, Completed)
                if monitor and (doubt := monitor.doubt(event)):
                    journey.held += "" if ends else words.push(leg.take(event))  # a doubted end ends nothing
                    journey.tally.notes.append(str(doubt))
                    return
                journey.held += words.push(leg.take(event), ends=ends)
                if watch:
                    watch.take(event)
                if monitor and monitor.watches:
                    continue
                monitor = None
                if not hidden and (text := journey.release(words=watch is not None)):
                    yield journey.tally.show(text, Route.LOCAL)
                if ends or self._is_over(journey, leg, words, watch):
                    break
        if leg.finish_reason is not None and not hidden and (text := journey.release()):
            yield journey.tally.show(text, Route.LOCAL)
        if leg.finish_reason is FinishReason.LENGTH and plan.decision.max_tokens < journey.request.sampling.max_tokens:
            leg.finish_reason = FinishReason.BUDGET

    def _words(self, journey: Journey) -> Words:
        # A form may well repeat itself, and cutting it would break it.
        watched = self._stop_repeating and journey.request.sampling.format is None
        shown = journey.tally.text
        return Words(Joint(journey.prefix if shown else ""), RepetitionGuard(shown) if watched else None)

    def _is_over(self, journey: Journey, leg: Leg, words: Words, watch: Watch | None) -> bool:
        """Whether a leg ends here: it repeats itself, it moves, or no budget has room for more."""
        if words.repeated:
            leg.finish_reason = FinishReason.STOP
        elif watch and (move := watch.move()):
            journey.move = move
            journey.tally.notes.append(str(move))
        elif leg.at_limit and self._must_end(journey, leg):
            leg.finish_reason = FinishReason.BUDGET
        else:
            return False
        return True

    def _monitor(self, journey: Journey, plan: Plan) -> ConfidenceMonitor | None:
        """A watch on the device's first words, where the cloud could do better."""
        if self._probe is None or not self._may_move(journey, plan):
            return None
        return ConfidenceMonitor(self._probe, plan.situation, plan.decision.max_tokens)

    def _watch(self, journey: Journey, plan: Plan, leg: Leg) -> Watch | None:
        """A watch on what is shown, where the cloud could go on."""
        kept = plan.situation.rules.keeps(plan.made_from)
        if self._moves.forbid or kept or not self._may_move(journey, plan):
            return None
        return Watch(plan, leg, journey.deadline, self._moves, self._planner.headroom)

    def _may_move(self, journey: Journey, plan: Plan) -> bool:
        """Whether this answer may go to the cloud, which it does once at most."""
        first = len(journey.tally.legs) == 1 and plan.decision.effort is Effort.NONE
        return first and plan.may_escalate and not plan.departure.refused

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
        tokens = max(1, plan.decision.max_tokens - journey.written)
        sampling = replace(journey.request.sampling, max_tokens=tokens)
        if journey.strategy is not None and len(journey.tally.legs) == 1:
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
