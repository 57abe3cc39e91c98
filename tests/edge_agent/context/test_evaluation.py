"""`eval memory`: a small conversation of our own, and what is none."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from edge_agent.context.evaluation import evaluate, read_conversations
from orchestrator.errors import InvalidRequest

TURNS = [
    ("D1:1", 1, "Ada", "Guess what, the kiln finally arrived."),
    ("D1:2", 1, "Bo", "Lovely. Mine broke years ago."),
    ("D1:3", 1, "Ada", "My first bowl cracked in the glaze."),
    ("D2:1", 2, "Bo", "We are off to Narvik by train in the morning."),
    ("D2:2", 2, "Ada", "Bring back a picture of the harbour."),
]


def conversation(**changes: Any) -> dict[str, Any]:
    turns = [
        {"dia_id": key, "session": session, "time": "1:56 pm on 8 May, 2023", "speaker": speaker, "text": text}
        for key, session, speaker, text in TURNS
    ]
    qa = [
        {"question": "Which bowl of Ada's cracked?", "category": 1, "evidence": ["D1:3"]},
        {"question": "Where does Bo go by train?", "category": 4, "evidence": ["D2:1"]},
        {"question": "Where does Ada go by train?", "category": 5, "evidence": ["D2:1"]},
        {"question": "What is the meaning of it all?", "category": 1, "evidence": []},
    ]
    return {"turns": turns, "qa": qa, **changes}


def write(path: Path, *rows: Any, packed: bool = False) -> Path:
    data = "\n".join(json.dumps(row) for row in rows).encode()
    path.write_bytes(gzip.compress(data) if packed else data)
    return path


@pytest.mark.parametrize("packed", [False, True])
def test_recall_is_told_by_category_and_the_unanswerable_apart(tmp_path: Path, packed: bool) -> None:
    report = evaluate(read_conversations(write(tmp_path / "own.jsonl", conversation(), packed=packed)), None)
    assert list(report.quality) == ["all", "1", "4", "5"]
    assert report.quality["all"].questions == 2, "a question without evidence does not count"
    assert report.quality["all"].recall == {5: 1.0, 10: 1.0, 25: 1.0}


def test_a_larger_cutoff_never_finds_less(tmp_path: Path) -> None:
    report = evaluate(read_conversations(write(tmp_path / "own.jsonl", conversation(), conversation())), None)
    for quality in report.quality.values():
        found = list(quality.recall.values())
        assert found == sorted(found)


def test_a_question_about_the_wrong_person_brings_less_confidence(tmp_path: Path) -> None:
    report = evaluate(read_conversations(write(tmp_path / "own.jsonl", conversation())), None)
    assert report.separation == 1.0
    assert report.quality["5"].confidence < 0.5 < report.quality["4"].confidence


def test_without_questions_of_both_sorts_nothing_is_separated(tmp_path: Path) -> None:
    answerable = [qa for qa in conversation()["qa"] if qa["category"] != 5]
    report = evaluate(read_conversations(write(tmp_path / "own.jsonl", conversation(qa=answerable))), None)
    assert report.separation is None


@pytest.mark.parametrize(
    "content", [b"# not JSON", b"[]", b'{"turns": [], "qa": []}', b'{"turns": [{}], "qa": []}', b"\x1f\x8bbroken"]
)
def test_another_file_is_refused_in_words(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "other.jsonl").write_bytes(content)
    with pytest.raises(InvalidRequest, match=r"other\.jsonl"):
        read_conversations(tmp_path / "other.jsonl")


def test_questions_without_evidence_measure_nothing(tmp_path: Path) -> None:
    rows = read_conversations(write(tmp_path / "own.jsonl", conversation(qa=[])))
    with pytest.raises(InvalidRequest, match="no question"):
        evaluate(rows, None)
