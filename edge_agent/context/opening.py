"""Opening the store that a configuration names: the one place that knows what of the configuration a store needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_agent.context.store import SqliteContextStore

if TYPE_CHECKING:
    from edge_agent.config import Config
    from edge_agent.driver import Encryption
    from orchestrator.ports import Embedder


def open_context(
    config: Config, embedder: Embedder | None = None, *, encryption: Encryption | None = None
) -> SqliteContextStore:
    """The configured store with its rules for labels, decrypted where it is encrypted.

    Args:
        config: names the file, its rules and where its key is.
        embedder: compares meanings.
        encryption: in place of the configured one, where another file shares its secret.

    Raises:
        StoreError: it cannot be opened; see `SqliteContextStore`.
    """
    return SqliteContextStore(
        config.context_path,
        embedder=embedder,
        former=_installed_embedder,
        labels=config.labels,
        encryption=encryption or config.context_encryption,
    )


def _installed_embedder(name: str) -> Embedder | None:
    from edge_agent.embedder import installed_embedder  # ONNX Runtime: seldom needed

    return installed_embedder(name)
