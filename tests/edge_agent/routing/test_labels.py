"""Labelled questions: read as they are, refused by line where they are not."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from edge_agent.routing.labels import read_labels, require_own_names
from orchestrator.errors import InvalidRequest

ROW = {"prompt": "Why?", "weak_correct": False, "strong_correct": True, "domain": "physics", "answer": None}


def written(path: Path, *rows: Any) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_file_is_read_plain_or_gzipped(tmp_path: Path) -> None:
    plain = written(tmp_path / "some.dev.jsonl", ROW, {**ROW, "weak_correct": 1})
    (tmp_path / "some.dev.jsonl.gz").write_bytes(gzip.compress(plain.read_bytes()))
    for path in (plain, tmp_path / "some.dev.jsonl.gz"):
        labels = read_labels(path)
        assert labels.name == "some.dev"
        assert labels.questions == ("Why?", "Why?")
        assert labels.domains == ("physics", "physics")
        assert labels.outcomes.device.tolist() == [False, True]
        assert labels.outcomes.cloud.tolist() == [True, True]


def test_subjects_are_optional(tmp_path: Path) -> None:
    assert read_labels(written(tmp_path / "a.jsonl", ROW, {**ROW, "domain": None})).domains == ()


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({**ROW, "prompt": " "}, "line 2 has no `prompt`"),
        ({**ROW, "prompt": 3}, "line 2 has no `prompt`"),
        ([], "line 2 has no `prompt`"),
        ({"prompt": "Why?", "weak_correct": True}, "line 2 has no `strong_correct`"),
        ({**ROW, "weak_correct": float("nan")}, "line 2: `weak_correct` is neither"),
        ({**ROW, "weak_correct": "yes"}, "line 2: `weak_correct` is neither"),
        ({**ROW, "strong_correct": None}, "line 2: `strong_correct` is neither"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, row: Any, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        read_labels(written(tmp_path / "labels.jsonl", ROW, row))


@pytest.mark.parametrize("data", [b"", b"\n\n", b"{", b"\xff\xfe", b"\x1f\x8bno"])
def test_what_is_no_file_of_labels_is_called_so(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "labels.jsonl").write_bytes(data)
    with pytest.raises(InvalidRequest, match=r"labels\.jsonl"):
        read_labels(tmp_path / "labels.jsonl")


def test_files_of_one_name_are_refused(tmp_path: Path) -> None:
    labels = read_labels(written(tmp_path / "a.jsonl", ROW))
    with pytest.raises(InvalidRequest, match="same name"):
        require_own_names([labels, labels])
