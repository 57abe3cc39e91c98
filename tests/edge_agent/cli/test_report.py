"""`edgewise report`: one page, complete in itself, with the journal's numbers and none of the user's words."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge_agent.cli import app
from edge_agent.journal import Journal, StoredDecision
from orchestrator.budget import Resource, Window
from tests.edge_agent.cli.commands import Commands
from tests.edge_agent.lived import CANARY, Life

COMMANDS = Commands(app)
WINDOWS = (Window("energy", Resource.DEVICE_JOULES, 600, 86_400), Window("leaving", Resource.CLOUD_SHARE, 0.5, 86_400))
PLOTS = {"routes", "savings", "frontier", "calibration", "errors", "chances", "windows"}


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    Life(home, datetime.now(UTC) - timedelta(hours=50), WINDOWS).live(30, hours=48)
    with Journal.open(home / "journal.db") as journal:
        for number, answer in enumerate(journal.outcomes(8)):
            journal.rate(answer.decision_id, good=number % 3 > 0)
    (home / "agent.yaml").write_text(
        "windows:\n"
        "  - {name: energy, resource: device_joules, limit: 600, per: day}\n"
        "  - {name: leaving, resource: cloud_share, limit: 0.5, per: day}\n"
    )
    return home


@pytest.fixture(autouse=True)
def _home(lived: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEWISE_HOME", str(lived))


@pytest.fixture(scope="module")
def rows(lived: Path) -> list[StoredDecision]:
    with Journal.open(lived / "journal.db") as journal:
        return journal.since()


@pytest.fixture(scope="module")
def page(lived: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Everything, as the command writes it."""
    file = tmp_path_factory.mktemp("out") / "report.html"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGEWISE_HOME", str(lived))
        assert COMMANDS.done("report", "--out", str(file)).split() == [str(file)]
    return file.read_text(encoding="utf-8")


def tree(page: str) -> ET.Element:
    """The page is written so that an XML parser reads it: every element is closed, every id is there once."""
    return ET.fromstring(page.removeprefix("<!DOCTYPE html>"))


def tiles(page: str) -> dict[str, str]:
    """The figures at the top, by their names."""
    return {tile.findtext("dt", ""): tile.findtext("dd", "") for tile in tree(page).iterfind(".//dl/div")}


def test_the_page_is_well_formed_and_needs_nothing_else(page: str) -> None:
    elements = list(tree(page).iter())
    ids = [element.get("id") for element in elements if element.get("id")]
    assert len(ids) == len(set(ids))
    assert {element.get("id") for element in elements if element.tag == "section"} == PLOTS
    assert sum(element.tag == "svg" for element in elements) == len(PLOTS)
    assert not re.search(r"https?:|//[a-z]|<script|<link|<img|@import", page)
    targets = re.findall(r'href="([^"]*)"|url\(([^)]*)\)', page)
    assert targets
    assert all((one or other).removeprefix("#") in ids for one, other in targets)


def test_it_has_the_numbers_of_the_journal(page: str, rows: list[StoredDecision]) -> None:
    answers = [row.answer for row in rows if row.answer]
    shown = tiles(page)
    assert shown["questions"] == str(len(rows)) == "30"
    assert shown["answered"] == f"{100 * len(answers) / len(rows):.1f} %"
    assert shown["left the device"] == f"{100 * sum(a.egress.sent for a in answers) / len(rows):.1f} %"
    assert shown["device energy"] == f"{sum(a.device_energy.joules for a in answers):,.0f} J"
    assert float(shown["money"].split()[0]) == pytest.approx(sum(a.usd for a in answers), rel=0.01)
    table = {row[0].text: row[1].text for row in tree(page).iterfind(".//section[@id='routes']//tr")}
    for rule in {row.decision.rule for row in rows if row.decision}:
        assert table[rule] == str(sum(row.decision.rule == rule for row in rows if row.decision))


def test_none_of_the_users_words_are_in_it(page: str) -> None:
    assert CANARY not in page


def test_it_is_legible_in_the_dark(page: str) -> None:
    assert "prefers-color-scheme: dark" in page
    assert 'name="viewport"' in page
    for svg in re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL):
        assert "currentColor" in svg
        assert "fill: #ffffff" not in svg


def test_a_time_can_be_chosen(tmp_path: Path, rows: list[StoredDecision], lived: Path) -> None:
    file = tmp_path / "minute.html"
    COMMANDS.done("report", "--since", "1m", "--out", str(file))
    assert "Nothing was asked in this time" in file.read_text(encoding="utf-8")
    assert "'yesterday' is no stretch of time" in str(COMMANDS.error("report", "--since", "yesterday"))
    with Journal.open(lived / "journal.db") as journal:
        assert journal.since(rows[10].at) == rows[10:]


def test_pictures_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (written,) = COMMANDS.done("report", "--since", "1 minute", "--png", "pictures").splitlines()
    assert written == "pictures/windows.png"
    assert Path(written).read_bytes().startswith(b"\x89PNG")
    assert not list(tmp_path.glob("*.html"))


def test_an_empty_journal_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEWISE_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    COMMANDS.done("report")
    page = (tmp_path / "edgewise-report.html").read_text(encoding="utf-8")
    assert "Nothing was asked yet" in page
    assert "edgewise ask" in page
    assert "cannot be written to" in str(COMMANDS.error("report", "--out", "no/such/folder.html"))
    assert {section.get("id") for section in tree(page).iterfind(".//section")} == {None, "windows"}
