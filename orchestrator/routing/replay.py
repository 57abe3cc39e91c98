"""A stored decision, or refusal, decided again: the same situation has to lead to the same route, or error (law 7)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

import msgspec

from orchestrator.errors import ConfigError, InvalidRequest
from orchestrator.moves import Move
from orchestrator.routing.moving import judge_move
from orchestrator.routing.policy import judge
from orchestrator.routing.refusal import Refusal
from orchestrator.routing.situation import Situation
from orchestrator.types import Decision, Request


@dataclass(frozen=True, slots=True)
class Difference:
    """A field of the decision that comes out otherwise now, with both values as plain words."""

    field: str
    stored: str
    now: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What comes of a stored situation today."""

    stored: Decision | Refusal
    now: Decision | Refusal
    same_move: bool = True
    """Whether what moved in mid-stream would move again as it did."""

    @property
    def same_end(self) -> bool:
        """Whether it takes the same route, or ends in the same typed error: what law 7 asks for."""
        return _end(self.now) == _end(self.stored)

    @property
    def differences(self) -> tuple[Difference, ...]:
        """The fields that come out otherwise, in their order; none where one of both is a refusal."""
        return tuple(_differences(self.stored, self.now)) if type(self.stored) is type(self.now) else ()


def replay(stored: Decision | Refusal, situation: Mapping[str, Any], move: Move | None = None) -> Replay:
    """Decide again on the plain values that were stored with a decision or a refusal, and with a move in mid-stream.

    Raises:
        InvalidRequest: they are not what a decision sees: another version of Edgewise stored them.
    """
    try:
        seen = Situation.from_dict(dict(situation))
    except (msgspec.ValidationError, ConfigError) as error:
        raise InvalidRequest(
            f"decision {stored.id} cannot be replayed, since what it saw is not readable here: {error}",
            remedy="replay it with the version of Edgewise that decided it",
        ) from None
    # The words of a question are no part of a decision, and are not kept.
    request = Request(id=stored.request_id, messages=())
    same_move = move is None or judge_move(seen, move.standing) == move
    return Replay(stored=stored, now=judge(seen, request, stored.id), same_move=same_move)


def _end(of: Decision | Refusal) -> tuple[str, ...]:
    return (of.error_type,) if isinstance(of, Refusal) else (of.route, of.effort)


def _differences(stored: Decision | Refusal, now: Decision | Refusal) -> Iterator[Difference]:
    for field in fields(stored):
        before, after = getattr(stored, field.name), getattr(now, field.name)
        if before == after:
            continue
        if field.name == "predictions":
            yield from _of_predictions(stored, now)
        else:
            yield Difference(field.name, str(before), str(after))


def _of_predictions(stored: Decision | Refusal, now: Decision | Refusal) -> Iterator[Difference]:
    """By route or strategy, and quantity: which interval moved."""
    before = {prediction.name: prediction for prediction in stored.predictions}
    after = {prediction.name: prediction for prediction in now.predictions}
    for name in dict.fromkeys([*before, *after]):
        one, other = before.get(name), after.get(name)
        if one is None or other is None:
            yield Difference(f"{name} predicted", str(one is not None), str(other is not None))
            continue
        for field in fields(one):
            if getattr(one, field.name) != getattr(other, field.name):
                yield Difference(f"{name} {field.name}", str(getattr(one, field.name)), str(getattr(other, field.name)))
