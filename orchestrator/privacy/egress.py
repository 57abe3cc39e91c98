"""The one door out: text may leave once it is `ClearText`, and that is made here or nowhere.

`Outbound` is what a cloud model takes. It holds `ClearText` only, which mypy tells from any other text, and its
constructor asks for a token that only this module holds. A test looks through the tree for calls and casts that would
go round either (tests/test_project.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import InitVar, dataclass
from typing import Final, NewType

from orchestrator.errors import EgressRefused, InvalidRequest
from orchestrator.ports import Detector
from orchestrator.privacy.examination import Examined, examine
from orchestrator.privacy.finding import Kind
from orchestrator.privacy.forms import Forms
from orchestrator.privacy.redaction import Redaction
from orchestrator.privacy.restoring import Restorer
from orchestrator.privacy.rules import ONLY_PUBLIC, Action, EgressRules
from orchestrator.types import Message, Recalled, Role, Sensitivity

ClearText = NewType("ClearText", str)
"""Text that may leave the device, or that has arrived from one."""
NO_TEXT: Final = ClearText("")
_DOOR: Final = object()


@dataclass(frozen=True, slots=True)
class OutboundMessage:
    """A message that may leave the device."""

    role: Role
    text: ClearText


@dataclass(frozen=True, slots=True, kw_only=True)
class Outbound:
    """Messages that may leave the device, the ids of the records inside them, and by which rule they may."""

    messages: tuple[OutboundMessage, ...]
    prefix: ClearText
    """The beginning of the answer, where another model has written one already."""
    record_ids: tuple[int, ...]
    label: Sensitivity
    """The highest of what it was made from."""
    action: Action
    """What the rules say to its texts: `ask` if one of them has to be asked for, else `redact` if one is redacted."""
    told: frozenset[Kind]
    """What it tells of people as it is: what was found in the texts that the rules let out so."""
    redactions: Mapping[Kind, int]
    """In how many places a stand-in was put, by kind."""
    door: InitVar[object]

    def __post_init__(self, door: object) -> None:
        if door is not _DOOR:
            raise EgressRefused("text that may leave is made by orchestrator.privacy.egress.clear, nowhere else")


@dataclass(frozen=True, slots=True)
class Cleared:
    """What was let out, and what restores the answer to it."""

    outbound: Outbound
    restorer: Restorer


def arrived(text: str) -> ClearText:
    """Text at the other end of the wire, where all that there is has left a device."""
    return ClearText(text)


def clear(
    messages: Sequence[Message],
    *,
    rules: EgressRules = ONLY_PUBLIC,
    detector: Detector | None = None,
    redaction: Redaction | None = None,
    recalled: Sequence[Recalled] = (),
    prefix: str = "",
    made_from: Sensitivity = Sensitivity.PUBLIC,
) -> Cleared:
    """Let messages out as the rules say, or refuse.

    Each text is looked at once more as it stands here: its label is the higher of its own and of what is found in it.

    Args:
        messages: the prompt as composed for the cloud, records already inside it.
        rules: of the destination.
        detector: finds what tells of people. Without one labels alone count.
        redaction: of this request, so that each name has one stand-in in all that leaves for it.
        recalled: the records inside the prompt.
        prefix: the beginning of the answer, where one was shown.
        made_from: the highest label of what that was made from.

    Raises:
        EgressRefused: a text or a record has a label that keeps it at home, or should be redacted and cannot be. The
            error names labels, never text.
        InvalidRequest: a message brings tools, which only the device's model can call.
    """
    if any(message.tools or message.calls for message in messages):
        raise InvalidRequest("tools cannot go along", remedy="only a device's own model can call them yet")
    if detector is None or redaction is None:
        rules = rules.without_redaction()
    texts = examine([*messages, Message("assistant", prefix, made_from)], detector)
    _check(texts, recalled, rules)
    before = redaction.counts if redaction else Counter()
    sent, sent_prefix, restorer = _redacted(texts, rules, redaction)
    outbound = Outbound(
        messages=tuple(
            OutboundMessage(message.role, ClearText(text)) for message, text in zip(messages, sent, strict=True)
        ),
        prefix=ClearText(sent_prefix),
        record_ids=tuple(hit.record.id for hit in recalled if hit.record.id is not None),
        label=Sensitivity.highest([text.label for text in texts]),
        action=_most_careful([rules.action(text.label) for text in texts if text.message.text]),
        told=frozenset(
            finding.kind
            for text in texts
            for finding in text.findings
            if rules.action(text.label) in (Action.ASK, Action.ALLOW)
        ),
        redactions=redaction.counts - before if redaction else {},
        door=_DOOR,
    )
    return Cleared(outbound, restorer)


def _most_careful(actions: Sequence[Action]) -> Action:
    return next((action for action in (Action.ASK, Action.REDACT) if action in actions), Action.ALLOW)


def _check(texts: Sequence[Examined], recalled: Sequence[Recalled], rules: EgressRules) -> None:
    """Refuse what stays. A record gives its label to the message that holds it; one that does not is not let out."""
    records = [hit.record.sensitivity for hit in recalled]
    highest = Sensitivity.highest([text.label for text in texts])
    kept = [label for label in [*(text.label for text in texts), *records] if rules.keeps(label)]
    kept += [label for label in records if label.rank > highest.rank]
    if kept:
        raise EgressRefused(
            f"a {Sensitivity.highest(kept)} text would have left the device",
            remedy="ask it with --route local, or change the label of the record",
        )


def _redacted(
    texts: Sequence[Examined], rules: EgressRules, redaction: Redaction | None
) -> tuple[list[str], str, Restorer]:
    """The messages and the prefix, which comes last, with stand-ins where the rules want them; and the way back.

    A name that has a stand-in in one of them stands in none, also not in one that would go as it is.
    """
    said = [text.message.text for text in texts]
    if redaction is None:
        return said[:-1], said[-1], Restorer(Forms())
    hidden = [text.findings if rules.action(text.label) is Action.REDACT else () for text in texts]
    for text, findings in zip(said, hidden, strict=True):
        redaction.read(text, findings)
    sent = [redaction.redact(text, findings) for text, findings in zip(said[:-1], hidden[:-1], strict=True)]
    return sent, *redaction.carry_on(said[-1], hidden[-1])
