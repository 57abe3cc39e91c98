"""Long lists of values in a statement: some hundred at a time, each behind a place of its own.

A JSON list would do for ids; but a text in it ends at its first NUL, and bytes cannot be in one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final, TypeVar

Value = TypeVar("Value")
_PAGE: Final = 200
"""SQLite takes some thousands; one length for most pages lets it keep the statement."""


def pages(values: Iterable[Value]) -> Iterator[tuple[list[Value], str]]:
    """Pages of the values, each with its places: "?, ?, ?"."""
    left = iter(values)
    while page := list(islice(left, _PAGE)):
        yield page, ", ".join("?" * len(page))
