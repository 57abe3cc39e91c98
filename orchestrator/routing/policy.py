"""The decision: a pure function from what is known to one route (or one typed error).

Hard rules first (privacy, offline, capability), then what the budgets allow, then the best expected value. Nothing here
reads a clock, a file or a socket, so that a stored situation replays to the same route (law 7).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from orchestrator.budget import Below
from orchestrator.budget.floor import ESSENTIAL_TOKENS
from orchestrator.effort.forecast import Trial, estimate_of, not_in_question
from orchestrator.routing.estimate import RouteEstimate
from orchestrator.routing.quality import Evidence
from orchestrator.routing.refusal import Exclusion, Refusal, refusal
from orchestrator.routing.situation import Situation
from orchestrator.routing.value import value_usd
from orchestrator.types import (
    Choice,
    Decision,
    Effort,
    LinkState,
    Prediction,
    Request,
    Route,
    RoutePreference,
    Sensitivity,
)

MIN_ANSWER_TOKENS: Final = 16
"""An answer that has to be shorter than this is not worth starting."""
_HOPE: Final = 2.0
"""A first token expected within this many times what is allowed may still come in time."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A route or a strategy that may be taken, with the longest answer that fits."""

    estimate: RouteEstimate
    max_tokens: int
    prediction: Prediction
    value_usd: float
    trial: Trial | None = None


def decide(situation: Situation, request: Request, decision_id: str) -> Decision:
    """Choose the route.

    Raises:
        BudgetExhausted: no route can answer within the budget.
        ContextWindowExceeded: no model has room for the prompt.
    """
    end = judge(situation, request, decision_id)
    if isinstance(end, Refusal):
        raise end.error
    return end


def judge(situation: Situation, request: Request, decision_id: str) -> Decision | Refusal:
    """What `decide` chooses, or what it refuses with."""
    estimates = [estimate for estimate in (situation.local, situation.cloud) if estimate is not None]
    excluded = _exclusions(situation, estimates)
    candidates = [_candidate(situation, e) for e in estimates if e.route not in excluded]
    candidates = _preferred(situation, candidates, excluded) or _hopeful(situation, estimates, excluded)
    candidates = _promised(situation, candidates, excluded)
    candidates = _thrifty(situation, candidates, excluded)
    if not candidates:
        return _refusal(situation, request, decision_id, estimates, excluded)
    best, choice = _best(situation, candidates)
    rule, reason = _why(situation, best, candidates, excluded)
    strategies, left_out = _strategies(situation, candidates)
    if (stronger := _worthwhile(situation, best, strategies)) is not None:
        rule, reason = _why_effort(situation, best, stronger, reason)
        best = stronger
    elif situation.effort not in (None, Effort.NONE):
        _, why_not = left_out.get(situation.effort, ("route", not_in_question(situation.effort)))
        reason = f"{reason}; without {situation.effort}, which was asked for: {why_not}"
    return Decision(
        id=decision_id,
        request_id=request.id,
        route=best.estimate.route,
        reason=reason,
        rule=rule,
        max_tokens=best.max_tokens,
        worst_case=best.estimate.worst_case(best.max_tokens),
        predictions=(*_predictions(situation, estimates), *(candidate.prediction for candidate in strategies)),
        excluded={name.value: text for name, (_, text) in (*excluded.items(), *left_out.items())},
        effort=best.trial.effort if best.trial else Effort.NONE,
        samples=best.trial.samples if best.trial else 1,
        choice=choice if best.trial is None else None,
    )


