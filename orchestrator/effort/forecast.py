"""What a strategy would do for a question: an estimate like a route's, made of those of the routes it uses."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Final

from orchestrator.effort.consultation import GENERAL_TOKENS
from orchestrator.effort.extraction import AnswerKind
from orchestrator.effort.strategy import EffortRules
from orchestrator.effort.verification import CONFIRMING_TOKENS, INSTRUCTION_TOKENS
from orchestrator.routing.estimate import RouteEstimate
from orchestrator.types import Effort, Prediction, Request, Route, Spend, Terms
from orchestrator.units import Interval

CONFIRMED: Final = 0.5
"""Share of the device's drafts that the cloud is expected to confirm."""
_ODDS: Final = {Effort.BEST: 1.3, Effort.VOTE: 1.3, Effort.REBASE: 1.5, Effort.VERIFY: 0.3}
"""Odds of a right answer, against the device alone and, of a check, against the cloud alone, as measured for the pair
that ships: docs/effort.md. None of the gains is beyond chance yet, so no strategy is configured by default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A strategy that a decision may choose. Plain values: it is stored with the situation."""

    effort: Effort
    samples: int
    quality: Interval
    """Chance of a good answer."""

    @property
    def routes(self) -> frozenset[Route]:
        """Every one of them has to be open."""
        return frozenset({Route.LOCAL, Route.CLOUD} if self.effort is Effort.VERIFY else {Route.LOCAL})


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsultEstimate(RouteEstimate):
    """A short answer of the cloud's. The device's own, which takes its place where it fails, is reserved as well.

    But for the first token, the figures of the route are those of the device alone.
    """

    home_ms: float
    """To the first token of the device alone."""
    general: RouteEstimate
    """The cloud, asked the general question."""

    @classmethod
    def of_both(cls, local: RouteEstimate, general: RouteEstimate, quality: Interval) -> ConsultEstimate:
        """Put the two together. Nothing is shown before the cloud has said all."""
        figures = {field.name: getattr(local, field.name) for field in fields(RouteEstimate)}
        waiting = general.predict(GENERAL_TOKENS).total_ms
        changes = {"quality": quality, "first_token_ms": waiting, "effort": Effort.CONSULT}
        return cls(**{**figures, **changes}, home_ms=local.first_token_ms.expected, general=general)

    @property
    def leaves(self) -> bool:
        """It does: the general question."""
        return True

    def predict(self, max_tokens: int) -> Prediction:
        """What is expected is that the cloud answers; the high bounds are of both."""
        own, asked = RouteEstimate.predict(self, max_tokens), self.general.predict(GENERAL_TOKENS)
        return replace(
            asked,
            route=Route.LOCAL,
            effort=self.effort,
            quality=self.quality,
            first_token_ms=self.first_token_ms,
            total_ms=_at_most(asked.total_ms, own.total_ms.high + self.home_ms),
            device_joules=_at_most(asked.device_joules, asked.device_joules.high + own.device_joules.high),
        )

    def worst_case(self, max_tokens: int) -> Spend:
        """The most that both may spend. It is one question, and one request to the cloud."""
        asked = self.general.worst_case(GENERAL_TOKENS)
        return RouteEstimate.worst_case(self, max_tokens) + replace(asked, questions=0, cloud_requests=0)

    def _tokens_within(self, device_joules: float, usd: float, total_ms: float) -> int:
        """The longest answer of the device's that leaves what the cloud may spend."""
        asked = self.general.worst_case(GENERAL_TOKENS)
        return RouteEstimate._tokens_within(
            self, device_joules - asked.device_joules, usd - asked.usd, total_ms - self.home_ms
        )


def trials(
    rules: EffortRules,
    request: Request,
    local: RouteEstimate,
    cloud: RouteEstimate | None,
    general: RouteEstimate | None = None,
) -> tuple[Trial, ...]:
    """The strategies that are in question, each once: the configured ones, and the one that is asked for.

    Args:
        rules, request: which are wanted.
        local, cloud: the routes.
        general: the cloud, asked the general question, where there is one.
    """
    wanted = rules.wanted(request)
    comparable = AnswerKind.of(request.question) is not AnswerKind.TEXT
    drafts = [effort for effort in wanted if effort is not Effort.CONSULT]
    found = tuple(_trials(drafts, rules, local, cloud, comparable=comparable))
    if general is None or not general.is_known or Effort.CONSULT not in wanted:
        return found
    # The records are quoted: the answer is as good as what is said in general.
    return (*found, Trial(effort=Effort.CONSULT, samples=1, quality=general.quality))


