"""The upstreams together: one is chosen, and where it fails another one takes over."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import aclosing
from random import Random
from typing import Final

from cloud_gateway.sections.models import ModelSection
from cloud_gateway.sections.pool import PoolSection
from cloud_gateway.sections.upstreams import UpstreamSection
from cloud_gateway.upstreams.affinity import conversation
from cloud_gateway.upstreams.balance import choose
from cloud_gateway.upstreams.first_token import FirstTokenTimes
from cloud_gateway.upstreams.hedge import hedged
from cloud_gateway.upstreams.member import Member, Offer
from cloud_gateway.upstreams.relay import Relay
from cloud_gateway.upstreams.retry_budget import RetryBudget
from cloud_gateway.upstreams.server import UpstreamServer
from cloud_gateway.upstreams.traced import attempted, usage_of
from orchestrator.chat import Chat
from orchestrator.errors import CloudError, CloudRateLimited, CloudRejected, CloudUnavailable
from orchestrator.ports import Clock
from orchestrator.tracing import NO_SPAN, Span
from orchestrator.types import Completed, ModelEvent, TextDelta

_TAIL: Final = 0.95
"""Who has not begun when so many have is slow."""
_FULL_RETRY_S: Final = 1.0
_SLACK_S: Final = 0.01
"""A probe may come so much early: clocks and timers differ."""
_log = logging.getLogger(__name__)


class Pool:
    """Every upstream, and which of them serve which model."""

    def __init__(
        self,
        section: PoolSection,
        upstreams: Mapping[str, UpstreamSection],
        models: Sequence[ModelSection],
        *,
        environment: Mapping[str, str],
        clock: Clock,
        random: Random,
    ) -> None:
        """Connects to nothing yet.

        Raises:
            ConfigError: an upstream's base URL is none, or the environment lacks its key.
        """
        self._section = section
        self._clock = clock
        self._random = random
        self._budget = RetryBudget(clock, section.retry_share)
        self._upstreams = upstreams
        self._members: dict[str, Member] = {}
        for name, upstream in upstreams.items():
            server = UpstreamServer(upstream, name=name, environment=environment, clock=clock)
            self._members[name] = Member(name, server, clock, max_concurrent=upstream.max_concurrent)
        self._tiers = {model.name: self._tiers_of(model) for model in models}
        self._first_tokens = {model.name: FirstTokenTimes() for model in models}
        self._probed_s: dict[str, float] = {}

    @property
    def members(self) -> Sequence[Member]:
        """Every upstream, for whoever shows what they do."""
        return tuple(self._members.values())

    @property
    def models(self) -> Collection[str]:
        """What can be asked for."""
        return self._tiers.keys()

    def capacity(self, model: str) -> int:
        """How many answers the upstreams of `model` can write at once, as they are now."""
        members = {offer.member for tier in self._tiers[model] for offer in tier}
        return sum(member.max_concurrent for member in members if member.breaker.admits and member.rests_s == 0.0)

    def in_flight(self, model: str) -> int:
        """How many answers the upstreams of `model` are writing, of whatever model."""
        members = {offer.member for tier in self._tiers[model] for offer in tier}
        return sum(member.in_flight for member in members)

    async def answer(self, chat: Chat, *, streaming: bool, span: Span = NO_SPAN) -> AsyncGenerator[ModelEvent, None]:
        """The events of one answer, whichever upstreams wrote it. They have no price yet.

        One that fails before its first text is replaced by another; one that fails later is gone on with by another,
        from the text so far. Both come out of the retry budget.

        Args:
            chat: what is asked, of a model that is configured.
            streaming: as it is written; otherwise the text comes as one piece, which is cheaper.
            span: each request to an upstream is a part of it.

        Raises:
            CloudError: whatever went wrong, and could not be made good. Without a word of the request.
        """
        self._budget.deposit()
        relay = Relay(chat)
        key = conversation(chat) if self._section.affinity and len(self._members) > 1 else None
        offer = self._choose(chat.model, key, relay)
        while True:
            relay.asked.append(offer.member)
            events = self._asked(offer, chat.model, relay, key, span, streaming=streaming)
            try:
                async with aclosing(events):
                    async for event in events:
                        if (shown := relay.show(event)) is not None:
                            yield shown
                return
            except CloudRejected:
                raise  # another one would refuse it too
            except CloudError as error:
                other = self._other(chat.model, key, relay)
                if other is None or not self._budget.withdraw():
                    raise
                other.member.counts.retried += 1
                _log.warning("failover", extra={"fields": {"from": offer.name, "to": other.name, "error": error.type}})
                offer = other

    def serves(self, model: str) -> bool:
        """Whether an upstream of `model` answered its latest probe, and is trusted."""
        members = (offer.member for tier in self._tiers[model] for offer in tier)
        return any(member.reachable and member.breaker.closed for member in members)

    async def probe(self) -> bool:
        """Ask every upstream whose turn it is whether it is there. Whether one of them is."""
        now_s = self._clock.monotonic()
        due = [name for name, section in self._upstreams.items() if self._due(name, section, now_s)]
        up = await asyncio.gather(*(self._members[name].server.reachable() for name in due))
        for name, reachable in zip(due, up, strict=True):
            member, known = self._members[name], name in self._probed_s
            self._probed_s[name] = now_s
            if reachable != member.reachable or not known:
                level = logging.INFO if reachable else logging.WARNING
                _log.log(level, "upstream", extra={"fields": {"upstream": name, "reachable": reachable}})
            member.reachable = reachable
        return any(member.reachable for member in self._members.values())

    async def aclose(self) -> None:
        """Close every connection."""
        for member in self._members.values():
            await member.server.aclose()

    def _asked(
        self, offer: Offer, model: str, relay: Relay, key: bytes | None, span: Span, *, streaming: bool
    ) -> AsyncGenerator[ModelEvent, None]:
        """The events of one upstream, or of the quicker one of two."""
        chat = relay.rest()
        events = self._one(offer, chat, span, streaming=streaming)
        usual_s = self._first_tokens[model].quantile(_TAIL) if self._section.hedge and streaming else None
        if usual_s is None:
            return events

        def second() -> AsyncGenerator[ModelEvent, None] | None:
            other = self._other(model, key, relay)
            if other is None or not self._budget.withdraw():
                return None
            relay.asked.append(other.member)
            other.member.counts.hedged += 1
            return self._one(other, chat, span, streaming=True)

        def won() -> None:
            relay.asked[-1].counts.won += 1

        return hedged(events, usual_s, second, won)

    async def _one(
        self, offer: Offer, chat: Chat, parent: Span, *, streaming: bool
    ) -> AsyncGenerator[ModelEvent, None]:
        """The events of one upstream, counted, timed and traced."""
        server, times, silent = offer.member.server, self._first_tokens[chat.model], streaming
        begun_s = self._clock.monotonic()
        with attempted(parent, offer, chat) as span, offer.member.asked() as trial:
            ask = server.stream if streaming else server.complete
            try:
                async with aclosing(ask(chat, offer.model, span.headers)) as events:
                    async for event in events:
                        if silent and isinstance(event, TextDelta):
                            silent = False
                            times.add(self._clock.monotonic() - begun_s)
                            trial.succeed()
                            span.event("first_token")
                        elif isinstance(event, Completed):
                            span.set(usage_of(event))
                        yield event
                if silent or not streaming:
                    trial.succeed()
            finally:
                if silent and self._section.hedge:
                    self._add_late(times, self._clock.monotonic() - begun_s)

    @staticmethod
    def _add_late(times: FirstTokenTimes, waited_s: float) -> None:
        """Count a wait that was given up, where it was a long one: without it, the slow would seem ever rarer."""
        usual_s = times.quantile(_TAIL)
        if usual_s is not None and waited_s >= usual_s:
            times.add(waited_s)

    def _choose(self, model: str, key: bytes | None, relay: Relay) -> Offer:
        """The upstream to ask now.

        Raises:
            CloudUnavailable: all are full, or have failed too often.
            CloudRateLimited: all have said that they take nothing for a while.
        """
        offer = self._other(model, key, relay)
        if offer is not None:
            return offer
        members = [offer.member for tier in self._tiers[model] for offer in tier]
        if any(member.full for member in members):
            raise CloudUnavailable(
                "every upstream of the model is full", remedy="ask again", retry_after_s=_FULL_RETRY_S
            )
        rests_s = [max(member.breaker.rests_s, member.rests_s) for member in members]
        kind = CloudUnavailable if any(not member.breaker.closed for member in members) else CloudRateLimited
        reason = "has failed too often" if kind is CloudUnavailable else "is over its limit"
        raise kind(
            f"every upstream of the model {reason}", remedy="wait, and ask again", retry_after_s=max(min(rests_s), 0.1)
        )

    def _other(self, model: str, key: bytes | None, relay: Relay) -> Offer | None:
        """The upstream to ask, of those that were not asked yet: of the first priority that has one."""
        for reachable in (True, False):  # a probe that failed is no proof: such a one is the last resort
            for tier in self._tiers[model]:
                among = [
                    offer
                    for offer in tier
                    if offer.member.reachable is reachable and offer.member not in relay.asked and offer.member.admits
                ]
                if among:
                    return choose(among, key, self._random)
        return None

    def _tiers_of(self, model: ModelSection) -> list[list[Offer]]:
        """The upstreams of a model, those of the first priority first."""
        tiers: dict[int, list[Offer]] = {}
        for name in model.upstreams or self._members:
            serving, upstream = model.serving(name), self._upstreams[name]
            offer = Offer(
                member=self._members[name],
                model=serving.upstream_name or model.upstream_name or model.name,
                weight=upstream.weight if serving.weight is None else serving.weight,
                priority=upstream.priority if serving.priority is None else serving.priority,
            )
            tiers.setdefault(offer.priority, []).append(offer)
        return [tiers[priority] for priority in sorted(tiers)]

    def _due(self, name: str, section: UpstreamSection, now_s: float) -> bool:
        last_s = self._probed_s.get(name)
        return last_s is None or now_s - last_s >= section.health_interval_s - _SLACK_S
