"""The shapes of answers."""

from __future__ import annotations

import pytest

from edge_agent.cli.receipt import as_json
from edge_agent.serve.replies import FINISH_REASONS, receipt
from orchestrator.types import Answer, Egress, FinishReason, Latency, Route, Usage
from orchestrator.units import NO_ENERGY, Energy, EnergySource

ANSWER = Answer(
    text="honey",
    route=Route.HANDOFF,
    reason="easy",
    finish_reason=FinishReason.DEADLINE,
    decision_id="d1",
    model="little",
    usage=Usage(3, 4),
    latency=Latency(first_token_ms=12.34567, total_ms=100),
    device_energy=Energy(1.5, 0.2, EnergySource.RAPL),
    cloud_energy=NO_ENERGY,
    usd=0.25,
    egress=Egress(sent=True, record_ids=(3,), redactions=1),
)


def test_the_receipt_is_that_of_the_command_line() -> None:
    expected = as_json(ANSWER)
    del expected["text"], expected["usage"]
    assert receipt(ANSWER) == expected


@pytest.mark.parametrize("reason", list(FinishReason))
def test_every_way_to_end_has_a_name_that_clients_know(reason: FinishReason) -> None:
    assert FINISH_REASONS[reason] in ("stop", "length")
