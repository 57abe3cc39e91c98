"""A new configuration without a restart: at SIGHUP, and when the file has changed."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Final

from cloud_gateway import logs
from cloud_gateway.assembly import Assembly
from cloud_gateway.config import GatewayConfig
from orchestrator.errors import ConfigError
from orchestrator.ports import Clock

_LOOK_S: Final = 5.0
_log = logging.getLogger(__name__)


class ConfigFile:
    """The file of a gateway, and what overrides it."""

    def __init__(self, file: Path, *, host: str | None = None, port: int | None = None) -> None:
        """`host` and `port` stand above those in the file."""
        self._file = file
        self._host = host
        self._port = port

    def read(self) -> GatewayConfig:
        """What is in it now.

        Raises:
            ConfigError: the file is missing or broken, a key is unknown, or a value does not fit.
        """
        config = GatewayConfig.read(self._file)
        host, _, port = config.listen.rpartition(":")
        listen = f"{self._host or host}:{port if self._port is None else self._port}"
        return config.model_copy(update={"listen": listen})

    def stamp(self) -> tuple[int, ...] | None:
        """Another one whenever the file is another; None where there is none."""
        try:
            state = os.stat(self._file)
        except OSError:
            return None
        return state.st_ino, state.st_mtime_ns, state.st_size


class Reloader:
    """Lets a running gateway follow its file."""

    def __init__(self, file: ConfigFile, config: GatewayConfig, assembly: Assembly, clock: Clock) -> None:
        """`config` is what `assembly` was made by."""
        self._file = file
        self.config = config
        """What counts at present."""
        self._assembly = assembly
        self._clock = clock
        self._stamp = file.stamp()

    async def watch(self) -> None:
        """Look at the file every few seconds, for ever."""
        while True:
            await self._clock.sleep(_LOOK_S)
            if self._file.stamp() != self._stamp:
                self.reload()

    def reload(self) -> None:
        """Read the file again. One that is broken changes nothing, and what needs a restart is left as it is."""
        self._stamp = self._file.stamp()
        try:
            new = self._file.read()
            fixed = _fixed(self.config, new)
            self._assembly.adopt(new)
            logs.show(new.log.level)
        except ConfigError as error:
            _log.error("config_not_reloaded", extra={"fields": {"error": str(error)}})
            return
        kept = {name: getattr(self.config, name) for name in _FIXED}
        for section, name in _FIXED_WITHIN:
            old = getattr(getattr(self.config, section), name)
            kept[section] = getattr(new, section).model_copy(update={name: old})
        self.config = new.model_copy(update=kept)
        _log.info("config_reloaded", extra={"fields": {"needs_a_restart": fixed}})


_FIXED: Final = ("listen", "tls", "connections", "state", "telemetry", "debug")
"""What a listening process cannot change."""
_FIXED_WITHIN: Final = (("limits", "message_bytes"), ("admission", "pending"), ("metrics", "listen"))
"""The same, in sections that it can change otherwise."""


def _fixed(old: GatewayConfig, new: GatewayConfig) -> list[str]:
    """The keys that differ and only count after a restart."""
    found = [name for name in _FIXED if getattr(old, name) != getattr(new, name)]
    for section, name in _FIXED_WITHIN:
        if getattr(getattr(old, section), name) != getattr(getattr(new, section), name):
            found.append(f"{section}.{name}")
    return found
