"""How records and counts are shown."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from edge_agent.cli.terminal import console
from orchestrator.types import Record, Sensitivity

if TYPE_CHECKING:
    from rich.text import Text

_SHOWN_CHARACTERS: Final = 300
_NARROWEST, _OTHER_COLUMNS = 20, 44
"""Characters of a table's column of texts at least, and of the columns beside it."""
LABEL_STYLES: Final = {Sensitivity.PUBLIC: "green", Sensitivity.PERSONAL: "yellow", Sensitivity.PRIVATE: "red"}


def print_records(records: Sequence[Record], *, as_json: bool, empty: str) -> None:
    """A JSON array, or a table with one line for each record."""
    if as_json:
        from edge_agent.context.items import fields

        print_json([fields(record) for record in records])
        return
    if not records:
        console().print(empty)
        return
    from rich.table import Table
    from rich.text import Text

    table = Table("id", "kind", "when", "what", "label", box=None, pad_edge=False)
    table.columns[0].justify = "right"
    out = console()
    table.columns[3].no_wrap = True
    table.columns[3].max_width = max(_NARROWEST, out.width - _OTHER_COLUMNS)
    for record in records:
        when = f"{record.time:%Y-%m-%d %H:%M}" if record.time else ""
        what = printable(": ".join(part for part in (record.title, record.body) if part))
        texts = Text(printable(record.kind)), when, Text(what[:_SHOWN_CHARACTERS])
        table.add_row(str(record.id), *texts, styled(record.sensitivity))
    out.print(table)


def styled(label: Sensitivity) -> Text:
    """A label in its colour."""
    from rich.text import Text

    return Text(label.value, style=LABEL_STYLES[label])


def counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")


def printable(text: str) -> str:
    """One line without control characters: what a mail says must not steer the terminal."""
    return "".join(character if character.isprintable() else " " for character in " ".join(text.split()))
