"""The cloud side of a trial: a recording model server, a real gateway process before it, and a wire that remembers."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, Self

import yaml

from benchmarks.canaries.canary import Canary
from benchmarks.canaries.proxy import Proxy
from benchmarks.canaries.search import Finds, files, search_memory
from orchestrator.errors import ProcessFailed
from simulation.upstream import SimulatedUpstream

KEY: Final = "a-key-for-canaries-and-nothing-else"
_LISTENING: Final = re.compile(r"listening on \S+:(\d+)")
_START_S: Final = 60.0


class Stand:
    """`async with Stand(folder) as stand:` is a cloud. Its gateway can be killed, and comes back."""

    def __init__(self, folder: Path) -> None:
        """`folder` is the gateway's own: its configuration and its log."""
        self.upstream = SimulatedUpstream()
        self.proxy = Proxy()
        self.kills = 0
        self._folder = folder
        self._gateway: asyncio.subprocess.Process | None = None
        self._read = 0
        """How much of the gateway's log was looked at."""

    async def __aenter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        await self.upstream.start()
        await self.proxy.__aenter__()
        (self._folder / "gateway.yaml").write_text(yaml.safe_dump(self._config()), encoding="utf-8")
        await self.start_gateway()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.kill_gateway()
        await self.proxy.__aexit__()
        await self.upstream.stop()

    async def start_gateway(self) -> None:
        """A gateway process at a port of its own, unless there is one.

        Raises:
            ProcessFailed: it did not say that it listens.
        """
        if self._gateway is not None and self._gateway.returncode is None:
            return
        with (self._folder / "gateway.log").open("ab") as log:
            self._gateway = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "benchmarks.canaries.loud_gateway"),
                *("serve", "--config", str(self._folder / "gateway.yaml"), "--port", "0"),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                env={**os.environ, "CANARIES_KEY": KEY, "GRPC_VERBOSITY": "DEBUG", "PYTHONUNBUFFERED": "1"},
            )
        assert self._gateway.stdout is not None
        said = await asyncio.wait_for(self._gateway.stdout.readline(), _START_S)
        found = _LISTENING.search(said.decode())
        if found is None:
            raise ProcessFailed("the gateway did not start", remedy=f"look into {self._folder / 'gateway.log'}")
        self.proxy.target = ("127.0.0.1", int(found[1]))

    async def kill_gateway(self) -> None:
        """SIGKILL, as a crash would."""
        if self._gateway is not None and self._gateway.returncode is None:
            self._gateway.kill()
            await self._gateway.wait()
            self.kills += 1

    def outside(self) -> Iterator[tuple[str, bytes]]:
        """What left since the last call: on the wire, and at the model server."""
        up, down = self.proxy.take()
        yield "the wire to the gateway", up
        yield "the wire from the gateway", down
        seen = [json.dumps([chat.body, chat.headers], ensure_ascii=False) for chat in self.upstream.seen]
        self.upstream.seen.clear()
        yield "the model server", "\n".join(seen).encode()

    def kept(self) -> Iterator[tuple[str, bytes]]:
        """What the gateway wrote since the last call, and its files."""
        with (self._folder / "gateway.log").open("rb") as log:
            log.seek(self._read)
            written = log.read()
        self._read += len(written)
        yield "the gateway's log", written
        for name, content in files(self._folder, but="gateway.log"):
            yield f"the gateway's {name}", content

    def whole_log(self) -> tuple[str, bytes]:
        """All that the gateways wrote."""
        return "the gateway's log", (self._folder / "gateway.log").read_bytes()

    def remembered(self, canaries: Iterable[Canary]) -> Finds:
        """What the gateway process has in its memory now: answers that it keeps for those who repeat a request id.

        Only where the system shows a process's memory to its parent; the report tells how much of it was searched.
        """
        if self._gateway is None:
            return Finds()
        try:
            return search_memory(canaries, self._gateway.pid)
        except (FileNotFoundError, PermissionError):
            return Finds()

    def _config(self) -> dict[str, object]:
        model = {"context_tokens": 8192, "usd_per_million_prompt_tokens": 0.1, "usd_per_million_completion_tokens": 0.1}
        return {
            "upstream": {"base_url": self.upstream.base_url, "health_interval_s": 1.0},
            "models": [{"name": "large", **model}],
            "keys": [{"name": "device", "key_env": "CANARIES_KEY"}],
            "limits": {"request_s": 20.0},
        }
