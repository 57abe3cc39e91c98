"""One of several processes that use one store at once.

A program: `python -m tests.e2e.crowding STORE NAME ROUNDS`. It waits for a line, works, and prints what it did as JSON.
"""

from __future__ import annotations

import json
import random
import sys
from datetime import UTC, datetime

from edge_agent.context.items import Item
from edge_agent.context.store import SqliteContextStore
from orchestrator.types import Record

SHARED = 20
"""Records that all processes update."""
_NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def main(path: str, name: str, rounds: str) -> None:
    """Add, update, forget and recall, in a random order of the process's own."""
    dice = random.Random(name)
    kept: dict[str, str] = {}
    last: dict[str, str] = {}
    with SqliteContextStore(path) as store:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.readline()
        for number in range(int(rounds)):
            body = f"{name} wrote this in round {number}"
            added = store.add(Record(kind="note", body=body))
            kept[str(added)] = body
            shared = f"shared:{dice.randrange(SHARED)}"
            store.put(
                [Item(Record(kind="shared", body=body), shared), Item(Record(kind="own", body=body), f"own:{name}")]
            )
            last[shared] = body
            assert store.get(added).body == body
            if number % 3 == 0:
                store.recall(f"What did {name} write in round {number}?", limit=8, now=_NOW)
            if number % 10 == 9:
                gone = dice.choice(list(kept))
                store.forget(int(gone))
                del kept[gone]
    sys.stdout.write(json.dumps({"kept": kept, "last": last}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
