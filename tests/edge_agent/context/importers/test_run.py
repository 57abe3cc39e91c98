"""Whole imports: folders, twice, changed, broken, interrupted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edge_agent.context.importers import ImportProgress, import_paths
from edge_agent.context.importers.formats import READERS
from edge_agent.context.store import SqliteContextStore
from orchestrator.errors import ImportFailed
from orchestrator.types import Record, Sensitivity
from tests.edge_agent.context.test_forgetting import traces

HOUSEHOLD = Path(__file__).resolve().parents[4] / "examples" / "household"


def counts(summary: Any) -> tuple[int, int, int, int]:
    return summary.added, summary.updated, summary.unchanged, len(summary.skipped)


def write(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def test_the_household_twice_without_doubling(store: SqliteContextStore) -> None:
    assert counts(import_paths(store, [HOUSEHOLD])) == (81, 0, 0, 0)
    before = list(store.export())
    assert counts(import_paths(store, [HOUSEHOLD, HOUSEHOLD / "calendar.ics"])) == (0, 0, 81, 0)
    assert list(store.export()) == before
    assert store.stats().by_kind == {"event": 32, "mail": 15, "contact": 13, "note": 11, "chat": 10}
    assert all(record.source for record in store.list())


def test_the_household_has_all_three_labels(household: SqliteContextStore) -> None:
    by_label: dict[str, set[str]] = {}
    for record in household.list():
        by_label.setdefault(record.sensitivity, set()).add(record.title)
    assert by_label["public"] == {"Pancake recipe", "Opening hours of the district library"}
    assert {"Medical notes", "Wifi at the cabin", "Bank and money", "Blood test", "Beate Lorenz"} <= by_label["private"]
    assert {"Dentist", "Felix Sommer"} <= by_label["private"]  # nobody marked them: they tell of health
    assert {"Boiler service", "Gift ideas", "Priya Nair"} <= by_label["personal"]


def test_what_changed_is_updated(store: SqliteContextStore, tmp_path: Path) -> None:
    note = write(tmp_path / "a.md", "# Keys\nwith Hilde")
    write(tmp_path / "b.md", "# Other\nsame")
    import_paths(store, [tmp_path])
    write(note, "# Keys\nwith Ines")
    assert counts(import_paths(store, [tmp_path])) == (0, 1, 1, 0)
    assert [record.body for record in store.search("keys")] == ["with Ines"]


def test_folders_are_read_to_their_ends_and_the_rest_is_left_alone(store: SqliteContextStore, tmp_path: Path) -> None:
    folder = tmp_path / "life"
    write(folder / "deep" / "er" / "note.MD", "# Deep\nx")
    write(folder / "photo.jpg", "x")
    write(folder / "README.md", "about this folder")
    write(folder / ".obsidian" / "state.json", [])
    write(folder / ".hidden.md", "x")
    summary = import_paths(store, [folder])
    assert counts(summary) == (1, 0, 0, 0)
    assert summary.ignored == 1
    assert counts(import_paths(store, [folder / "README.md"])) == (1, 0, 0, 0)


def test_a_wish_for_the_whole_import_does_not_lower_an_items_own_mark(
    store: SqliteContextStore, tmp_path: Path
) -> None:
    write(tmp_path / "a.md", "# A\nx")
    write(tmp_path / "b.md", "---\nsensitivity: private\n---\n# B\nx")
    import_paths(store, [tmp_path], sensitivity=Sensitivity.PUBLIC)
    expected = {"A": "public", "B": "private"}
    assert {record.title: record.sensitivity.value for record in store.list()} == expected
    write(tmp_path / "a.md", "# A\nchanged")
    import_paths(store, [tmp_path])  # the wish stands
    assert {record.title: record.sensitivity.value for record in store.list()} == expected


def test_what_is_broken_is_skipped_with_reasons_and_the_rest_is_kept(store: SqliteContextStore, tmp_path: Path) -> None:
    write(tmp_path / "a.json", "{broken")
    write(tmp_path / "b.json", [{"body": "kept"}, 3, {"body": ["secret"]}, {"title": "also kept"}])
    write(tmp_path / "c.jsonl", '{"body": "third"}\n\nnot json\n{"sensitivity": "secret", "body": "x"}\n')
    write(tmp_path / "d.ics", "nothing")
    (tmp_path / "e.md").symlink_to(tmp_path / "nowhere.md")
    summary = import_paths(store, [tmp_path])
    assert summary.added == 3
    reasons = {entry.source.removeprefix(f"{tmp_path}/"): entry.reason for entry in summary.skipped}
    assert reasons.keys() == {"a.json", "b.json, entry 2", "b.json, entry 3", "c.jsonl, line 3", "c.jsonl, line 4"} | {
        "d.ics",
        "e.md",
    }
    assert all(reasons.values())
    assert "secret" not in str(reasons)


def test_entries_of_a_json_list_are_known_by_their_id_or_their_content(
    store: SqliteContextStore, tmp_path: Path
) -> None:
    file = write(tmp_path / "chat.json", [{"id": "m1", "body": "one"}, {"body": "two"}])
    import_paths(store, [file])
    write(file, [{"body": "two"}, {"id": "m1", "body": "one, corrected"}])
    assert counts(import_paths(store, [file])) == (0, 1, 1, 0)


def test_a_path_that_does_not_exist_stops_before_anything_is_read(store: SqliteContextStore, tmp_path: Path) -> None:
    write(tmp_path / "a.md", "# A\nx")
    with pytest.raises(ImportFailed, match=r"missing\.ics"):
        import_paths(store, [tmp_path, tmp_path / "missing.ics"])
    assert store.stats().records == 0


def test_a_file_of_no_known_format_is_skipped(store: SqliteContextStore, tmp_path: Path) -> None:
    summary = import_paths(store, [write(tmp_path / "a.xyz", "x"), write(tmp_path / "noname", "x")])
    assert [entry.reason for entry in summary.skipped] == [
        "files that end in .xyz cannot be imported",
        "files that end in nothing cannot be imported",
    ]


def test_an_interrupted_import_keeps_whole_batches_and_goes_on(store: SqliteContextStore, tmp_path: Path) -> None:
    write(tmp_path / "many.json", [{"id": number, "body": f"entry {number}"} for number in range(450)])

    def interrupt(progress: ImportProgress) -> None:
        if progress.items >= 400:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_paths(store, [tmp_path], on_progress=interrupt)
    assert store.stats().records == 400
    assert counts(import_paths(store, [tmp_path])) == (50, 0, 400, 0)


def test_progress_counts_files_and_items(store: SqliteContextStore, tmp_path: Path) -> None:
    for name in "ab":
        write(tmp_path / f"{name}.md", f"# {name}\nx")
    seen: list[ImportProgress] = []
    import_paths(store, [tmp_path], on_progress=seen.append)
    assert (seen[-1].files_done, seen[-1].files, seen[-1].items) == (2, 2, 2)
    assert [progress.items for progress in seen] == sorted(progress.items for progress in seen)


def test_a_file_as_it_was_is_not_read_again_and_gets_the_label_that_is_wished(
    store: SqliteContextStore, tmp_path: Path
) -> None:
    file = write(tmp_path / "a.md", "# A\nx")
    import_paths(store, [file])
    before = file.stat()
    write(file, "# A\ny")  # as long as before, and by its date as old
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert counts(import_paths(store, [file])) == (0, 0, 1, 0)
    assert store.list()[0].body == "x"
    assert counts(import_paths(store, [file], sensitivity=Sensitivity.PRIVATE)) == (0, 0, 1, 0)
    assert store.list()[0].sensitivity is Sensitivity.PRIVATE


def test_what_a_file_holds_no_more_is_removed_unless_another_holds_it(
    store: SqliteContextStore, tmp_path: Path
) -> None:
    lines = [json.dumps({"key": f"k:{name}", "body": f"{name} canary"}) for name in ("one", "two", "three")]
    both = write(tmp_path / "both.jsonl", "\n".join(lines))
    write(tmp_path / "other.jsonl", lines[2])
    import_paths(store, [tmp_path])
    write(both, lines[0])
    summary = import_paths(store, [tmp_path])
    assert (summary.removed, summary.unchanged) == (1, 2)
    assert {record.body for record in store.list()} == {"one canary", "three canary"}
    assert b"two canary" not in store.path.read_bytes()


def test_a_broken_file_takes_nothing_away(store: SqliteContextStore, tmp_path: Path) -> None:
    file = write(tmp_path / "a.jsonl", '{"body": "one"}\n{"body": "two"}')
    import_paths(store, [file])
    write(file, '{"body": "one"}\n{"body": "tw')
    summary = import_paths(store, [file])
    assert (summary.removed, len(summary.skipped), store.stats().records) == (0, 1, 2)
    assert len(import_paths(store, [file]).skipped) == 1  # said again until it is whole
    write(file, '{"body": "one"}')
    assert import_paths(store, [file]).removed == 1


def test_a_file_gone_from_its_folder_is_followed_and_a_folder_gone_empty_is_not(
    store: SqliteContextStore, tmp_path: Path
) -> None:
    vault, beside = tmp_path / "vault", tmp_path / "vault2"
    notes = [write(vault / f"{name}.md", f"# {name}\nx") for name in "ab"] + [write(beside / "c.md", "# c\nx")]
    import_paths(store, [vault, beside])
    notes[0].unlink()
    assert import_paths(store, [vault]).removed == 1
    assert {record.title for record in store.list()} == {"b", "c"}
    notes[1].unlink()
    assert import_paths(store, [vault]).removed == 0
    assert {record.title for record in store.list()} == {"b", "c"}


class TestWhatWasForgotten:
    def test_it_stays_so_though_its_file_changes_until_it_is_wanted_again(
        self, store: SqliteContextStore, tmp_path: Path
    ) -> None:
        file = write(tmp_path / "many.json", [{"id": number, "body": f"entry {number}"} for number in range(3)])
        import_paths(store, [file])
        store.forget(query="entry 1")
        write(file, [{"id": number, "body": f"entry {number}, changed"} for number in range(4)])
        again = import_paths(store, [tmp_path])
        assert (counts(again), again.forgotten) == ((1, 2, 0, 0), 1)
        assert (counts(import_paths(store, [file])), again.forgotten) == ((0, 0, 3, 0), 1)
        assert import_paths(store, [file], again=True, dry_run=True).added == 1
        assert import_paths(store, [file], dry_run=True).added == 0
        assert counts(import_paths(store, [file], again=True)) == (1, 0, 3, 0)
        assert import_paths(store, [file], again=True).forgotten == 0

    def test_a_rehearsal_knows_it_too(self, store: SqliteContextStore, tmp_path: Path) -> None:
        file = write(tmp_path / "a.md", "# A\nx")
        import_paths(store, [file])
        store.forget(1)
        rehearsed, done = import_paths(store, [file], dry_run=True), import_paths(store, [file])
        assert rehearsed == done
        assert (counts(done), done.forgotten) == ((0, 0, 0, 0), 1)

    def test_its_file_is_known_no_more_and_its_other_files_are(self, store: SqliteContextStore, tmp_path: Path) -> None:
        vault = tmp_path / "vault"
        write(vault / "Xylocarpous.md", "# Xylocarpous\nx")
        write(vault / "b.md", "# B\nx")
        import_paths(store, [vault])
        store.forget(query="xylocarpous")
        assert traces(store.path.parent, skip=vault) == []
        store.forget(query="b")
        assert import_paths(store, [vault]).forgotten == 2

    def test_after_all_of_it_everything_can_be_read_again(self, store: SqliteContextStore, tmp_path: Path) -> None:
        file = write(tmp_path / "a.md", "# A\nx")
        import_paths(store, [file])
        store.forget(1)
        store.forget_all()
        assert counts(import_paths(store, [file])) == (1, 0, 0, 0)

    def test_an_export_does_not_bring_it_back_either(self, store: SqliteContextStore, tmp_path: Path) -> None:
        import_paths(store, [write(tmp_path / "a.md", "# A\nx")])
        store.add(Record(kind="note", body="by hand"))
        backup = tmp_path / "all.jsonl"
        backup.write_text("\n".join(store.export()))
        store.forget(1, 2)
        assert import_paths(store, [backup]).forgotten == 2
        assert import_paths(store, [backup], again=True).added == 2


def test_a_killed_import_goes_on_and_doubles_nothing(tmp_path: Path) -> None:
    file = write(tmp_path / "many.json", [{"id": number, "body": f"entry {number}"} for number in range(900)])
    script = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from edge_agent.context.importers import import_paths\n"
        "from edge_agent.context.store import SqliteContextStore\n"
        "def kill(now):\n"
        "    print(now.items, flush=True)\n"
        "    if now.items >= 600: os.kill(os.getpid(), signal.SIGKILL)\n"
        "import_paths(SqliteContextStore(sys.argv[1]), [Path(sys.argv[2])], on_progress=kill)\n"
    )
    path = tmp_path / "context.db"
    killed = subprocess.run([sys.executable, "-c", script, path, file], capture_output=True, text=True, check=False)
    acknowledged = int(killed.stdout.split()[-1])
    assert (killed.returncode, acknowledged) == (-signal.SIGKILL, 600)
    with SqliteContextStore(path) as store:
        assert store.stats().records >= acknowledged
        assert counts(import_paths(store, [file])) == (300, 0, 600, 0)
        assert sorted(record.body for record in store.list()) == sorted(f"entry {number}" for number in range(900))


@pytest.mark.parametrize("suffix", sorted(READERS))
def test_any_bytes_are_read_or_skipped(store: SqliteContextStore, tmp_path: Path, suffix: str) -> None:
    contents = [b"", b"\0" * 100, bytes(range(256)) * 20, b"BEGIN:VCALENDAR\r\n" * 50, b"BEGIN:VCARD\n" * 50]
    contents += [b"[" * 100_000, b"From \n" * 50, b"---\n---\n---\n", b"{}", b'{"body": {}}', "é".encode("utf-16")]
    for number, content in enumerate(contents):
        (tmp_path / f"{number}{suffix}").write_bytes(content)
    summary = import_paths(store, [tmp_path])
    assert summary.skipped
    assert all("\0" not in entry.reason for entry in summary.skipped)
