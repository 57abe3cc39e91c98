"""`edgewise context`, as its user types it."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest

from edge_agent.cli.context import app
from orchestrator.errors import ImportFailed, InvalidRequest, RecordNotFound
from tests.edge_agent.cli.commands import Commands

COMMANDS = Commands(app)
run, done, as_json, error = COMMANDS.run, COMMANDS.done, COMMANDS.as_json, COMMANDS.error

HOUSEHOLD = Path(__file__).resolve().parents[3] / "examples" / "household"


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "home"
    monkeypatch.setenv("EDGEWISE_HOME", str(home))
    monkeypatch.setenv("EDGEWISE_CONTEXT__EMBEDDING", "")
    monkeypatch.setenv("COLUMNS", "120")
    return home


def test_a_household_is_imported_searched_and_counted() -> None:
    assert "81 new, 0 updated, 0 as before." in done("import", str(HOUSEHOLD))
    assert "0 new, 0 updated, 81 as before." in done("import", str(HOUSEHOLD))
    shown = done("search", "dentist")
    assert "2026-11-24 09:30" in shown
    (dentist, contact) = as_json("search", "dent")
    assert (dentist["title"], contact["title"]) == ("Dentist", "Dr. Miriam Weber")
    assert len(as_json("list", "--kind", "contact")) == 13
    stats = as_json("stats")
    assert (stats["records"], stats["by_sensitivity"]["public"]) == (81, 2)
    assert "81" in done("stats")


def test_the_summary_tells_what_was_skipped(tmp_path: Path) -> None:
    folder = tmp_path / "life"
    folder.mkdir()
    (folder / "a.md").write_text("# A\nx")
    (folder / "b.json").write_text("{broken")
    (folder / "c.jpg").write_text("x")
    shown = done("import", str(folder))
    assert "1 new" in shown
    assert "Left alone, of other kinds: 1 file." in shown
    assert "b.json: it is not JSON" in shown.replace("\n", "")
    summary = as_json("import", str(folder))
    assert (summary["unchanged"], summary["ignored_files"]) == (1, 1)
    assert summary["skipped"] == [{"source": str(folder / "b.json"), "reason": "it is not JSON"}]


def test_many_skipped_items_are_not_all_shown(tmp_path: Path) -> None:
    file = tmp_path / "many.json"
    file.write_text(json.dumps([{"body": "x"}, *[3] * 30]))
    shown = done("import", str(file))
    assert shown.count("\nskipped ") == 20
    assert "and 10 more" in shown


def test_an_import_that_brings_nothing_fails(tmp_path: Path) -> None:
    (tmp_path / "b.json").write_text("{broken")
    assert isinstance(error("import", str(tmp_path / "b.json")), ImportFailed)
    assert isinstance(error("import", str(tmp_path / "missing.ics")), ImportFailed)


def test_adding_listing_and_forgetting_one() -> None:
    assert "record 1 (private)" in done("add", "Dentist on Tuesday", "--sensitivity", "private", "--title", "Teeth")
    added = as_json("add", "later", "--kind", "event", "--time", "2026-11-24T09:30")
    assert added == {"id": 2}
    newest, oldest = as_json("list")
    assert datetime.fromisoformat(newest["time"]) == datetime(2026, 11, 24, 9, 30).astimezone()
    assert (oldest["title"], oldest["sensitivity"], oldest["source"]) == ("Teeth", "private", "user")
    assert "Forgot 1 record." in done("forget", "1")
    assert isinstance(error("forget", "1"), RecordNotFound)


@pytest.mark.parametrize(
    "words",
    [
        ("forget",),
        ("forget", "1", "--all"),
        ("forget", "--all", "--kind", "note"),
        ("forget", "--since", "soon"),
        ("add", "x", "--time", "tomorrow"),
        ("add", "", "--kind", ""),
    ],
)
def test_what_makes_no_sense_is_refused(words: tuple[str, ...]) -> None:
    assert isinstance(error(*words), InvalidRequest)


def test_forgetting_everything_asks_first() -> None:
    done("add", "x")
    assert run("forget", "--all", typed="n\n").exit_code != 0
    assert as_json("stats")["records"] == 1
    assert "Forgot 1 record." in done("forget", "--all", typed="y\n")
    done("add", "y")
    assert "Forgot 1 record." in done("forget", "--all", "--yes")


def test_forgetting_what_has_something_in_common_lists_it_first_if_asked() -> None:
    done("import", str(HOUSEHOLD))
    given = ("--person", "Dr. Weber", "--since", "2026-11-24", "--until", "2026-11-24")
    assert [record["title"] for record in as_json("forget", *given, "--dry-run")] == ["Dentist"]
    assert "Dentist" in done("forget", "--query", "dentist", "--dry-run")
    assert run("forget", *given, typed="n\n").exit_code != 0
    assert as_json("stats")["records"] == 81
    assert "Forget 1 record?" in done("forget", *given, typed="y\n")
    assert as_json("forget", *given, "--yes") == {"forgotten": 0, "wiped": True}
    ids = [str(record["id"]) for record in as_json("list", "--limit", "2")]
    assert as_json("forget", *ids) == {"forgotten": 2, "wiped": True}
    assert as_json("stats")["records"] == 78


def test_forgetting_removes_saved_prompts_too(own_home: Path) -> None:
    saved = own_home / "cache" / "prefixes" / "0.npz"
    saved.parent.mkdir(parents=True)
    saved.write_bytes(b"keys and values")
    done("add", "x")
    done("forget", "--query", "nothing has this", "--yes")
    assert saved.exists()
    done("forget", "1")
    assert not saved.exists()


def test_it_says_where_somebody_reads_all_the_time(own_home: Path) -> None:
    done("add", "x")
    with closing(sqlite3.connect(own_home / "context.db", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM records").fetchone()
        result = run("forget", "1")
    assert result.exit_code == 0
    assert "rid of them when it is opened next" in result.stderr


def test_an_export_is_imported_by_another_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done("import", str(HOUSEHOLD))
    file = tmp_path / "export.jsonl"
    assert "Wrote 81 records" in done("export", "--out", str(file))
    assert file.stat().st_mode & 0o777 == 0o600
    monkeypatch.setenv("EDGEWISE_HOME", str(tmp_path / "other"))
    done("import", str(file))
    assert done("export") == file.read_text(encoding="utf-8")


def test_an_export_may_be_of_some_records() -> None:
    done("import", str(HOUSEHOLD))
    given = ("--kind", "event", "--since", "2026-11-24", "--until", "2026-11-24", "--sensitivity", "private")
    lines = [json.loads(line) for line in done("export", *given).splitlines()]
    assert {(line["kind"], line["time"][:10]) for line in lines} == {("event", "2026-11-24")}
    assert "Dentist" in [line["title"] for line in lines]
    assert done("export", "--query", "nothing has this") == ""
    assert isinstance(error("export", "--person", "?"), InvalidRequest)


def test_an_export_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    done("add", "x")
    assert isinstance(error("export", "--out", str(tmp_path / "no" / "such" / "folder.jsonl")), InvalidRequest)
    assert isinstance(error("export", "--out", str(tmp_path)), InvalidRequest)
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


def test_a_record_cannot_steer_the_terminal() -> None:
    done("add", "harmless \x1b[2J [bold]markup[/bold] \x07", "--title", "\x1b]0;pwned\x07")
    shown = done("list")
    assert "\x1b" not in shown
    assert "\x07" not in shown
    assert "[bold]markup[/bold]" in shown


def test_an_empty_store_says_so() -> None:
    assert "No records yet." in done("list")
    assert "Nothing has these words." in done("search", "anything")
    assert as_json("list") == []


def test_a_watched_folder_is_followed_until_ctrl_c(tmp_path: Path) -> None:
    folder = tmp_path / "life"
    folder.mkdir()
    (folder / "a.md").write_text("# A\nfirst")
    command = [sys.executable, "-c", "from edge_agent.cli import main; main()", "context", "watch", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watching:
        assert watching.stdout is not None
        assert "1 new, 0 updated, 0 as before." in watching.stdout.readline()
        assert "Ctrl-C ends it" in watching.stdout.readline()
        (folder / "b.md").write_text("# B\nsecond")
        assert "1 new, 0 updated, 1 as before." in watching.stdout.readline()
        watching.send_signal(signal.SIGINT)
        assert watching.stdout.read() == "Stopped. What was read is kept.\n"
    assert watching.returncode == 0
    assert as_json("stats")["records"] == 2


def test_a_dry_run_tells_and_keeps_nothing() -> None:
    shown = done("import", "--dry-run", str(HOUSEHOLD))
    assert "81 new, 0 updated, 0 as before." in shown
    assert "nothing was changed" in shown
    assert as_json("stats")["records"] == 0


def test_labels_are_chosen_explained_and_decided_anew(own_home: Path) -> None:
    done("import", str(HOUSEHOLD))
    dentist = next(record["id"] for record in as_json("search", "dentist"))
    assert "private since it is about health: dentist" in done("why", str(dentist))
    shown = done("label", str(dentist), "public")
    assert "1 record: 0 more private now, 1 less." in shown
    assert "your choice stands" in shown
    why = as_json("why", str(dentist))
    assert (why["sensitivity"], why["reason"], why["stale"]) == ("public", "you chose it for this record", False)
    assert {"sensitivity": "private", "reason": "it is about health: dentist"} in why["speaking"]
    assert as_json("label", "--person", "Priya", "private")["raised"] > 0
    assert "your choice" in done("label")
    assert as_json("label")["choices"] == [{"label": "private", "person": "Priya"}]
    own_home.joinpath("agent.yaml").write_text("context: {labels: [{label: private, kind: chat, name: talk}]}")
    assert "talk: kind chat" in done("label")
    message = as_json("list", "--kind", "chat")[0]["id"]
    assert "--apply" in done("why", str(message))
    assert as_json("label", "--apply") == {"records": 81, "raised": 10, "lowered": 0, "against_rules": 1}
    assert "private since the rule 'talk' says so" in done("why", str(message))
    assert as_json("label", str(dentist), "auto")["raised"] == 1


@pytest.mark.parametrize(
    "words",
    [("12",), ("12", "secret"), ("x", "private"), ("private",), ("1", "private", "--source", "a"), ("--person", "P")],
)
def test_a_label_that_makes_no_sense_is_refused(words: tuple[str, ...]) -> None:
    assert isinstance(error("label", *words), InvalidRequest)
    assert isinstance(error("label", "--apply", *words), InvalidRequest)


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ("{label: secret, kind: mail}", "'context.labels.0.label': Input should be 'public', 'personal' or 'private'"),
        ("{label: private, knid: mail}", "did you mean 'kind'?"),
        ("{label: private, name: x}", "'context.labels.0': the rule 'x' has no condition"),
        ("{label: private, pattern: '('}", "the rule 'pattern (' has a pattern that is no regular expression"),
        ("{label: private, topic: helth}", "has a topic that is not known; known are health"),
    ],
)
def test_a_rule_that_cannot_be_is_named_with_its_file(own_home: Path, rule: str, says: str) -> None:
    own_home.mkdir()
    own_home.joinpath("agent.yaml").write_text(f"context: {{labels: [{rule}]}}")
    told = error("list")
    assert "agent.yaml" in str(told)
    assert says in str(told)
