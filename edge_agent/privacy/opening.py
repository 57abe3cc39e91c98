"""What an agent lets out, from its configuration: the rules of its gateway, and what they are kept with."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from random import Random

from edge_agent.config import Config
from orchestrator.ports import Consent
from orchestrator.privacy.disclosure import Disclosure
from orchestrator.privacy.redaction import Redaction


def open_disclosure(config: Config, consent: Consent) -> Disclosure:
    """By the rules of the configured gateway; without one nothing leaves anyway."""
    destination = config.cloud.target or ""
    return Disclosure(
        rules=config.privacy.rules(destination),
        destination=destination,
        consent=consent,
        redaction=redactions(surrogate=config.privacy.stand_ins == "surrogate"),
    )


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
