"""What is not even asked of a gateway that refuses most: the laws of the throttle, and its place in the client."""

from __future__ import annotations

from contextlib import aclosing
from random import Random

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator import errors
from orchestrator.client import AsyncGateway, Outcome, Sending
from orchestrator.client.testing import FakeGateway, FakeReply
from orchestrator.client.throttle import HANDFUL, LONGEST_REST_S, PROBE_S, WINDOW_S, Throttle
from orchestrator.testing import ManualClock
from orchestrator.wire import status

BUSY = errors.CloudUnavailable("busy", remedy="wait", retry_after_s=1.0)


class Caller:
    """Calls through a throttle."""

    def __init__(self, seed: int) -> None:
        self.clock = ManualClock()
        self.throttle = Throttle(self.clock, Random(seed))

    def calls(self, per_s: float, seconds: float, *, accepted: bool) -> tuple[int, int]:
        """How many were sent, and how many were not, at a steady rate."""
        sent, kept = 0, 0
        for _ in range(round(per_s * seconds)):
            self.clock.advance(1 / per_s)
            wait_s = self.throttle.refusal_s()
            if wait_s is not None:
                assert wait_s >= PROBE_S
                kept += 1
                continue
            sent += 1
            if accepted:
                self.throttle.accepted()
            else:
                self.throttle.refused(1.0)
        return sent, kept


seeds, rates = st.integers(0, 999), st.floats(0.5, 100)


@given(seeds, st.lists(st.tuples(st.floats(0, 20), st.booleans()), max_size=200))
def test_while_everything_is_accepted_nothing_is_kept_back(seed: int, calls: list[tuple[float, bool]]) -> None:
    caller, under_way = Caller(seed), 0
    for pause_s, ends in calls:
        caller.clock.advance(pause_s)
        assert caller.throttle.refusal_s() is None
        under_way += 1
        while ends and under_way:  # answers may take as long as they like
            caller.throttle.accepted()
            under_way -= 1


@given(seeds, st.lists(st.booleans(), min_size=1, max_size=200))
def test_while_half_is_accepted_nothing_is_kept_back(seed: int, pauses: list[bool]) -> None:
    caller = Caller(seed)
    for pause in pauses:
        caller.clock.advance(0.1 * pause)
        assert caller.throttle.refusal_s() is None
        caller.throttle.accepted()
        assert caller.throttle.refusal_s() is None
        caller.throttle.refused(None)


@given(seeds, st.lists(st.booleans(), max_size=HANDFUL))
def test_a_handful_of_calls_is_always_sent(seed: int, outcomes: list[bool]) -> None:
    caller = Caller(seed)
    for accepted in outcomes:
        assert caller.throttle.refusal_s() is None
        (caller.throttle.accepted if accepted else lambda: caller.throttle.refused(60.0))()


@given(seeds, rates, st.integers(1, 4))
def test_in_a_storm_little_is_sent_and_something_every_second(seed: int, per_s: float, windows: int) -> None:
    caller = Caller(seed)
    caller.calls(per_s, WINDOW_S, accepted=False)
    seconds = windows * WINDOW_S
    sent, kept = caller.calls(per_s, seconds, accepted=False)
    assert sent <= 2 * seconds / PROBE_S + 8
    assert sent + kept == round(per_s * seconds)
    assert sent >= min(sent + kept, int(seconds / (PROBE_S + 1 / per_s)))


@given(seeds, rates, st.floats(1, 20))
def test_after_a_storm_everything_is_sent_again_within_six_windows(seed: int, per_s: float, storm_s: float) -> None:
    caller = Caller(seed)
    caller.calls(per_s, storm_s, accepted=False)
    caller.calls(per_s, 6 * WINDOW_S, accepted=True)
    assert caller.calls(per_s, WINDOW_S, accepted=True)[1] == 0


