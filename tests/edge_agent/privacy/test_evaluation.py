"""`eval privacy`: characters are counted, types are told apart, and what is no labelled text is refused in words."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.privacy.evaluation import OVERALL, Labelled, Score, Span, evaluate, read_labelled
from orchestrator.errors import InvalidRequest
from orchestrator.privacy.finding import Finding, Kind
from orchestrator.types import Sensitivity

TEXT = "Ada Ek lives in Narvik."
ROW = Labelled(TEXT, (Span("PERSON", 0, 6), Span("GPE", 16, 22)))


class Says:
    """A detector that finds the same everywhere."""

    def __init__(self, *found: tuple[Kind, int, int]) -> None:
        self._found = [Finding(kind, start, end, Sensitivity.PERSONAL, "test") for kind, start, end in found]

    def find(self, text: str) -> Sequence[Finding]:
        return self._found


def write(path: Path, *rows: Any, packed: bool = False) -> Path:
    data = "\n".join(json.dumps(row) for row in rows).encode()
    path.write_bytes(gzip.compress(data) if packed else data)
    return path


def test_a_part_of_a_name_counts_for_the_characters_that_it_covers() -> None:
    scores = evaluate([ROW], Says((Kind.PERSON, 0, 3)))
    assert scores[OVERALL] == Score(precision=1.0, recall=3 / 12)
    assert scores["PERSON"] == Score(precision=1.0, recall=1 / 2)
    assert scores["GPE"] == Score(precision=0.0, recall=0.0)


def test_recall_of_a_type_is_not_harmed_by_another_name_for_it() -> None:
    scores = evaluate([ROW], Says((Kind.STREET_ADDRESS, 16, 22)))
    assert scores["GPE"].recall == 1.0
    assert scores["STREET_ADDRESS"] == Score(precision=1.0, recall=0.0)


def test_what_two_findings_cover_counts_once() -> None:
    once = evaluate([ROW], Says((Kind.PERSON, 0, 9)))
    twice = evaluate([ROW], Says((Kind.PERSON, 0, 9), (Kind.PERSON, 4, 9)))
    assert once == twice
    assert once[OVERALL].precision == 6 / 9


def test_f2_is_nearer_to_recall() -> None:
    assert Score(precision=1.0, recall=0.5).f2 == pytest.approx(5 / 9)
    assert Score(precision=0.5, recall=1.0).f2 == pytest.approx(5 / 6)
    assert Score(precision=0.0, recall=0.0).f2 == 0.0


@given(st.lists(st.tuples(st.integers(0, 22), st.integers(1, 22)), max_size=6))
def test_more_findings_never_lower_recall(stretches: list[tuple[int, int]]) -> None:
    found = [(Kind.PERSON, start, min(start + length, len(TEXT))) for start, length in stretches]
    recalls = [evaluate([ROW], Says(*found[:count]))[OVERALL].recall for count in range(len(found) + 1)]
    assert recalls == sorted(recalls)


@pytest.mark.parametrize("packed", [False, True])
def test_a_file_is_read_as_it_was_written(tmp_path: Path, packed: bool) -> None:
    spans = [{"type": "PERSON", "value": "Ada Ek", "start": 0, "end": 6}, {"type": "GPE", "start": 16, "end": 22}]
    path = write(tmp_path / "own.jsonl", {"text": TEXT, "spans": spans, "template_id": 7}, packed=packed)
    assert read_labelled(path) == [ROW]


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ([], "no labelled text"),
        ({"text": TEXT}, "no labelled text"),
        ({"text": 7, "spans": []}, "no labelled text"),
        ({"text": TEXT, "spans": [{"type": "PERSON", "start": 0}]}, "no labelled text"),
        ({"text": TEXT, "spans": [{"type": "PERSON", "start": 0, "end": 99}]}, "from 0 to 99"),
        ({"text": TEXT, "spans": [{"type": "GPE", "start": 0, "end": 6, "value": "Narvik"}]}, "`value`"),
    ],
)
def test_a_bad_row_is_named_by_file_and_line_and_never_quoted(tmp_path: Path, row: Any, why: str) -> None:
    path = write(tmp_path / "own.jsonl", {"text": TEXT, "spans": []}, row)
    with pytest.raises(
        InvalidRequest, match=rf"own\.jsonl, line 2 .*{re.escape(why)}|line 2 .*{re.escape(why)}"
    ) as error:
        read_labelled(path)
    assert "Narvik" not in str(error.value)


@pytest.mark.parametrize("content", [b"\x1f\x8bbroken", b"\xff\xfe", b"# not JSON"])
def test_another_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "other.jsonl").write_bytes(content)
    with pytest.raises(InvalidRequest, match=r"other\.jsonl"):
        read_labelled(tmp_path / "other.jsonl")


def test_texts_without_anything_personal_measure_nothing() -> None:
    with pytest.raises(InvalidRequest, match="nothing"):
        evaluate([Labelled("2 + 2 = 4", ())], Says())
