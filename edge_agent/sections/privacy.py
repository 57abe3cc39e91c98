"""Configuration of what may leave the device: rules for each label, and others for single destinations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from orchestrator.privacy.rules import Action, EgressRules, strictest
from orchestrator.settings import Section


def _kept(word: object) -> object:
    """Law 1 has no exception, so a file that asks for one is refused whole."""
    if word != Action.KEEP:
        raise ValueError(
            "what is labelled private never leaves the device (law 1), and no configuration changes that; "
            "change the label of the record instead: edgewise context label ID personal"
        )
    return word


Kept = Annotated[Literal["keep"], BeforeValidator(_kept)]
"""The one action for what is private. It may be written down, to be read."""


class DestinationSection(Section):
    """Rules of one destination, in the place of the general ones; what it does not say is as they say."""

    personal: Action | None = None
    public: Action | None = None
    private: Kept = "keep"


def _an_address(words: str) -> str:
    host, colon, port = words.rpartition(":")
    if not (host and colon and port.isdigit()):
        raise ValueError(f"{words!r} is no destination: write host:port, as in cloud.target")
    return words.casefold()


Address = Annotated[str, AfterValidator(_an_address)]


class PrivacySection(Section):
    """What may leave, by label: docs/privacy.md tells of it."""

    personal: Action = Action.REDACT
    """`keep`, `redact`, `ask` or `allow`."""
    public: Action = Action.ALLOW
    private: Kept = "keep"
    destinations: Mapping[Address, DestinationSection] = Field(default_factory=dict)
    """`host:port` → its own rules."""
    stand_ins: Literal["typed", "surrogate"] = "typed"
    """What goes in the place of what is redacted: `PERSON_2`, or another name of the same gender and shape."""

    def rules(self, *destinations: str) -> EgressRules:
        """Those of a destination, `host:port`. Of several, any of which may get a text: the strictest of each label."""
        own = [self.destinations.get(one.casefold(), DestinationSection()) for one in destinations]
        return EgressRules(
            personal=strictest([self.personal if one.personal is None else one.personal for one in own], self.personal),
            public=strictest([self.public if one.public is None else one.public for one in own], self.public),
        )
