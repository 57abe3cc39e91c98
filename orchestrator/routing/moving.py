"""Whether an answer that is being shown should go on in the cloud: a pure function, as the decision is.

Who waits keeps both ways open: the answer may end by itself. So it moves at the last moment at which the cloud can
still finish it, and only where the rest is worth what leaving takes, at the prices of the decision.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

from orchestrator.moves import Cause, Move, Standing
from orchestrator.routing.estimate import RouteEstimate
from orchestrator.routing.policy import MIN_ANSWER_TOKENS
from orchestrator.routing.situation import Situation

STRIDE: Final = 4
"""Tokens from one judgement to the next."""
LEAST: Final = 12
"""Tokens from which a speed is known."""
_SLACK: Final = 2.0
"""How many times the expected time of the cloud is kept free for it."""


def judge_move(situation: Situation, standing: Standing) -> Move | None:
    """The move to the cloud, if it is time for one. With stored values it can be judged again.

    Args:
        situation: that the route was chosen in.
        standing: of the answer.
    """
    if situation.cloud is None or standing.written < LEAST:
        return None
    away = situation.cloud.behind(standing.written)
    room = _room(situation, standing)
    at_cloud = min(room, _affordable(away, standing, left_ms=standing.left_ms))
    rest = _rest(situation, standing)
    at_home, cause = _at_home(standing, rest)
    if room < 1 or at_cloud < min(MIN_ANSWER_TOKENS, room):
        return None
    if _is_doubted(standing):
        cause = Cause.CONFIDENCE
    elif (
        not standing.rules.unfinished
        or cause is None
        or not _is_due(away, standing, rest, at_home)
        or not _is_worth_it(situation, away, standing, rest=rest, at_home=at_home, at_cloud=min(rest, at_cloud))
    ):
        return None
    return Move(cause=cause, standing=standing, rest=rest, at_home=at_home, max_tokens=at_cloud)


def is_calm(situation: Situation, standing: Standing) -> bool:
    """Whether nothing speaks for a move, whatever the windows leave beyond what is held: then nobody asks them."""
    return not _is_doubted(standing) and _at_home(standing, _rest(situation, standing))[1] is None


def _is_doubted(standing: Standing) -> bool:
    least = standing.rules.least_logprob
    return least is not None and standing.logprob is not None and standing.logprob < least


def _room(situation: Situation, standing: Standing) -> int:
    """Tokens that the answer may still have, wherever they are written. On a low battery it is to be brief."""
    brief = situation.floor.holds(situation.power)
    return (standing.limit if brief else situation.max_tokens) - standing.written


def _at_home(standing: Standing, rest: int) -> tuple[int, Cause | None]:
    """How many of the `rest` the device will write, and what keeps it from writing all."""
    bounds: list[tuple[float, Cause]] = [(standing.limit - standing.written, Cause.LIMIT)]
    if standing.joules is not None and standing.token_joules > 0:
        bounds.append((standing.joules / standing.token_joules, Cause.JOULES))
    if standing.left_ms is not None and standing.token_ms > 0:
        bounds.append((standing.left_ms / standing.token_ms, Cause.DEADLINE))
    tokens, cause = min(bounds, key=lambda bound: bound[0])
    return (rest, None) if tokens >= rest else (max(0, int(tokens)), cause)


def _rest(situation: Situation, standing: Standing) -> int:
    """Tokens that an unfinished answer still wants: what was expected, or half of what is left to the high bound."""
    tokens, written = situation.local.answer_tokens, standing.written
    wanted = math.ceil(max(tokens.expected - written, (tokens.high - written) / 2, MIN_ANSWER_TOKENS))
    return min(wanted, _room(situation, standing))


def _affordable(away: RouteEstimate, standing: Standing, *, left_ms: float | None) -> int:
    """Tokens that the cloud could write with what is left."""
    if standing.cloud_requests is not None and standing.cloud_requests < 1:
        return 0
    tokens = away.affordable_tokens(
        device_joules=_or_infinity(standing.joules), usd=_or_infinity(standing.usd), total_ms=_or_infinity(left_ms)
    )
    return max(0, min(tokens, away.room_tokens))


def _is_due(away: RouteEstimate, standing: Standing, rest: int, at_home: int) -> bool:
    """Whether at the next judgement it might be too late for the cloud to write the rest."""
    if at_home <= STRIDE:
        return True
    joules = None if standing.joules is None else standing.joules - _SLACK * STRIDE * standing.token_joules
    later = replace(standing, joules=joules)
    left_ms = None if standing.left_ms is None else (standing.left_ms - STRIDE * standing.token_ms) / _SLACK
    return _affordable(away, later, left_ms=left_ms) < rest - STRIDE


def _is_worth_it(
    situation: Situation, away: RouteEstimate, standing: Standing, *, rest: int, at_home: int, at_cloud: int
) -> bool:
    """Whether what the cloud adds is worth more than what it takes. Its words are held for no better than the device's:
    they go on from them."""
    prices = situation.prices
    prediction = away.predict(at_cloud)
    share = (at_cloud - at_home) / (standing.written + rest)
    joules = prediction.device_joules.expected - at_home * standing.token_joules
    seconds = (prediction.total_ms.expected - at_home * standing.token_ms) / 1000
    gain = situation.local.quality.expected * share * prices.good_answer_usd
    taken = prediction.usd.expected * prices.dollar_usd + joules * prices.device_joule_usd
    return gain > taken + seconds * prices.second_usd + prices.leave_usd


def _or_infinity(limit: float | None) -> float:
    return math.inf if limit is None else limit
