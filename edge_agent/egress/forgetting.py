"""Forgetting what left: a record that is forgotten here is also gone from the words of what was once sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from edge_agent.context.turns import THREADS
from orchestrator.types import Record

if TYPE_CHECKING:
    from edge_agent.context.store import SqliteContextStore
    from edge_agent.egress.log import EgressLog


def forget_sent(log: EgressLog, records: Sequence[Record]) -> int:
    """Blank the calls that records were in, and all of conversations of which they are turns; how many.

    Before the records themselves: if it ends in between, they are still there to be forgotten again.

    Raises:
        StoreError: the log cannot be written; nothing was blanked.
    """
    ids = [record.id for record in records if record.id is not None]
    conversations = {record.thread for record in records if record.thread.startswith(THREADS)}
    return log.forget(record_ids=ids, conversations=conversations)


def forget_removed(log: EgressLog, context: SqliteContextStore) -> int:
    """Blank the calls with records that the store has no more, whoever removed them; how many.

    Raises:
        StoreError: one of the files cannot be used.
    """
    held = log.held_record_ids()
    gone = held - context.labels.of(list(held)).keys()
    return log.forget(record_ids=gone) if gone else 0
