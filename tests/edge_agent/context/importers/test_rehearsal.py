"""A dry run tells what the import then does, and writes nothing."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.context.importers import import_paths
from edge_agent.context.store import SqliteContextStore
from orchestrator.types import Sensitivity

ENTRIES = st.lists(st.fixed_dictionaries({"key": st.sampled_from("abcd"), "body": st.sampled_from("xy")}), max_size=3)
FOLDERS = st.dictionaries(st.sampled_from(["1.json", "2.json", "3.json"]), ENTRIES, min_size=1)


def lay_out(folder: Path, files: dict[str, list[dict[str, str]]]) -> None:
    for old in folder.glob("*.json"):
        old.unlink()
    for name, entries in files.items():
        (folder / name).write_text(json.dumps(entries))


@settings(max_examples=40, deadline=None)
@given(st.lists(FOLDERS, min_size=1, max_size=3))
def test_a_dry_run_and_the_import_agree(layouts: list[dict[str, list[dict[str, str]]]]) -> None:
    with TemporaryDirectory() as home, SqliteContextStore(Path(home) / "context.db") as store:
        folder = Path(home) / "life"
        folder.mkdir()
        for files in layouts:
            lay_out(folder, files)
            before = list(store.export())
            told = import_paths(store, [folder], dry_run=True)
            assert list(store.export()) == before
            assert import_paths(store, [folder]) == told


def test_a_dry_run_of_other_labels_and_of_what_is_broken(store: SqliteContextStore, tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# A\nx")
    (tmp_path / "b.json").write_text("{broken")
    for wish in (None, Sensitivity.PRIVATE):
        told = import_paths(store, [tmp_path], sensitivity=wish, dry_run=True)
        assert told == import_paths(store, [tmp_path], sensitivity=wish)
    assert (told.unchanged, len(told.skipped)) == (1, 1)
