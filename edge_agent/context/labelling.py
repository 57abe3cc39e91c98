"""The labels in the store: what the user chooses, rules that changed, and why a record has the label that it has."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge_agent.context import inheriting, items
from edge_agent.context.inheriting import Relabelled, relabel
from edge_agent.context.items import Item
from edge_agent.context.labels import About, Choice, Given, Judge, Labels, Reason
from edge_agent.context.selection import Selection, selected
from edge_agent.database import Database
from orchestrator.errors import InvalidRequest, RecordNotFound
from orchestrator.types import Record, Sensitivity

COLUMNS: Final = ("sensitivity", "mark", "chosen", "label_reason")
"""The columns of `records` that hold its label, in the order of `label_row`."""
_PAGE: Final = 500
"""Records a transaction: another writer waits a tenth of a second at most."""
_LISTED: Final = "(SELECT value FROM json_each(?))"
"""A JSON list of values: any number of them."""
_KEEP_CHOICE: Final = """
INSERT INTO label_choices (about, name, sensitivity) VALUES (?, ?, ?)
ON CONFLICT (about, name) DO UPDATE SET sensitivity = excluded.sensitivity
"""


@dataclass(frozen=True, slots=True)
class Provenance:
    """Why a record has its label."""

    record: Record
    reason: str
    """What decided when it was labelled."""
    speaking: Sequence[Reason]
    """All that speaks for one label or another by today's rules, what decides first."""

    @property
    def is_stale(self) -> bool:
        """Whether today's rules say something else than the record has."""
        return self.speaking[0].label is not self.record.sensitivity


def label_row(item: Item, said: Sequence[Reason], chosen: Sensitivity | None, judge: Judge) -> tuple[str | None, ...]:
    """The values of `COLUMNS` for an item of an import.

    Args:
        item: as it came.
        said: what the rules say of it.
        chosen: what the user chose for the record that is there already. What the item brings itself is newer.
        judge: decides.
    """
    given = Given(item.mark, item.chosen or chosen)
    reason = judge.deciding(item.record, given, said)
    return reason.label.value, given.mark, given.chosen, reason.words


def judge_of(connection: sqlite3.Connection, labels: Labels) -> Judge:
    """The rules, and the user's choices as they are now."""
    return Judge(labels, choices(connection))


def choices(connection: sqlite3.Connection) -> list[Choice]:
    """What the user chose for sources and people."""
    rows = connection.execute("SELECT about, name, sensitivity FROM label_choices ORDER BY about, name")
    return [Choice(about, name, Sensitivity(label)) for about, name, label in rows]


class Labelling:
    """The labels of one store. Each change is in the file, and holds for every process, once the call returns."""

    def __init__(self, database: Database, labels: Labels) -> None:
        self.rules = labels
        self._database = database

    def choose(
        self, label: Sensitivity | None, *, ids: Iterable[int] = (), source: str = "", person: str = ""
    ) -> Relabelled:
        """Give records the label that the user wants; None leaves it to the rules again. All of them, or none.

        A choice for a source or a person holds for what comes later too.

        Args:
            label: the label.
            ids: of records; or
            source: a file, a folder, or another source as records name it; or
            person: all words of this are among those of a name.

        Raises:
            InvalidRequest: not exactly one of the three is given.
            RecordNotFound: there is no record with one of these ids.
            StoreError: the store cannot be written.
        """
        wanted = sorted(set(ids))
        if sum(map(bool, (wanted, source.strip(), person.strip()))) != 1:
            raise InvalidRequest("a label is for records, a source or a person", remedy="name exactly one of them")
        if wanted:
            return self._choose_records(label, wanted)
        if source.strip():
            return self._choose("source", _place(source), label)
        return self._choose("person", " ".join(person.split()), label)

    def apply(self, on_progress: Callable[[int], None] = lambda done: None) -> Relabelled:
        """Decide on every record anew, by the rules as they are now. Stopped in between, it keeps what was done.

        Args:
            on_progress: is told after each batch how many records were looked at by then.

        Raises:
            StoreError: the store cannot be written.
        """
        total, last = Relabelled(), 0
        while True:
            with self._database.write() as db:
                page = db.execute("SELECT id FROM records WHERE id > ? ORDER BY id LIMIT ?", [last, _PAGE])
                ids = [record_id for (record_id,) in page]
                total += relabel(db, ids, judge_of(db.conn, self.rules))
            if not ids:
                return total
            last = ids[-1]
            on_progress(total.records)

    def why(self, record_id: int) -> Provenance:
        """Why a record has its label.

        Raises:
            RecordNotFound: there is none with that id.
            StoreError: the store cannot be read.
        """
        with self._database.lend() as db:
            row = next(inheriting.rows(db, [record_id]), None)
            judge = judge_of(db.conn, self.rules)
        if row is None:
            raise _missing(record_id)
        record = items.from_row(row).record
        return Provenance(record, row["label_reason"], judge.speaking(record, inheriting.given(row)))

    def of(self, ids: Sequence[int]) -> dict[int, Sensitivity]:
        """The labels of records as they are at this moment; one that was forgotten has none.

        Raises:
            StoreError: the store cannot be read.
        """
        with self._database.lend() as db:
            return {row["id"]: Sensitivity(row["sensitivity"]) for row in inheriting.rows(db, ids)}

    def choices(self) -> list[Choice]:
        """What the user chose for sources and people.

        Raises:
            StoreError: the store cannot be read.
        """
        with self._database.lend() as db:
            return choices(db.conn)

    def _choose_records(self, label: Sensitivity | None, ids: Sequence[int]) -> Relabelled:
        with self._database.write() as db:
            found = {row["id"] for row in inheriting.rows(db, ids)}
            if missing := set(ids) - found:
                raise _missing(min(missing))
            db.execute(f"UPDATE records SET chosen = ? WHERE id IN {_LISTED}", [label, json.dumps(ids)])
            return relabel(db, ids, judge_of(db.conn, self.rules))

    def _choose(self, about: About, name: str, label: Sensitivity | None) -> Relabelled:
        with self._database.write() as db:
            if label is None:
                db.execute("DELETE FROM label_choices WHERE about = ? AND name = ?", [about, name])
            else:
                db.execute(_KEEP_CHOICE, [about, name, label])
            meant = Selection(source=name) if about == "source" else Selection(person=name)
            ids = selected(db.conn, meant)
            judge = judge_of(db.conn, self.rules)
            pages = (ids[start : start + _PAGE] for start in range(0, len(ids), _PAGE))
            return sum((relabel(db, page, judge) for page in pages), Relabelled())


def _place(source: str) -> str:
    """A file or folder by its full path, as records name it; any other source as it is."""
    path = Path(source).expanduser()
    return str(path.resolve()) if path.exists() or path.is_absolute() else source


def _missing(record_id: int) -> RecordNotFound:
    return RecordNotFound(f"no record has the id {record_id}", remedy="`edgewise context list` shows the ids")
