"""The one door out: text may leave once it is `ClearText`, and that is made here or nowhere.

`Outbound` is what a cloud model takes. It holds `ClearText` only, which mypy tells from any other text, and its
constructor asks for a token that only this module holds. A test looks through the tree for calls and casts that would
go round either (tests/test_project.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import InitVar, dataclass
from typing import Final, NewType

from orchestrator.errors import EgressRefused, InvalidRequest
from orchestrator.privacy.rules import ONLY_PUBLIC, EgressRules
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


@dataclass(frozen=True, slots=True)
class Outbound:
    """Messages that may leave the device, and the ids of the records inside them.

    `prefix` is the beginning of the answer, where another model has written one already.
    """

    messages: tuple[OutboundMessage, ...]
    prefix: ClearText
    record_ids: tuple[int, ...]
    door: InitVar[object]

    def __post_init__(self, door: object) -> None:
        if door is not _DOOR:
            raise EgressRefused("text that may leave is made by orchestrator.privacy.egress.clear, nowhere else")


def arrived(text: str) -> ClearText:
    """Text at the other end of the wire, where all that there is has left a device."""
    return ClearText(text)


def may_leave(label: Sensitivity) -> bool:
    """Whether text with this label may go to the cloud as it is: only public text may."""
    return label is Sensitivity.PUBLIC


def sendable(recalled: Sequence[Recalled]) -> tuple[Recalled, ...]:
    """Those recalled records that may go along to the cloud."""
    return tuple(hit for hit in recalled if may_leave(hit.record.sensitivity))


def clear(
    messages: Sequence[Message],
    *,
    rules: EgressRules = ONLY_PUBLIC,
    recalled: Sequence[Recalled] = (),
    prefix: str = "",
) -> Outbound:
    """Let messages out, or refuse.

    Args:
        messages: the prompt as composed for the cloud, records already inside its system message.
        rules: of the destination.
        recalled: the records inside it.
        prefix: the beginning of the answer, where one was shown.

    Raises:
        EgressRefused: a message or a record has a label that keeps it at home. The error names labels, never text.
        InvalidRequest: a message brings tools, which only the device's model can call.
    """
    if any(message.tools or message.calls for message in messages):
        raise InvalidRequest("tools cannot go along", remedy="only a device's own model can call them yet")
    kept = [message.sensitivity for message in messages if rules.keeps(message.sensitivity)]
    kept += [hit.record.sensitivity for hit in recalled if rules.keeps(hit.record.sensitivity)]
    if kept:
        raise EgressRefused(
            f"a {Sensitivity.highest(kept)} text would have left the device",
            remedy="ask it with --route local, or change the label of the record",
        )
    ids = tuple(hit.record.id for hit in recalled if hit.record.id is not None)
    cleared = tuple(OutboundMessage(message.role, ClearText(message.text)) for message in messages)
    return Outbound(cleared, ClearText(prefix), ids, _DOOR)