def contenders(situation: Situation) -> tuple[Prediction, ...]:
    """What the routes and strategies would do that rules and wishes allow, whatever budgets leave: for pacing."""
    estimates = [e for e in (situation.local, situation.cloud) if e is not None and _capability_rule(e) is None]
    if _kept_at_home(situation) or situation.preference is RoutePreference.LOCAL:
        estimates = [e for e in estimates if e.route is Route.LOCAL]
    elif situation.preference is RoutePreference.CLOUD and situation.cloud in estimates:
        estimates = [e for e in estimates if e.route is Route.CLOUD]
    elif len(estimates) > 1:
        estimates = [e for e in estimates if e.route is not _forbidden(situation)]
    routes = {e.route for e in estimates}
    trials = (trial for trial in situation.trials if trial.routes <= routes)
    estimates += [estimate_of(trial, situation.local, situation.cloud, situation.general) for trial in trials]
    return tuple(e.predict(min(situation.max_tokens, e.room_tokens)) for e in estimates)


def private_record(evidence: Iterable[Evidence]) -> Evidence | None:
    """The most relevant private record in play, if any."""
    private = [item for item in evidence if item.sensitivity is Sensitivity.PRIVATE]
    return max(private, key=lambda item: item.relevance, default=None)


def _exclusions(situation: Situation, estimates: list[RouteEstimate]) -> dict[Route, Exclusion]:
    """The routes that cannot be, each with the first rule that forbids it."""
    excluded: dict[Route, Exclusion] = {}
    if (kept := _kept_at_home(situation)) is not None:
        excluded[Route.CLOUD] = kept
    for estimate in estimates:
        rule = _capability_rule(estimate) or _budget_rule(situation, estimate)
        if rule is not None:
            excluded.setdefault(estimate.route, rule)
    return excluded


def _kept_at_home(situation: Situation) -> Exclusion | None:
    """Why nothing may or can go to the cloud, if so: no budget and no preference overrules this."""
    if situation.unknown:
        return "unknown", "only the user's own records could tell, and they do not: the device says so"
    if situation.local_only:
        return "local_only", "asked with local-only: no socket is opened"
    if situation.question_label is Sensitivity.PRIVATE:
        return "private_question", "something private is in the question itself: it stays on the device"
    if (record := private_record(situation.evidence)) is not None:
        return "private_record", f"private record {record.record_id} is needed: stays on the device"
    if situation.conversation_label is Sensitivity.PRIVATE:
        return "private_conversation", "the conversation used private records: stays on the device"
    if situation.structured:
        return "structured", "the answer has a form or may call tools, which only the device's model can be held to"
    if situation.link is LinkState.NONE:
        return "no_cloud", "no cloud is configured: the device answers"
    if situation.link is LinkState.DOWN:
        return "no_link", "the cloud cannot be reached now"
    if situation.cloud is None:
        return "kept_question", "the question itself is labelled to stay on the device"
    return None


def _capability_rule(estimate: RouteEstimate) -> Exclusion | None:
    """What the model cannot do at any price, or at a price that nobody knows."""
    if not estimate.is_known:
        return "no_estimate", f"what {_place(estimate.route)} takes is not known: a figure of it is not a number"
    if estimate.room_tokens >= MIN_ANSWER_TOKENS:
        return None
    return (
        "context_length",
        f"the prompt of {estimate.prompt_tokens} tokens does not fit {_place(estimate.route)}'s model, "
        f"whose window is {estimate.terms.context_tokens}",
    )


def _budget_rule(situation: Situation, estimate: RouteEstimate) -> Exclusion | None:
    """What the battery, the question's own budget and the windows leave for this route."""
    if situation.floor.below is Below.NOTHING and _is_low(situation) and not situation.unknown:
        return "battery", f"{_low(situation)}, and nothing is to be spent from it"
    limit = situation.budget.first_token_ms
    if limit is not None and estimate.first_token_ms.expected > limit:
        return (
            "first_token_budget",
            f"{_place(estimate.route)} would begin after about {estimate.first_token_ms.expected:.0f} ms, "
            f"and {limit:.0f} ms are allowed",
        )
    if situation.outrun and _is_limited(situation, estimate):
        return "outrun", f"other questions took each time what the windows had left for {_place(estimate.route)}"
    if estimate.leaves and _or_infinity(situation.headroom.cloud_requests) < 1:
        return "window", "no cloud request is left in the budget window"
    if _affordable(situation, estimate) < MIN_ANSWER_TOKENS:
        return "budget", _unaffordable(situation, estimate)
    return None


