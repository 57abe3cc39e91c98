"""Notes and their front matter."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from edge_agent.context.importers.notes import read
from edge_agent.context.importers.reading import Entry, Skipped
from edge_agent.context.items import Item
from orchestrator.types import Record, Sensitivity


def entry_of(path: Path, content: str | bytes, name: str = "my-note.md") -> Entry:
    file = path / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    (entry,) = read(file)
    return entry


def record(path: Path, content: str | bytes, name: str = "my-note.md") -> Record:
    entry = entry_of(path, content, name)
    assert isinstance(entry, Item)
    return entry.record


def test_the_title_is_given_or_the_heading_or_the_files_name(tmp_path: Path) -> None:
    assert record(tmp_path, "---\ntitle: Wifi\n---\n# Other\ntext").title == "Wifi"
    headed = record(tmp_path, "# Shopping list #\n\n- milk\n")
    assert (headed.title, headed.body) == ("Shopping list", "- milk")
    assert record(tmp_path, "text").title == "my note"
    assert record(tmp_path, "text", "plain_text.txt").title == "plain text"


def test_front_matter_gives_fields(tmp_path: Path) -> None:
    found = record(
        tmp_path,
        "---\nsensitivity: private\npeople: [Emma, Jonas]\ndate: 2026-04-01\nplace: Berlin\nkind: diary\ntags: [x]\n"
        "title: 2026\n---\nShe is fine.\n",
    )
    assert (found.kind, found.title, found.sensitivity) == ("diary", "2026", Sensitivity.PRIVATE)
    assert (found.people, found.place, found.body) == (("Emma", "Jonas"), "Berlin", "She is fine.\nTags: x.")
    assert found.time == datetime(2026, 4, 1).astimezone()


def test_a_file_is_known_by_its_path(tmp_path: Path) -> None:
    entry = entry_of(tmp_path, "text")
    assert isinstance(entry, Item)
    assert entry.key == f"file:{tmp_path / 'my-note.md'}"


@pytest.mark.parametrize(
    "content",
    [
        "---\nsensitivity: secret-words\n---\nx",  # a label that cannot be read is never taken for a lower one
        "---\nsensitivity: [private]\n---\nx",
        "---\n{[\n---\nsecret-words",
        "---\n- a list\n---\nx",
        "---\ntime: secret-words\n---\nx",
        "",
        "   \n",
        b"\x89PNG\r\n\x00\x1a secret-words",
    ],
)
def test_what_cannot_be_read_is_skipped(tmp_path: Path, content: str | bytes) -> None:
    entry = entry_of(tmp_path, content)
    assert isinstance(entry, Skipped)
    assert "secret-words" not in entry.reason


def test_lines_and_encodings_of_other_systems(tmp_path: Path) -> None:
    assert record(tmp_path, "\ufeff# Käse\r\nund Brot\r\n").body == "und Brot"
    assert record(tmp_path, "# Käse\nund Brot".encode("utf-16")).title == "Käse"
    assert record(tmp_path, "Käse".encode("cp1252"), "a.txt").body == "Käse"


def test_three_dashes_in_a_text_file_are_text(tmp_path: Path) -> None:
    assert record(tmp_path, "---\ntitle: x\n---\ny", "a.txt").body.startswith("---")


def test_a_note_of_a_vault_is_read_as_its_reader_sees_it(tmp_path: Path) -> None:
    found = record(
        tmp_path,
        "---\ntags: [garden, '#home']\naliases: Seeds\npeople: ['[[Hilde Sommer|Oma]]', [[Tobi]]]\n---\n"
        "# Planting [[Beans]]\nAsk [[people/Hilde Sommer|Oma Hilde]] %%not sure%% about [[Beans#When]]. ^b1\n"
        "![[plan of the beds.png|300]]\n![[Watering]]\n#todo water\n",
    )
    assert found.title == "Planting Beans"
    assert found.people == ("Oma (Hilde Sommer)", "Tobi")
    assert found.body == (
        "Ask Oma Hilde (Hilde Sommer)  about Beans.\n\nWatering\n#todo water\n"
        "Attached: plan of the beds.png.\nAlso called Seeds.\nTags: garden, home."
    )


def test_a_daily_note_is_of_its_day(tmp_path: Path) -> None:
    file = tmp_path / "2026-11-20.md"
    file.write_text("Met [[Priya]] for lunch.")
    (entry,) = read(file)
    assert isinstance(entry, Item)
    assert entry.record.time == datetime(2026, 11, 20).astimezone()
    assert (entry.record.title, entry.record.body) == ("2026-11-20", "Met Priya for lunch.")


def test_a_text_that_begins_with_its_name_says_it_once(tmp_path: Path) -> None:
    file = tmp_path / "Keys, spare.txt"
    file.write_text("Keys: spare\n\nwith Hilde")
    (entry,) = read(file)
    assert isinstance(entry, Item)
    assert (entry.record.title, entry.record.body) == ("Keys, spare", "with Hilde")


@pytest.mark.parametrize("front", ["people: &a [*a]\ntags: *a", f"people: {'[' * 3000}"])
def test_front_matter_that_turns_in_circles_is_reported(tmp_path: Path, front: str) -> None:
    entry = entry_of(tmp_path, f"---\n{front}\n---\ntext")
    assert isinstance(entry, Skipped)
