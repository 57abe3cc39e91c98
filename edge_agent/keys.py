"""Where the key of an encrypted store comes from: the system's keyring, a file, the environment, or a person.

A secret of 64 hexadecimal digits is a key as it is. Anything else is a passphrase, which is stretched into a key as
SQLCipher itself does it, so that other tools open the file with the same words.
"""

from __future__ import annotations

import contextlib
import getpass
import hashlib
import os
import re
import secrets
import stat
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from orchestrator.errors import ConfigError, StoreLocked

KEY_BYTES: Final = 32
SALT_BYTES: Final = 16
_ROUNDS: Final = 256_000
"""Of PBKDF2-HMAC-SHA512: SQLCipher 4's own number."""
_KEY: Final = re.compile(rf"[0-9a-fA-F]{{{2 * KEY_BYTES}}}")
_SERVICE, _ACCOUNT = "edgewise", "context store"
"""One entry for all of a user's stores: it does not depend on where a store lies, so a store can move."""


@dataclass(frozen=True, slots=True)
class Key:
    """What opens one file: the key itself, and the salt that the file begins with."""

    material: bytes = field(repr=False)
    """32 bytes."""
    salt: bytes
    """16 bytes, not secret."""

    @classmethod
    def of(cls, secret: str, salt: bytes) -> Key:
        """The key that `secret` means for a file with this salt (PBKDF2, RFC 8018); takes a tenth of a second or two
        for a passphrase."""
        if _KEY.fullmatch(secret):
            return cls(bytes.fromhex(secret), salt)
        return cls(hashlib.pbkdf2_hmac("sha512", secret.encode(), salt, _ROUNDS, KEY_BYTES), salt)

    @property
    def literal(self) -> str:
        """As SQLCipher's `PRAGMA key` and `ATTACH … KEY` take it."""
        return f"x'{self.material.hex()}{self.salt.hex()}'"


class KeySource(Protocol):
    """Somewhere that a secret is kept. `str()` of one names it, for messages."""

    def secret(self) -> str:
        """The secret.

        Raises:
            StoreLocked: there is none, or it may not be had.
        """

    def make(self) -> str:
        """The secret for a store that is new; where there is none yet and none need be told, a random one is kept.

        Raises:
            StoreLocked: it cannot be had or kept.
        """


def key_source(words: str) -> KeySource:
    """The source that a configuration or an option means: `keyring`, `file:PATH`, `env:NAME` or `passphrase`.

    Raises:
        ConfigError: it is none of these.
    """
    kind, _, place = words.partition(":")
    if kind == "keyring" and not place:
        return SystemKeyring()
    if kind == "passphrase" and not place:
        return Passphrase()
    if kind == "file" and place:
        return KeyFile(Path(place).expanduser())
    if kind == "env" and place:
        return Variable(place)
    raise ConfigError(
        "the key of an encrypted store comes from nowhere that is known",
        remedy="`key_from` is one of keyring, file:PATH, env:NAME and passphrase",
    )


@dataclass(frozen=True, slots=True)
class SystemKeyring:
    """The operating system's: Keychain, Credential Manager, Secret Service, KWallet."""

    def __str__(self) -> str:
        return "the system's keyring"

    def secret(self) -> str:
        """The keyring's; see `KeySource`."""
        found = self._get()
        if not found:
            raise StoreLocked("the system's keyring has no key for a context store", remedy="put it back")
        return found

    def make(self) -> str:
        """The keyring's, or a random one that is put there; see `KeySource`."""
        import keyring
        from keyring.errors import KeyringError

        if found := self._get():
            return found
        made = secrets.token_hex(KEY_BYTES)
        try:
            keyring.set_password(_SERVICE, _ACCOUNT, made)
        except KeyringError:
            raise _no_keyring() from None
        if self._get() != made:  # a keyring that forgets, as the null backend does, would lose the store
            raise _no_keyring()
        return made

    def _get(self) -> str | None:
        try:
            import keyring
            from keyring.errors import KeyringError
        except ImportError:
            raise not_installed() from None
        try:
            return keyring.get_password(_SERVICE, _ACCOUNT)
        except KeyringError:
            raise _no_keyring() from None


