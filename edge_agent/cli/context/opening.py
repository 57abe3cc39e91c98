"""The store that a command is about, and the options that several share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.types import Sensitivity

if TYPE_CHECKING:
    from edge_agent.context.store import SqliteContextStore
    from edge_agent.driver import Encryption

LabelOption = Annotated[
    Sensitivity | None,
    typer.Option("--sensitivity", help="How far it may travel; private never leaves this device.", show_default=False),
]


def store_file(config: Path | None = None) -> tuple[Path, Encryption]:
    """The file of the store that the configuration names, and how it is opened where it is encrypted."""
    from edge_agent.config import Config

    chosen = Config.load(config)
    return chosen.context_path, chosen.context_encryption


def open_store(config: Path | None = None, *, embedding: bool = False) -> SqliteContextStore:
    """The store that the configuration names; `embedding`: with the model that compares meanings."""
    from edge_agent.config import Config
    from edge_agent.context.opening import open_context

    chosen = Config.load(config)
    embedder = None
    if embedding:
        from edge_agent.assembly import open_embedder
        from edge_agent.cli.progress import shown_progress
        from edge_agent.slm.cores import usable_cores

        embedder = open_embedder(chosen, shown_progress(), threads=usable_cores())
    return open_context(chosen, embedder)
