"""Items from JSON: what is wrong is named, and never quoted."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from edge_agent.context.items import from_json
from orchestrator.types import Sensitivity

SECRET = "my-secret-words"


def read(given: dict[str, Any]) -> Any:
    return from_json(given, kind="note")


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
        ({"body": "x", "key": "k", "chosen": SECRET}, "chosen"),
    ],
)
def test_what_is_wrong_is_named_and_not_quoted(given: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named) as caught:
        read(given)
    assert SECRET not in str(caught.value)


def test_a_mark_is_kept_apart_from_the_default() -> None:
    assert read({"body": "x"}).mark is None
    assert read({"body": "x", "sensitivity": "personal"}).mark is Sensitivity.PERSONAL
    assert read({"body": "x", "sensitivity": "personal", "unmarked": True}).mark is None
    assert read({"body": "x", "sensitivity": "private", "unmarked": True}).mark is Sensitivity.PRIVATE


def test_a_choice_counts_only_beside_a_key() -> None:
    assert read({"body": "x", "chosen": "public"}).chosen is None
    assert read({"body": "x", "chosen": "public", "key": "k"}).chosen is Sensitivity.PUBLIC
