"""`edgewise-gateway usage`, against a real gateway's accounts in a real Redis."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from cloud_gateway import keys
from cloud_gateway.cli import app
from cloud_gateway.config import GatewayConfig
from cloud_gateway.server import running
from orchestrator.client import AsyncGateway
from simulation.redis_server import RedisServer

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("one_loop")]


def run(file: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["usage", "--config", str(file), *arguments])


def write(config: GatewayConfig, folder: Path) -> Path:
    file = folder / "gateway.yaml"
    file.write_text(yaml.safe_dump(json.loads(config.model_dump_json())))
    return file


async def test_what_was_used_is_shown(
    gateway_config: Callable[..., GatewayConfig], api_key: str, redis_server: RedisServer, tmp_path: Path
) -> None:
    config = gateway_config(
        keys=[
            {"name": "tester", "key_env": "TEST_KEY", "tenant": "acme", "quota": {"requests_per_month": 100}},
            {"name": "other", "key_env": "OTHER_KEY"},
        ],
        tenants=[{"name": "acme", "quota": {"usd_per_month": 2}}],
        state={"redis_url": redis_server.url, "key_prefix": f"{uuid.uuid4().hex}:", "timeout_s": 60},
    )
    environment = {"TEST_KEY": api_key, "OTHER_KEY": api_key + "2"}
    async with (
        running(config, environment=environment) as gateway,
        AsyncGateway(gateway.address, api_key=api_key, model="small") as client,
    ):
        usd = (await client.generate("Hi")).usd
        live = await client.usage()
    file = write(config, tmp_path)
    shown = await asyncio.to_thread(run, file, "--tenant", "acme")
    assert shown.exit_code == 0, shown.output
    lines = [line.split() for line in shown.stdout.splitlines()]
    assert [line[:3] for line in lines[1:]] == [
        ["key", "tester", "day"],
        ["key", "tester", "month"],
        ["tenant", "acme", "day"],
        ["tenant", "acme", "month"],
    ]
    assert lines[2][5:8] == ["1", "of", "100"]
    assert lines[4][-3:] == [f"{usd:.9f}".rstrip("0"), "of", "2"]

    one: Any = json.loads((await asyncio.to_thread(run, file, "--key", "tester", "--json")).stdout)
    assert [window["requests"] for window in one] == [
        {"spent": window.requests.spent, "reserved": 0, "limit": window.requests.limit} for window in live
    ]
    everybody = await asyncio.to_thread(run, file)
    assert {line.split()[1] for line in everybody.stdout.splitlines()[1:]} == {"tester", "acme", "other"}


async def test_a_name_that_nobody_has_and_accounts_in_memory_are_told(
    gateway_config: Callable[..., GatewayConfig], tmp_path: Path
) -> None:
    file = write(gateway_config(), tmp_path)
    assert "no key is known with key 'nobody'" in str((await asyncio.to_thread(run, file, "--key", "nobody")).exception)
    assert "the gateway's memory" in str((await asyncio.to_thread(run, file)).exception)


async def test_keys_that_were_revoked_still_have_used_what_they_used(
    gateway_config: Callable[..., GatewayConfig], redis_server: RedisServer, tmp_path: Path
) -> None:
    state = {"redis_url": redis_server.url, "key_prefix": f"{uuid.uuid4().hex}:", "timeout_s": 60}
    config = gateway_config(keys_file=str(tmp_path / "keys.json"), allow_anonymous=True, state=state)
    file = write(config, tmp_path)
    assert config.keys_file
    made = CliRunner().invoke(app, ["keys", "create", "phone", "--file", str(config.keys_file)])
    assert made.exit_code == 0
    keys.revoke(config.keys_file, "phone", now=keys.load(config.keys_file)[0].created_at)
    shown = await asyncio.to_thread(run, file)
    names = {tuple(line.split()[:2]) for line in shown.stdout.splitlines()[1:]}
    assert names == {("key", "anonymous"), ("key", "phone"), ("key", "tester"), ("tenant", "anonymous")}
