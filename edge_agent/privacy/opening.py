"""What an agent lets out, from its configuration: the rules of its gateway, and what they are kept with."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from random import Random

from edge_agent.config import Config
from edge_agent.context.store import SqliteContextStore
from edge_agent.privacy.detector import Detectors
from edge_agent.privacy.encoded import Encoded
from edge_agent.privacy.known import Known
from edge_agent.privacy.names import Names
from edge_agent.privacy.patterns import Patterns
from orchestrator.ports import Consent, Detector
from orchestrator.privacy.disclosure import Disclosure
from orchestrator.privacy.redaction import Redaction


def open_disclosure(config: Config, store: SqliteContextStore, consent: Consent) -> Disclosure:
    """By the rules of the configured gateway; without one nothing leaves anyway.

    Args:
        config: names the gateway, its rules and the stand-ins.
        store: what it knows is found, unless it is switched off.
        consent: asks the user where the rules say so.
    """
    return Disclosure(
        rules=config.privacy.rules(*config.cloud.targets),
        destination=config.cloud.destination,
        detector=open_detector(store if config.context.enabled else None),
        consent=consent,
        redaction=redactions(surrogate=config.privacy.stand_ins == "surrogate"),
    )


def open_detector(store: SqliteContextStore | None) -> Detector:
    """Everything that looks for what tells of people; with a store, for what it knows, too."""
    plain: list[Detector] = [Patterns(), Names()]
    if store is not None:
        plain.insert(0, Known(store))
    return Detectors([*plain, Encoded(Detectors(plain))])


def redactions(*, surrogate: bool) -> Callable[[str], Redaction]:
    """Makes the mapping of a request, told the conversation that it is of.

    Surrogates are drawn by a secret that lasts as long as the agent is open: turns of a conversation that are sent
    again are sent alike, and nobody outside can draw the same. A request of no conversation has a secret of its own.
    """
    if not surrogate:
        return lambda _: Redaction()
    from orchestrator.privacy.surrogates import Surrogates

    secret = secrets.token_hex(16)
    return lambda conversation: Redaction(Surrogates(Random(secret + (conversation or secrets.token_hex(16)))))
