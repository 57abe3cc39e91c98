"""Opening the egress log that a configuration names: as safe as the context store, whose words may be in it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from edge_agent.driver import is_plain
from edge_agent.egress.log import EgressLog
from orchestrator.clock import SystemClock

if TYPE_CHECKING:
    from edge_agent.config import Config
    from edge_agent.driver import Encryption
    from edge_agent.egress.log import Heads
    from orchestrator.ports import Clock


def open_egress(
    config: Config,
    *,
    encrypted: bool,
    heads: Heads | None = None,
    clock: Clock | None = None,
    encryption: Encryption | None = None,
) -> EgressLog:
    """The configured log, decrypted where it is encrypted.

    Args:
        config: names the file, how long entries are kept, and where the key is.
        encrypted: whether the context store is: then the log has to be, too.
        heads: keeps the newest entry's hash elsewhere.
        clock: tells when something leaves.
        encryption: that of the context store, where it is open: nobody types its secret twice.

    Raises:
        StoreError: it cannot be opened; see `EgressLog`.
    """
    return EgressLog.open(
        config.egress_path,
        clock or SystemClock(),
        encryption=replace(encryption or config.context_encryption, required=encrypted),
        heads=heads,
        keep_days=config.egress.keep_days,
    )


def must_be_encrypted(config: Config) -> bool:
    """Whether the context store is encrypted, or will be. Only in a process that has it not open."""
    if config.context.encryption.required:
        return True
    path = config.context_path
    return path.exists() and path.stat().st_size > 0 and not is_plain(path)
