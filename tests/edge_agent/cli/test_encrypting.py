"""`edgewise context encrypt` and `decrypt`, as their user types them."""

from __future__ import annotations

from pathlib import Path

import keyring
import pytest

from edge_agent.cli.context import app
from orchestrator.errors import StoreLocked, StoreUnavailable
from tests.edge_agent.cli.commands import Commands
from tests.edge_agent.test_keys import Remembering

COMMANDS = Commands(app)
run, done, as_json, error = COMMANDS.run, COMMANDS.done, COMMANDS.as_json, COMMANDS.error

CANARY = "ultramarine"
KEY_FROM = "EDGEWISE_CONTEXT__ENCRYPTION__KEY_FROM"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An own home folder, with one record in the store, and the key in a file."""
    monkeypatch.setenv("EDGEWISE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("EDGEWISE_CONTEXT__EMBEDDING", "")
    monkeypatch.setenv(KEY_FROM, f"file:{tmp_path / 'key'}")
    monkeypatch.setenv("COLUMNS", "200")
    done("add", f"The shed is {CANARY}")
    return tmp_path / "home"


def test_every_command_works_on_an_encrypted_store(home: Path, tmp_path: Path) -> None:
    shown = done("encrypt")
    assert f"Its key: the file {tmp_path / 'key'}" in shown
    assert f"      required: true\n      key_from: file:{tmp_path / 'key'}\n" in shown
    assert [record["body"] for record in as_json("search", CANARY)] == [f"The shed is {CANARY}"]
    done("add", f"So is the door: {CANARY}")
    assert len(as_json("list")) == len(done("export").splitlines()) == as_json("stats")["records"] == 2
    assert as_json("stats")["encrypted"]
    assert as_json("check")["sound"]
    assert as_json("backup")["records"] == 2
    done("forget", "2", "--yes")
    assert not [file for file in home.rglob("*") if file.is_file() and CANARY.encode() in file.read_bytes()]
    assert "Decrypted" in done("decrypt")
    assert not as_json("stats")["encrypted"]
    assert len(as_json("list")) == 1


def test_a_key_in_the_keyring_needs_no_configuration(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    before = keyring.get_keyring()
    request.addfinalizer(lambda: keyring.set_keyring(before))
    keyring.set_keyring(Remembering())
    monkeypatch.delenv(KEY_FROM)
    assert "Its key: the system's keyring" in done("encrypt")
    assert len(as_json("list")) == 1
    keyring.set_keyring(Remembering())
    assert "is encrypted, and the system's keyring has no key" in str(error("list"))


def test_a_passphrase_is_not_asked_for_where_it_would_be_seen() -> None:
    assert "nobody is there to type the passphrase" in str(error("encrypt", "--key-from", "passphrase"))
    assert not as_json("stats")["encrypted"]


def test_again_nothing_is_done() -> None:
    assert "is not encrypted" in done("decrypt")
    done("encrypt")
    assert "is encrypted already" in done("encrypt")


def test_another_key_has_to_be_configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done("encrypt")
    assert f"key_from: file:{tmp_path / 'other'}" in done("encrypt", "--key-from", f"file:{tmp_path / 'other'}")
    assert isinstance(error("list"), StoreLocked)
    monkeypatch.setenv(KEY_FROM, f"file:{tmp_path / 'other'}")
    assert len(as_json("list")) == 1


def test_what_the_configuration_says_already_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEWISE_CONTEXT__ENCRYPTION__REQUIRED", "true")
    assert "is not encrypted, and the configuration requires it" in str(error("list"))
    assert "configuration file" not in done("encrypt")
    assert len(as_json("list")) == 1
    assert "still requires encryption" in done("decrypt")


def test_copies_that_were_made_before_are_named(home: Path) -> None:
    done("backup")
    (copy,) = (home / "backups").iterdir()
    assert f"Not encrypted, and left as it is: {copy}" in done("encrypt")
    done("backup", str(home / "backups" / "encrypted.db"))
    assert done("encrypt", "--key-from", f"file:{home / 'other'}").count("left as it is") == 1


def test_without_a_store(home: Path) -> None:
    (home / "context.db").unlink()
    assert isinstance(error("encrypt"), StoreUnavailable)
