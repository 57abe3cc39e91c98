"""The API keys file: what `edgewise-gateway keys` writes and the gateway reads.

The file is their only home, also where gateways share a Redis: who may call is known while Redis is away, costs no
round trip, and comes to every gateway as its certificate does, as a mounted file. It is replaced whole and read again
when it changes.

Keys are 256 random bits. Of those a plain SHA-256 is enough: there is nothing to guess that a slow hash would protect.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec
from filelock import FileLock

from cloud_gateway.accounts.windows import Limit
from cloud_gateway.call import Caller
from orchestrator.errors import ConfigError

PREFIX: Final = "ewk_"
"""Keys begin so, that scanners for leaked secrets can know them."""
NAME: Final = r"[\w.@-]{1,64}"
"""What names of keys and tenants look like."""
_LOCK_S: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a key may do. By default: everything, for ever."""

    tenant: str = ""
    models: tuple[str, ...] = ()
    max_tokens: int | None = None
    limits: tuple[Limit, ...] = ()
    expires_at: datetime | None = None
    """The key is worthless from then on."""


class Key(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A key, without the key."""

    name: str
    """Who it is for. One name has at most one key that is not revoked."""
    sha256: str
    """Of the key's ASCII text, in hexadecimal."""
    created_at: datetime
    revoked_at: datetime | None = None
    scope: Scope = Scope()

    @property
    def caller(self) -> Caller:
        """Who calls with it."""
        return caller(self.name, self.scope)

    def is_valid(self, now: datetime) -> bool:
        """Whether it is neither revoked nor expired."""
        return self.revoked_at is None and (self.scope.expires_at is None or now < self.scope.expires_at)


class _File(msgspec.Struct):
    keys: list[Key]


def caller(name: str, scope: Scope) -> Caller:
    """The caller of that name, within its scope."""
    return Caller(name=name, tenant=scope.tenant, models=scope.models, max_tokens=scope.max_tokens, limits=scope.limits)


def digest(key: str) -> str:
    """What is stored of a key, and compared."""
    return hashlib.sha256(key.encode()).hexdigest()


def load(file: Path) -> list[Key]:
    """All keys in `file`, the revoked ones too, oldest first; none where there is no file.

    Raises:
        ConfigError: it cannot be read, or is not a keys file.
    """
    try:
        return msgspec.json.decode(file.read_bytes(), type=_File).keys
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ConfigError(f"the keys file {file} cannot be read: {error.strerror}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ConfigError(f"{file} is not a keys file", remedy="make one with `edgewise-gateway keys create`") from None


def create(file: Path, name: str, *, now: datetime, scope: Scope = Scope()) -> str:
    """Make a key for `name` and return it. It is nowhere else: only its digest is kept.

    Raises:
        ConfigError: the name is none, or has a key already that is valid; or the file cannot be read or written.
    """
    for kind, text in ("key", name), ("tenant", scope.tenant):
        if (text or kind == "key") and not re.fullmatch(NAME, text):
            raise ConfigError(
                f"{text!r} cannot be the name of a {kind}", remedy="1 to 64 letters, digits and any of . _ @ -"
            )
    key = PREFIX + secrets.token_urlsafe(32)
    with _changing(file) as keys:
        if any(known.name == name and known.is_valid(now) for known in keys):
            raise ConfigError(f"{name!r} has a key already", remedy="revoke it first, or choose another name")
        keys.append(Key(name=name, sha256=digest(key), created_at=now, scope=scope))
    return key


def revoke(file: Path, name: str, *, now: datetime) -> None:
    """Make the key of `name` worthless. Gateways notice at their next call.

    Raises:
        ConfigError: the name has no key, or the file cannot be read or written.
    """
    with _changing(file) as keys:
        for index, key in enumerate(keys):
            if key.name == name and key.revoked_at is None:
                keys[index] = msgspec.structs.replace(key, revoked_at=now)
                return
        raise ConfigError(f"{name!r} has no key in {file}", remedy="`edgewise-gateway keys list` shows who has")


@contextlib.contextmanager
def _changing(file: Path) -> Iterator[list[Key]]:
    """The keys, written back when the block ends well. One process at a time; readers see the old file or the new."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{file}.lock", timeout=_LOCK_S, mode=0o600):
            keys = load(file)
            yield keys
            _replace(file, msgspec.json.format(msgspec.json.encode(_File(keys)), indent=2))
    except TimeoutError:
        raise ConfigError(
            f"another process holds the keys file {file}", remedy=f"try again, or remove {file}.lock"
        ) from None
    except OSError as error:
        raise ConfigError(f"the keys file {file} cannot be written: {error.strerror}") from None


def _replace(file: Path, content: bytes) -> None:
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")  # mkstemp: for its owner alone
    try:
        with os.fdopen(descriptor, "wb") as new:
            new.write(content)
            new.flush()
            os.fsync(new.fileno())
        os.replace(name, file)
    except BaseException:
        os.unlink(name)
        raise
