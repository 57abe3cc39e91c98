"""Who calls."""

from __future__ import annotations

import hmac
import logging
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from cloud_gateway import keys
from cloud_gateway.call import Caller
from cloud_gateway.config import GatewayConfig
from orchestrator.errors import CloudUnauthenticated, ConfigError

ANONYMOUS: Final = Caller(name="anonymous")
_SHORTEST_KEY: Final = 24
_REMEDY: Final = "send metadata `authorization: Bearer KEY`, with a key made by `edgewise-gateway keys create`"
_log = logging.getLogger(__name__)


class KeyRing:
    """Knows callers by their keys: those of the environment, and those of the keys file as it is now."""

    def __init__(self, fixed: Mapping[str, str], *, file: Path | None, allow_anonymous: bool) -> None:
        """`fixed` maps digests to names.

        Raises:
            ConfigError: the keys file cannot be read.
        """
        self._fixed = {digest: (digest, name) for digest, name in fixed.items()}
        self._file = file
        self._allow_anonymous = allow_anonymous
        self._stamp = _stamp(file)
        self._callers = self._fixed | _callers(file)

    @classmethod
    def of(cls, config: GatewayConfig, environment: Mapping[str, str]) -> KeyRing:
        """The callers that `config` names.

        Raises:
            ConfigError: an environment variable is missing or holds no key, or the keys file cannot be read.
        """
        fixed = {}
        for section in config.keys:
            key = environment.get(section.key_env, "")
            if len(key) < _SHORTEST_KEY or not key.isascii():
                raise ConfigError(
                    f"the environment variable {section.key_env}, for the key of {section.name!r}, is not set to a key",
                    remedy=f"a key has {_SHORTEST_KEY} ASCII characters or more: `openssl rand -hex 32` makes one",
                )
            fixed[keys.digest(key)] = section.name
        return cls(fixed, file=config.keys_file, allow_anonymous=config.allow_anonymous)

    def caller(self, metadata: Iterable[tuple[str, str | bytes]]) -> Caller:
        """Who calls with this metadata.

        Raises:
            CloudUnauthenticated: no key where one is needed, or a key that is unknown or revoked.
        """
        given = next((value for name, value in metadata if name == "authorization"), None)
        if given is None:
            if self._allow_anonymous:
                return ANONYMOUS
            raise CloudUnauthenticated("the call has no API key", remedy=_REMEDY)
        scheme, _, key = str(given).partition(" ")
        digest = keys.digest(key.strip())
        self._refresh()
        # A dictionary finds the candidate by a randomised hash of the digest, which tells an attacker nothing about
        # either; the comparison that decides takes the same time for every digest.
        known, name = self._callers.get(digest, ("", ""))
        if scheme.lower() != "bearer" or not hmac.compare_digest(known, digest):
            raise CloudUnauthenticated("the API key is unknown or revoked", remedy=_REMEDY)
        return Caller(name=name)

    def _refresh(self) -> None:
        """Take a changed keys file over. One that cannot be read leaves everything as it is."""
        stamp = _stamp(self._file)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._callers = self._fixed | _callers(self._file)
        except ConfigError as error:
            _log.error("keys_not_reloaded", extra={"fields": {"error": str(error)}})


def _callers(file: Path | None) -> dict[str, tuple[str, str]]:
    """Digest → digest and name."""
    live = [key for key in keys.load(file) if key.revoked_at is None] if file else []
    return {key.sha256: (key.sha256, key.name) for key in live}


def _stamp(file: Path | None) -> tuple[int, ...] | None:
    """Changes whenever the file does: it is always replaced, never written into."""
    if file is None:
        return None
    try:
        state = os.stat(file)
    except OSError:
        return None
    return state.st_ino, state.st_mtime_ns, state.st_size
