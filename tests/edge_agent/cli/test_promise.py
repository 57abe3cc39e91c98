"""`edgewise eval promise`, from labels to the threshold and what came of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from edge_agent.cli.eval import app
from orchestrator.errors import InvalidRequest
from tests.edge_agent.cli.commands import Commands

COMMANDS = Commands(app)


def write(path: Path, n: int, seed: int) -> Path:
    """Sums are the cloud's; both know the rest, with some luck."""
    rng = np.random.default_rng(seed)
    sums = rng.random(n) < 0.4
    rows = [
        {
            "prompt": f"Calculate {place} * 17." if hard else f"Tell me of bee number {place}.",
            "weak_correct": bool(rng.random() < (0.1 if hard else 0.9)),
            "strong_correct": bool(rng.random() < 0.9),
        }
        for place, hard in enumerate(sums)
    ]
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return path


def test_a_promise_is_chosen_and_tried(tmp_path: Path) -> None:
    data = write(tmp_path / "fresh.jsonl", 800, 2)
    words = ("promise", "--data", str(data), "--splits", "20")
    worse = COMMANDS.as_json(*words, "--at-most-worse", ".05")["fresh"]
    assert worse["questions"] == 800
    assert worse["broken"] <= 0.2
    assert worse["worse"] < 0.05
    assert 0 < worse["leaving"] < 1
    leaving = COMMANDS.as_json(*words, "--at-most-leaving", ".3")["fresh"]
    assert 0 < leaving["leaving"] <= 0.3
    assert "fresh" in COMMANDS.done(*words, "--at-most-leaving", ".3")


def test_too_few_questions_are_said_to_be_too_few(tmp_path: Path) -> None:
    data = write(tmp_path / "few.jsonl", 40, 3)
    words = ("promise", "--data", str(data), "--splits", "5")
    assert "so every question goes to the cloud" in COMMANDS.done(*words, "--at-most-worse", ".02")
    assert "so no question leaves" in COMMANDS.done(*words, "--at-most-leaving", ".01")


def test_one_limit_is_asked_for(tmp_path: Path) -> None:
    data = write(tmp_path / "few.jsonl", 40, 3)
    error = COMMANDS.error("promise", "--data", str(data))
    assert isinstance(error, InvalidRequest)
    assert "one limit" in error.message
