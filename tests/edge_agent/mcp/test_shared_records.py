"""Whatever is stored and asked: what is not shared is never given, and each access is noted."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.context.store import SqliteContextStore
from edge_agent.journal import Journal
from edge_agent.mcp.shared_records import SharedRecords
from orchestrator.clock import SystemClock
from orchestrator.errors import InvalidRequest
from orchestrator.types import Record, Sensitivity

WORDS = st.lists(st.sampled_from(["boiler", "anna", "dentist", "tuesday", "key", "shed"]), min_size=1).map(" ".join)
RECORDS = st.builds(
    Record, kind=st.sampled_from(["note", "event"]), body=WORDS, sensitivity=st.sampled_from(Sensitivity)
)


@settings(max_examples=25, deadline=None)
@given(
    records=st.lists(RECORDS, max_size=12),
    question=WORDS,
    share=st.sampled_from([Sensitivity.PUBLIC, Sensitivity.PERSONAL]),
    limit=st.integers(1, 12),
)
def test_what_is_not_shared_is_never_given(
    records: list[Record], question: str, share: Sensitivity, limit: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("shared")
    allowed = {Sensitivity.PUBLIC, share}
    with SqliteContextStore(folder / "context.db") as store, Journal.open(folder / "journal.db") as journal:
        ids = [store.add(record) for record in records]
        shared = SharedRecords(store, journal, share=share, clock=SystemClock())
        for found in (
            shared.search(question, limit=limit, client="probe"),
            shared.recent(kind=None, limit=limit, client="probe"),
        ):
            assert {record.sensitivity for record in found} <= allowed
            assert len({record.id for record in found}) == len(found) <= limit
        assert [record.id for record in found] == [
            record_id for record_id in ids[::-1] if store.get(record_id).sensitivity in allowed
        ][:limit]
        assert [access.tool for access in journal.accesses(9)] == ["recent_context", "search_context"]


def test_many_that_are_private_do_not_hide_one_that_is_not(tmp_path: Path) -> None:
    with SqliteContextStore(tmp_path / "context.db") as store, Journal.open(tmp_path / "journal.db") as journal:
        store.add(
            Record(kind="note", body="a long text about many things, the boiler is one", sensitivity=Sensitivity.PUBLIC)
        )
        for _ in range(150):
            store.add(Record(kind="note", title="boiler", sensitivity=Sensitivity.PRIVATE))
        shared = SharedRecords(store, journal, share=Sensitivity.PUBLIC, clock=SystemClock())
        assert [record.id for record in shared.search("boiler", limit=5, client="probe")] == [1]
        with pytest.raises(InvalidRequest):
            shared.search("?", limit=5, client="probe")


def test_private_records_can_be_shared_with_nobody(tmp_path: Path) -> None:
    with (
        SqliteContextStore(tmp_path / "context.db") as store,
        Journal.open(tmp_path / "journal.db") as journal,
        pytest.raises(ValueError, match="nobody"),
    ):
        SharedRecords(store, journal, share=Sensitivity.PRIVATE, clock=SystemClock())
