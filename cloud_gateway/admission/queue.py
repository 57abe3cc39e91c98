"""A queue that is fair between tenants: who floods waits behind their own requests, and nobody else does.

Start-time fair queueing (Goyal, Vin and Cheng, "Start-time Fair Queuing", SIGCOMM 1996), with tokens in the place of
bytes, and what was really written charged afterwards, as the virtual token counter does (Sheng et al., "Fairness in
Serving Large Language Models", OSDI 2024). Between two tenants who both wait all the time, the tokens served differ by
no more than the largest request of each.
"""

from __future__ import annotations

import heapq
import math
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

Item = TypeVar("Item")
_FORGET_ABOVE: Final = 1024
"""So many tenants are remembered before those whose past does not matter any more are looked for."""


class FairQueue(Generic[Item]):
    """Items of tenants, each with a cost in tokens and an expected time. All steps take logarithmic time or less."""

    def __init__(self) -> None:
        self._flows: dict[str, _Flow[Item]] = {}
        self._heads: list[tuple[float, int, _Flow[Item]]] = []
        """The tenants who wait, by the start tags of their first items. An entry that is out of date is skipped."""
        self._virtual = 0.0
        """Virtual time, in tokens: the start tag of what was served last."""
        self._next = 0
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def charge(self, tenant: str, tokens: float) -> None:
        """Count tokens of a tenant who is served without waiting."""
        flow = self._flow(tenant)
        self._virtual = flow.start
        flow.start += tokens

    def correct(self, tenant: str, tokens: float) -> None:
        """Count tokens more (or, negative, fewer) than were charged when an item of this tenant was served."""
        flow = self._flows.get(tenant)
        if flow is None:
            return
        flow.start += tokens
        if flow.items:
            self._queue(flow)

    def push(self, tenant: str, item: Item, *, tokens: float, seconds: float) -> None:
        """Wait behind the tenant's other items."""
        flow = self._flow(tenant)
        flow.items[id(item)] = (item, tokens, seconds)
        flow.tokens += tokens
        flow.seconds += seconds
        self._length += 1
        if len(flow.items) == 1:
            self._queue(flow)

    def pop(self) -> Item:
        """The item whose turn it is, charged to its tenant.

        Raises:
            IndexError: nobody waits.
        """
        while True:
            _, number, flow = heapq.heappop(self._heads)
            if number == flow.number and flow.items:
                break
        _, (item, tokens, seconds) = flow.items.popitem(last=False)
        self._taken(flow, tokens, seconds)
        self._virtual = max(self._virtual, flow.start)  # a correction may have put the tenant into the past
        flow.start += tokens
        if flow.items:
            self._queue(flow)
        return item

    def remove(self, tenant: str, item: Item) -> bool:
        """Take an item out that waits no longer; whether it was there. It costs its tenant nothing."""
        flow = self._flows.get(tenant)
        found = flow.items.pop(id(item), None) if flow else None
        if flow is None or found is None:
            return False
        self._taken(flow, found[1], found[2])
        return True

    def ahead_s(self, tenant: str) -> float:
        """Expected seconds of what is served before a new item of `tenant`."""
        flow = self._flows.get(tenant)
        start = self._virtual if flow is None else max(self._virtual, flow.start) + flow.tokens
        total = 0.0
        for other in self._waiting():
            if other is flow:
                total += other.seconds
            elif other.start < start:
                total += other.seconds * min(1.0, (start - other.start) / max(other.tokens, 1.0))
        return total

    def longest(self) -> str:
        """The tenant with the most tokens waiting.

        Raises:
            ValueError: nobody waits.
        """
        return max(self._waiting(), key=lambda flow: flow.tokens).tenant

    def waiting_tokens(self, tenant: str) -> float:
        """How many tokens of this tenant wait."""
        flow = self._flows.get(tenant)
        return flow.tokens if flow else 0.0

    def drop_last(self, tenant: str) -> Item:
        """Take out what `tenant` asked for last.

        Raises:
            KeyError: the tenant has nothing waiting.
        """
        flow = self._flows[tenant]
        _, (item, tokens, seconds) = flow.items.popitem()
        self._taken(flow, tokens, seconds)
        return item

    def _flow(self, tenant: str) -> _Flow[Item]:
        """A tenant who comes back after a pause starts at the present: what was not used is not saved up."""
        flow = self._flows.get(tenant)
        if flow is None:
            if len(self._flows) >= _FORGET_ABOVE:
                self._forget()
            flow = self._flows[tenant] = _Flow(tenant, self._virtual)
        elif not flow.items and flow.start < self._virtual:
            flow.start = self._virtual
        return flow

    def _forget(self) -> None:
        """Let those go who owe nothing; and, if they are too many even so, the debts of those who do not wait."""
        for limit in (self._virtual, math.inf):
            if len(self._flows) >= _FORGET_ABOVE:
                gone = [flow.tenant for flow in self._flows.values() if not flow.items and flow.start <= limit]
                for tenant in gone:
                    del self._flows[tenant]

    def _queue(self, flow: _Flow[Item]) -> None:
        self._next += 1
        flow.number = self._next
        heapq.heappush(self._heads, (flow.start, flow.number, flow))
        if len(self._heads) > 2 * len(self._flows) + 64:  # mostly out of date
            self._heads = [(each.start, each.number, each) for each in self._waiting()]
            heapq.heapify(self._heads)

    def _taken(self, flow: _Flow[Item], tokens: float, seconds: float) -> None:
        self._length -= 1
        flow.tokens -= tokens
        flow.seconds -= seconds
        if not flow.items:
            flow.tokens = flow.seconds = 0.0  # no rests of rounding

    def _waiting(self) -> Iterator[_Flow[Item]]:
        return (flow for flow in self._flows.values() if flow.items)


@dataclass(slots=True, eq=False)
class _Flow(Generic[Item]):
    """One tenant's items, and when the first of them may start."""

    tenant: str
    start: float
    number: int = 0
    """Of its latest entry among the heads."""
    tokens: float = 0.0
    seconds: float = 0.0
    items: OrderedDict[int, tuple[Item, float, float]] = field(default_factory=OrderedDict)