def not_in_question(effort: Effort) -> str:
    """Why a strategy that was asked for is none of the trials."""
    if effort is Effort.CONSULT:
        return "no private record is in play, or nothing general can be asked"
    return "it needs the cloud, which cannot be asked"


def _trials(
    wanted: Iterable[Effort], rules: EffortRules, local: RouteEstimate, cloud: RouteEstimate | None, *, comparable: bool
) -> Iterable[Trial]:
    for effort in wanted:
        checked = effort is Effort.VERIFY
        if checked and cloud is None:
            continue
        base = cloud.quality if checked and cloud is not None else local.quality
        quality = _at_odds(base, _ODDS[effort]) if comparable else base
        yield Trial(effort=effort, samples=1 if checked else rules.samples, quality=quality)


def estimate_of(
    trial: Trial, local: RouteEstimate, cloud: RouteEstimate | None, general: RouteEstimate | None = None
) -> RouteEstimate:
    """What the strategy takes. Nothing is shown before it is chosen, so its first token is its last."""
    if trial.effort is Effort.CONSULT:
        assert general is not None, "a consultation without a general question is no trial"
        return ConsultEstimate.of_both(local, general, trial.quality)
    if trial.effort is not Effort.VERIFY:
        return _sampled(trial, local)
    assert cloud is not None, "a check without a cloud is no trial"
    return _verified(trial, local, cloud)


def _sampled(trial: Trial, local: RouteEstimate) -> RouteEstimate:
    """The prompt is read once, and every sample is written in full: early ends are not counted on."""
    writing = _times(local.decode_ms, local.answer_tokens, trial.samples)
    return replace(
        local,
        quality=trial.quality,
        first_token_ms=local.first_token_ms + writing,
        decode_ms=Interval.exactly(0.0),
        decode_joules=_scaled(local.decode_joules, trial.samples),
        effort=trial.effort,
    )


def _verified(trial: Trial, local: RouteEstimate, cloud: RouteEstimate) -> RouteEstimate:
    """Every token of the draft is read by the cloud, which at worst writes as many itself."""
    prompt_tokens = cloud.prompt_tokens + INSTRUCTION_TOKENS
    room = min(local.room_tokens, (cloud.terms.context_tokens - prompt_tokens) // 2)
    each_usd = cloud.terms.prompt_usd + cloud.terms.completion_usd
    confirming = CONFIRMING_TOKENS / max(1.0, local.answer_tokens.expected)
    share = min(1.0, CONFIRMED * confirming + (1 - CONFIRMED))
    expected_usd = cloud.terms.prompt_usd + share * cloud.terms.completion_usd
    drafting = _times(local.decode_ms, local.answer_tokens, 1)
    return RouteEstimate(
        route=Route.CLOUD,
        terms=Terms(prompt_tokens + room, cloud.terms.prompt_usd, each_usd),
        prompt_tokens=prompt_tokens,
        quality=trial.quality,
        first_token_ms=local.first_token_ms + drafting + cloud.first_token_ms,
        decode_ms=_scaled(cloud.decode_ms, share),
        prompt_joules=local.prompt_joules + cloud.prompt_joules,
        decode_joules=local.decode_joules + cloud.decode_joules,
        cloud_joules=_scaled(cloud.cloud_joules, share),
        answer_tokens=local.answer_tokens,
        billed_share=expected_usd / each_usd if each_usd else 1.0,
        effort=trial.effort,
    )


def _at_odds(chance: Interval, ratio: float) -> Interval:
    """The chance whose odds are `ratio` times as good."""

    def moved(p: float) -> float:
        return ratio * p / (1 - p + ratio * p)

    return Interval(moved(chance.low), moved(chance.expected), moved(chance.high))


def _scaled(interval: Interval, factor: float) -> Interval:
    return Interval(interval.low * factor, interval.expected * factor, interval.high * factor)


def _at_most(interval: Interval, high: float) -> Interval:
    """With another high bound."""
    return replace(interval, high=max(interval.expected, high))


def _times(each: Interval, tokens: Interval, factor: float) -> Interval:
    return Interval(
        each.low * tokens.low * factor, each.expected * tokens.expected * factor, each.high * tokens.high * factor
    )
