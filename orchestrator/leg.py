"""One model's share of a request: reserved before it starts, metered while it runs, settled once."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from operator import add

from orchestrator.budget import Ledger, Reservation
from orchestrator.ports import EnergySpan
from orchestrator.routing.estimate import RouteEstimate
from orchestrator.tracing import NO_SPAN, Span
from orchestrator.types import Completed, FinishReason, ModelEvent, Route, Spend, Started, TextDelta, Usage
from orchestrator.units import Energy, EnergySource


class Leg:
    """Watches one model's events and keeps its account."""

    def __init__(
        self,
        route: Route,
        *,
        model: str,
        estimate: RouteEstimate,
        ledger: Ledger,
        reservation: Reservation,
        span: EnergySpan,
        trace: Span = NO_SPAN,
    ) -> None:
        self.route = route
        self.trace = trace
        """What this leg does is a part of it. It ends with the settlement."""
        self.model = model
        self.finish_reason: FinishReason | None = None
        self.aside = False
        """Whether what it writes is for another leg to read, and not shown."""
        self.energy: Energy | None = None
        """Device energy; known once settled."""
        self._estimate = estimate
        self._ledger = ledger
        self._reservations = [reservation]
        self._span = span
        self._begun = False
        self._tokens = 0
        self._completed: Completed | None = None
        self._last_joules = 0.0
        self._step_joules = 0.0
        self._before = Spend()

    def take(self, event: ModelEvent) -> str:
        """Account for one event; the text it brings."""
        match event:
            case Started(model=model):
                self.model = model
                self._begun = True
            case TextDelta(text=text, tokens=tokens, bytes_moved=moved):
                self._span.moved(moved)
                if not self._tokens:
                    self.trace.event("first_token")
                self._begun = True
                self._tokens += len(tokens) or bool(text)
                joules = self._span.read().joules
                self._step_joules, self._last_joules = joules - self._last_joules, joules
                return text
            case Completed(finish_reason=reason):
                self._completed = event
                self.finish_reason = reason
        return ""

    @property
    def joules(self) -> float:
        """Of the device, by the last event."""
        return self._last_joules

    @property
    def at_limit(self) -> bool:
        """Whether one more step like the last would spend more joules than were reserved."""
        return self._last_joules + self._step_joules > self.held.device_joules

    @property
    def held(self) -> Spend:
        """All that is reserved for this leg."""
        return reduce(add, (reservation.amount for reservation in self._reservations))

    def extend(self, reservation: Reservation) -> None:
        """Hold more."""
        self._reservations.append(reservation)

    def follow(self, other: Leg, estimate: RouteEstimate) -> None:
        """Take over what a leg holds and has spent: both share one reservation, which is settled with this leg.

        Args:
            other: the leg before, which has ended.
            estimate: what this one takes.
        """
        other.energy = other._span.stop()
        self._before = replace(other._spent, questions=0)
        self._reservations, self._estimate = other._reservations, estimate

    @property
    def wrote(self) -> bool:
        """Whether this model produced any token."""
        return self._tokens > 0

    @property
    def usage(self) -> Usage:
        """As the model reported it; of a leg that was cut off, what was seen."""
        if self._completed is not None:
            return self._completed.usage
        return Usage(self._estimate.prompt_tokens if self._begun else 0, self._tokens)

    @property
    def usd(self) -> float:
        """As billed; of a leg that was cut off, what its tokens cost at the model's prices."""
        if self._completed is not None:
            return self._completed.usd
        terms, usage = self._estimate.terms, self.usage
        return usage.prompt_tokens * terms.prompt_usd + usage.completion_tokens * terms.completion_usd

    @property
    def cloud_energy(self) -> Energy:
        """What the other side spent, as it said; of a leg that was cut off, what its tokens were expected to take."""
        if self._completed is not None:
            return self._completed.cloud_energy
        each = self._estimate.cloud_joules
        return Energy(each.expected * self._tokens, (each.high - each.expected) * self._tokens, EnergySource.MODELLED)

    def settle(self) -> None:
        """Put the truth in place of the reservation. A second call changes nothing."""
        self._end_trace()
        if self.energy is not None:
            return
        self.energy = self._span.stop()
        first, *further = self._reservations
        self._ledger.settle(first, self._before + self._spent)
        for reservation in further:
            self._ledger.refund(reservation)

    def _end_trace(self) -> None:
        usage = self.usage
        self.trace.set(
            {
                "gen_ai.usage.input_tokens": usage.prompt_tokens,
                "gen_ai.usage.output_tokens": usage.completion_tokens,
                "gen_ai.response.finish_reasons": (self.finish_reason.value,) if self.finish_reason else (),
                "edgewise.cost_usd": self.usd,
            }
        )
        self.trace.end()

    @property
    def _spent(self) -> Spend:
        """Of a leg whose energy is known."""
        assert self.energy is not None, "it is read once the span has stopped"
        return Spend(
            device_joules=self.energy.joules,
            usd=self.usd,
            cloud_requests=int(self.route is Route.CLOUD),
            questions=self._reservations[0].amount.questions,
        )
