"""Items from JSON: what is wrong is named, and never quoted."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from edge_agent.context.items import from_json
from edge_agent.context.labels import Labels
from orchestrator.types import Sensitivity

SECRET = "my-secret-words"


def read(given: dict[str, Any], wish: Sensitivity | None = None) -> Any:
    return from_json(given, kind="note", label=Labels(wish).label)


def test_all_fields_but_some_text_may_be_missing() -> None:
    item = read({"body": "x"})
    assert (item.record.kind, item.record.sensitivity, item.key, item.record.id) == (
        "note",
        Sensitivity.PERSONAL,
        None,
        None,
    )


def test_an_id_counts_as_ours_only_beside_a_key() -> None:
    assert read({"body": "x", "id": 7}).record.id is None
    assert read({"body": "x", "id": 7, "key": "k"}).record.id == 7
    assert read({"body": "x", "id": 10**30, "key": "k"}).record.id is None
    assert read({"body": "x", "id": True, "key": "k"}).record.id is None


def test_times_keep_their_zone_and_get_this_devices_where_they_have_none() -> None:
    assert read({"body": "x", "time": "2026-11-24T09:30:00+05:00"}).record.time.utcoffset() == timedelta(hours=5)
    bare = read({"body": "x", "time": "2026-11-24"}).record.time
    assert bare == datetime(2026, 11, 24).astimezone()


def test_people_may_be_one_name() -> None:
    assert read({"body": "x", "people": "Tobi"}).record.people == ("Tobi",)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({}, "title"),
        ({"body": 3}, "body"),
        ({"body": "x", "people": [3, SECRET]}, "people"),
        ({"body": "x", "people": {SECRET: 1}}, "people"),
        ({"body": "x", "time": SECRET}, "time"),
        ({"body": "x", "end": "0001-01-01T00:00:00+99:00"}, "end"),
        ({"body": "x", "sensitivity": SECRET}, "sensitivity"),
    ],
)
def test_what_is_wrong_is_named_and_not_quoted(given: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named) as caught:
        read(given)
    assert SECRET not in str(caught.value)


class TestLabels:
    def test_without_a_wish_the_mark_stands_and_then_the_kind(self) -> None:
        labels = Labels()
        assert labels.label("note", Sensitivity.PUBLIC) is Sensitivity.PUBLIC
        assert labels.label("mail") is Sensitivity.PERSONAL
        assert labels.label("something new") is Sensitivity.PERSONAL

    def test_a_wish_never_lowers_a_mark(self) -> None:
        labels = Labels(Sensitivity.PUBLIC)
        assert labels.label("note") is Sensitivity.PUBLIC
        assert labels.label("note", Sensitivity.PRIVATE) is Sensitivity.PRIVATE
        assert Labels(Sensitivity.PRIVATE).label("note", Sensitivity.PUBLIC) is Sensitivity.PRIVATE
