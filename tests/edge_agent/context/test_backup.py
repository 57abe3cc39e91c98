"""A backup is whole or not there; a restored store is the backup's, and what was there before is kept."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from edge_agent.context.backup import Backup, backup, restore
from edge_agent.context.check import Checkup, check
from edge_agent.context.items import Item
from edge_agent.context.repair import repair
from edge_agent.context.schema import SCHEMA
from edge_agent.context.store import SqliteContextStore
from edge_agent.database import Database, Schema
from edge_agent.driver import Encryption
from edge_agent.keys import KeyFile
from orchestrator.errors import InvalidRequest, StoreCorrupt, StoreLocked, StoreUnavailable
from orchestrator.types import Record


def note(text: str) -> Record:
    return Record(kind="note", body=text)


def exported(path: Path) -> list[str]:
    with SqliteContextStore(path) as store:
        return list(store.export())


def files(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


class TestBackup:
    def test_it_holds_what_the_store_holds(self, lived_in: Path, tmp_path: Path) -> None:
        target = tmp_path / "kept" / "today.db"
        made = backup(lived_in, target)
        assert made == Backup(target, 300, target.stat().st_size)
        assert files(target.parent) == {"today.db"}
        assert target.stat().st_mode & 0o777 == 0o600
        assert exported(target) == exported(lived_in)

    def test_what_is_only_in_the_log_is_in_it(self, tmp_path: Path) -> None:
        with SqliteContextStore(tmp_path / "context.db") as store:
            store.add(note("a moment ago"))
            assert backup(store.path, tmp_path / "kept.db").records == 1

    def test_others_write_meanwhile(self, lived_in: Path, tmp_path: Path) -> None:
        stop = threading.Event()

        def write() -> None:
            with SqliteContextStore(lived_in) as store:
                while not stop.is_set():
                    store.add(note("meanwhile"))

        writer = threading.Thread(target=write)
        writer.start()
        try:
            made = [backup(lived_in, tmp_path / f"{n}.db").records for n in range(3)]
        finally:
            stop.set()
            writer.join()
        assert 300 <= made[0] <= made[1] <= made[2]

    def test_nothing_is_overwritten(self, lived_in: Path, tmp_path: Path) -> None:
        precious = tmp_path / "photo.jpg"
        precious.write_bytes(b"a photo")
        with pytest.raises(InvalidRequest, match="exists"):
            backup(lived_in, precious)
        assert precious.read_bytes() == b"a photo"

    def test_of_a_damaged_store_none_is_kept(self, lived_in: Path, tmp_path: Path) -> None:
        connection = sqlite3.connect(lived_in)
        connection.execute("INSERT INTO records_fts (records_fts) VALUES ('delete-all')")
        connection.commit()
        connection.close()
        with pytest.raises(StoreCorrupt, match="no backup of it was kept: The index of words") as refused:
            backup(lived_in, tmp_path / "kept.db")
        assert "edgewise context repair" in refused.value.remedy
        assert files(tmp_path) == {"context.db"}

    def test_of_nothing_there_is_none(self, tmp_path: Path) -> None:
        with pytest.raises(StoreUnavailable, match="there is no context store"):
            backup(tmp_path / "context.db", tmp_path / "kept.db")
        assert files(tmp_path) == set()

    def test_a_folder_that_cannot_be_made_is_named(self, lived_in: Path) -> None:
        with pytest.raises(StoreUnavailable, match=r"context\.db/kept\.db cannot be written"):
            backup(lived_in, lived_in / "kept.db")


class TestRestore:
    def test_the_store_becomes_the_backup_and_the_former_is_kept(self, lived_in: Path, tmp_path: Path) -> None:
        kept = tmp_path / "kept.db"
        backup(lived_in, kept)
        as_kept, bytes_kept = exported(lived_in), kept.read_bytes()
        with SqliteContextStore(lived_in) as store:
            store.add(note("since then"))
        since = exported(lived_in)

        done = restore(kept, lived_in)
        assert (done.records, exported(lived_in)) == (300, as_kept)
        assert done.former == tmp_path / "context.former-1.db"
        assert exported(done.former) == since
        assert kept.read_bytes() == bytes_kept
        assert restore(done.former, lived_in).former == tmp_path / "context.former-2.db"
        assert exported(lived_in) == since

    def test_where_there_was_none(self, lived_in: Path, tmp_path: Path) -> None:
        done = restore(lived_in, tmp_path / "new" / "context.db")
        assert (done.records, done.former) == (300, None)
        assert files(tmp_path / "new") == {"context.db"}

    def test_a_damaged_store_is_kept_too(self, lived_in: Path, tmp_path: Path) -> None:
        kept = tmp_path / "kept.db"
        backup(lived_in, kept)
        lived_in.write_bytes(b"nothing that SQLite knows" * 1000)
        assert restore(kept, lived_in).former == tmp_path / "context.former-1.db"
        assert files(tmp_path) == {"kept.db", "context.db", "context.former-1.db"}
        assert check(lived_in).sound

    def test_a_backup_of_an_earlier_version_is_brought_up_to_date(self, tmp_path: Path) -> None:
        old = tmp_path / "old.db"
        database = Database(old, Schema(SCHEMA.noun, SCHEMA.steps[:1]))
        with database.write() as db:
            db.execute(
                "INSERT INTO records (kind, title, body, people, place, source, sensitivity) "
                "VALUES ('note', 'old', '', '[]', '', 'user', 'personal')"
            )
        database.close()
        path = tmp_path / "new" / "context.db"
        assert restore(old, path).records == 1
        assert Database(path, SCHEMA).steps() == tuple(step.__name__ for step in SCHEMA.steps)
        with SqliteContextStore(path) as store:
            assert [record.title for record in store.search("old")] == ["old"]

    @pytest.mark.parametrize("content", [b"", b"Dear aunt, " * 1000])
    def test_what_is_no_store_is_refused(self, lived_in: Path, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "letter").write_bytes(content)
        before = lived_in.read_bytes()
        with pytest.raises(StoreCorrupt, match="letter"):
            restore(tmp_path / "letter", lived_in)
        assert lived_in.read_bytes() == before
        assert files(tmp_path) == {"context.db", "letter"}

    def test_a_damaged_backup_is_refused(self, lived_in: Path, tmp_path: Path) -> None:
        kept = tmp_path / "kept.db"
        backup(lived_in, kept)
        connection = sqlite3.connect(kept)
        connection.execute("UPDATE records SET time = 'soon' WHERE id = 7")
        connection.commit()
        connection.close()
        with pytest.raises(
            StoreCorrupt, match=r"the backup .*kept\.db is damaged: Records that cannot be read: 1, with the ids 7"
        ):
            restore(kept, lived_in)
        assert files(tmp_path) == {"context.db", "kept.db"}

    def test_a_newer_backup_is_refused(self, lived_in: Path, tmp_path: Path) -> None:
        def of_tomorrow(db: object) -> None: ...

        Database(tmp_path / "newer.db", Schema(SCHEMA.noun, (*SCHEMA.steps, of_tomorrow))).close()
        with pytest.raises(StoreUnavailable, match=r"newer version .*newer\.db"):
            restore(tmp_path / "newer.db", lived_in)

    def test_the_store_itself_is_no_backup_of_it(self, lived_in: Path) -> None:
        with pytest.raises(InvalidRequest, match="the store itself"):
            restore(lived_in, lived_in)

    def test_a_store_in_use_is_left_alone(self, lived_in: Path, tmp_path: Path) -> None:
        backup(lived_in, tmp_path / "kept.db")
        script = (
            "import sys; from edge_agent.context.store import SqliteContextStore\n"
            "with SqliteContextStore(sys.argv[1]) as store:\n"
            "    print(store.stats().records, flush=True); sys.stdin.readline()"
        )
        user = subprocess.Popen(
            [sys.executable, "-c", script, str(lived_in)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert user.stdout is not None
        assert user.stdout.readline() == "300\n"
        with pytest.raises(StoreUnavailable, match="in use by another program"):
            restore(tmp_path / "kept.db", lived_in)
        user.communicate("\n")
        assert restore(tmp_path / "kept.db", lived_in).records == 300


class TestEncrypted:
    """With SQLCipher: what was private stays so in every copy."""

    CANARY = "canary-of-the-yellow-kind"

    @pytest.fixture
    def encryption(self, tmp_path: Path) -> Encryption:
        pytest.importorskip("sqlcipher3")
        return Encryption(KeyFile(tmp_path / "key"), required=True)

    @pytest.fixture
    def secret(self, tmp_path: Path, encryption: Encryption) -> Path:
        path = tmp_path / "context.db"
        with SqliteContextStore(path, encryption=encryption) as store:
            store.put(Item(note(f"{self.CANARY} {number} " * 20), f"note:{number}") for number in range(100))
        return path

    def test_a_backup_is_encrypted_and_opens_with_the_same_key(
        self, secret: Path, tmp_path: Path, encryption: Encryption
    ) -> None:
        kept = tmp_path / "kept.db"
        assert backup(secret, kept, encryption).records == 100
        assert self.CANARY.encode() not in kept.read_bytes()
        assert not kept.read_bytes().startswith(b"SQLite format 3")
        with pytest.raises(StoreLocked):
            check(kept)
        with SqliteContextStore(secret, encryption=encryption) as store:
            store.forget_all()
        done = restore(kept, secret, encryption)
        assert (done.records, check(secret, encryption)) == (100, Checkup(secret, 100, ()))
        assert all(self.CANARY.encode() not in file.read_bytes() for file in tmp_path.iterdir())

    def test_another_key_restores_nothing(self, secret: Path, tmp_path: Path, encryption: Encryption) -> None:
        kept = tmp_path / "kept.db"
        backup(secret, kept, encryption)
        (tmp_path / "key").write_text("another one")
        before = secret.read_bytes()
        with pytest.raises(StoreLocked, match=r"kept\.db"):
            restore(kept, secret, encryption)
        assert secret.read_bytes() == before

    def test_every_changed_bit_is_found_and_a_repair_stays_encrypted(
        self, secret: Path, tmp_path: Path, encryption: Encryption
    ) -> None:
        with SqliteContextStore(secret, encryption=encryption) as store:
            (last_root,) = store.look(lambda db: db.execute("SELECT max(rootpage) FROM sqlite_schema").fetchone())
        whole = secret.read_bytes()
        saved = []
        for page in range(last_root + 1, last_root + 11):  # behind what leads to the records
            changed = bytearray(whole)
            changed[page * 4096 + 1000] ^= 1
            secret.write_bytes(changed)
            done = repair(secret, encryption)
            assert done.records + len(done.lost) == 100
            assert done.faults
            saved.append(done.records)
            assert check(secret, encryption).sound
        assert 80 < min(saved) < 100
        assert all(self.CANARY.encode() not in file.read_bytes() for file in tmp_path.iterdir())
