"""Several gateways that answer alike: whom to ask next."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import count
from random import Random
from typing import Final

import grpc
import grpc.aio

from orchestrator.client.throttle import Throttle
from orchestrator.ports import Clock

REST_S: Final = 2.0
"""How long a gateway that failed is passed over; twice as long for each failure in a row."""
LONGEST_REST_S: Final = 30.0


class Replica:
    """One gateway: its channel, how many calls it has, and whether it failed of late."""

    def __init__(
        self, target: str, channel: grpc.aio.Channel, clock: Clock, rng: Random, numbers: Iterator[int]
    ) -> None:
        """`rng` is for its throttle; `numbers` counts the calls of all replicas."""
        self.target = target
        self.channel = channel
        self.throttle = Throttle(clock, rng)
        self.calls = 0
        """Under way."""
        self.latest = 0
        """The number of its latest call."""
        self._clock = clock
        self._numbers = numbers
        self._failures = 0
        self._rests_until_s = float("-inf")

    @property
    def rests(self) -> bool:
        """Whether it is passed over while there are others."""
        return self._clock.monotonic() < self._rests_until_s

    @property
    def connected(self) -> bool:
        """Whether a call would need no new connection."""
        return self.channel.get_state() is grpc.ChannelConnectivity.READY

    def begin(self) -> None:
        """A call is under way."""
        self.latest = next(self._numbers)
        self.calls += 1

    def end(self) -> None:
        """A call is over."""
        self.calls -= 1

    def failed(self, retry_after_s: float | None) -> None:
        """It was not available. It rests, longer each time; at least as long as it says itself."""
        rest_s = min(REST_S * 2**self._failures, LONGEST_REST_S)
        self._failures = min(self._failures + 1, 16)
        self._rests_until_s = self._clock.monotonic() + max(rest_s, retry_after_s or 0.0)

    def answered(self) -> None:
        """It is there."""
        self._failures = 0
        self._rests_until_s = float("-inf")


class Replicas:
    """The gateways of a client. Calls go to the one with the fewest under way, and last to those that failed of late.

    With many clients that know nothing of each other, fewest-under-way needs no word from the servers and still turns
    from a slow one: its calls pile up.
    """

    def __init__(
        self, targets: Sequence[str], dial: Callable[[str], grpc.aio.Channel], clock: Clock, rng: Random
    ) -> None:
        """`dial` opens a channel; none connects before its first call."""
        numbers = count(1)
        self._all = [Replica(target, dial(target), clock, rng, numbers) for target in targets]

    def __iter__(self) -> Iterator[Replica]:
        """In the order in which they are to be asked now."""
        return iter(sorted(self._all, key=lambda replica: (replica.rests, replica.calls, replica.latest)))

    async def aclose(self) -> None:
        """Hang up."""
        for replica in self._all:
            await replica.channel.close(None)