def test_what_is_sent_is_twice_what_is_accepted() -> None:
    caller, sent, taken = Caller(7), 0, 0
    for number in range(20_000):  # 1,000 a second, of which the gateway takes 100
        caller.clock.advance(0.001)
        if caller.throttle.refusal_s() is None:
            room = number / 10 - taken
            sent += 1
            if room >= 1:
                taken += 1
                caller.throttle.accepted()
            else:
                caller.throttle.refused(None)
    assert taken == pytest.approx(2_000, rel=0.1)
    assert 1.8 * taken < sent < 2.6 * taken


def test_a_long_rest_is_heard_and_bounded() -> None:
    caller = Caller(7)
    for _ in range(2 * HANDFUL):
        caller.throttle.refused(3600.0)
    assert caller.throttle.refusal_s() is None, "the first is a probe"
    waits_s = [caller.throttle.refusal_s() for _ in range(100)]
    assert all(wait_s is not None and LONGEST_REST_S <= wait_s <= 1.25 * LONGEST_REST_S for wait_s in waits_s)


class Tally:
    """A witness that counts."""

    told = 0

    async def leaving(self, _: Sending) -> int:
        self.told += 1
        return self.told

    def ended(self, number: int, outcome: Outcome, error_type: str = "") -> None: ...


@pytest.mark.anyio
@pytest.mark.usefixtures("one_loop")
class TestInTheClient:
    """With a gateway that refuses."""

    async def test_a_busy_gateway_is_left_alone_and_found_again(self) -> None:
        clock, tally = ManualClock(), Tally()
        async with (
            FakeGateway(FakeReply(fault=BUSY)) as fake,
            AsyncGateway(fake.target, model="m", clock=clock, rng=Random(7), witness=tally) as client,
        ):
            for _ in range(50):
                with pytest.raises(errors.CloudUnavailable) as caught:
                    await client.generate("Hi")
                assert caught.value.retry_after_s is not None
            assert HANDFUL <= len(fake.requests) < 2 * HANDFUL
            assert tally.told == len(fake.requests), "what is not sent is not told of"
            assert "not asked" in caught.value.message
            assert fake.target in caught.value.message
            with pytest.raises(errors.CloudUnavailable, match="not asked"):
                async with aclosing(client.stream("Hi")) as events:
                    await anext(events)
            await client.models()  # what is no question is no load
            fake.replies[:] = [FakeReply()]
            clock.advance(WINDOW_S + PROBE_S)
            for _ in range(50):
                await client.generate("Hi")

    async def test_the_others_are_asked_in_its_place(self) -> None:
        async with (
            FakeGateway(FakeReply(fault=BUSY)) as busy,
            FakeGateway() as calm,
            AsyncGateway([busy.target, calm.target], model="m", clock=ManualClock(), rng=Random(7)) as client,
        ):
            for _ in range(50):
                assert (await client.generate("Hi")).text
            assert len(calm.requests) == 50

    async def test_faults_of_requests_and_lost_links_are_no_load(self) -> None:
        async with (
            FakeGateway(FakeReply(fault=errors.CloudRejected("no"))) as fake,
            AsyncGateway(fake.target, model="m", clock=ManualClock()) as client,
        ):
            for _ in range(3 * HANDFUL):
                with pytest.raises(errors.CloudRejected):
                    await client.generate("Hi")
            await fake.stop()
            for _ in range(3 * HANDFUL):
                with pytest.raises(errors.CloudUnavailable) as caught:
                    await client.generate("Hi", timeout_ms=20_000)
                assert "not asked" not in caught.value.message


def test_what_grpc_gives_up_by_itself_says_when_to_come_back() -> None:
    for code in grpc.StatusCode.CANCELLED, grpc.StatusCode.DEADLINE_EXCEEDED:
        assert status.decode(code, "", (), target="here").retry_after_s == 1.0
    assert status.decode(grpc.StatusCode.UNAVAILABLE, "", (), target="here").retry_after_s is None
