"""Kill a process in the middle of its work, again and again, and look at what is left.

A program: `python -m tests.e2e.killing SCENARIO FOLDER KILLS SEED`. It forks a child for each kill, which is at work at
once; pytest itself has threads, and should not fork.
"""

from __future__ import annotations

import json
import os
import random
import select
import shutil
import signal
import sqlite3
import sys
import time
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_agent.context import vectors
from edge_agent.context.backup import backup, restore
from edge_agent.context.check import check
from edge_agent.context.importers import import_paths
from edge_agent.context.repair import repair
from edge_agent.context.schema import SCHEMA
from edge_agent.context.store import SqliteContextStore
from edge_agent.database import Database, Schema

Acknowledge = Callable[[int], None]


class HashEmbedder:
    """Vectors that depend on a text and the model's name, made in no time."""

    dimensions = 64

    def __init__(self, name: str) -> None:
        self.name = name

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """A vector of length 1 for each text, [texts, 64]."""
        seeds = [int.from_bytes(sha256((self.name + text).encode()).digest()[:8]) for text in texts]
        made: NDArray[np.float64] = np.stack([np.random.default_rng(seed).standard_normal(64) for seed in seeds])
        return np.asarray(made / np.linalg.norm(made, axis=1, keepdims=True), np.float32)


