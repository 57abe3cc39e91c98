"""From a question to a decision with its reservation: recall, compose, estimate, decide, reserve."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime

from orchestrator.budget import BatteryFloor, Deadline, Headroom, Ledger, Reservation, Resource, WindowState
from orchestrator.budget.floor import NO_FLOOR
from orchestrator.candour import Candour
from orchestrator.effort.consultation import GENERAL_TOKENS, asking, general_for, may_consult, with_own_case
from orchestrator.effort.forecast import trials
from orchestrator.effort.strategy import EffortRules
from orchestrator.errors import BudgetExhausted
from orchestrator.focus import in_focus
from orchestrator.link import Link
from orchestrator.plan import Draft, Plan, Refused
from orchestrator.ports import Battery, Clock, ContextStore, LocalModel, Processor, Teacher
from orchestrator.privacy.disclosure import Disclosure
from orchestrator.privacy.general import own_case
from orchestrator.prompt import Composer, Prompt
from orchestrator.routing.bids import bids
from orchestrator.routing.costs import CostHistory
from orchestrator.routing.estimate import RouteEstimate
from orchestrator.routing.features import Features
from orchestrator.routing.keeper import PromiseKeeper
from orchestrator.routing.policy import contenders, judge
from orchestrator.routing.quality import Evidence, predict_quality, prior
from orchestrator.routing.refusal import Refusal
from orchestrator.routing.router import Chances, Router
from orchestrator.routing.situation import Situation
from orchestrator.routing.value import Prices
from orchestrator.tracing import NO_SPAN, Span, spanning
from orchestrator.types import (
    Budget,
    Decision,
    Effort,
    Recalled,
    Recollection,
    Request,
    Route,
    Sensitivity,
    Spend,
    Terms,
)

_TRIES = 5
"""How often to decide again when another request took the budget between decision and reservation."""
_GRACE_S = 60.0
"""A reservation outlives its deadline by this, then it belonged to a dead process."""
_RECALLED = 8


class Planner:
    """Knows everything that a decision looks at."""

    def __init__(
        self,
        *,
        local: LocalModel,
        link: Link,
        context: ContextStore,
        ledger: Ledger,
        composer: Composer,
        candour: Candour | None = None,
        cloud_system: str | None = None,
        disclosure: Disclosure | None = None,
        costs: CostHistory,
        prices: Prices,
        keeper: PromiseKeeper | None = None,
        router: Router | None = None,
        teacher: Teacher | None = None,
        clock: Clock,
        battery: Battery | None = None,
        floor: BatteryFloor = NO_FLOOR,
        processor: Processor | None = None,
        effort: EffortRules | None = None,
    ) -> None:
        self._local = local
        self._link = link
        self._context = context
        self._ledger = ledger
        self._local_prompts = composer
        self._candour = candour
        self._cloud_prompts = composer if cloud_system is None else replace(composer, system=cloud_system)
        self._disclosure = disclosure or Disclosure()
        self._costs = costs
        self._prices = prices
        self._keeper = keeper
        self._router = router
        self._teacher = teacher
        self._clock = clock
        self._battery = battery
        self._floor = floor
        self._processor = processor
        self._effort = effort or EffortRules()

    async def plan(
        self, request: Request, decision_id: str, deadline: Deadline, span: Span = NO_SPAN
    ) -> Plan | Refused:
        """Decide and reserve; `Refused` where no route fits the budgets, or no model has room for the prompt."""
        draft = await self._draft(request, self._link.contact, span)
        with spanning(span.child("decide")):
            situation = await self._pledged(draft.situation)
            situation = await self._taught(situation, decision_id)
            reserved = self._reserve(situation, draft.request, decision_id, deadline)
        if isinstance(reserved, Refused):
            return reserved
        situation, decision, reservation = reserved
        return Plan(decision, reservation, situation, draft.local, draft.shown_to_cloud(decision), draft.departure)

    async def draft(self, request: Request, terms: Terms) -> Draft:
        """What `plan` would decide on, if the cloud were up on these `terms`: nobody is asked, and nothing reserved."""

        async def told() -> Terms | None:
            return terms if self._link.cloud is not None else None

        return await self._draft(request, told, NO_SPAN)

    async def _draft(self, request: Request, contact: Callable[[], Awaitable[Terms | None]], span: Span) -> Draft:
        now = self._clock.now()
        with spanning(span.child("recall")) as recalling:
            request, recalled = await asyncio.to_thread(self._recall, request, now)
            recalling.set({"edgewise.records": len(recalled)})
        behind = self._prefix_tokens(request)
        window = _prompt_window(self._local.context_tokens - behind, request)
        local = self._candour.admission(request, recalled, now=now) if self._candour else None
        local = local or self._local_prompts.compose(
            in_focus(request, recalled),
            recalled,
            now=now,
            window_tokens=window,
            history_tokens=request.history_tokens,
        )
        general = await self._general_question(request, recalled)
        stays = _stays(request, recalled)
        terms = None if local.answer or (stays and general is None) else await contact()
        shown = await asyncio.to_thread(self._sendable, recalled, None if stays else terms, now)
        cloud = None if stays else self._cloud_prompt(request, shown, terms, behind, now)
        asked = self._general_prompt(request, general, terms, now)
        chances = await self._chances(request.question)
        evidence = _evidence(recalled, shown)
        situation = self._situation(request, chances, evidence, local, cloud, asked, terms, behind)
        departure = self._disclosure.departure(request.conversation)
        return Draft(request, situation, local, cloud, asked, departure)

    async def is_withdrawn(self, plan: Plan, *, shown: bool = False) -> bool:
        """Whether a record in what the cloud would see was forgotten, or became less public, since it was composed.

        Args:
            plan: of the request.
            shown: whether the device's own words go along: its records are in them.
        """
        shown = shown or plan.decision.effort is Effort.VERIFY
        prompts = [plan.cloud, *([plan.local] if shown else [])]
        if plan.consults:
            return await self._became_private(plan.local.recalled)
        recalled = [hit for prompt in prompts if prompt is not None for hit in prompt.recalled]
        then = {hit.record.id: hit.record.sensitivity for hit in recalled if hit.record.id is not None}
        if not then:
            return False
        now = await asyncio.to_thread(self._context.sensitivities, list(then))
        return not all(record_id in now and now[record_id].rank <= label.rank for record_id, label in then.items())

    async def _became_private(self, recalled: Sequence[Recalled]) -> bool:
        """Whether a record is private that was not when the general question was made, which may have its words."""
        others = [hit.record for hit in recalled if hit.record.sensitivity is not Sensitivity.PRIVATE]
        ids = [record.id for record in others if record.id is not None]
        labels = await asyncio.to_thread(self._context.sensitivities, ids) if ids else {}
        return any(labels.get(record_id) is Sensitivity.PRIVATE for record_id in ids)

    def headroom(self) -> Headroom:
        """What the windows leave now."""
        return Headroom.of(self._ledger.state())

    def reserve(
        self, estimate: RouteEstimate, deadline: Deadline, max_tokens: int, *, questions: int = 0
    ) -> Reservation:
        """Reserve for a leg of a running request, on another route than the decision chose.

        Args:
            estimate: of what the leg reads and writes.
            deadline: of the request.
            max_tokens: that it may write.
            questions: 1 for the first leg, and 0 for a further one: the question counts already.

        Raises:
            BudgetExhausted: a window has no room for it.
        """
        worst = replace(estimate.worst_case(max_tokens), questions=questions)
        return self._ledger.reserve(worst, ttl_s=_ttl_s(deadline))

    def reserve_more(self, held: Spend, budget: Budget, deadline: Deadline) -> Reservation:
        """Reserve a quarter more device joules for a leg that takes more than was foreseen.

        Args:
            held: what the leg holds by now.
            budget: the question's own, which is never passed.
            deadline: of the request.

        Raises:
            BudgetExhausted: the question's budget is used up, or a window has no room.
        """
        room = math.inf if budget.device_joules is None else budget.device_joules - held.device_joules
        if room <= 0:
            raise BudgetExhausted(f"the question may take {budget.device_joules} J")
        return self._ledger.reserve(Spend(device_joules=min(held.device_joules / 4, room)), ttl_s=_ttl_s(deadline))

    def _prefix_tokens(self, request: Request) -> int:
        """What the caller's own beginning of the answer adds to a prompt."""
        if not request.prefix:
            return 0
        messages = request.messages
        return self._local.count_tokens(messages, prefix=request.prefix) - self._local.count_tokens(messages)

    def _recall(self, request: Request, now: datetime) -> tuple[Request, Recollection]:
        """What the records hold, and the request with the labels of what is found in its messages."""
        recalled = self._context.recall(request.question, limit=_RECALLED, now=now, conversation=request.conversation)
        if Effort.CONSULT in self._effort.wanted(request) and (case := own_case(request.question)):
            own = self._context.recall(case, limit=_RECALLED, now=now, conversation=request.conversation)
            recalled = with_own_case(recalled, own, request.question)
        messages = self._disclosure.labelled(request.messages, personal=recalled.personal)
        return replace(request, messages=messages), recalled

    def _sendable(self, recalled: Sequence[Recalled], terms: Terms | None, now: datetime) -> tuple[Recalled, ...]:
        """The records that the cloud may be shown; all where it is not asked."""
        if terms is None:
            return tuple(recalled)
        wording = self._cloud_prompts.wording
        return self._disclosure.sendable(recalled, lambda hit: wording(hit.record, now))

    def _cloud_prompt(
        self, request: Request, shown: Sequence[Recalled], terms: Terms | None, behind: int, now: datetime
    ) -> Prompt | None:
        """What the cloud would see: no record and no turn that has to stay, and no record of an earlier question."""
        if terms is None or self._disclosure.effective.keeps(request.messages[-1].sensitivity):
            return None
        window = _prompt_window(terms.context_tokens - behind, request)
        turns = self._disclosure.turns(request.messages)
        return self._cloud_prompts.compose(turns, shown, now=now, window_tokens=window)

    async def _general_question(self, request: Request, recalled: Recollection) -> str | None:
        """What could be asked in general, where a consultation is wanted."""
        rules = self._disclosure.effective
        if Effort.CONSULT not in self._effort.wanted(request) or not may_consult(request, recalled, rules):
            return None
        findings = await asyncio.to_thread(self._disclosure.found, request.question)
        return general_for(request, recalled, findings)

    def _general_prompt(
        self, request: Request, general: str | None, terms: Terms | None, now: datetime
    ) -> Prompt | None:
        """The general question by itself: no record, no earlier turn, no system message of the caller's."""
        if general is None or terms is None:
            return None
        question = asking(general, request.messages[-1].sensitivity)
        window = terms.context_tokens - GENERAL_TOKENS
        prompt = self._cloud_prompts.compose([question], (), now=now, window_tokens=window)
        return prompt if prompt.tokens <= window else None

    async def _chances(self, question: str) -> Chances:
        """What is expected of both models' own knowledge. The router is asked aside: it takes milliseconds."""
        if self._router is None:
            return prior(Features.of(question))
        return await asyncio.to_thread(self._router.chances, question)

    def _situation(
        self,
        request: Request,
        chances: Chances,
        evidence: tuple[Evidence, ...],
        local: Prompt,
        cloud: Prompt | None,
        asked: Prompt | None,
        terms: Terms | None,
        behind: int,
    ) -> Situation:
        features = Features.of(request.question)
        speed = self._processor.speed() if self._processor else 1.0
        own = RouteEstimate.of(
            Route.LOCAL,
            self._costs.of(Route.LOCAL),
            terms=Terms(self._local.context_tokens, rolling=self._local.rolling),
            prompt_tokens=local.tokens + behind,
            quality=predict_quality(chances.device, features, read=evidence, withheld=()),
            speed=speed,
        )
        other = None
        if cloud is not None and terms is not None:
            other = RouteEstimate.of(
                Route.CLOUD,
                self._costs.of(Route.CLOUD),
                terms=terms,
                prompt_tokens=cloud.tokens + behind,
                quality=predict_quality(
                    chances.cloud, features, read=_evidence(cloud.recalled, cloud.recalled), withheld=evidence
                ),
            )
        general = None
        if asked is not None and terms is not None:
            general = RouteEstimate.of(
                Route.CLOUD,
                self._costs.of(Route.CLOUD),
                terms=terms,
                prompt_tokens=asked.tokens,
                quality=predict_quality(chances.cloud, features, read=(), withheld=()),
            )
        states = self._ledger.state()
        return Situation(
            preference=request.route,
            local_only=request.local_only,
            structured=request.structured,
            unknown=bool(local.answer),
            budget=request.budget,
            max_tokens=request.sampling.max_tokens,
            conversation_label=_conversation_label(request),
            question_label=_question_label(request),
            rules=self._disclosure.effective,
            evidence=evidence,
            link=self._link.state,
            headroom=Headroom.of(states),
            prices=_paced(self._prices, states),
            local=own,
            cloud=other,
            power=self._battery.power() if self._battery else None,
            floor=self._floor,
            device_speed=speed,
            effort=request.effort,
            trials=trials(self._effort, request, own, other, general),
            general=general,
        )

    async def _pledged(self, situation: Situation) -> Situation:
        """With its promise, where there is one and a choice. In a thread, since now and then it compares samples."""
        if self._keeper is None or situation.cloud is None:
            return situation
        uplift = situation.cloud.quality.expected - situation.local.quality.expected
        watched = not situation.withheld
        return replace(situation, pledge=await asyncio.to_thread(self._keeper.pledge, uplift, watched=watched))

    async def _taught(self, situation: Situation, decision_id: str) -> Situation:
        """With what feedback has taught, where there is a choice and all that matters may leave.

        The promise was given on the router's own score: what is learned chooses only among what it allows.
        """
        if self._teacher is None or situation.cloud is None or situation.withheld:
            return situation
        local, cloud = situation.local.quality.expected, situation.cloud.quality.expected
        lesson = await asyncio.to_thread(self._teacher.lesson, decision_id, local=local, cloud=cloud)
        return replace(situation, lesson=lesson)

    def _reserve(
        self, situation: Situation, request: Request, decision_id: str, deadline: Deadline
    ) -> tuple[Situation, Decision, Reservation] | Refused:
        """Decide and reserve as one: where another request was quicker, decide again on what it left.

        The situation that comes back is the one that was decided on, so that it replays (law 7).
        """
        for tries in range(1, _TRIES + 2):
            end = judge(situation, request, decision_id)
            if isinstance(end, Refusal):
                return Refused(end, situation)
            wanted = bids(contenders(situation), situation.prices, self._prices)
            try:
                held = self._ledger.reserve(end.worst_case, ttl_s=_ttl_s(deadline), bids=wanted)
            except BudgetExhausted as error:
                last = error
                states = self._ledger.state()
                headroom, prices = Headroom.of(states), _paced(self._prices, states)
                situation = replace(situation, headroom=headroom, prices=prices, outrun=tries == _TRIES)
            else:
                return situation, end, held
        raise last


