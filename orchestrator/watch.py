"""A watch on an answer of the device behind the text that is shown: how it stands, and whether it should move."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from statistics import fmean

from orchestrator.budget import Deadline, Headroom
from orchestrator.leg import Leg
from orchestrator.moves import Move, MoveRules, Standing
from orchestrator.plan import Plan
from orchestrator.routing.moving import LEAST, STRIDE, is_calm, judge_move
from orchestrator.types import ModelEvent, TextDelta


class Watch:
    """Measures one leg while it is written."""

    def __init__(
        self, plan: Plan, leg: Leg, deadline: Deadline, rules: MoveRules, headroom: Callable[[], Headroom]
    ) -> None:
        """Args:
        plan: of the request.
        leg: of the device.
        deadline: of the request.
        rules: when an answer moves.
        headroom: what the windows leave now; asked at judgements only.
        """
        self._plan = plan
        self._leg = leg
        self._deadline = deadline
        self._rules = rules
        self._headroom = headroom
        self._logprobs: deque[float] = deque(maxlen=rules.window_tokens)
        self._written = 0
        self._first: tuple[float, float] | None = None
        """When the first token came, and the joules by then."""

    def take(self, event: ModelEvent) -> None:
        """See an event of the leg, which has taken it already."""
        if isinstance(event, TextDelta) and event.tokens:
            self._written += len(event.tokens)
            self._logprobs.extend(score.logprob for score in event.tokens)
            self._first = self._first or (self._deadline.clock.monotonic(), self._leg.joules)

    def move(self) -> Move | None:
        """The move to the cloud, if it is time for one."""
        if self._first is None or self._written < LEAST or self._written % STRIDE:
            return None
        situation, held = self._plan.situation, Headroom(device_joules=0.0, usd=None, cloud_requests=None)
        if is_calm(situation, self._standing(held, *self._first)):
            return None
        return judge_move(situation, self._standing(self._headroom(), *self._first))

    def _standing(self, headroom: Headroom, first_s: float, first_joules: float) -> Standing:
        further = self._written - 1
        budget = self._plan.situation.budget
        left_ms = self._deadline.remaining_s * 1000
        spent = self._leg.joules
        unspent = max(0.0, self._leg.held.device_joules - spent)  # of what the leg holds: it is given back first
        own = None if budget.device_joules is None else budget.device_joules - spent
        windows = None if headroom.device_joules is None else headroom.device_joules + unspent
        return Standing(
            rules=self._rules,
            written=self._written,
            limit=self._plan.decision.max_tokens,
            token_ms=(self._deadline.clock.monotonic() - first_s) * 1000 / further,
            token_joules=(spent - first_joules) / further,
            left_ms=left_ms if math.isfinite(left_ms) else None,
            joules=_least(own, windows),
            usd=_least(budget.usd, headroom.usd),
            cloud_requests=headroom.cloud_requests,
            logprob=fmean(self._logprobs) if len(self._logprobs) == self._logprobs.maxlen else None,
        )


def _least(*limits: float | None) -> float | None:
    return min((limit for limit in limits if limit is not None), default=None)
