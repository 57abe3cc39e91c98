"""Configuration of the user's records: where they are, what labels them, and what is kept of conversations."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from edge_agent.context.labels import Rule
from edge_agent.keys import key_source
from orchestrator.settings import Section
from orchestrator.types import Sensitivity


def _a_key_source(words: str) -> str:
    """Wrong words are an error at the start, not when a store is first opened."""
    key_source(words)
    return words


class EncryptionSection(Section):
    """Encryption at rest of the personal-context store; an encrypted store is recognised without being announced."""

    required: bool = False
    """A new store is encrypted, and one that is not is refused."""
    key_from: Annotated[str, AfterValidator(_a_key_source)] = "keyring"
    """Where the key is kept: `keyring`, `file:PATH`, `env:NAME`, or `passphrase` to be asked."""


class LabelSection(Section):
    """A rule that gives records a label: it holds where all its conditions do. docs/labels.md tells of them."""

    label: Sensitivity
    name: str = ""
    """What reasons call it; by default its conditions."""
    kind: str = ""
    source: str = ""
    """A file, a folder, or a pattern with `*`."""
    sender: str = ""
    person: str = ""
    topic: str = ""
    """One of those that Edgewise knows: health, therapy, money, law, passwords, identity."""
    pattern: str = ""
    """A regular expression, searched in title, text and place."""

    @model_validator(mode="after")
    def _is_a_rule(self) -> Self:
        """A rule that can never be is refused with the file, and not at the first record."""
        self.rule()
        return self

    def rule(self) -> Rule:
        """As the store takes it."""
        return Rule(**self.model_dump())


class ContextSection(Section):
    """The personal-context store."""

    enabled: bool = True
    path: Path | None = None
    """By default `context.db` in the state folder."""
    embedding: str = "all-minilm-l6-v2"
    """The catalog name of the model that compares meanings; empty for recall by words, people and times alone."""
    records_tokens: int = Field(default=400, ge=0)
    """At most this much of a prompt is records."""
    encryption: EncryptionSection = EncryptionSection()
    labels: tuple[LabelSection, ...] = ()
    """Rules for the labels of records, beside those for the topics that Edgewise knows."""


class ConversationsSection(Section):
    """Conversations with the agent."""

    remember: bool = True
    """Keep them in the personal-context store, to be resumed and recalled."""
    history_tokens: int = Field(default=1500, ge=0)
    """At most this much of the device's prompt is earlier turns; older ones are condensed."""
