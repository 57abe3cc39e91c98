"""Commands that forget, and what once left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge_agent.config import Config
    from edge_agent.context.store import SqliteContextStore
    from orchestrator.types import Record


def forget_what_was_sent(config: Config, store: SqliteContextStore, records: Sequence[Record] | None) -> None:
    """Blank in the egress log the messages that `records` were in; without them, all. Before they themselves go.

    Raises:
        StoreError: it cannot be written; nothing was blanked.
    """
    from edge_agent.egress.forgetting import forget_sent
    from edge_agent.egress.opening import open_egress
    from edge_agent.journal import Journal

    if not config.egress_path.exists():
        return
    with (
        Journal.open(config.journal_path) as journal,
        open_egress(config, encrypted=store.encrypted, heads=journal) as egress,
    ):
        if records is None:
            egress.forget_all()
        else:
            forget_sent(egress, records)