def killed(work: Callable[[Acknowledge], None], after_s: float) -> list[int]:
    """Do `work` in a child, kill it so many seconds after it began, and return what it had acknowledged."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            work(lambda number: _write_line(writing, number))
        finally:
            os._exit(0)
    os.close(writing)
    select.select([], [], [], after_s)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with open(reading, encoding="ascii") as pipe:
        return [int(line) for line in pipe.read().splitlines(keepends=True) if line.endswith("\n")]


def _write_line(descriptor: int, number: int) -> None:
    os.write(descriptor, f"{number}\n".encode("ascii"))


def timed(work: Callable[[Acknowledge], None]) -> float:
    """How long `work` takes when nobody kills it, in seconds."""
    started = time.monotonic()
    work(lambda _: None)
    return time.monotonic() - started


def in_the_import(folder: Path, kills: int, dice: random.Random) -> int:
    """Files change between two imports; whatever a killed one had acknowledged is there, as the files say it."""
    path, files = folder / "context.db", folder / "files"
    files.mkdir()

    def bring_in(acknowledge: Acknowledge) -> None:
        with SqliteContextStore(path) as store:
            import_paths(store, [files], on_progress=lambda now: acknowledge(now.items))

    written = _write_edition(files, 0)
    longest = timed(bring_in)
    seen = 0
    for edition in range(1, kills + 1):
        written = _write_edition(files, edition)
        known = killed(bring_in, dice.uniform(0, longest))
        _sound(path)
        held = _bodies(path)
        for key, body in written[: max(known, default=0)]:
            assert held[key] == body, f"{key} was acknowledged, and is not there"
        seen += max(known, default=0)
    bring_in(lambda _: None)
    _sound(path)
    assert _bodies(path) == dict(written)
    return seen


def _write_edition(files: Path, edition: int) -> list[tuple[str, str]]:
    """Three files of 200 notes: some are as in the edition before, some new, some changed, some gone."""
    written = []
    for number in range(3):
        keys = [f"{number}:{place + edition * 7}" for place in range(200)]
        notes = [(key, f"note {key} of edition {edition // 3}, {'and more ' * 20}") for key in keys]
        lines = [json.dumps({"kind": "note", "key": key, "body": body}) + "\n" for key, body in notes]
        (files / f"{number}.jsonl").write_text("".join(lines))
        written += notes
    return written


def in_the_migration(folder: Path, kills: int, dice: random.Random) -> int:
    """A store of any earlier version is the old one or the new one, with every record."""
    path, bodies = folder / "context.db", {f"old:{number}": f"from long ago, {number}" for number in range(300)}
    old = [_old_store(folder / f"old-{steps}.db", steps, bodies) for steps in range(1, len(SCHEMA.steps))]

    def migrate(acknowledge: Acknowledge) -> None:
        SqliteContextStore(path).close()
        acknowledge(1)

    shutil.copyfile(old[0], path)
    longest = timed(migrate)
    done = 0
    for _ in range(kills):
        shutil.copyfile(dice.choice(old), path)
        done += len(killed(migrate, dice.uniform(0, 1.5 * longest)))
        _sound(path)
        assert _bodies(path) == bodies
        _sound(path)
        path.unlink()
    return done


def _old_store(path: Path, steps: int, bodies: dict[str, str]) -> Path:
    names = [step.__name__ for step in SCHEMA.steps[:steps]]
    database = Database(path, Schema(SCHEMA.noun, SCHEMA.steps[:steps]))
    with database.write() as db:
        for key, body in bodies.items():
            db.execute(
                "INSERT INTO records (key, kind, title, body, people, place, source, sensitivity) "
                "VALUES (?, 'note', '', ?, '[]', '', 'user', 'personal')",
                [key, body],
            )
        if names[-1] in {"create_vectors", "add_sources", "count_removals", "add_occurrences"}:
            packed = vectors.pack(HashEmbedder("old").embed(["a text"])[0])
            db.execute(
                "INSERT INTO vectors (record_id, model, bytes, bits) SELECT id, 'old', ?, ? FROM records", packed
            )
        if "add_sources" in names:
            db.execute("INSERT INTO sources (path, state) VALUES ('file', 'as it was')")
            db.execute("INSERT INTO source_items SELECT 1, key, 1 FROM records")
    with database.lend() as db:
        db.execute("PRAGMA journal_mode = delete")  # a single file, to be copied
    database.close()
    return path


def in_the_embedding(folder: Path, kills: int, dice: random.Random) -> int:
    """Another model each time: vectors that were acknowledged are there, and no record is forgotten over it."""
    path = folder / "context.db"
    with SqliteContextStore(path, embedder=HashEmbedder("first")) as store:
        files = folder / "files"
        files.mkdir()
        _write_edition(files, 0)
        import_paths(store, [files])
    before = _bodies(path)

    def embedding(model: str) -> Callable[[Acknowledge], None]:
        def embed(acknowledge: Acknowledge) -> None:
            with SqliteContextStore(path, embedder=HashEmbedder(model)) as store:
                while done := store.embed_missing(limit=16):
                    acknowledge(done)

        return embed

    longest = timed(embedding("first"))
    seen = 0
    for number in range(kills):
        model = f"model {number // 3}"
        with SqliteContextStore(path, embedder=HashEmbedder(model)) as store:
            missing = store.count_missing()
        made = sum(killed(embedding(model), dice.uniform(0, longest / 2)))
        _sound(path)
        assert _bodies(path) == before
        with SqliteContextStore(path, embedder=HashEmbedder(model)) as store:
            assert store.count_missing() <= missing - made, "vectors were acknowledged, and are not there"
        seen += made
    embedding("last")(lambda _: None)
    _sound(path)
    with SqliteContextStore(path, embedder=HashEmbedder("last")) as store:
        assert (store.count_missing(), store.stats().embedded) == (0, {"last": len(before)})
    return seen


def in_the_exchange(folder: Path, kills: int, dice: random.Random) -> int:
    """A backup is whole or not there; a restored or repaired store is the one from before or the new one."""
    path, target = folder / "context.db", folder / "kept.db"
    editions = []
    for edition in range(2):
        files, one = folder / f"files-{edition}", folder / f"edition-{edition}.db"
        files.mkdir()
        _write_edition(files, edition)
        with SqliteContextStore(one) as store:
            import_paths(store, [files])
        editions.append((one, _bodies(one)))
    shutil.copyfile(editions[0][0], path)
    before, done = editions[0][1], 0

    def work(step: int) -> Callable[[Acknowledge], None]:
        def do(acknowledge: Acknowledge) -> None:
            if step == 0:
                backup(path, target)
            elif step == 1:
                restore(editions[1][0], path)
            else:
                repair(path)
            acknowledge(1)

        return do

    _lose_words(path)
    longest = [timed(work(step)) for step in (2, 1, 0)][::-1]
    shutil.copyfile(editions[0][0], path)
    for kill in range(kills):
        step = kill % 3
        target.unlink(missing_ok=True)
        if step == 2:
            _lose_words(path)
        done += len(killed(work(step), dice.uniform(0, 3 * longest[step])))
        if target.exists():
            assert check(target).records == len(before)
        if step == 2 and not check(path).sound:
            repair(path)
        _sound(path)
        held = _bodies(path)
        assert held == before or (step == 1 and held == editions[1][1])
        for former in folder.glob("context.former-*"):
            former.unlink()
        shutil.copyfile(editions[0][0], path)
    return done


def _lose_words(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("INSERT INTO records_fts (records_fts) VALUES ('delete-all')")
    connection.commit()
    connection.close()


def _sound(path: Path) -> None:
    if path.exists() and path.stat().st_size:
        found = check(path)
        assert found.sound, found.faults


def _bodies(path: Path) -> dict[str, str]:
    with SqliteContextStore(path) as store:
        return {item["key"]: item["body"] for item in map(json.loads, store.export())}


SCENARIOS = {
    "import": in_the_import,
    "migration": in_the_migration,
    "embedding": in_the_embedding,
    "exchange": in_the_exchange,
}


def main(scenario: str, folder: str, kills: str, seed: str) -> None:
    """Print how much was acknowledged in all; anything that was lost ends it with an AssertionError."""
    seen = SCENARIOS[scenario](Path(folder), int(kills), random.Random(int(seed)))
    sys.stdout.write(f"{seen}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