def _is_limited(situation: Situation, estimate: RouteEstimate) -> bool:
    """Whether any window has a say in it."""
    least = estimate.worst_case(MIN_ANSWER_TOKENS)
    return any(room.resource.of(least) > 0 for room in situation.headroom.rooms)


def _affordable(situation: Situation, estimate: RouteEstimate) -> int:
    budget, headroom = situation.budget, situation.headroom
    return estimate.affordable_tokens(
        device_joules=_tighter(headroom.device_joules, budget.device_joules),
        usd=_tighter(headroom.usd, budget.usd),
        total_ms=_or_infinity(budget.total_ms),
    )


def _unaffordable(situation: Situation, estimate: RouteEstimate) -> str:
    """Name the budget that is too small for the shortest answer."""
    least = estimate.worst_case(MIN_ANSWER_TOKENS)
    place = _place(estimate.route)
    joules = _tighter(situation.headroom.device_joules, situation.budget.device_joules)
    usd = _tighter(situation.headroom.usd, situation.budget.usd)
    if least.device_joules > joules:
        return f"{place} may need {least.device_joules:.1f} J for even a short answer, and {joules:.1f} J are left"
    if least.usd > usd:
        return f"{place} may cost {least.usd:.6f} USD for even a short answer, and {usd:.6f} USD are left"
    return f"{place} cannot finish even a short answer within {situation.budget.total_ms or 0:.0f} ms"


def _candidate(situation: Situation, estimate: RouteEstimate, trial: Trial | None = None) -> Candidate:
    max_tokens = min(situation.max_tokens, estimate.room_tokens, _affordable(situation, estimate))
    if _is_low(situation) and not situation.structured:
        max_tokens = min(max_tokens, ESSENTIAL_TOKENS)
    prediction = estimate.predict(max_tokens)
    return Candidate(estimate, max_tokens, prediction, value_usd(prediction, situation.prices), trial)


def _strategies(situation: Situation, candidates: list[Candidate]) -> tuple[list[Candidate], dict[Effort, Exclusion]]:
    """The strategies that may be taken, and of the others the first rule that forbids each."""
    found: list[Candidate] = []
    left_out: dict[Effort, Exclusion] = {}
    for trial in situation.trials:
        estimate = estimate_of(trial, situation.local, situation.cloud, situation.general)
        rule = _effort_rule(situation, trial, candidates)
        rule = rule or _capability_rule(estimate) or _budget_rule(situation, estimate)
        if rule is None:
            found.append(_candidate(situation, estimate, trial))
        else:
            left_out[trial.effort] = rule
    return found, left_out


def _effort_rule(situation: Situation, trial: Trial, candidates: list[Candidate]) -> Exclusion | None:
    """A strategy needs every route that it uses, enough battery, and a draft that may leave where it has to."""
    if situation.structured or situation.unknown:
        return "written_once", "an answer that has a form, or that is known, is written once"
    for route in sorted(trial.routes - {candidate.estimate.route for candidate in candidates}):
        return "route", f"it needs {_place(route)}, which is not to answer"
    if _is_low(situation):
        return "battery", _low(situation)
    kept = situation.withheld or situation.rules.keeps(situation.conversation_label)
    if trial.effort is Effort.VERIFY and kept:
        return "kept_draft", "the device's draft would be made from what stays on the device"
    if trial.effort is Effort.CONSULT and (situation.local_only or situation.preference is RoutePreference.LOCAL):
        return "asked", "asked for the device alone"
    return None


