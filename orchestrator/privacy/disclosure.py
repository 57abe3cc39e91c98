"""What of a request the cloud may be shown, by the rules of the one destination that there is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from orchestrator.ports import Consent, Detector
from orchestrator.privacy.consent import ConsentRequest
from orchestrator.privacy.egress import Cleared, Outbound, clear
from orchestrator.privacy.examination import examine, label_in
from orchestrator.privacy.finding import Finding
from orchestrator.privacy.redaction import Redaction
from orchestrator.privacy.rules import Action, EgressRules
from orchestrator.prompt import Prompt
from orchestrator.types import Message, Recalled, Sensitivity

Sentence = Callable[[Recalled], str]
"""A record as a prompt says it."""


@dataclass(frozen=True, slots=True)
class Disclosure:
    """The rules of the destination, and what they are kept with."""

    rules: EgressRules = field(default_factory=EgressRules)
    destination: str = ""
    """`host:port` of the gateway."""
    detector: Detector | None = None
    """Without one nothing can be redacted, so that what would be is kept."""
    consent: Consent | None = None
    """Without one nobody can be asked, and the answer is no."""
    redaction: Callable[[str], Redaction] = lambda _: Redaction()
    """Makes one for each request, told the conversation that it is of; empty for one of none."""

    @property
    def effective(self) -> EgressRules:
        """The rules, as far as they can be kept."""
        return self.rules if self.detector is not None else self.rules.without_redaction()

    def labelled(self, messages: Sequence[Message], *, personal: bool) -> tuple[Message, ...]:
        """The messages with the labels that the detector's findings give them. Takes milliseconds.

        Args:
            messages: of the conversation; the last is the question.
            personal: whether recall takes it for one about the user.
        """
        return tuple(each.message for each in examine(messages, self.detector, personal=personal))

    def found(self, text: str) -> Sequence[Finding]:
        """What the detector finds in a text. Takes milliseconds."""
        return () if self.detector is None else self.detector.find(text)

    def turns(self, messages: Sequence[Message]) -> list[Message]:
        """The turns that may go along, without the records of earlier questions: those were recalled for them."""
        return [replace(message, records=()) for message in messages if not self.effective.keeps(message.sensitivity)]

    def sendable(self, recalled: Sequence[Recalled], sentence: Sentence) -> tuple[Recalled, ...]:
        """The records that may go along, each with the label that its sentence has. Takes milliseconds."""
        labelled = (self._labelled(hit, sentence) for hit in recalled)
        return tuple(hit for hit in labelled if not self.effective.keeps(hit.record.sensitivity))

    def departure(self, conversation: str) -> Departure:
        """What leaves for one request, of a conversation or of none (empty)."""
        return Departure(self, self.redaction(conversation))

    def _labelled(self, hit: Recalled, sentence: Sentence) -> Recalled:
        record = hit.record
        if self.detector is None or self.effective.keeps(record.sensitivity):
            return hit
        label = label_in(record.sensitivity, self.detector.find(sentence(hit)))
        return hit if label is record.sensitivity else replace(hit, record=replace(record, sensitivity=label))


class Departure:
    """What leaves for one request, whatever is retried: one mapping from names to stand-ins, and the way back."""

    def __init__(self, disclosure: Disclosure, redaction: Redaction) -> None:
        """Given by `Disclosure.departure`."""
        self._disclosure = disclosure
        self._redaction = redaction
        self.refused = False
        """Whether the user said no, or nobody could be asked: for this request nobody is asked again."""

    async def clear(self, prompt: Prompt, prefix: str, made_from: Sensitivity) -> Cleared:
        """Let a prompt out; see `egress.clear`. The detector works in a thread.

        Raises:
            EgressRefused: something in it has to stay.
        """
        return await asyncio.to_thread(
            clear,
            prompt.messages,
            rules=self._disclosure.rules,
            detector=self._disclosure.detector,
            redaction=self._redaction,
            recalled=prompt.recalled,
            prefix=prefix,
            made_from=made_from,
        )

    async def is_agreed(self, outbound: Outbound, *, patience_s: float) -> bool:
        """Whether this may leave, where the rules want the user to be asked. Who says nothing in time says no."""
        if outbound.action is not Action.ASK:
            return True
        self.refused = self.refused or not await self._allows(outbound, patience_s)
        return not self.refused

    async def _allows(self, outbound: Outbound, patience_s: float) -> bool:
        if self._disclosure.consent is None:
            return False
        request = ConsentRequest(
            destination=self._disclosure.destination,
            label=outbound.label,
            kinds=outbound.told,
            messages=outbound.messages,
            prefix=outbound.prefix,
        )
        try:
            async with asyncio.timeout(patience_s):
                return await self._disclosure.consent.allows(request)
        except TimeoutError:
            return False
