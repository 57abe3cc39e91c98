"""The door: bounds on calls and bytes, shares under load, and the end."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from random import Random

import pytest

from cloud_gateway.admission.gate import Gate
from cloud_gateway.admission.lag import Lag
from cloud_gateway.sections.admission import AdmissionSection
from orchestrator.testing import ManualClock

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("one_loop")]


class Door:
    """A gate, and the calls that passed it."""

    def __init__(self, **section: float) -> None:
        self.clock = ManualClock()
        self.lag = Lag(self.clock, 200)
        self.gate = Gate(AdmissionSection.model_validate(section), self.lag, self.clock, Random(7))
        self.calls = ExitStack()

    def opens(self, payer: str, request_bytes: int = 100) -> bool:
        refusal = self.gate.refusal(payer, request_bytes)
        if refusal is None:
            self.calls.enter_context(self.gate.passing(payer, request_bytes, asyncio.timeout(None)))
            return True
        assert refusal.retry_after_s is not None
        assert 1 <= refusal.retry_after_s <= 2
        return False


async def test_calls_and_their_bytes_are_bounded() -> None:
    door = Door(calls=3, request_bytes=1024)
    assert [door.opens("ann", 400) for _ in range(3)] == [True, True, False]
    assert door.opens("ann", 200)
    assert not door.opens("ann", 1)
    assert (door.gate.calls, door.gate.request_bytes, door.gate.shed.total()) == (3, 1000, 2)
    door.calls.close()
    assert (door.gate.calls, door.gate.request_bytes) == (0, 0)
    assert door.opens("ann", 1000)


async def test_a_late_process_sheds_those_who_take_more_than_their_share() -> None:
    door = Door()
    assert all(door.opens("flood") for _ in range(10))
    door.lag.standing = True
    assert door.opens("calm")
    assert not door.opens("flood")
    door.lag.standing = False
    assert door.opens("flood")


async def test_a_burst_is_no_standing_queue() -> None:
    door = Door()
    for late_s, standing in (0.3, False), (0.05, False), (0.3, False), (0.3, True), (0.3, True), (0.1, False):
        door.clock.advance(0.125)
        door.lag.ticked(late_s)
        assert door.lag.standing is standing


async def test_a_closed_gate_refuses_and_waits_for_those_inside() -> None:
    door = Door()
    assert door.opens("ann")
    door.gate.close()
    assert not door.opens("bob")
    empty = asyncio.create_task(door.gate.empty())
    await asyncio.sleep(0)
    assert not empty.done()
    door.calls.close()
    await empty


async def test_the_end_is_the_end_of_every_calls_time() -> None:
    door = Door()

    async def call() -> None:
        async with asyncio.timeout(None) as bound:
            with door.gate.passing("ann", 1, bound):
                await asyncio.Event().wait()

    calls = [asyncio.create_task(call()) for _ in range(3)]
    await asyncio.sleep(0)
    door.gate.end()
    assert [type(end) for end in await asyncio.gather(*calls, return_exceptions=True)] == [TimeoutError] * 3
    assert door.gate.parting is not None
    await door.gate.empty()


async def test_a_flood_of_refusals_is_one_line_a_second(caplog: pytest.LogCaptureFixture) -> None:
    door = Door(calls=1)
    assert door.opens("ann")
    assert door.gate.sheds
    for _ in range(200):
        door.clock.advance(1 / 64)
        assert not door.opens("ann")
    assert [record.fields["calls"] for record in caplog.records if record.message == "shed"] == [1, 64, 64, 64]  # type: ignore[attr-defined]
    door.calls.close()
    assert not door.gate.sheds
