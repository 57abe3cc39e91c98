"""Everything that an agent keeps, table by table and file by file, and what becomes of labels there.

A new table or file fails this test until it is named here, with the reason why no label is lost in it.
"""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from edge_agent import Agent, Config, Sampling
from edge_agent.config import ModelSection
from edge_agent.slm.installed import MANIFEST
from orchestrator.types import Sensitivity

PUBLIC, PERSONAL, PRIVATE = Sensitivity
CANARY: Final = "quixotically"
SHORT: Final = Sampling(max_tokens=8)

LEADS_TO_RECORDS: Final = "holds no label: whoever finds a record by it reads the record's own"
OWN_LABEL: Final = "each row has its label, and raising that of its origin raises it"
NO_CONTENT: Final = "holds nothing of what records say"

TABLES: Final = {
    "context.db": {
        "records": OWN_LABEL,
        "records_fts": LEADS_TO_RECORDS,
        "records_words": LEADS_TO_RECORDS,
        "records_places_of_words": LEADS_TO_RECORDS,
        "vectors": LEADS_TO_RECORDS,
        "codes": LEADS_TO_RECORDS,
        "aliases": LEADS_TO_RECORDS,
        "clues": LEADS_TO_RECORDS,
        "clue_records": OWN_LABEL,
        "occurrences": LEADS_TO_RECORDS,
        "series": LEADS_TO_RECORDS,
        "unembedded": LEADS_TO_RECORDS,
        "answers": OWN_LABEL,
        "answer_records": LEADS_TO_RECORDS,
        "conversations": "names that the user gave, which go into no prompt",
        "label_choices": "what the user chose, which goes into no prompt",
        "embedding_models": NO_CONTENT,
        "sources": "paths, which go into no prompt",
        "source_items": NO_CONTENT,
        "forgotten": NO_CONTENT,
        "removals": NO_CONTENT,
    },
    "journal.db": {
        "journal": "ids and the labels of that moment, never text",
        "accesses": "ids and counts, never text",
        "feedback": "ids and verdicts, never text",
        "learning": NO_CONTENT,
        "egress_head": NO_CONTENT,
    },
    "egress.db": {
        "chain": "ids, counts and reasons of what left, never text",
        "contents": "what left, when its labels allowed it; it goes into no prompt, and goes with its records",
        "consents": "what the user said of a label and a destination, never text",
    },
    "ledger.db": dict.fromkeys(("spending", "reservation", "holding", "demand", "pace"), NO_CONTENT),
}
FILES: Final = {
    r"(context|journal|ledger|egress)\.db(-wal|-shm)?": "the tables above",
    r"cache/prefixes/[^/]+": "system prompts: only what comes before any turn, under a public system message",
}
BOOKKEEPING: Final = re.compile(r"_sqlite_migrations|sqlite_\w+|records_fts_(data|idx|docsize|config|content)")


@pytest.fixture
def config(model: Path, tmp_path: Path) -> Config:
    return Config(state=tmp_path / "state", model=ModelSection(name=str(model)))


@pytest.fixture
def lived_in(config: Config) -> Iterator[Path]:
    """The state folder of an agent that was asked with and without records, while it is still open."""
    with Agent.open(config) as agent:
        agent.ask("What do bees make?", sampling=SHORT)
        agent.remember(f"The spare key is {CANARY} at Hilde's", sensitivity="public")
        agent.conversation("keys").ask("Where is my spare key?", sampling=SHORT)
        assert config.state is not None
        yield config.state


def tables(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as db:
        rows = db.execute("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')").fetchall()
    return {name for (name,) in rows if not BOOKKEEPING.fullmatch(name)}


def test_every_table_and_file_is_known_with_what_becomes_of_labels_there(lived_in: Path) -> None:
    files = [path.relative_to(lived_in).as_posix() for path in lived_in.rglob("*") if path.is_file()]
    unknown = [name for name in files if not any(re.fullmatch(pattern, name) for pattern in FILES)]
    assert unknown == [], "say in FILES what becomes of labels there"
    for name, known in TABLES.items():
        assert tables(lived_in / name) - known.keys() == set(), f"say in TABLES what becomes of labels in {name}"


def test_only_the_records_and_their_index_hold_what_a_record_says(lived_in: Path) -> None:
    for name in TABLES:
        with closing(sqlite3.connect(lived_in / name)) as db:
            for table in tables(lived_in / name):
                holds = CANARY in str(db.execute(f"SELECT * FROM {table}").fetchall())
                assert not holds or table in {"records", "records_fts", "records_words", "records_places_of_words"}
    for file in (lived_in / "cache").rglob("*"):
        assert file.is_dir() or CANARY.encode() not in file.read_bytes()


def test_saved_system_prompts_are_the_same_whatever_the_records_say(model: Path, tmp_path: Path) -> None:
    """Not even what a public record says is in them: it may be private tomorrow."""
    known = shutil.copytree(model, tmp_path / "known")
    (known / MANIFEST).write_text("{}")  # without one nobody knows whose keys and values they are, and nothing is saved
    for what in ("lentils", CANARY):
        with Agent.open(Config(state=tmp_path / what, model=ModelSection(name=str(known)))) as agent:
            agent.ask("What do bees make?", sampling=SHORT)
            for label in Sensitivity:
                agent.remember(f"The {label} key is {what}", sensitivity=label)
                assert agent.ask(f"Where is the {label} key?", sampling=SHORT).record_ids
    kept = [
        {file.name: file.read_bytes() for file in (tmp_path / what / "cache" / "prefixes").iterdir()}
        for what in ("lentils", CANARY)
    ]
    assert kept[0] == kept[1] != {}


@pytest.mark.parametrize("kept", [True, False])
def test_a_raised_label_holds_for_the_next_question(config: Config, kept: bool) -> None:
    with Agent.open(config) as agent:
        record_id = agent.remember("The spare key is at Hilde's", sensitivity="public")
        talk = agent.conversation("keys", remember=kept)
        assert talk.ask("Where is my spare key?", sampling=SHORT).sensitivity is PUBLIC
        assert agent.label("private", ids=[record_id]).raised >= 1
        assert {message.sensitivity for message in talk.messages()} == {PRIVATE}
        assert talk.ask("And since when?", sampling=SHORT).sensitivity is PRIVATE
        assert agent.ask("Where is my spare key?", sampling=SHORT).sensitivity is PRIVATE
        assert agent.label(None, ids=[record_id]).lowered == 1
        assert {record.id: record.sensitivity for record in agent.to_forget(record_id)}[record_id] is PERSONAL


def test_a_label_by_source_and_by_person(config: Config, tmp_path: Path) -> None:
    with Agent.open(config) as agent:
        agent.remember("lentils")
        assert agent.label("public", source="user").lowered == 1
        agent.remember("dentist")
        assert [record.sensitivity for record in agent.to_forget(source="user")] == [PUBLIC, PUBLIC]
        assert agent.label("private", person="Hilde").records == 0
