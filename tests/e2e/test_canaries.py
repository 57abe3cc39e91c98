"""Nothing private and nobody's name leaves: the canary suite, as far as there is time for it here.

`python -m benchmarks.canaries` is the same with as many trials as wanted.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from benchmarks.canaries.device import configured
from benchmarks.canaries.faults import FAULTS
from benchmarks.canaries.stand import KEY, Stand
from benchmarks.canaries.suite import Report, plan, run
from benchmarks.canaries.trial import Outcome, Trial, attempt
from edge_agent.sections.privacy import PrivacySection
from orchestrator.privacy.rules import Action
from orchestrator.types import Sensitivity

QUICK = [name for name, fault in FAULTS.items() if fault.kills != "agent"]
"""A killed agent takes a process, which takes seconds to begin."""


def check(report: Report) -> None:
    """No leak; and the search saw what it looked for."""
    assert not [f"{leak} ({trial})" for trial, leak in report.leaks]
    assert sum(outcome.reached for outcome in report.outcomes) >= len(report.outcomes) / 4
    assert any(outcome.finds.let_out for outcome in report.outcomes), "public canaries are seen outside"


def test_no_canary_is_where_it_may_not_be(tmp_path: Path) -> None:
    report = asyncio.run(run(plan(18, seed=20, faults=QUICK), tmp_path))
    check(report)
    places = report.searched
    for place in ("the wire to the gateway", "the model server", "the gateway's log", "the device's log", "receipts"):
        assert places[place] > 0, place


def test_a_leak_is_found(tmp_path: Path) -> None:
    """What a configuration lets out is no leak, but looks like one: so the search does not see what it wants to see."""

    async def typed() -> Outcome:
        async with Stand(tmp_path / "gateway") as stand:
            usual = configured(tmp_path / "device", target=stand.proxy.address, key=KEY)
            loose = usual.model_copy(update={"privacy": PrivacySection(personal=Action.ALLOW)})
            return await attempt(Trial("22", "typed", "ask", "none"), stand, tmp_path / "device", config=loose)

    found = {(leak.place, leak.canary.label) for leak in asyncio.run(typed()).finds.leaks}
    places = ("the wire to the gateway", "the model server", "the device's egress.db")
    assert found == {(place, Sensitivity.PERSONAL) for place in places}


@pytest.mark.slow
@pytest.mark.model
def test_nor_in_many_trials_with_killed_agents_and_the_real_model(smollm2: Path, minilm: Path, tmp_path: Path) -> None:
    check(asyncio.run(run(plan(100, seed=21, real=2), tmp_path)))
