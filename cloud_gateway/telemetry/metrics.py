"""What happens in a gateway, counted and timed as it happens.

A labelled child is looked up once and kept: counting costs one look into a dict. Labels are bounded: methods, models,
upstreams and reasons by what is configured or written here, tenants by `metrics.tenants`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Final, Protocol, TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    GCCollector,
    Histogram,
    Info,
    PlatformCollector,
    ProcessCollector,
)

from cloud_gateway.sections.metrics import MetricsSection
from orchestrator.ports import Clock
from orchestrator.types import Usage

OTHERS: Final = "(others)"
"""The tenants above the bound, together. No tenant is called so."""
_CALL_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
_FIRST_S: Final = (0.01, 0.025, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 60.0, 120.0)
_BETWEEN_S: Final = (0.002, 0.005, 0.01, 0.015, 0.02, 0.03, 0.04, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 5.0)
_WAIT_S: Final = (0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0)
_QUICK_S: Final = (0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class Metrics:
    """Of one gateway process, for its whole life."""

    def __init__(self, section: MetricsSection, clock: Clock) -> None:
        self.registry = registry = CollectorRegistry(auto_describe=True)
        """Everything that is shown."""
        self._clock = clock
        self._most_tenants = section.tenants
        self._tenants: set[str] = set()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        GCCollector(registry=registry)
        Info("edgewise_build", "The gateway's version.", registry=registry).info({"version": version("edgewise")})
        self._calls = _Children(
            Counter("edgewise_calls", "Calls that ended, by how.", ("method", "outcome"), registry=registry)
        )
        self._call_s = _Children(_seconds("call_duration", "From a call to its end.", _CALL_S, registry, "method"))
        self._wait_s = _seconds("queue_wait", "From asking for a slot to having one.", _WAIT_S, registry)
        self._first_s = _Children(
            _seconds("first_token", "From the request to the first text of a stream.", _FIRST_S, registry, "model")
        )
        self._between_s = _Children(
            _seconds("between_tokens", "Between the tokens of a stream: its mean.", _BETWEEN_S, registry, "model")
        )
        self._answer_s = _Children(
            _seconds("answer_duration", "From having a slot to the end of an answer.", _CALL_S, registry, "model")
        )
        labels = ("model", "tenant")
        self._prompt = _Children(
            Counter("edgewise_prompt_tokens", "Tokens read, as billed.", labels, registry=registry)
        )
        self._completion = _Children(
            Counter("edgewise_completion_tokens", "Tokens written, as billed.", labels, registry=registry)
        )
        self._cost = _Children(
            Counter("edgewise_billed_nano_usd", "What was billed, in billionths of a USD.", labels, registry=registry)
        )
        self._redis_s = _seconds("redis_command", "From a command of Redis to its answer.", _QUICK_S, registry)
        self._redis_failures = _Children(
            Counter("edgewise_redis_failures", "Commands of Redis that failed, by how.", ("error",), registry=registry)
        )
        self._lag_s = _seconds("event_loop_lag", "How late the event loop runs what is due.", _QUICK_S, registry)

    def configure(self, section: MetricsSection) -> None:
        """Show so many tenants from now on."""
        self._most_tenants = section.tenants

    def called(self, method: str, outcome: str, seconds: float) -> None:
        """A call has ended: in `ok`, `cancelled`, or the type of its error."""
        self._calls[method, outcome].inc()
        self._call_s[method,].observe(seconds)

    def admitted(self, waited_s: float) -> None:
        """A request has its slot."""
        self._wait_s.observe(waited_s)

    def first_token(self, model: str, seconds: float) -> None:
        """A stream shows its first text, so long after it was asked for."""
        self._first_s[model,].observe(seconds)

    def answered(self, model: str, *, streamed_s: float | None, total_s: float, tokens: int) -> None:
        """An answer is complete. `streamed_s` is from its first text to its end; None where it came as one piece."""
        self._answer_s[model,].observe(total_s)
        if streamed_s is not None and tokens > 1:
            self._between_s[model,].observe(streamed_s / (tokens - 1))

    def billed(self, model: str, payer: str, usage: Usage, nano_usd: int) -> None:
        """An answer was put on the account of `payer`."""
        place = model, self._tenant(payer)
        self._prompt[place].inc(usage.prompt_tokens)
        self._completion[place].inc(usage.completion_tokens)
        self._cost[place].inc(nano_usd)

    def lagged(self, seconds: float) -> None:
        """Something ran so late."""
        self._lag_s.observe(seconds)

    @contextmanager
    def redis_command(self) -> Iterator[None]:
        """Time a command of Redis, and count its failure."""
        begun_s = self._clock.monotonic()
        try:
            yield
        except Exception as error:
            self._redis_failures[type(error).__name__,].inc()
            raise
        finally:
            self._redis_s.observe(self._clock.monotonic() - begun_s)

    def _tenant(self, payer: str) -> str:
        """The first ones that come are shown by name, as many as may be."""
        if payer not in self._tenants:
            if len(self._tenants) >= self._most_tenants:
                return OTHERS
            self._tenants.add(payer)
        return payer


_Child = TypeVar("_Child")
_Made = TypeVar("_Made", covariant=True)


class _Labelled(Protocol[_Made]):
    def labels(self, *values: str) -> _Made: ...


class _Children(dict[tuple[str, ...], _Child]):
    """The children of a metric by their labels' values, each looked up once."""

    def __init__(self, metric: _Labelled[_Child]) -> None:
        super().__init__()
        self._metric = metric

    def __missing__(self, values: tuple[str, ...]) -> _Child:
        child = self[values] = self._metric.labels(*values)
        return child


def _seconds(name: str, words: str, buckets: tuple[float, ...], registry: CollectorRegistry, *labels: str) -> Histogram:
    return Histogram(f"edgewise_{name}", words, labels, unit="seconds", buckets=buckets, registry=registry)
