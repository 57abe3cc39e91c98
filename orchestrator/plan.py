"""What was planned for a request: the decision, what it reserves, and what each model would be shown."""

from __future__ import annotations

from dataclasses import dataclass, replace

from orchestrator.budget import Deadline, Reservation
from orchestrator.effort.consultation import GENERAL_TOKENS
from orchestrator.patience import Patience
from orchestrator.privacy.disclosure import Departure
from orchestrator.prompt import Prompt
from orchestrator.routing.estimate import RouteEstimate
from orchestrator.routing.policy import MIN_ANSWER_TOKENS
from orchestrator.routing.refusal import Refusal
from orchestrator.routing.situation import Situation
from orchestrator.types import Decision, Effort, Request, Route, Sensitivity


@dataclass(frozen=True, slots=True)
class Draft:
    """All that is known before the decision: what it sees, and what each model would be shown."""

    request: Request
    """With the labels of what was found in its messages."""
    situation: Situation
    local: Prompt
    cloud: Prompt | None
    asked: Prompt | None
    """The general question of a consultation."""
    departure: Departure
    """How something leaves."""

    def shown_to_cloud(self, decision: Decision) -> Prompt | None:
        """The prompt that the cloud would get by this decision, at once or in a handoff."""
        return self.asked if decision.effort is Effort.CONSULT else self.cloud


@dataclass(frozen=True, slots=True)
class Refused:
    """A request that no route can answer."""

    refusal: Refusal
    situation: Situation
    """What it saw."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A decision with its reservation, and what each route's model would be shown."""

    decision: Decision
    reservation: Reservation
    situation: Situation
    local: Prompt
    cloud: Prompt | None
    departure: Departure
    """How that leaves."""

    def estimate(self, route: Route) -> RouteEstimate:
        """The estimate of a route that has one."""
        away = self.situation.general if self.consults else self.situation.cloud
        estimate = self.situation.local if route is Route.LOCAL else away
        assert estimate is not None, "a route without an estimate is never taken"
        return estimate

    @property
    def consults(self) -> bool:
        """Whether the cloud is asked in general, for the device to answer."""
        return self.decision.effort is Effort.CONSULT

    @property
    def cloud_tokens(self) -> int:
        """That the cloud may write."""
        return GENERAL_TOKENS if self.consults else self.decision.max_tokens

    def cloud_deadline(self, deadline: Deadline) -> Deadline:
        """Until when it may write: what the device needs after a consultation is left to it."""
        if not self.consults:
            return deadline
        home = self.situation.local.predict(self.decision.max_tokens)
        return replace(deadline, at_s=deadline.at_s - home.total_ms.expected / 1000)

    def first_patience_s(self, deadline: Deadline, patience: Patience, *, shown: bool = False) -> float:
        """How long to wait for the cloud's first token: the device must still be able to answer in time.

        A prompt that takes long to read is given its time; one that only the cloud can read, all there is. Behind text
        that is `shown` no first token of the answer is waited for.
        """
        home, limit_ms = self.situation.local, self.situation.budget.first_token_ms
        if home.room_tokens < MIN_ANSWER_TOKENS:
            return deadline.remaining_s
        first_s = home.first_token_ms.expected / 1000
        waits_s = [
            max(patience.first_token_s, self.estimate(Route.CLOUD).first_token_ms.high / 1000),
            deadline.remaining_s - first_s - MIN_ANSWER_TOKENS * home.decode_ms.expected / 1000,
        ]
        if limit_ms is not None and not shown:
            waits_s.append(limit_ms / 1000 - first_s)
        return max(0.05, min(waits_s))

    @property
    def may_escalate(self) -> bool:
        """Whether a failing answer of the device could go to the cloud, and would find there what it needs."""
        open_ = self.cloud is not None and Route.CLOUD.value not in self.decision.excluded
        return open_ and not self.situation.withheld

    @property
    def made_from(self) -> Sensitivity:
        """The highest label of what the device's answer is made from."""
        records = [hit.record.sensitivity for hit in self.local.recalled]
        return Sensitivity.highest([*(message.sensitivity for message in self.local.messages), *records])
