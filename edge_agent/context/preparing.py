"""What an item brings to the store that depends on the item and the rules alone.

It is most of the work that is not SQLite's, and no connection is needed for it: where there is another core, another
process does it (`importers.ahead`).
"""

from __future__ import annotations

import json
from typing import Final, NamedTuple

from edge_agent.context import clues, items, people
from edge_agent.context.clues import Clue
from edge_agent.context.items import Item
from edge_agent.context.labels import Labels, Reason

Contents = tuple[object, ...]
"""What an item says, as `items.to_row` gives it."""
_TELLING: Final = tuple(items.COLUMNS.index(name) for name in ("kind", "title", "body", "people", "place"))


class Prepared(NamedTuple):
    """An item, ready for the table of records."""

    item: Item
    contents: Contents
    said: tuple[Reason, ...]
    """What the rules say of its label, in their order."""
    aliases: dict[str, str]
    """As `people.aliases` finds them."""
    clues: tuple[Clue, ...]
    """As `clues.clues_of` finds them."""


def prepare(item: Item, rules: Labels) -> Prepared:
    """Do what can be done without the store.

    Args:
        item: as it came.
        rules: those of the store that it goes to.

    Raises:
        InvalidRequest: it cannot be a record; see `items.to_row`.
    """
    contents = items.to_row(item)
    kind, title, body, names, where = (str(contents[place]) for place in _TELLING)
    present: list[str] = json.loads(names)
    aliases = people.aliases(kind, body, present)
    told = clues.clues_of(kind, title, body, present, where)
    return Prepared(item, contents, tuple(rules.reasons(item.record)), aliases, told)
