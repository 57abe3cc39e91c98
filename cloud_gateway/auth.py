"""Who calls."""

from __future__ import annotations

import hmac
import logging
import os
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

from cloud_gateway import keys
from cloud_gateway.call import Caller
from cloud_gateway.config import GatewayConfig
from cloud_gateway.keys import Key
from cloud_gateway.sections.keys import KeySection
from orchestrator.errors import CloudUnauthenticated, ConfigError
from orchestrator.ports import Clock

ANONYMOUS: Final = Caller(name="anonymous", tenant="anonymous")
"""Everybody without a key. A tenant of this name in the configuration limits them, all together."""
_Known = tuple[str, Caller, datetime | None]
"""What proves it, who it is, and until when."""
_NOBODY: Final[_Known] = ("", ANONYMOUS, None)
_SHORTEST_KEY: Final = 24
_REMEDY: Final = "send metadata `authorization: Bearer KEY`, with a key made by `edgewise-gateway keys create`"
_log = logging.getLogger(__name__)


class KeyRing:
    """Knows callers by their keys, those of the environment and those of the keys file as it is now, and by their
    certificates."""

    def __init__(
        self,
        fixed: Iterable[Key],
        *,
        file: Path | None,
        allow_anonymous: bool,
        clock: Clock,
        certified: Iterable[KeySection] = (),
    ) -> None:
        """The `fixed` keys, those in `file`, and the `certified` callers.

        Raises:
            ConfigError: the keys file cannot be read.
        """
        self._fixed = _known(fixed)
        self._clock = clock
        self._file = file
        self._allow_anonymous = allow_anonymous
        self._stamp = _stamp(file)
        self._known = self._fixed | _known(_live(file))
        self._certified = {
            section.certificate: (section.certificate, keys.caller(section.name, section.scope), section.expires_at)
            for section in certified
            if section.certificate is not None
        }

    @classmethod
    def of(cls, config: GatewayConfig, environment: Mapping[str, str], clock: Clock) -> KeyRing:
        """The callers that `config` names.

        Raises:
            ConfigError: an environment variable is missing or holds no key, or the keys file cannot be read.
        """
        fixed = []
        for section in config.keys:
            if section.key_env is None:
                continue
            key = environment.get(section.key_env, "")
            if len(key) < _SHORTEST_KEY or not key.isascii():
                raise ConfigError(
                    f"the environment variable {section.key_env}, for the key of {section.name!r}, is not set to a key",
                    remedy=f"a key has {_SHORTEST_KEY} ASCII characters or more: `openssl rand -hex 32` makes one",
                )
            fixed.append(Key(name=section.name, sha256=keys.digest(key), created_at=clock.now(), scope=section.scope))
        return cls(
            fixed,
            file=config.keys_file,
            allow_anonymous=config.allow_anonymous,
            clock=clock,
            certified=config.keys,
        )

    @property
    def callers(self) -> list[Caller]:
        """Everybody who has a valid key, by name, and the anonymous caller where there may be one."""
        self._refresh()
        everybody = (*self._known.values(), *self._certified.values())
        named = {caller.name: caller for _, caller, _ in everybody}
        known = [named[name] for name in sorted(named)]
        return [*known, ANONYMOUS] if self._allow_anonymous else known

    @property
    def reads_certificates(self) -> bool:
        """Whether a certificate stands for a key."""
        return bool(self._certified)

    def caller(self, metadata: Iterable[tuple[str, str | bytes]], names: Iterable[str] = ()) -> Caller:
        """Who calls with this metadata, over a connection whose certificate has these `names`.

        Raises:
            CloudUnauthenticated: no key where one is needed, or a key that is unknown, revoked or expired.
        """
        given = next((value for name, value in metadata if name == "authorization"), None)
        if given is None:
            for name in names:
                if name in self._certified:
                    return self._valid(self._certified[name])
            if self._allow_anonymous:
                return ANONYMOUS
            raise CloudUnauthenticated("the call has no API key", remedy=_REMEDY)
        scheme, _, key = str(given).partition(" ")
        digest = keys.digest(key.strip())
        self._refresh()
        # A dictionary finds the candidate by a randomised hash of the digest, which tells an attacker nothing about
        # either; the comparison that decides takes the same time for every digest.
        known = self._known.get(digest, _NOBODY)
        if scheme.lower() != "bearer" or not hmac.compare_digest(known[0], digest):
            raise CloudUnauthenticated("the API key is unknown or revoked", remedy=_REMEDY)
        return self._valid(known)

    def _valid(self, known: _Known) -> Caller:
        _, caller, expires_at = known
        if expires_at is not None and expires_at <= self._clock.now():
            raise CloudUnauthenticated("the API key has expired", remedy=_REMEDY)
        return caller

    def _refresh(self) -> None:
        """Take a changed keys file over. One that cannot be read leaves everything as it is."""
        stamp = _stamp(self._file)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._known = self._fixed | _known(_live(self._file))
        except ConfigError as error:
            _log.error("keys_not_reloaded", extra={"fields": {"error": str(error)}})


def _live(file: Path | None) -> list[Key]:
    return [key for key in keys.load(file) if key.revoked_at is None] if file else []


def _known(live: Iterable[Key]) -> dict[str, _Known]:
    """Digest → digest, caller, and when the key expires."""
    return {key.sha256: (key.sha256, key.caller, key.scope.expires_at) for key in live}


def _stamp(file: Path | None) -> tuple[int, ...] | None:
    """Changes whenever the file does: it is always replaced, never written into."""
    if file is None:
        return None
    try:
        state = os.stat(file)
    except OSError:
        return None
    return state.st_ino, state.st_mtime_ns, state.st_size
