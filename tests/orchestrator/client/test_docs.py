"""docs/sdk.md runs: every example, one after the other, against a real gateway."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path

import pytest

from cloud_gateway.server import GatewayServer
from orchestrator.client import channel, replicas, streaming

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "sdk.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.anyio
@pytest.mark.usefixtures("one_loop")
async def test_every_example_runs(gateway: GatewayServer, api_key: str, capsys: pytest.CaptureFixture[str]) -> None:
    for code in EXAMPLES:
        for old, new in ("127.0.0.1:50051", gateway.address), ("ewk_…", api_key), ("qwen2.5-7b-instruct", "small"):
            code = code.replace(old, new)
        await asyncio.to_thread(exec, code, {})
    said = capsys.readouterr().out
    assert said.count("Bees make honey.") == 5
    assert "cloud_rate_limited: gateway" in said


@pytest.mark.anyio
@pytest.mark.usefixtures("one_loop")
async def test_the_shell_command_runs(gateway: GatewayServer, api_key: str) -> None:
    page = (ROOT / "docs" / "clients.md").read_text(encoding="utf-8")
    command = page[page.index("$ buf curl") + 2 :]
    command = command[: command.index("```")].replace("127.0.0.1:50051", gateway.address)
    buf = await asyncio.create_subprocess_shell(
        command,
        cwd=ROOT,
        env={**os.environ, "KEY": api_key, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await buf.communicate()
    assert [name for name in ("started", "textDelta", "finished", "cursor") if name not in said.decode()] == []
    assert buf.returncode == 0


def test_the_figures_are_those_of_the_code() -> None:
    options = dict(channel.CHANNEL_OPTIONS)
    assert f"after {int(options['grpc.keepalive_time_ms']) // 1000} s without a byte" in PAGE
    assert f"after {int(options['grpc.client_idle_timeout_ms']) // 60_000} min without a call" in PAGE
    assert f"{channel.MAX_ATTEMPTS} attempts" in PAGE
    assert f"{streaming.RESUMES} tries in a row" in PAGE
    assert f"{streaming.FIRST_WAIT_S:g} s to {streaming.LONGEST_WAIT_S:g} s apart" in PAGE
    assert f"asked last for {replicas.REST_S:g} s" in PAGE
    assert f"up to {replicas.LONGEST_REST_S:g} s" in PAGE
