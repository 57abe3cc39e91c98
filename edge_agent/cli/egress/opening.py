"""The log that a command is about."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge_agent.egress.log import EgressLog


@contextmanager
def opened(config: Path | None) -> Iterator[EgressLog]:
    """The log that the configuration names, beside the journal that keeps its head."""
    from edge_agent.config import Config
    from edge_agent.egress.opening import must_be_encrypted, open_egress
    from edge_agent.journal import Journal

    chosen = Config.load(config)
    with (
        Journal.open(chosen.journal_path) as journal,
        open_egress(chosen, encrypted=must_be_encrypted(chosen), heads=journal) as log,
    ):
        yield log
