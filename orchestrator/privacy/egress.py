"""The one door out: text becomes `Outbound` here or nowhere.

`Outbound` is what a cloud model takes. Its constructor asks for a token that only this module holds, so that a prompt
built elsewhere cannot be sent by mistake; a test greps the tree for other constructions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from orchestrator.errors import EgressRefused
from orchestrator.types import Message, Recalled, Sensitivity

_DOOR: Final = object()


@dataclass(frozen=True, slots=True)
class Outbound:
    """Messages that may leave the device, and the ids of the records inside them.

    `prefix` is the beginning of the answer, where another model has written one already.
    """

    messages: tuple[Message, ...]
    prefix: str
    record_ids: tuple[int, ...]
    _door: object

    def __post_init__(self) -> None:
        if self._door is not _DOOR:
            raise EgressRefused("text that may leave is made by orchestrator.privacy.egress.clear, nowhere else")


def may_leave(label: Sensitivity) -> bool:
    """Whether text with this label may go to the cloud as it is: only public text may."""
    return label is Sensitivity.PUBLIC


def sendable(recalled: Sequence[Recalled]) -> tuple[Recalled, ...]:
    """Those recalled records that may go along to the cloud."""
    return tuple(hit for hit in recalled if may_leave(hit.record.sensitivity))


def clear(messages: Sequence[Message], *, recalled: Sequence[Recalled] = (), prefix: str = "") -> Outbound:
    """Let messages out, or refuse.

    Args:
        messages: the prompt as composed for the cloud, records already inside its system message.
        recalled: the records inside it.
        prefix: the beginning of the answer, where one was shown.

    Raises:
        EgressRefused: a message or a record has a label that keeps it at home. The error names labels, never text.
    """
    kept = [message.sensitivity for message in messages if not may_leave(message.sensitivity)]
    kept += [hit.record.sensitivity for hit in recalled if not may_leave(hit.record.sensitivity)]
    if kept:
        raise EgressRefused(
            f"a {Sensitivity.highest(kept)} text would have left the device",
            remedy="ask it with --route local, or change the label of the record",
        )
    ids = tuple(hit.record.id for hit in recalled if hit.record.id is not None)
    return Outbound(tuple(messages), prefix, ids, _DOOR)