def _worthwhile(situation: Situation, best: Candidate, strategies: list[Candidate]) -> Candidate | None:
    """The strategy to take: the one that was asked for, or one that is worth more than any route alone."""
    strongest = max(strategies, key=lambda candidate: candidate.value_usd, default=None)
    if strongest is None or (situation.effort is None and strongest.value_usd <= best.value_usd):
        return None
    return strongest


def _why_effort(situation: Situation, best: Candidate, stronger: Candidate, reason: str) -> Exclusion:
    if situation.effort is not None:
        return "asked_effort", f"asked for {situation.effort}; {reason}"
    chances = f"{stronger.prediction.quality.expected:.2f} rather than {best.prediction.quality.expected:.2f}"
    return "best_effort", f"{stronger.prediction.name} pays: the chance of a good answer is {chances}; {reason}"


def _preferred(situation: Situation, candidates: list[Candidate], excluded: dict[Route, Exclusion]) -> list[Candidate]:
    """Follow the caller's wish where it can be followed.

    `local` is kept to the letter. `cloud` gives way to the device where a rule or a budget keeps the cloud out: losing
    the cloud costs quality, never the answer.
    """
    if situation.preference is RoutePreference.LOCAL:
        excluded.setdefault(Route.CLOUD, ("asked", "asked for the device"))
        return [c for c in candidates if c.estimate.route is Route.LOCAL]
    if situation.preference is RoutePreference.CLOUD and any(c.estimate.route is Route.CLOUD for c in candidates):
        excluded.setdefault(Route.LOCAL, ("asked", "asked for the cloud"))
        return [c for c in candidates if c.estimate.route is Route.CLOUD]
    return candidates


def _promised(situation: Situation, candidates: list[Candidate], excluded: dict[Route, Exclusion]) -> list[Candidate]:
    """Leave out the route that would break a promise, where there is a choice: an answer is worth more than a promise.

    A promise to be hardly worse than the cloud alone says nothing of questions about records that stay at home: the
    cloud alone could not answer them.
    """
    if situation.pledge is None or (forbidden := _forbidden(situation)) is None or len(candidates) < 2:
        return candidates
    excluded[forbidden] = ("promise", situation.pledge.reason)
    return [candidate for candidate in candidates if candidate.estimate.route is not forbidden]


def _forbidden(situation: Situation) -> Route | None:
    """The route that would break the promise, if there is one."""
    pledge = situation.pledge
    if pledge is None:
        return None
    if pledge.promise.about_quality and situation.withheld:
        return None
    return pledge.forbidden


def _thrifty(situation: Situation, candidates: list[Candidate], excluded: dict[Route, Exclusion]) -> list[Candidate]:
    """Below the battery's floor, only the route that takes the fewest joules of it."""
    if len(candidates) < 2 or not _is_low(situation):
        return candidates
    by_joules = sorted(candidates, key=lambda candidate: candidate.prediction.device_joules.expected)
    takes = " and ".join(
        f"{_place(c.estimate.route)} takes {c.prediction.device_joules.expected:.1f} J" for c in by_joules
    )
    for candidate in by_joules[1:]:
        excluded[candidate.estimate.route] = ("battery", f"{_low(situation)}: {takes} of it")
    return by_joules[:1]


def _best(situation: Situation, candidates: list[Candidate]) -> tuple[Candidate, Choice | None]:
    """The route of the best value. What feedback has taught has its say here, among the routes that may be taken."""
    best = max(candidates, key=lambda candidate: candidate.value_usd)
    if len(candidates) < 2:
        return best, None
    by_route = {candidate.estimate.route: candidate for candidate in candidates}
    gap_usd = by_route[Route.CLOUD].value_usd - by_route[Route.LOCAL].value_usd
    if situation.lesson is None:
        return best, Choice(gap_usd=gap_usd)
    leaves, probability = situation.lesson.chosen(gap_usd, situation.prices.good_answer_usd)
    return by_route[Route.CLOUD if leaves else Route.LOCAL], Choice(gap_usd=gap_usd, probability=probability)


