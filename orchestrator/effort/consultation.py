"""Consultation: the cloud is asked the general question, and the device sets what it says beside the private records.

What leaves is the general question alone (`orchestrator.privacy.general`): no record, no earlier turn, and no word that
a private record has. The two are joined word for word, without a model: a very small one drops one of them, or turns an
allergy to peanuts into a cake with peanut butter (docs/effort.md has the measurement).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from orchestrator.privacy.finding import Finding
from orchestrator.privacy.general import distinctive, general_question, own_case
from orchestrator.privacy.rules import EgressRules
from orchestrator.prompt import Prompt
from orchestrator.types import (
    Completed,
    Effort,
    EffortReceipt,
    FinishReason,
    Message,
    ModelEvent,
    Recollection,
    Record,
    Request,
    RoutePreference,
    Sensitivity,
)

GENERAL_TOKENS: Final = 96
"""That the cloud may write."""
_BRIEFLY: Final = "Answer in two or three sentences."
_QUOTED: Final = 2
"""Records that are quoted at most."""
_SENTENCE: Final = re.compile(r"[.!?](?=\s|$)")


def may_consult(request: Request, recollection: Recollection, rules: EgressRules) -> bool:
    """Whether a general question may be made of a request.

    It may with private records in play: other questions need none. It may not where the question itself has to stay, or
    asks for a fact of the user's own life and nothing beside it.
    """
    a_fact = recollection.personal and not own_case(request.question)
    at_home = request.local_only or request.structured or request.route is RoutePreference.LOCAL
    open_question = not (request.prefix or a_fact or rules.keeps(request.messages[-1].sensitivity))
    return open_question and not at_home and bool(_private(recollection))


def with_own_case(recalled: Recollection, own: Recollection, question: str) -> Recollection:
    """What a question recalled, behind what its own case did, which answers a part of it.

    Args:
        recalled: for the question.
        own: for `own_case(question)`.
        question: the user's.
    """
    share = len(list(distinctive(own_case(question)))) / max(1, len(list(distinctive(question))))
    whole = {hit.record.id: hit.relevance for hit in recalled}
    mine = [replace(hit, relevance=max(hit.relevance * share, whole.get(hit.record.id, 0.0))) for hit in own]
    ids = {hit.record.id for hit in mine}
    hits = (*mine, *(hit for hit in recalled if hit.record.id not in ids))
    return replace(recalled, records=hits, confidence=max(recalled.confidence, own.confidence))


def general_for(request: Request, recollection: Recollection, findings: Sequence[Finding]) -> str | None:
    """The general question of a request that may have one, or None where nothing general is left.

    Args:
        request: with the label of its question after detection.
        recollection: the records; the words of the private ones stay.
        findings: in the question.
    """
    kept = [" ".join((record.title, record.body, record.place, *record.people)) for record in _private(recollection)]
    kept += [turn.text for turn in request.messages if turn.sensitivity is Sensitivity.PRIVATE]
    return general_question(request.question, kept, findings, alone=len(request.messages) == 1)


def _private(recollection: Recollection) -> list[Record]:
    return [hit.record for hit in recollection if hit.record.sensitivity is Sensitivity.PRIVATE]


def asking(general: str, label: Sensitivity) -> Message:
    """What the cloud is asked; `label` is that of the question that it is made from."""
    return Message("user", f"{general} {_BRIEFLY}", label)


class Consultation:
    """Listens to the cloud, and sets what it said beside what the device knows."""

    told_enough = False
    """It is heard to its end, which is short."""

    def __init__(self) -> None:
        self._heard = ""
        self.said = ""
        """What the cloud said, once it has said all; of an answer that was cut off, nothing."""

    def take(self, event: ModelEvent, text: str) -> str:
        """Take an event of the cloud's, whose text is `text`; nothing of it is shown yet."""
        self._heard += text
        if isinstance(event, Completed):
            heard = self._heard.strip()
            self.said = _whole(heard) if event.finish_reason is FinishReason.LENGTH else heard
        return ""

    def answer(self, own: Prompt) -> str:
        """The private records that matter most, then what was said in general; empty where nothing was.

        Args:
            own: the prompt of the device.
        """
        hits = zip(own.recalled, own.lines, strict=True)
        private = [line for hit, line in hits if hit.record.sensitivity is Sensitivity.PRIVATE][:_QUOTED]
        return f"From your own records: {' '.join(private)}\n\nIn general: {self.said}" if self.said else ""

    @property
    def in_words(self) -> str:
        """What came of it."""
        if not self.said:
            return "the cloud was no help: the device answered alone"
        return "only a general question left; the device set its answer beside the private records"

    @property
    def receipt(self) -> EffortReceipt:
        """One answer."""
        return EffortReceipt(strategy=Effort.CONSULT, samples=1)


def _whole(text: str) -> str:
    """A text that was cut at its length, up to its last whole sentence; without one, as it is."""
    ends = [match.end() for match in _SENTENCE.finditer(text)]
    return text[: ends[-1]] if ends else text
