"""What a request has shown, spent and sent so far; in the end, the answer with its receipt."""

from __future__ import annotations

from functools import reduce
from operator import add

from orchestrator.leg import Leg
from orchestrator.ports import Clock
from orchestrator.prompt import Prompt
from orchestrator.types import (
    Answer,
    Decision,
    Egress,
    FinishReason,
    Latency,
    Piece,
    Route,
    Sensitivity,
    Usage,
)
from orchestrator.units import NO_ENERGY, Energy


class Tally:
    """Grows while a request runs. Text that was shown is never taken back."""

    def __init__(self, clock: Clock, started_s: float) -> None:
        self.legs: list[Leg] = []
        self.text = ""
        self.notes: list[str] = []
        """What happened on the way, in plain words: it follows the decision's reason."""
        self.asked_in_general = ""
        """What the cloud was asked in the question's place, if it was."""
        self.redactions = 0
        """Places where a stand-in left for a name."""
        self._prompts: list[Prompt] = []
        self._sent: list[Prompt] = []
        self._clock = clock
        self._started_s = started_s
        self._first_token_ms: float | None = None

    def begin(self, leg: Leg, prompt: Prompt) -> None:
        """A model is about to see `prompt`."""
        self.legs.append(leg)
        self._prompts.append(prompt)
        if leg.route is Route.CLOUD:
            self._sent.append(prompt)

    def show(self, text: str, route: Route) -> Piece:
        """Text that the caller gets to see now."""
        if self._first_token_ms is None:
            self._first_token_ms = self._elapsed_ms
        self.text += text
        return Piece(text, route)

    def settle(self) -> None:
        """Settle every leg that is still open."""
        for leg in self.legs:
            leg.settle()

    def answer(self, decision: Decision) -> Answer:
        """The answer and its receipt. All legs are settled first."""
        self.settle()
        total_ms = self._elapsed_ms
        last = self.legs[-1]
        seen = [hit.record for prompt in self._prompts for hit in prompt.recalled]
        labels = [record.sensitivity for record in seen]
        labels += [message.sensitivity for prompt in self._prompts for message in prompt.messages]
        return Answer(
            text=self.text,
            route=self._route,
            reason="; ".join([decision.reason, *self.notes]),
            finish_reason=last.finish_reason or FinishReason.STOP,
            decision_id=decision.id,
            model=next((leg for leg in reversed(self.legs) if leg.wrote and not leg.aside), last).model,
            usage=reduce(add, [leg.usage for leg in self.legs], Usage()),
            latency=Latency(first_token_ms=self._first_token_ms or total_ms, total_ms=total_ms),
            device_energy=_total([leg.energy for leg in self.legs if leg.energy is not None]),
            cloud_energy=_total([leg.cloud_energy for leg in self.legs if leg.route is Route.CLOUD]),
            usd=sum(leg.usd for leg in self.legs),
            egress=Egress(
                sent=bool(self._sent),
                record_ids=_ids(self._sent or self._prompts),
                redactions=self.redactions,
                asked=self.asked_in_general,
            ),
            record_ids=_ids(self._prompts),
            sensitivity=Sensitivity.highest(labels),
        )

    @property
    def _route(self) -> Route:
        writers = {leg.route for leg in self.legs if leg.wrote and not leg.aside} or {self.legs[-1].route}
        return Route.HANDOFF if len(writers) > 1 else writers.pop()

    @property
    def _elapsed_ms(self) -> float:
        return (self._clock.monotonic() - self._started_s) * 1000


def _total(parts: list[Energy]) -> Energy:
    return reduce(add, parts) if parts else NO_ENERGY


def _ids(prompts: list[Prompt]) -> tuple[int, ...]:
    """Ids of the records in these prompts, each once, best first."""
    ids = [hit.record.id for prompt in prompts for hit in prompt.recalled if hit.record.id is not None]
    return tuple(dict.fromkeys(ids))