def _prompt_window(tokens: int, request: Request) -> int:
    """What a window of `tokens` leaves to the prompt: the answer gets what it may want, and at most half."""
    return tokens - min(request.sampling.max_tokens, tokens // 2)


def _stays(request: Request, recalled: Sequence[Recalled]) -> bool:
    """Whether it is clear already that nothing may leave: then not even the link is touched."""
    labels = [_conversation_label(request), *(hit.record.sensitivity for hit in recalled)]
    return request.local_only or request.structured or Sensitivity.highest(labels) is Sensitivity.PRIVATE


def _question_label(request: Request) -> Sensitivity:
    return next((turn.sensitivity for turn in reversed(request.messages) if turn.role == "user"), Sensitivity.PUBLIC)


def _conversation_label(request: Request) -> Sensitivity:
    """The highest of what is known of its turns."""
    return Sensitivity.highest([turn.sensitivity for turn in request.messages if not turn.of_unknown_origin])


def _evidence(recalled: Sequence[Recalled], shown: Sequence[Recalled]) -> tuple[Evidence, ...]:
    """The records as the decision sees them; `shown` are those that the cloud may see."""
    out = {hit.record.id for hit in shown}
    return tuple(
        Evidence(hit.record.id, hit.record.sensitivity, hit.relevance, kept=hit.record.id not in out)
        for hit in recalled
        if hit.record.id is not None
    )


def _paced(prices: Prices, states: Sequence[WindowState]) -> Prices:
    """The prices while windows run short: of each resource, the window that is shortest says how much."""
    factors: dict[Resource, float] = {}
    for state in states:
        factors[state.window.resource] = max(state.price, factors.get(state.window.resource, 1.0))
    return prices.times(factors)


def _ttl_s(deadline: Deadline) -> float:
    return deadline.remaining_s + _GRACE_S if math.isfinite(deadline.remaining_s) else 3600.0
