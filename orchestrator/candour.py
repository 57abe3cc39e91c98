"""What the agent says itself, without a model, when the user's records do not hold what was asked for.

A model of a few hundred million parameters makes up an anniversary rather than say that it does not know one, and no
larger model can know it either. So where the question is surely about the user's own life, no model is asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from orchestrator.prompt import Prompt, Wording
from orchestrator.types import Recollection, Request, RoutePreference

UNSURE: Final = 0.5
"""Below this confidence the records more likely do not hold the answer than do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candour:
    """The words for not knowing."""

    nothing: str
    """No record has to do with the question."""
    unsure: str
    """Records have, and yet hardly hold the answer; the closest one follows."""
    wording: Wording

    def admission(self, request: Request, recollection: Recollection, *, now: datetime) -> Prompt | None:
        """A prompt that is answered already, or None where a model is to be asked.

        The agent speaks for itself only if the question asks for a fact of the user's own life, recall brought nothing
        or is unsure of it, and the question stands alone: an earlier turn, a caller's system message or tools may know
        more than the records do. Who asks for the cloud gets the cloud.
        """
        sure = bool(recollection) and recollection.confidence >= UNSURE
        if sure or not recollection.personal or not _stands_alone(request):
            return None
        closest = recollection[:1]
        said = " ".join([self.unsure, *(self.wording(hit.record, now) for hit in closest)]) if closest else self.nothing
        return Prompt(request.messages, closest, tokens=0, answer=said)


def _stands_alone(request: Request) -> bool:
    bare = len(request.messages) == 1 and not request.prefix and not request.structured
    return bare and request.route is not RoutePreference.CLOUD
