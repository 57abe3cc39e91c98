"""`edgewise eval privacy` as its user runs it."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import pytest

from edge_agent.cli import app
from tests.edge_agent.cli.commands import Commands

TEXT = "Write to ada.ek@example.org, please."
ROW = {"text": TEXT, "spans": [{"type": "EMAIL_ADDRESS", "value": "ada.ek@example.org", "start": 9, "end": 27}]}
COMMAND = ("eval", "privacy", "--data")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "own.jsonl"
    path.write_text(json.dumps(ROW) + "\n", encoding="utf-8")
    return path


def test_figures_by_type_and_overall_as_one_object(data: Path) -> None:
    figures = Commands(app).as_json(*COMMAND, str(data))
    assert figures["overall"] == figures["EMAIL_ADDRESS"] == {"precision": 1.0, "recall": 1.0, "f2": 1.0}
    assert ("presidio" in figures) == (find_spec("presidio_analyzer") is not None)


def test_figures_as_a_table(data: Path) -> None:
    shown = Commands(app).done(*COMMAND, str(data))
    assert "EMAIL_ADDRESS" in shown
    assert "over the characters of 1 text" in shown


def test_a_bad_row_is_named_by_file_and_line(data: Path) -> None:
    data.write_text('{"text": 1}\n', encoding="utf-8")
    assert "own.jsonl, line 1" in Commands(app).error(*COMMAND, str(data)).message
