"""Which sensitivity a record gets."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.types import Sensitivity

BY_KIND = {
    "event": Sensitivity.PERSONAL,
    "contact": Sensitivity.PERSONAL,
    "mail": Sensitivity.PERSONAL,
    "chat": Sensitivity.PERSONAL,
    "note": Sensitivity.PERSONAL,
}
"""What a kind is by default. A kind that is not here is personal too: nothing becomes public by accident."""


@dataclass(frozen=True, slots=True)
class Labels:
    """The rule of one import: kind, then the user's wish for the whole import, then each item's own mark."""

    wish: Sensitivity | None = None
    """What the user asked for, in place of the defaults by kind."""

    def label(self, kind: str, mark: Sensitivity | None = None) -> Sensitivity:
        """The sensitivity of an item of `kind` with its own `mark`.

        A mark stands against the default. Against a wish the more sensitive one stands: importing a folder as public
        does not publish the note in it that says private.
        """
        if self.wish is None:
            return mark or BY_KIND.get(kind, Sensitivity.PERSONAL)
        return Sensitivity.highest([self.wish, mark or self.wish])
