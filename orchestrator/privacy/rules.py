"""What a destination may be sent: an action for each label. What is private is kept, whatever anybody says (law 1)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from orchestrator.types import Sensitivity


class Action(StrEnum):
    """What is done with a text before it may leave, the most careful first."""

    KEEP = "keep"
    """It stays on the device."""
    REDACT = "redact"
    """Stand-ins go in the place of all that tells of a person."""
    ASK = "ask"
    """It goes as it is, if the user says so."""
    ALLOW = "allow"
    """It goes as it is."""


def strictest(actions: Iterable[Action], default: Action = Action.KEEP) -> Action:
    """The one that lets out least; `default` where there is none."""
    return min(actions, key=list(Action).index, default=default)


@dataclass(frozen=True, slots=True, kw_only=True)
class EgressRules:
    """The rules of one destination. They have no word for what is private: there is nothing to choose."""

    personal: Action = Action.REDACT
    public: Action = Action.ALLOW

    def action(self, label: Sensitivity) -> Action:
        """What is done with a text of this label. A higher label never makes it freer: what is found in a public text
        raises its label, and must not let it out."""
        match label:
            case Sensitivity.PUBLIC:
                return self.public
            case Sensitivity.PERSONAL:
                return strictest((self.personal, self.public))
            case Sensitivity.PRIVATE:
                return Action.KEEP

    def keeps(self, label: Sensitivity) -> bool:
        """Whether a text of this label stays on the device."""
        return self.action(label) is Action.KEEP

    def without_redaction(self) -> EgressRules:
        """The same where nothing can be redacted: what would have been is kept."""

        def kept(action: Action) -> Action:
            return Action.KEEP if action is Action.REDACT else action

        return EgressRules(personal=kept(self.personal), public=kept(self.public))


ONLY_PUBLIC: Final = EgressRules(personal=Action.KEEP)
"""Nothing above public leaves, in whatever form."""