def _is_low(situation: Situation) -> bool:
    return situation.floor.holds(situation.power)


def _low(situation: Situation) -> str:
    charge = situation.power.charge if situation.power else 0.0
    return f"the battery is at {charge:.0%}, below its floor of {situation.floor.charge:.0%}"


def _hopeful(situation: Situation, estimates: list[RouteEstimate], excluded: dict[Route, Exclusion]) -> list[Candidate]:
    """Where nothing else is left: the route that will probably begin late, and yet may not.

    Latency is a forecast and costs nothing to miss; joules and dollars are never hoped for.
    """
    limit = situation.budget.first_token_ms
    late = [
        estimate
        for estimate in estimates
        if excluded.get(estimate.route, ("", ""))[0] == "first_token_budget"
        and estimate.first_token_ms.expected <= _HOPE * _or_infinity(limit)
        and _affordable(situation, estimate) >= MIN_ANSWER_TOKENS
        and not (situation.preference is RoutePreference.LOCAL and estimate.route is Route.CLOUD)
    ]
    return [_candidate(situation, min(late, key=lambda e: e.first_token_ms.expected))] if late else []


def _why(
    situation: Situation, best: Candidate, candidates: list[Candidate], excluded: dict[Route, Exclusion]
) -> Exclusion:
    """The rule that chose, and its reason in plain words."""
    if len(candidates) > 1 and best.value_usd < max(candidate.value_usd for candidate in candidates):
        return "learned", f"feedback on such questions speaks for {_place(best.estimate.route)}, or it is tried out"
    if len(candidates) > 1:
        return "best_value", _compare(situation, best, next(c for c in candidates if c is not best))
    if best.estimate.route in excluded:
        rule, reason = excluded.pop(best.estimate.route)
        return rule, f"{reason}; it is tried all the same, since no other route is quicker"
    other = Route.CLOUD if best.estimate.route is Route.LOCAL else Route.LOCAL
    return excluded[other]


def _compare(situation: Situation, best: Candidate, other: Candidate) -> str:
    good = {c.estimate.route: c.prediction.quality.expected for c in (best, other)}
    chances = f"{good[Route.LOCAL]:.2f} on the device, {good[Route.CLOUD]:.2f} in the cloud"
    if best.estimate.route is Route.CLOUD:
        return f"hard for the device: the chance of a good answer is {chances}"
    if situation.withheld:
        record = max(situation.withheld, key=lambda item: item.relevance)
        return f"record {record.record_id} answers it and stays on the device: the chance of a good answer is {chances}"
    return f"easy enough for the device: the chance of a good answer is {chances}"


def _refusal(
    situation: Situation,
    request: Request,
    decision_id: str,
    estimates: list[RouteEstimate],
    excluded: dict[Route, Exclusion],
) -> Refusal:
    """With the one typed error that a request ends in when no route is left."""
    wanted = {Route.LOCAL} if situation.preference is RoutePreference.LOCAL else set(excluded)
    error = refusal(
        {route: exclusion for route, exclusion in excluded.items() if route in wanted},
        {e.route: e.worst_case(MIN_ANSWER_TOKENS) for e in estimates if e.is_known},
        situation.budget,
        situation.headroom,
    )
    return Refusal.of(error, request, decision_id, excluded, _predictions(situation, estimates))


def _predictions(situation: Situation, estimates: list[RouteEstimate]) -> tuple[Prediction, ...]:
    return tuple(estimate.predict(situation.max_tokens) for estimate in estimates if estimate.is_known)


def _place(route: Route) -> Literal["the device", "the cloud"]:
    return "the device" if route is Route.LOCAL else "the cloud"


def _or_infinity(limit: float | None) -> float:
    return float("inf") if limit is None else limit


def _tighter(one: float | None, other: float | None) -> float:
    return min(_or_infinity(one), _or_infinity(other))
