"""New labels for records, and for what was made from them: the turns of conversations in whose prompts they were.

What was made from a record is at least as private as the record, from then on: neither lowering the record's label
again nor forgetting it makes the other less private.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any, Final

from edge_agent.context import items
from edge_agent.context.labels import Given, Judge
from orchestrator.types import Sensitivity

if TYPE_CHECKING:
    import sqlite_utils

_MADE_FROM: Final = """
SELECT turn.id, turn.mark, answer.made_from, origin.sensitivity
FROM answer_records AS link
JOIN records AS origin ON origin.id = link.record_id
JOIN answers AS answer ON answer.record_id = link.answer_id
JOIN records AS answered ON answered.id = answer.record_id
JOIN records AS turn ON turn.thread = answered.thread AND turn.position IN (answered.position - 1, answered.position)
WHERE link.record_id IN (SELECT value FROM json_each(?)) AND turn.kind IN ('asked', 'said', 'answered')
"""


@dataclass(frozen=True, slots=True)
class Relabelled:
    """What became of a number of records when their labels were decided anew."""

    records: int = 0
    """How many were looked at."""
    raised: int = 0
    lowered: int = 0
    against_rules: int = 0
    """How many have a lower label than a rule gives, since the user chose it."""

    def __add__(self, other: Relabelled) -> Relabelled:
        return Relabelled(*(mine + theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))


def relabel(db: sqlite_utils.Database, ids: Sequence[int], judge: Judge) -> Relabelled:
    """Decide anew on the labels of some records, and hand down to what was made from them what became more private.

    Args:
        db: a connection inside a transaction.
        ids: of the records.
        judge: decides.
    """
    outcome, changed = Relabelled(), []
    for row in rows(db, ids):
        record, before = items.from_row(row).record, Sensitivity(row["sensitivity"])
        reason = judge.deciding(record, given(row))
        if (before, row["label_reason"]) != (reason.label, reason.words):
            changed.append((reason.label, reason.words, row["id"]))
        outcome += Relabelled(
            records=1,
            raised=int(reason.label.rank > before.rank),
            lowered=int(reason.label.rank < before.rank),
            against_rules=int(judge.overrules(record, reason)),
        )
    db.conn.executemany("UPDATE records SET sensitivity = ?, label_reason = ? WHERE id = ?", changed)
    return outcome + hand_down(db, [record_id for *_, record_id in changed], judge)


def hand_down(db: sqlite_utils.Database, ids: Sequence[int], judge: Judge) -> Relabelled:
    """Make what was made from some records at least as private as they are now, and so on; what that changed."""
    if not ids:
        return Relabelled()
    raised: dict[int, Sensitivity] = {}
    for turn_id, *labels in db.execute(_MADE_FROM, [json.dumps(list(ids))]):
        mark, made_from, origin = (Sensitivity(label) if label else Sensitivity.PUBLIC for label in labels)
        if origin.rank > min(mark.rank, made_from.rank):
            raised[turn_id] = Sensitivity.highest([mark, origin, raised.get(turn_id, origin)])
    if not raised:
        return Relabelled()
    marks = [(label, turn_id) for turn_id, label in raised.items()]
    db.conn.executemany("UPDATE records SET mark = ? WHERE id = ?", marks)
    db.conn.executemany("UPDATE answers SET made_from = ? WHERE record_id = ?", marks)
    return relabel(db, list(raised), judge)


def rows(db: sqlite_utils.Database, ids: Sequence[int]) -> Iterator[dict[str, Any]]:
    """The rows of records, in the order of their ids."""
    listed = json.dumps(list(ids))
    return db.query("SELECT * FROM records WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id", [listed])


def given(row: Mapping[str, Any]) -> Given:
    """What was said of a record's label by others than the rules."""
    mark, chosen = (Sensitivity(row[name]) if row[name] else None for name in ("mark", "chosen"))
    return Given(mark, chosen)
