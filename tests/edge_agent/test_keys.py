"""Where keys come from: each place gives one, makes one, or says clearly why it cannot."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import fail, null

from edge_agent.keys import Key, KeyFile, Passphrase, SystemKeyring, Variable, key_source
from orchestrator.errors import ConfigError, StoreLocked

SALT = bytes(range(16))


class Remembering(KeyringBackend):
    """A keyring as long as the test lasts."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.held: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.held.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.held[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.held[service, username]


@pytest.fixture
def ring() -> Iterator[Remembering]:
    """The keyring that the system's calls reach."""
    before, backend = keyring.get_keyring(), Remembering()
    keyring.set_keyring(backend)
    yield backend
    keyring.set_keyring(before)


def typing(*answers: str) -> Passphrase:
    """A person who types these, one after the other."""
    left = list(answers)
    return Passphrase(ask=lambda _: left.pop(0))


def test_a_secret_of_64_digits_is_a_key_as_it_is() -> None:
    key = Key.of("0f" * 32, SALT)
    assert key.material == b"\x0f" * 32
    assert key.literal == f"x'{'0f' * 32}{SALT.hex()}'"


def test_other_words_are_stretched_as_sqlcipher_does() -> None:
    expected = hashlib.pbkdf2_hmac("sha512", "très secret".encode(), SALT, 256_000, 32)
    assert Key.of("très secret", SALT).material == expected


def test_a_key_is_not_shown() -> None:
    assert "0f0f" not in repr(Key.of("0f" * 32, SALT))


@pytest.mark.parametrize("words", ["keyring", "passphrase", "file:/keys/mine", "env:STORE_KEY"])
def test_each_source_is_told_by_its_words(words: str) -> None:
    assert str(key_source(words)).split()[-1] in ("keyring", "passphrase", "/keys/mine", "STORE_KEY")


@pytest.mark.parametrize("words", ["", "file", "file:", "env:", "keyring:x", "hunter2"])
def test_other_words_are_refused_without_repeating_them(words: str) -> None:
    with pytest.raises(ConfigError, match="comes from nowhere that is known") as refused:
        key_source(words)
    assert "hunter2" not in str(refused.value)


class TestTheKeyring:
    def test_it_makes_a_key_once(self, ring: Remembering) -> None:
        made = SystemKeyring().make()
        assert len(bytes.fromhex(made)) == 32
        assert SystemKeyring().make() == SystemKeyring().secret() == made

    def test_without_an_entry(self, ring: Remembering) -> None:
        with pytest.raises(StoreLocked, match="has no key"):
            SystemKeyring().secret()

    def test_that_is_not_there(self, ring: Remembering) -> None:
        keyring.set_keyring(fail.Keyring())
        with pytest.raises(StoreLocked, match="cannot be used here") as refused:
            SystemKeyring().secret()
        assert "file:PATH" in refused.value.remedy

    def test_that_forgets_is_not_trusted_with_a_new_key(self, ring: Remembering) -> None:
        keyring.set_keyring(null.Keyring())
        with pytest.raises(StoreLocked, match="cannot be used here"):
            SystemKeyring().make()


class TestAFile:
    def test_it_is_made_for_its_owner_only_and_then_kept(self, tmp_path: Path) -> None:
        source = KeyFile(tmp_path / "keys" / "mine")
        made = source.make()
        assert source.make() == source.secret() == made
        assert source.path.stat().st_mode & 0o777 == 0o600
        assert [file.name for file in source.path.parent.iterdir()] == ["mine"]

    @pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")
    def test_that_others_may_read_is_refused(self, tmp_path: Path) -> None:
        source = KeyFile(tmp_path / "mine")
        source.make()
        source.path.chmod(0o640)
        with pytest.raises(StoreLocked, match="open to others") as refused:
            source.secret()
        assert refused.value.remedy == f"chmod 600 {source.path}"

    def test_that_is_missing_empty_or_no_text(self, tmp_path: Path) -> None:
        source = KeyFile(tmp_path / "mine")
        with pytest.raises(StoreLocked, match="there is no key file"):
            source.secret()
        for content, complaint in ((b"\n", "is empty"), (b"\xff\xfe\x00", "cannot be read")):
            source.path.write_bytes(content)
            source.path.chmod(0o600)
            with pytest.raises(StoreLocked, match=complaint):
                source.secret()

    def test_that_cannot_be_written(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(StoreLocked, match="cannot be written"):
            KeyFile(tmp_path / "file" / "mine").make()


class TestAVariable:
    def test_it_is_read(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("STORE_KEY", "a long passphrase")
        assert Variable("STORE_KEY").secret() == Variable("STORE_KEY").make() == "a long passphrase"

    def test_that_is_not_set(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("STORE_KEY", raising=False)
        with pytest.raises(StoreLocked, match=r"STORE_KEY.* is not set"):
            Variable("STORE_KEY").secret()


class TestAPerson:
    def test_is_asked_once_for_a_passphrase_and_twice_for_a_new_one(self) -> None:
        assert typing("open sesame").secret() == "open sesame"
        assert typing("open sesame", "open sesame").make() == "open sesame"

    def test_who_types_two_different_ones(self) -> None:
        with pytest.raises(StoreLocked, match="differ"):
            typing("open sesame", "open sesam").make()

    def test_who_types_nothing(self) -> None:
        with pytest.raises(StoreLocked, match="empty"):
            typing("").secret()

    def test_who_is_not_there(self) -> None:
        def nobody(_: str) -> str:
            raise EOFError

        with pytest.raises(StoreLocked, match="nobody is there"):
            Passphrase(ask=nobody).secret()
