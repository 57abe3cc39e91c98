"""What is found in messages, and how far each of them may travel then."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from orchestrator.ports import Detector
from orchestrator.privacy.finding import Finding
from orchestrator.privacy.scope import has_private, is_encyclopedic, label_of, without_everybodys
from orchestrator.types import Message, Sensitivity


@dataclass(frozen=True, slots=True)
class Examined:
    """A message with what was found in it."""

    message: Message
    """Its label is at least what it was, and as high as the findings make it."""
    findings: tuple[Finding, ...] = ()

    @property
    def label(self) -> Sensitivity:
        """How far it may travel."""
        return self.message.sensitivity


def examine(messages: Sequence[Message], detector: Detector | None, *, personal: bool = False) -> tuple[Examined, ...]:
    """Each message with its findings and the label that they give it, which is never lower than its own.

    Args:
        messages: of a conversation, in order. An answer is about the world where the question before it is.
        detector: finds; without one nothing is found.
        personal: whether recall takes the last question for one about the user.
    """
    if detector is None:
        return tuple(Examined(message) for message in messages)
    return tuple(_examined(messages, detector, personal=personal))


def _examined(messages: Sequence[Message], detector: Detector, *, personal: bool) -> Iterator[Examined]:
    asks = [at for at, message in enumerate(messages) if message.role == "user"]
    encyclopedic = False
    for at, message in enumerate(messages):
        if message.role == "user":
            encyclopedic = is_encyclopedic(message.text, personal=personal and at == asks[-1])
        findings = without_everybodys(message.text, detector.find(message.text)) if message.text else ()
        label = label_in(message.sensitivity, findings, encyclopedic=encyclopedic and message.role != "system")
        yield Examined(message if label is message.sensitivity else replace(message, sensitivity=label), findings)


def label_in(label: Sensitivity, findings: Sequence[Finding], *, encyclopedic: bool = False) -> Sensitivity:
    """The label of a text that has `label` by itself, once this was found in it."""
    if has_private(findings):
        return Sensitivity.PRIVATE
    return Sensitivity.highest([label, label_of(findings, encyclopedic=encyclopedic)])
