"""A receipt in one line."""

from __future__ import annotations

from dataclasses import replace

from edge_agent.cli.receipt import as_json, as_line
from orchestrator.types import Answer, Effort, EffortReceipt, Egress, FinishReason, Latency, Route, Usage
from orchestrator.units import NO_ENERGY, Energy, EnergySource

ANSWER = Answer(
    text="honey",
    route=Route.LOCAL,
    reason="easy",
    finish_reason=FinishReason.STOP,
    decision_id="d1",
    model="little",
    usage=Usage(3, 4),
    latency=Latency(first_token_ms=12.3, total_ms=1500),
    device_energy=Energy(1.5, 0.2, EnergySource.RAPL),
    cloud_energy=NO_ENERGY,
    usd=0.0,
    egress=Egress(),
)


def test_what_an_answer_took() -> None:
    assert as_line(ANSWER) == (
        "local · little · first token 12 ms, all 1.5 s · 1.5 ± 0.2 J rapl (0.38 J a token) · 0.000000 USD · "
        "nothing left the device · edgewise why d1"
    )


def test_what_the_model_no_longer_saw_is_said() -> None:
    outgrown = replace(ANSWER, usage=Usage(3, 4000, dropped_tokens=1234))
    assert as_json(outgrown)["usage"] == {"prompt_tokens": 3, "completion_tokens": 4000, "dropped_tokens": 1234}
    assert "dropped_tokens" not in as_json(ANSWER)["usage"]
    assert "1,234 tokens of the text out of its sight at the end" in as_line(outgrown)


def test_joules_of_device_and_cloud_are_told_apart_and_by_token() -> None:
    assert as_json(ANSWER)["energy"] == {
        "device_joules": 1.5,
        "source": "rapl",
        "uncertainty_joules": 0.2,
        "joules_per_token": 0.375,
        "cloud": {"joules": 0.0, "source": "modelled", "uncertainty_joules": 0.0},
    }
    asked = replace(ANSWER, egress=Egress(sent=True), cloud_energy=Energy(8.04, 3.96, EnergySource.MODELLED))
    assert "1.5 ± 0.2 J rapl (0.38 J a token), the cloud 8.0 ± 4.0 J modelled" in as_line(asked)


def test_an_answer_that_no_model_wrote_has_no_joules_a_token() -> None:
    said = replace(ANSWER, usage=Usage(0, 0))
    assert as_json(said)["energy"]["joules_per_token"] is None
    assert "a token" not in as_line(said)


def test_a_consultation_says_what_was_asked() -> None:
    receipt = EffortReceipt(strategy=Effort.CONSULT, samples=1)
    consulted = replace(ANSWER, egress=Egress(sent=True, asked="Which tea is best?"), effort=receipt)
    assert as_json(consulted)["egress"]["asked"] == "Which tea is best?"
    assert "asked" not in as_json(ANSWER)["egress"]
    assert 'only this left the device: "Which tea is best?" · consultation' in as_line(consulted)
