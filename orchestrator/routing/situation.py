"""All that a decision sees, as plain values: it is stored as it is and replayed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from orchestrator.budget import BatteryFloor, Headroom, PowerState
from orchestrator.budget.floor import NO_FLOOR
from orchestrator.effort.forecast import Trial
from orchestrator.privacy.rules import ONLY_PUBLIC, EgressRules
from orchestrator.routing.estimate import RouteEstimate
from orchestrator.routing.lesson import Lesson
from orchestrator.routing.promise import Pledge
from orchestrator.routing.quality import Evidence
from orchestrator.routing.value import Prices
from orchestrator.types import Budget, Effort, LinkState, RoutePreference, Sensitivity


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """All that a decision sees. Plain values, no text of the user's: it is stored as it is and replayed."""

    preference: RoutePreference
    local_only: bool
    budget: Budget
    max_tokens: int
    conversation_label: Sensitivity
    """The highest label of the messages themselves."""
    evidence: tuple[Evidence, ...]
    link: LinkState
    headroom: Headroom
    prices: Prices
    local: RouteEstimate
    cloud: RouteEstimate | None
    """None where there is no cloud model to ask."""
    question_label: Sensitivity = Sensitivity.PUBLIC
    """Of the last message, as high as what was found in it."""
    rules: EgressRules = ONLY_PUBLIC
    """What may be sent. Situations that do not say were stored when nothing above public could leave."""
    structured: bool = False
    """Whether the answer has a form, or tools are in play."""
    unknown: bool = False
    """Whether it asks for a fact of the user's own life that the records do not hold."""
    pledge: Pledge | None = None
    """The promise that is to be kept, if there is one and there is a choice."""
    lesson: Lesson | None = None
    """What feedback has taught about such questions, where there is a choice."""
    power: PowerState | None = None
    """What feeds the device; None where it has no battery."""
    floor: BatteryFloor = NO_FLOOR
    device_speed: float = 1.0
    """Share of its full clock that the device was allowed; the local estimate is made for it."""
    effort: Effort | None = None
    """The strategy that was asked for, if any."""
    trials: tuple[Trial, ...] = ()
    """The strategies in question: the one that was asked for, otherwise those that may be chosen."""
    general: RouteEstimate | None = None
    """The cloud, asked the general question; None where there is no consultation."""
    outrun: bool = False
    """Whether other requests took what the windows had left, each time between the decision and its reservation."""

    @property
    def withheld(self) -> tuple[Evidence, ...]:
        """The records that stay on the device."""
        return tuple(item for item in self.evidence if item.kept or self.rules.keeps(item.sensitivity))

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as JSON has them. A price that is no number stays one, so that it is refused again."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> Situation:
        """The inverse of `to_dict`."""
        return msgspec.convert(plain, cls)
