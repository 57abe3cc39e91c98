"""How things stand in a gateway, read when somebody looks: what the parts count anyway costs nothing more."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from cloud_gateway.assembly import Assembly
    from cloud_gateway.upstreams.member import Member

_CLOSED, _HALF_OPEN, _OPEN = "closed", "half_open", "open"
_STATES: Final = (_CLOSED, _HALF_OPEN, _OPEN)


class Standing(Collector):
    """Reads the parts of an assembly. To be called on its event loop."""

    def __init__(self, assembly: Assembly) -> None:
        self._assembly = assembly

    def describe(self) -> list[Metric]:
        """Nothing is promised here: the names are those of `collect`."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Everything, as it is now."""
        yield from self._door()
        yield from self._answers()
        yield from self._runs()
        yield from _upstreams(self._assembly.members)

    def _door(self) -> Iterator[Metric]:
        gate = self._assembly.gate
        yield _gauge("calls_in_flight", "Calls that are open.", gate.calls)
        yield _gauge("requests_held_bytes", "Of the open calls' requests.", gate.request_bytes, unit="bytes")
        shed = CounterMetricFamily("edgewise_calls_shed", "Calls refused at the door, by why.", labels=("reason",))
        for reason, count in gate.shed.items():
            shed.add_metric((reason,), count)
        yield shed

    def _answers(self) -> Iterator[Metric]:
        admission = self._assembly.admission
        yield _gauge("answers_in_flight", "Answers that have a slot.", admission.running)
        yield _gauge("answers_limit", "Slots for answers: admission.runs.", admission.limit)
        yield _gauge("queue_length", "Requests that wait for a slot.", admission.waiting)
        yield _gauge("queue_limit", "Places in the queue: admission.queue.", admission.queue_limit)
        refused = CounterMetricFamily(
            "edgewise_answers_refused", "Requests without a slot, by why.", labels=("reason",)
        )
        for reason, count in admission.refused.items():
            refused.add_metric((reason,), count)
        yield refused
        accounts = self._assembly.accounts
        full = CounterMetricFamily(
            "edgewise_quota_refused",
            "Requests that a window had no room for.",
            labels=("owner", "window", "resource"),
        )
        for (owner, stretch, resource), count in accounts.refused.items():
            full.add_metric((owner, stretch, resource), count)
        yield full
        yield _gauge("bills_unsettled", "Bills that wait for Redis to be back.", accounts.unsettled)

    def _runs(self) -> Iterator[Metric]:
        runs = self._assembly.runs
        yield _gauge("runs_in_flight", "Runs that are written, here or elsewhere, and followed here.", runs.running)
        yield _gauge("runs_kept", "Finished answers that are kept.", runs.kept)
        yield _gauge("runs_kept_bytes", "Memory of the answers that are kept.", runs.kept_bytes, unit="bytes")
        yield _counter("runs_repeated", "Requests whose id was known: nothing was asked again.", runs.repeated)
        yield _counter("runs_resumed", "Requests that took a stream up again behind a cursor.", runs.resumed)
        yield _counter("runs_taken_over", "Runs that another gateway had begun, and this one went on with.", runs.taken)


def _upstreams(members: Sequence[Member]) -> Iterator[Metric]:
    gauges: Sequence[tuple[str, str, Callable[[Member], float]]] = (
        ("in_flight", "Answers that an upstream writes.", lambda member: member.in_flight),
        ("limit", "Answers that it may write at once: max_concurrent.", lambda member: member.max_concurrent),
        ("reachable", "Whether its latest probe succeeded.", lambda member: member.reachable),
    )
    counters: Sequence[tuple[str, str, Callable[[Member], float]]] = (
        ("requests", "Answers that an upstream was asked for.", lambda member: member.counts.asked),
        ("failures", "Those in which it failed.", lambda member: member.counts.failed),
        ("failovers", "Those that were tried again here, because another one failed.", lambda m: m.counts.retried),
        ("hedges", "Those asked for a second time here, because another one was slow.", lambda m: m.counts.hedged),
        ("hedges_won", "Those of them that showed something first.", lambda member: member.counts.won),
    )
    for name, words, read in gauges:
        gauge = GaugeMetricFamily(f"edgewise_upstream_{name}", words, labels=("upstream",))
        for member in members:
            gauge.add_metric((member.name,), read(member))
        yield gauge
    for name, words, read in counters:
        counter = CounterMetricFamily(f"edgewise_upstream_{name}", words, labels=("upstream",))
        for member in members:
            counter.add_metric((member.name,), read(member))
        yield counter
    breaker = GaugeMetricFamily("edgewise_upstream_breaker", "1 at the state it is in.", labels=("upstream", "state"))
    for member in members:
        now = _state(member)
        for state in _STATES:
            breaker.add_metric((member.name, state), state == now)
    yield breaker


def _state(member: Member) -> str:
    if member.breaker.closed:
        return _CLOSED
    return _OPEN if member.breaker.rests_s > 0 else _HALF_OPEN


def _gauge(name: str, words: str, value: float, *, unit: str = "") -> Metric:
    return GaugeMetricFamily(f"edgewise_{name}", words, value=value, unit=unit)


def _counter(name: str, words: str, value: float) -> Metric:
    return CounterMetricFamily(f"edgewise_{name}", words, value=value)