@dataclass(frozen=True, slots=True)
class KeyFile:
    """A file with one line, which only its owner may read."""

    path: Path

    def __str__(self) -> str:
        return f"the file {self.path}"

    def secret(self) -> str:
        """The file's line; see `KeySource`."""
        try:
            with self.path.open(encoding="utf-8") as file:
                self._check(os.fstat(file.fileno()))
                found = file.read().strip()
        except FileNotFoundError:
            raise StoreLocked(
                f"there is no key file {self.path}", remedy="bring it back, or name another place of the key"
            ) from None
        except (OSError, UnicodeDecodeError):
            raise StoreLocked(
                f"the key file {self.path} cannot be read", remedy="allow reading it, and look whether it is text"
            ) from None
        if not found:
            raise StoreLocked(f"the key file {self.path} is empty", remedy="bring back its content")
        return found

    def make(self) -> str:
        """The file's line, or a random key in a new file; see `KeySource`."""
        if not self.path.exists():
            self._write(secrets.token_hex(KEY_BYTES))
        return self.secret()

    def _write(self, secret: str) -> None:
        """Whole, or not at all; and never over a key that is there."""
        partial = self.path.with_name(f".{self.path.name}.{secrets.token_hex(4)}")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with open(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="utf-8") as file:
                file.write(secret + "\n")
                file.flush()
                os.fsync(file.fileno())
            with contextlib.suppress(FileExistsError):
                os.link(partial, self.path)
        except OSError as error:
            raise StoreLocked(
                f"the key file {self.path} cannot be written: {error.strerror}", remedy="name another file"
            ) from None
        finally:
            with contextlib.suppress(OSError):
                partial.unlink()

    def _check(self, found: os.stat_result) -> None:
        if os.name == "posix" and found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise StoreLocked(f"the key file {self.path} is open to others", remedy=f"chmod 600 {self.path}")


@dataclass(frozen=True, slots=True)
class Variable:
    """An environment variable, for containers and services."""

    name: str

    def __str__(self) -> str:
        return f"the environment variable {self.name}"

    def secret(self) -> str:
        """The variable's value; see `KeySource`."""
        found = os.environ.get(self.name)
        if not found:
            raise StoreLocked(
                f"the environment variable {self.name}, which should hold the key, is not set", remedy="set it"
            )
        return found

    make = secret


def _ask_unseen(words: str) -> str:
    """Ask at the terminal; where what is typed would be seen, do not."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", getpass.GetPassWarning)
        return getpass.getpass(words)


@dataclass(frozen=True, slots=True)
class Passphrase:
    """A person at the terminal."""

    ask: Callable[[str], str] = _ask_unseen

    def __str__(self) -> str:
        return "the passphrase"

    def secret(self) -> str:
        """What the person types; see `KeySource`."""
        return self._asked("Passphrase of the context store: ")

    def make(self) -> str:
        """What the person types, twice; see `KeySource`."""
        first = self._asked("New passphrase of the context store: ")
        if self._asked("The same again: ") != first:
            raise StoreLocked("the two passphrases differ", remedy="try again")
        return first

    def _asked(self, words: str) -> str:
        try:
            answer = self.ask(words)
        except (EOFError, OSError, getpass.GetPassWarning):
            raise StoreLocked(
                "nobody is there to type the passphrase",
                remedy="run it in a terminal, or keep the key in the keyring, a file or the environment",
            ) from None
        if not answer:
            raise StoreLocked("the passphrase is empty", remedy="type one")
        return answer


class Remembered:
    """A source that is asked once, however many files of one secret are opened."""

    def __init__(self, source: KeySource) -> None:
        self._source = source
        self._secret: str | None = None

    def __str__(self) -> str:
        return str(self._source)

    def secret(self) -> str:
        """The source's; see `KeySource`."""
        if self._secret is None:
            self._secret = self._source.secret()
        return self._secret

    def make(self) -> str:
        """The source's; see `KeySource`."""
        if self._secret is None:
            self._secret = self._source.make()
        return self._secret


def not_installed() -> StoreLocked:
    """For whoever misses a package of the extra."""
    return StoreLocked("encryption is not installed", remedy="pip install 'edgewise[encryption]'")


def _no_keyring() -> StoreLocked:
    return StoreLocked(
        "the system's keyring cannot be used here: it is locked, or there is none",
        remedy="unlock it, or keep the key in file:PATH, env:NAME or a passphrase",
    )
