"""The records as another program may see them: up to a label, and never without an entry in the journal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from edge_agent.context.store import SqliteContextStore
from edge_agent.journal import Journal
from orchestrator.ports import Clock
from orchestrator.types import Record, Sensitivity

_LOOKED_THROUGH: Final = 100
"""Recalled records of any label, among which are those that may be seen."""


class SharedRecords:
    """What a client may find, see and add.

    A client is a destination like the cloud: nobody knows where it sends what it reads. It is not told either that
    something was kept back: that a private record has these words says much of what is in it.
    """

    def __init__(self, store: SqliteContextStore, journal: Journal, *, share: Sensitivity, clock: Clock) -> None:
        """Args:
        store: the records.
        journal: notes each access.
        share: the most sensitive label that is shared: public or personal.
        clock: tells what "tomorrow" is.

        Raises:
            ValueError: private records were to be shared.
        """
        if share is Sensitivity.PRIVATE:
            raise ValueError("private records are shared with nobody")
        self._store = store
        self._journal = journal
        self._labels = [label for label in Sensitivity if Sensitivity.highest([label, share]) is share]
        self._clock = clock

    def search(self, question: str, *, limit: int, client: str) -> Sequence[Record]:
        """The records that matter for a question, then those that have all its words, the newest first.

        Raises:
            InvalidRequest: there is no word in it.
            StoreError: the store or the journal cannot be used; then nothing is given.
        """
        recalled = self._store.recall(question, limit=_LOOKED_THROUGH, now=self._clock.now())
        fitting = [hit.record for hit in recalled]
        shared = [record for record in fitting if record.sensitivity in self._labels]
        known = {record.id for record in shared}
        worded = self._newest(limit, query=question)
        found = [*shared, *(record for record in worded if record.id not in known)][:limit]
        return self._noted(found, client, "search_context", withheld=len(fitting) - len(shared))

    def recent(self, *, kind: str | None, limit: int, client: str) -> Sequence[Record]:
        """The records that were kept last, of one kind where it is given.

        Raises:
            InvalidRequest: the kind is empty.
            StoreError: the store or the journal cannot be used; then nothing is given.
        """
        return self._noted(self._newest(limit, kind=kind), client, "recent_context")

    def add(self, record: Record, *, client: str) -> Record:
        """Keep a record; as it was kept.

        It is personal at least: a client cannot publish anything. Its source tells the client.

        Raises:
            InvalidRequest: it has no kind, or neither title nor body.
            StoreError: the store or the journal cannot be used.
        """
        least = Sensitivity.highest([Sensitivity.PERSONAL, record.sensitivity])
        kept = self._store.get(self._store.add(replace(record, source=f"mcp:{client}", sensitivity=least)))
        self._noted([kept], client, "add_record")
        return kept

    def _newest(self, limit: int, *, query: str | None = None, kind: str | None = None) -> Sequence[Record]:
        of_each = (self._store.list(query=query, kind=kind, sensitivity=label, limit=limit) for label in self._labels)
        found = [record for records in of_each for record in records]
        return sorted(found, key=lambda record: -(record.id or 0))[:limit]

    def _noted(self, records: Sequence[Record], client: str, tool: str, *, withheld: int = 0) -> Sequence[Record]:
        ids = [record.id for record in records if record.id is not None]
        self._journal.accessed(client, tool, ids, withheld=withheld)
        return records
