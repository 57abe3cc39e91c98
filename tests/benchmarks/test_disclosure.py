"""The written cases of minimal disclosure: sound, judged by their words, and free of leaks whatever a model says."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from benchmarks.disclosure.__main__ import leaks, outcomes
from benchmarks.disclosure.cases import Case, load
from benchmarks.disclosure.recording import Recorder
from benchmarks.disclosure.recording import load as load_rows
from orchestrator.clock import SystemClock
from orchestrator.testing import Script, ScriptedModel

CASES = load()
HELD_OUT = [case for case in CASES if case.held_out]


def test_the_cases_can_be_judged() -> None:
    assert len({case.name for case in CASES}) == len(CASES) == 30
    assert len(HELD_OUT) == 10
    for case in CASES:
        records = " ".join(f"{memo.title} {memo.body}" for memo in case.records)
        assert case.has_home(records), case.name
        assert not case.world or not case.has_world(records), case.name
        assert case.canaries, case.name


@pytest.mark.parametrize(("text", "both"), [("Penicillin, so azithromycin", 1), ("penicillin", 0), ("a penicillin", 0)])
def test_an_answer_needs_both_parts(text: str, both: int) -> None:
    case = CASES[0]
    assert case.has_home(text)
    assert case.has_world(text) is bool(both)


def test_no_canary_of_any_case_leaves(tmp_path: Path) -> None:
    """Through the real engine; what models say does not matter here."""
    clock = SystemClock()
    device = ScriptedModel(clock, Script(pieces=["home"]))
    cloud = ScriptedModel(clock, Script(pieces=["Chocolate. "]))
    path = tmp_path / "rows.jsonl"
    rows = asyncio.run(Recorder(path, device, cloud).record(CASES, within_s=60))
    assert rows == load_rows(path)
    assert leaks(CASES, rows) == []
    assert sum(bool(row.general) for row in rows) >= 20, "and most can be asked in general"
    assert all(row.sent == [] for row in rows if not row.general)
    consulted = next(outcome for outcome in outcomes(CASES, rows) if outcome.arm == "consultation")
    assert consulted.home >= 18


def test_a_leak_would_be_seen() -> None:
    case: Case = CASES[0]
    assert case.leaked("May I have Penicillins?") == ["penicillin"]
    assert case.leaked("Which antibiotic could people get?") == []
