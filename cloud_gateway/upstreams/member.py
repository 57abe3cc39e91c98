"""One upstream as the pool sees it: whether it may be asked, and what it is doing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from cloud_gateway.upstreams.breaker import Breaker
from cloud_gateway.upstreams.server import UpstreamServer
from orchestrator.errors import CloudError, CloudRateLimited, CloudRejected
from orchestrator.ports import Clock


@dataclass(slots=True)
class Counts:
    """What one upstream was asked for since the start of the process. Read by whoever shows it."""

    asked: int = 0
    failed: int = 0
    retried: int = 0
    """Asked because another one had failed."""
    hedged: int = 0
    """Asked because another one was slow."""
    won: int = 0
    """Those of them that showed something first."""


class Member:
    """An upstream in the pool."""

    def __init__(self, name: str, server: UpstreamServer, clock: Clock, *, max_concurrent: int) -> None:
        self.name = name
        self.server = server
        self.max_concurrent = max_concurrent
        self.reachable = True
        """What the latest probe said. One that is not is asked last."""
        self.in_flight = 0
        self.counts = Counts()
        self.breaker = Breaker(clock)
        self._clock = clock
        self._rests_until_s = 0.0

    @property
    def full(self) -> bool:
        """Whether it writes as many answers as it may."""
        return self.in_flight >= self.max_concurrent

    @property
    def rests_s(self) -> float:
        """Seconds for which it said that it takes nothing."""
        return max(0.0, self._rests_until_s - self._clock.monotonic())

    @property
    def admits(self) -> bool:
        """Whether it may be asked now."""
        return self.in_flight < self.max_concurrent and self.breaker.admits and self.rests_s == 0.0

    @contextmanager
    def asked(self) -> Iterator[Trial]:
        """One answer, from asking to its end."""
        trial = Trial(self.breaker, probe=self.breaker.begin())
        self.in_flight += 1
        self.counts.asked += 1
        try:
            yield trial
        except CloudRateLimited as busy:
            self._rests_until_s = self._clock.monotonic() + (busy.retry_after_s or 0.0)
            raise
        except CloudRejected:
            trial.succeed()  # it works: the request does not
            raise
        except CloudError:
            self.counts.failed += 1
            trial.fail()
            raise
        finally:
            self.in_flight -= 1
            trial.end()


class Trial:
    """What one answer tells the breaker, once for each of its parts."""

    __slots__ = ("_breaker", "_probe")

    def __init__(self, breaker: Breaker, *, probe: bool) -> None:
        self._breaker = breaker
        self._probe = probe

    def succeed(self) -> None:
        """The upstream writes: a probe need not wait for the end of a long answer."""
        self._breaker.succeed(probe=self._probe)
        self._probe = False

    def fail(self) -> None:
        """It failed, or stopped writing."""
        self._breaker.fail(probe=self._probe)
        self._probe = False

    def end(self) -> None:
        """Nothing more will be said."""
        self._breaker.forget(probe=self._probe)
        self._probe = False


@dataclass(frozen=True, slots=True)
class Offer:
    """A model at one upstream."""

    member: Member
    model: str
    """What the upstream calls it."""
    weight: float
    priority: int

    @property
    def name(self) -> str:
        """Of the upstream."""
        return self.member.name

    @property
    def load(self) -> int:
        """Answers that it is writing, of whatever model."""
        return self.member.in_flight
