"""The whole course, run by real processes on a tiny model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.profile_slm import profile
from benchmarks.slm.contestant import Entry
from benchmarks.slm.course import Course, Effort
from benchmarks.slm.figures import METRICS, Results
from benchmarks.slm.goals import standings
from benchmarks.slm.plot import draw
from benchmarks.slm.prompts import Prompts
from benchmarks.slm.report import Report

MACHINE = {"processor": "a test", "AMX": "no", "threads": "1", "llama.cpp build": "not installed"}


@pytest.fixture(scope="module")
def results(tiny_entry: Entry) -> Results:
    """One short run of a plain contestant, one that guesses ahead, and one that cannot be opened."""
    broken = replace(tiny_entry, key="broken", path=tiny_entry.path / "nowhere")
    results = Results("tiny", [tiny_entry, replace(tiny_entry, key="speculative", speculative=True), broken])
    effort = Effort(rounds=1, starts=1, grounded=1, pages=1)
    steps: list[str] = []
    course = Course(results, Prompts(tiny_entry.path), effort, steps.append)
    course.run(replace(tiny_entry, key="full precision"))
    assert len(steps) == course.steps()
    return results


def test_every_metric_of_a_plain_contestant_is_there(results: Results) -> None:
    assert results.values["plain"].keys() == METRICS.keys()
    assert all(value >= 0 for values in results.values["plain"].values() for value in values)


def test_one_that_guesses_ahead_is_measured_where_that_matters(results: Results) -> None:
    assert results.values["speculative"].keys() == {"cold", "warm", "warm share", "grounded"}
    assert "speculative writes what plain does in 1 of 1 answers." in results.notes


def test_the_same_weights_agree_with_themselves(results: Results) -> None:
    assert results.values["plain"]["agreement answers"] == results.values["plain"]["agreement texts"] == [1.0]
    assert results.values["plain"]["kl texts"] == [pytest.approx(0.0, abs=1e-9)]


def test_one_that_fails_is_said_and_stops_nobody(results: Results) -> None:
    assert "broken" not in results.values
    assert any(note.startswith("broken failed: ") for note in results.notes)


def test_the_report_shows_medians_ratios_goals_and_notes(results: Results, tmp_path: Path) -> None:
    with_peer = Results("tiny", [*results.entries, Entry("llama.cpp", "llama.cpp", tmp_path, 1)])
    with_peer.values = {**results.values, "llama.cpp": {"decode 512": [10.0, 20.0, 30.0]}}
    report = Report("a command", MACHINE, [with_peer])
    shown = report.as_markdown()
    assert "20.0 (10.0 to 30.0)" in shown
    assert "divided by llama.cpp" in shown
    assert len(list(standings(with_peer))) == shown.count("≥") + shown.count("≤")
    plain = report.as_json()["models"]["tiny"]["contestants"]["plain"]["decode 512"]
    assert plain["ratio_to_llama_cpp"] == pytest.approx(plain["median"] / 20.0)


def test_a_missed_goal_is_looked_into(results: Results, tiny_entry: Entry) -> None:
    found = profile(tiny_entry.path, threads=1, rounds=1, passes=((8, 1),), machine={})
    report = Report("a command", MACHINE, [replace(results, profile=found)])
    assert "| 1 behind 8 |" in report.as_markdown()
    assert report.as_json()["models"]["tiny"]["profile"]["passes"][0]["past"] == 8
    assert "profile" not in Report("a command", MACHINE, [results]).as_json()["models"]["tiny"]


def test_the_plot_is_a_picture(results: Results, tmp_path: Path) -> None:
    draw(Report("a command", MACHINE, [results]), tmp_path / "slm.png")
    assert (tmp_path / "slm.png").read_bytes().startswith(b"\x89PNG")
