"""What is expected of each route: the prior or a router's chances, lifted by what is read and capped by what is not."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.routing.features import Features
from orchestrator.routing.quality import Evidence, predict_quality, prior
from orchestrator.types import Sensitivity

EASY = Features.of("What do bees make?")
HARD = Features.of("Explain why the sky is blue and compare it with a sunset.")
RECORD = Evidence(1, Sensitivity.PERSONAL, 0.9)


def test_the_prior_fades_with_difficulty_and_more_on_the_device() -> None:
    assert prior(EASY).device > prior(HARD).device
    assert prior(EASY).uplift < prior(HARD).uplift


def test_records_lift_who_reads_them_and_cap_who_does_not() -> None:
    alone = predict_quality(0.3, EASY, read=(), withheld=())
    assert alone.expected == 0.3
    assert predict_quality(0.3, EASY, read=(RECORD,), withheld=()).expected > 0.7
    assert predict_quality(0.9, EASY, read=(), withheld=(RECORD,)).expected < 0.2


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_a_chance_stays_one(chance: float, read: float, withheld: float) -> None:
    records = [Evidence(1, Sensitivity.PUBLIC, value) for value in (read, withheld)]
    found = predict_quality(chance, HARD, read=records[:1], withheld=records[1:])
    assert 0 <= found.low <= found.expected <= found.high <= 1
