"""The tables of a context store, as migrations in order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from edge_agent.context import clues
from edge_agent.context.people import note_all
from edge_agent.database import Schema

if TYPE_CHECKING:
    from sqlite_utils import Database


def create_records(db: Database) -> None:
    """Records, their full-text index, and views of the index for word statistics.

    `AUTOINCREMENT`: an id is never given twice, since stored decisions quote ids. `starts_at` and `ends_at` are `time`
    and `end_time` as Unix seconds, for windows of time; the texts keep the zone's offset. `key` is what makes an import
    repeatable.
    """
    db.execute("""
        CREATE TABLE records (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            key TEXT NOT NULL UNIQUE DEFAULT ('user:' || lower(hex(randomblob(16)))),
            kind TEXT NOT NULL,
            title TEXT NOT NULL,
            body TEXT NOT NULL,
            people TEXT NOT NULL,
            time TEXT,
            end_time TEXT,
            place TEXT NOT NULL,
            source TEXT NOT NULL,
            sensitivity TEXT NOT NULL CHECK (sensitivity IN ('public', 'personal', 'private')),
            recurrence TEXT NOT NULL DEFAULT '',
            starts_at INTEGER,
            ends_at INTEGER
        )
    """)
    records = db.table("records")
    records.create_index(["kind", "starts_at"])
    records.create_index(["starts_at"])
    # No prefix index: recall asks for whole words, and `search` completes only the last one, which a range scan of the
    # term list does in well under a millisecond.
    records.enable_fts(
        ["title", "body", "people", "place"], tokenize="porter unicode61 remove_diacritics 2", create_triggers=True
    )
    db.execute("CREATE VIRTUAL TABLE records_words USING fts5vocab(records_fts, row)")
    db.execute("CREATE VIRTUAL TABLE records_places_of_words USING fts5vocab(records_fts, instance)")


def add_threads(db: Database) -> None:
    """Which conversation a message is part of, and its place there."""
    db.execute("ALTER TABLE records ADD COLUMN thread TEXT NOT NULL DEFAULT ''")
    db.execute("ALTER TABLE records ADD COLUMN position INTEGER NOT NULL DEFAULT 0")
    db.execute("CREATE INDEX idx_records_thread_position ON records (thread, position) WHERE thread != ''")


def create_vectors(db: Database) -> None:
    """Records' vectors, each by the model that made it: as signed bytes, and the signs alone as bits.

    A vector goes with its record, and when the texts change that it was made from. `AUTOINCREMENT`: whoever holds them
    in memory asks only for those behind the last one.
    """
    db.execute("""
        CREATE TABLE vectors (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            record_id INTEGER NOT NULL REFERENCES records (id),
            model TEXT NOT NULL,
            bytes BLOB NOT NULL,
            bits BLOB NOT NULL
        )
    """)
    db.table("vectors").create_index(["record_id", "model"])
    for name, event in (("forgotten", "DELETE"), ("changed", "UPDATE OF title, body, place")):
        db.execute(
            f"CREATE TRIGGER vectors_{name} AFTER {event} ON records BEGIN "
            "DELETE FROM vectors WHERE record_id = old.id; END"
        )


def add_sources(db: Database) -> None:
    """Files that records came from: how each was when it was last read to its end, and the keys that it held.

    `reading` counts the readings of a file; an item has the number of the last that found it. What is forgotten leaves
    no key here either.
    """
    db.execute("""
        CREATE TABLE sources (
            id INTEGER PRIMARY KEY,
            path TEXT NOT NULL UNIQUE,
            state TEXT NOT NULL DEFAULT '',
            reading INTEGER NOT NULL DEFAULT 1
        )
    """)
    db.execute("""
        CREATE TABLE source_items (
            source_id INTEGER NOT NULL REFERENCES sources (id) ON DELETE CASCADE,
            key TEXT NOT NULL,
            reading INTEGER NOT NULL,
            PRIMARY KEY (source_id, key)
        ) WITHOUT ROWID
    """)
    db.table("source_items").create_index(["key"])
    db.execute(
        "CREATE TRIGGER source_items_forgotten AFTER DELETE ON records BEGIN "
        "DELETE FROM source_items WHERE key = old.key; END"
    )


def count_removals(db: Database) -> None:
    """One row: how many records were ever removed, by whatever program, and up to which the files are wiped of them."""
    db.execute("CREATE TABLE removals (count INTEGER NOT NULL, wiped INTEGER NOT NULL)")
    db.execute("INSERT INTO removals VALUES (0, 0)")
    db.execute(
        "CREATE TRIGGER records_removed AFTER DELETE ON records BEGIN UPDATE removals SET count = count + 1; END"
    )


def add_occurrences(db: Database) -> None:
    """When events that repeat happen, in Unix seconds, and up to when each has been spread out.

    They go with their record, and when it changes: then its new ones are still to be found.
    """
    db.execute("""
        CREATE TABLE occurrences (
            record_id INTEGER NOT NULL REFERENCES records (id) ON DELETE CASCADE,
            starts_at INTEGER NOT NULL,
            ends_at INTEGER NOT NULL,
            PRIMARY KEY (record_id, starts_at)
        ) WITHOUT ROWID
    """)
    db.table("occurrences").create_index(["starts_at", "ends_at"])
    db.execute("""
        CREATE TABLE series (
            record_id INTEGER PRIMARY KEY REFERENCES records (id) ON DELETE CASCADE,
            spread_until INTEGER NOT NULL
        )
    """)
    db.execute("CREATE INDEX idx_records_repeating ON records (id) WHERE recurrence != ''")
    db.execute(
        "CREATE TRIGGER occurrences_changed AFTER UPDATE OF recurrence, time, end_time ON records "
        "WHEN old.recurrence != '' BEGIN DELETE FROM occurrences WHERE record_id = old.id; "
        "DELETE FROM series WHERE record_id = old.id; END"
    )


def separate_codes(db: Database) -> None:
    """Vectors' bits get a table of their own, models a number, and what awaits its vectors a list.

    The bits are read into memory as a whole, so they lie close together: a million are read in half a second. `wanted`
    is the model that records are embedded with now, and `complete` one that every record had a vector of once: its
    vectors serve until the wanted model is complete, too (`reembedding`). `unembedded` has what the wanted one lacks.
    """
    db.execute("""
        CREATE TABLE embedding_models (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            name TEXT NOT NULL UNIQUE,
            wanted INTEGER NOT NULL DEFAULT 0,
            complete INTEGER NOT NULL DEFAULT 0
        )
    """)
    db.execute("INSERT INTO embedding_models (name) SELECT DISTINCT model FROM vectors")
    db.execute("ALTER TABLE vectors RENAME TO former_vectors")
    db.execute("""
        CREATE TABLE vectors (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            record_id INTEGER NOT NULL REFERENCES records (id),
            model_id INTEGER NOT NULL REFERENCES embedding_models (id),
            bytes BLOB NOT NULL
        )
    """)
    db.execute("CREATE TABLE codes (id INTEGER PRIMARY KEY, model_id INTEGER NOT NULL, bits BLOB NOT NULL)")
    numbered = "FROM former_vectors AS former JOIN embedding_models ON name = model ORDER BY former.id"
    db.execute(f"INSERT INTO vectors SELECT former.id, record_id, embedding_models.id, bytes {numbered}")
    db.execute(f"INSERT INTO codes SELECT former.id, embedding_models.id, bits {numbered}")
    for name in ("forgotten", "changed"):
        db.execute(f"DROP TRIGGER vectors_{name}")
    db.execute("DROP TABLE former_vectors")
    db.table("vectors").create_index(["record_id", "model_id"])
    db.execute("CREATE TRIGGER codes_dropped AFTER DELETE ON vectors BEGIN DELETE FROM codes WHERE id = old.id; END")
    _await_vectors(db)


def _await_vectors(db: Database) -> None:
    """The list of records without vectors, which follows the records by itself."""
    db.execute("CREATE TABLE unembedded (record_id INTEGER PRIMARY KEY)")
    db.execute(
        "INSERT INTO unembedded SELECT id FROM records "
        "WHERE NOT EXISTS (SELECT 1 FROM vectors WHERE vectors.record_id = records.id)"
    )
    drop = "DELETE FROM vectors WHERE record_id = old.id;"
    for name, event, action in (
        ("added", "INSERT", "INSERT OR IGNORE INTO unembedded VALUES (new.id);"),
        ("changed", "UPDATE OF title, body, place", f"{drop} INSERT OR IGNORE INTO unembedded VALUES (new.id);"),
        ("forgotten", "DELETE", f"{drop} DELETE FROM unembedded WHERE record_id = old.id;"),
    ):
        db.execute(f"CREATE TRIGGER vectors_{name} AFTER {event} ON records BEGIN {action} END")


def create_forgotten(db: Database) -> None:
    """What the user forgot, as marks of keys: its source does not bring it back."""
    db.execute("CREATE TABLE forgotten (mark BLOB PRIMARY KEY) WITHOUT ROWID")


def add_conversations(db: Database) -> None:
    """The agent's own conversations: names that the user gave, and what each answer was made from.

    A turn is a record; its `thread` is the conversation. An answer's `made_from` is the highest label of its prompt,
    `place` the order of the records there. A name goes with the last turn, and a link with either of its records.
    """
    db.execute("CREATE TABLE conversations (thread TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE COLLATE NOCASE)")
    db.execute("""
        CREATE TABLE answers (
            record_id INTEGER PRIMARY KEY REFERENCES records (id) ON DELETE CASCADE,
            made_from TEXT NOT NULL CHECK (made_from IN ('public', 'personal', 'private'))
        )
    """)
    db.execute("""
        CREATE TABLE answer_records (
            answer_id INTEGER NOT NULL REFERENCES answers (record_id) ON DELETE CASCADE,
            record_id INTEGER NOT NULL REFERENCES records (id) ON DELETE CASCADE,
            place INTEGER NOT NULL,
            PRIMARY KEY (answer_id, record_id)
        ) WITHOUT ROWID
    """)
    db.table("answer_records").create_index(["record_id"])
    db.execute("""
        CREATE TRIGGER conversations_over AFTER DELETE ON records
        WHEN old.kind IN ('asked', 'said', 'answered') AND NOT EXISTS (
            SELECT 1 FROM records WHERE thread = old.thread AND thread != ''
        )
        BEGIN DELETE FROM conversations WHERE thread = old.thread; END
    """)


def add_label_reasons(db: Database) -> None:
    """Why a record has its label: what it came with (`mark`), what the user chose for it, and what decided.

    `label_choices` holds what the user chose for a source or a person, also for what comes from there later. A label
    from before, if it is not the one that anything has by default, is taken for one that the record came with.
    """
    db.execute("ALTER TABLE records ADD COLUMN mark TEXT")
    db.execute("ALTER TABLE records ADD COLUMN chosen TEXT")
    db.execute("ALTER TABLE records ADD COLUMN label_reason TEXT NOT NULL DEFAULT 'an earlier version gave it'")
    db.execute("UPDATE records SET mark = sensitivity WHERE sensitivity != 'personal'")
    db.execute("""
        CREATE TABLE label_choices (
            about TEXT NOT NULL CHECK (about IN ('source', 'person')),
            name TEXT NOT NULL,
            sensitivity TEXT NOT NULL CHECK (sensitivity IN ('public', 'personal', 'private')),
            PRIMARY KEY (about, name)
        ) WITHOUT ROWID
    """)


def create_aliases(db: Database) -> None:
    """Under which names, addresses and numbers contacts are known, and which addresses and numbers other records have.

    They go with their record, and with the texts that they were read from (`people`).
    """
    db.execute("""
        CREATE TABLE aliases (
            alias TEXT NOT NULL,
            record_id INTEGER NOT NULL REFERENCES records (id),
            role TEXT NOT NULL CHECK (role IN ('name', 'part', 'address', 'relation', 'sender')),
            PRIMARY KEY (alias, record_id)
        ) WITHOUT ROWID
    """)
    db.table("aliases").create_index(["record_id"])
    for name, event in (("forgotten", "DELETE"), ("changed", "UPDATE OF kind, body, people")):
        db.execute(
            f"CREATE TRIGGER aliases_{name} AFTER {event} ON records BEGIN "
            "DELETE FROM aliases WHERE record_id = old.id; END"
        )
    note_all(db.conn)


def count_raised_labels(db: Database) -> None:
    """How often a record became more private, by whatever program: open agents look for it."""
    db.execute("ALTER TABLE removals ADD COLUMN raised INTEGER NOT NULL DEFAULT 0")
    db.execute("""
        CREATE TRIGGER labels_raised AFTER UPDATE OF sensitivity ON records
        WHEN old.sensitivity = 'public' AND new.sensitivity != 'public'
            OR old.sensitivity = 'personal' AND new.sensitivity = 'private'
        BEGIN UPDATE removals SET raised = raised + 1; END
    """)


def create_clues(db: Database) -> None:
    """What records tell of people, for texts to be searched for it, and which records tell it (`clues`).

    A clue goes with the last record that tells it. `weight` is 0, 1 or 2, as the record's label is public, personal or
    private, and 10 more for a contact.
    """
    db.execute("""
        CREATE TABLE clues (
            id INTEGER PRIMARY KEY,
            word TEXT NOT NULL,
            rest TEXT NOT NULL,
            kind TEXT NOT NULL,
            UNIQUE (word, rest, kind)
        )
    """)
    db.execute("""
        CREATE TABLE clue_records (
            clue_id INTEGER NOT NULL REFERENCES clues (id),
            weight INTEGER NOT NULL,
            record_id INTEGER NOT NULL REFERENCES records (id),
            PRIMARY KEY (clue_id, weight, record_id)
        ) WITHOUT ROWID
    """)
    db.table("clue_records").create_index(["record_id"])
    for name, event in (("forgotten", "DELETE"), ("changed", "UPDATE OF kind, title, body, people, place")):
        db.execute(
            f"CREATE TRIGGER clues_{name} AFTER {event} ON records BEGIN "
            "DELETE FROM clue_records WHERE record_id = old.id; END"
        )
    db.execute("""
        CREATE TRIGGER clues_untold AFTER DELETE ON clue_records
        WHEN NOT EXISTS (SELECT 1 FROM clue_records WHERE clue_id = old.clue_id)
        BEGIN DELETE FROM clues WHERE id = old.clue_id; END
    """)
    db.execute("""
        CREATE TRIGGER clues_relabelled AFTER UPDATE OF sensitivity ON records WHEN old.sensitivity != new.sensitivity
        BEGIN
            UPDATE clue_records SET weight = weight / 10 * 10 + CASE new.sensitivity
                WHEN 'public' THEN 0 WHEN 'personal' THEN 1 ELSE 2 END
            WHERE record_id = new.id;
        END
    """)
    clues.note_all(db.conn)


def weigh_clues_by_label(db: Database) -> None:
    """The least sensitive record decides how far a clue may travel, so a contact weighs no more than another."""
    db.execute("UPDATE clue_records SET weight = weight % 10")
    db.execute("DROP TRIGGER clues_relabelled")
    db.execute("""
        CREATE TRIGGER clues_relabelled AFTER UPDATE OF sensitivity ON records WHEN old.sensitivity != new.sensitivity
        BEGIN
            UPDATE clue_records
            SET weight = CASE new.sensitivity WHEN 'public' THEN 0 WHEN 'personal' THEN 1 ELSE 2 END
            WHERE record_id = new.id;
        END
    """)


RANK: Final = "bm25(records_fts, 6.0, 1.0, 4.0, 3.0)"
"""Smaller is better: the weights are of title, body, people and place."""

SCHEMA: Final = Schema(
    "context store",
    (
        create_records,
        add_threads,
        create_vectors,
        add_sources,
        count_removals,
        add_occurrences,
        separate_codes,
        create_forgotten,
        add_conversations,
        add_label_reasons,
        create_aliases,
        count_raised_labels,
        create_clues,
        weigh_clues_by_label,
    ),
    if_damaged="put a backup in its place, `edgewise context restore FILE`, or save what can be read of it, "
    "`edgewise context repair`",
    if_newer="upgrade Edgewise, or put back a backup of this version: `edgewise context restore FILE`",
)
