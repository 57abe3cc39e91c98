"""Slots: a bounded number, a bounded queue, deadlines kept in mind, and nothing lost whoever leaves when."""

from __future__ import annotations

import asyncio
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_gateway.admission.admission import Admission, Slot
from cloud_gateway.sections.admission import AdmissionSection
from orchestrator.budget.deadline import Deadline
from orchestrator.errors import CloudUnavailable
from orchestrator.testing import ManualClock
from orchestrator.types import Usage

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("one_loop")]
MODEL = ("small", True)


class Desk:
    """An admission with a clock that the test moves."""

    def __init__(self, **section: float) -> None:
        self.clock = ManualClock()
        self.admission = Admission(AdmissionSection.model_validate(section), self.clock, Random(7))

    async def enter(self, payer: str = "ann", *, within_s: float = 600.0, most: int = 100) -> Slot:
        deadline = Deadline.after(self.clock, within_s * 1000)
        return await self.admission.enter(payer, MODEL, prompt_tokens=10, max_tokens=most, deadline=deadline)

    async def waits(self, payer: str = "ann", *, within_s: float = 600.0) -> asyncio.Task[Slot]:
        task = asyncio.create_task(self.enter(payer, within_s=within_s))
        await asyncio.sleep(0)
        return task

    async def serve(self, *, seconds: float, tokens: int = 100) -> None:
        """One answer, for its pace to be known."""
        with await self.enter(most=1000) as slot:
            self.clock.advance(seconds)
            slot.finish(Usage(10, tokens))


async def test_so_many_run_and_the_next_waits_for_one_to_end() -> None:
    desk = Desk(runs=2)
    first, second = await desk.enter(), await desk.enter()
    third = await desk.waits()
    assert (desk.admission.running, desk.admission.waiting) == (2, 1)
    with first:
        pass
    with await third, second:
        assert (desk.admission.running, desk.admission.waiting) == (2, 0)
    assert desk.admission.running == 0


async def test_a_full_queue_refuses_at_once_and_says_when_to_come_back() -> None:
    desk = Desk(runs=1, queue=1)
    await desk.serve(seconds=4)
    with await desk.enter():
        waiting = await desk.waits()
        with pytest.raises(CloudUnavailable, match="too many requests wait") as refused:
            await desk.enter()
        assert refused.value.retry_after_s is not None
        assert 8 <= refused.value.retry_after_s <= 10  # the one that runs and the one that waits, 4 s each
    with await waiting:
        pass


async def test_who_cannot_be_answered_in_time_is_refused_at_once() -> None:
    desk = Desk(runs=1)
    await desk.serve(seconds=4)
    with await desk.enter():
        with pytest.raises(CloudUnavailable, match="too busy to answer by the deadline") as refused:
            await desk.enter(within_s=7)
        assert refused.value.retry_after_s is not None
        assert 1 <= refused.value.retry_after_s <= 1.25  # 4 s of waiting and 4 s of answering, but 7 s
        waiting = await desk.waits(within_s=9)
        assert desk.admission.waiting == 1
    with await waiting:
        pass


async def test_a_slow_past_locks_nobody_out() -> None:
    desk = Desk(runs=2)
    await desk.serve(seconds=100)
    slot = await desk.enter(within_s=1)  # nobody else measures whether it is still so slow
    with slot, pytest.raises(CloudUnavailable):
        await desk.enter(within_s=1)


async def test_fewer_tokens_fit_into_a_shorter_time() -> None:
    desk = Desk(runs=2)
    await desk.serve(seconds=10, tokens=100)
    with await desk.enter(), await desk.enter(within_s=3, most=20):
        pass


async def test_who_waited_until_it_is_too_late_is_told_when_its_turn_comes() -> None:
    desk = Desk(runs=1)
    await desk.serve(seconds=4)
    with await desk.enter():
        late, patient = await desk.waits("bob", within_s=9), await desk.waits("cy")
        desk.clock.advance(6)
        desk.admission._paces[MODEL].running += 1  # an answer of another slot is being measured
    with pytest.raises(CloudUnavailable, match="deadline"):
        await late
    with await patient:
        assert desk.admission.running == 1


async def test_a_wait_ends_where_the_answer_would_not_be_ready_any_more() -> None:
    desk = Desk(runs=1, wait_s=0.01)
    with await desk.enter(), pytest.raises(CloudUnavailable) as refused:
        await desk.enter()
    assert refused.value.retry_after_s
    assert desk.admission.waiting == desk.admission.running == 0


async def test_a_flood_takes_no_place_from_others() -> None:
    desk = Desk(runs=1, queue=3)
    held = await desk.enter("flood")
    flood = [await desk.waits("flood") for _ in range(3)]
    calm = await desk.waits("calm")
    with pytest.raises(CloudUnavailable):
        await flood[-1]
    with held:
        pass
    with await calm:  # its turn is the first
        assert not any(task.done() for task in flood[:2])
    for task in flood[:2]:
        with await task:
            pass


async def test_draining_refuses_who_waits_and_lets_who_runs_end() -> None:
    desk = Desk(runs=1)
    with await desk.enter():
        waiting = await desk.waits()
        desk.admission.close()
        with pytest.raises(CloudUnavailable, match="stopping") as refused:
            await waiting
        assert refused.value.retry_after_s
        with pytest.raises(CloudUnavailable, match="stopping"):
            await desk.enter()
        assert desk.admission.running == 1


async def test_more_slots_by_a_new_configuration_are_given_at_once() -> None:
    desk = Desk(runs=1)
    held, waiting = await desk.enter(), await desk.waits()
    desk.admission.configure(AdmissionSection(runs=2))
    with held, await waiting:
        assert desk.admission.running == 2


@given(st.lists(st.sampled_from(["ask", "leave", "cancel", "turn", "both"]), max_size=40))
def test_no_slot_is_lost_or_given_twice(steps: list[str]) -> None:
    async def play() -> None:
        desk = Desk(runs=2, queue=4)
        slots: list[Slot] = []
        tasks: list[asyncio.Task[Slot]] = []
        for step in steps:
            if step == "ask":
                tasks.append(await desk.waits("ann" if len(tasks) % 2 else "bob"))
            elif step in ("leave", "both") and slots:
                with slots.pop():
                    pass
            if step in ("cancel", "both") and tasks:  # both: its turn comes while it leaves
                tasks[0].cancel()
            if step == "turn":
                await asyncio.sleep(0)
            for task in [task for task in tasks if task.done()]:
                tasks.remove(task)
                if not task.cancelled() and task.exception() is None:
                    slots.append(task.result())
            assert desk.admission.running <= 2
            assert desk.admission.waiting <= 4
        for task in tasks:
            task.cancel()
        left = await asyncio.gather(*tasks, return_exceptions=True)
        for slot in [*slots, *(slot for slot in left if isinstance(slot, Slot))]:
            with slot:
                pass
        assert desk.admission.running == desk.admission.waiting == 0

    asyncio.run(play())
