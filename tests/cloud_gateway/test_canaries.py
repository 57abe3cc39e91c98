"""Words that would tell: put in at every place, and looked for wherever the gateway speaks."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import generate_latest
from typer.testing import CliRunner

from cloud_gateway.cli import app
from cloud_gateway.config import GatewayConfig
from cloud_gateway.logs import JsonLines
from cloud_gateway.server import GatewayServer, running
from orchestrator import errors
from orchestrator.client import AsyncGateway
from simulation.upstream import Reply, SimulatedUpstream

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("one_loop")]
PROMPT, ANSWER, FAULT = "canary-of-the-prompt", "canary of the answer", "canary of the upstream's error"
KEY, UPSTREAM_KEY = "canary-of-the-key-0123456789", "canary-of-the-upstream-key"
WRONG_KEY = "canary-of-a-wrong-key-0123456789"
ENVIRONMENT = {"TEST_KEY": KEY, "UPSTREAM_KEY": UPSTREAM_KEY}
Configs = Callable[..., GatewayConfig]


def section(upstream: SimulatedUpstream) -> dict[str, Any]:
    return {"base_url": upstream.base_url, "api_key_env": "UPSTREAM_KEY"}


def faults() -> list[Reply]:
    fault = json.dumps({"error": {"message": FAULT, "code": FAULT, "type": FAULT, "param": FAULT}}).encode()
    return [
        Reply(body=FAULT.encode()),
        Reply(pieces=tuple(ANSWER), break_after=3),
        Reply(status=302, headers={"Location": f"http://elsewhere/{UPSTREAM_KEY}"}),
        *(Reply(status=status, body=fault) for status in (400, 401, 404, 429, 500)),
    ]


async def speak(gateway: GatewayServer, upstream: SimulatedUpstream, fault: Reply) -> list[str]:
    """Answers, a fault of the upstream, and callers' faults; what callers are told of these."""
    good = Reply(pieces=tuple(ANSWER))
    upstream.chats, upstream.replies = 0, [good, good, fault]
    told = []
    async with AsyncGateway(gateway.address, api_key=KEY, model="small") as client:
        assert (await client.generate(PROMPT)).text == ANSWER
        assert len([event async for event in client.stream(PROMPT)]) > 2
        with pytest.raises(errors.CloudError) as failed:
            assert [event async for event in client.stream(PROMPT)]
        told.append(repr(failed.value) + str(failed.value))
        with pytest.raises(errors.CloudError) as failed:
            await client.generate(PROMPT, model=f"no-{PROMPT}")
        told.append(str(failed.value))
    async with AsyncGateway(gateway.address, api_key=WRONG_KEY, model="small") as client:
        with pytest.raises(errors.CloudUnauthenticated) as refused:
            await client.generate(PROMPT)
        told.append(str(refused.value))
    assert upstream.chats >= 3
    assert all(seen.headers["authorization"] == f"Bearer {UPSTREAM_KEY}" for seen in upstream.seen)
    return told


def said(records: list[logging.LogRecord]) -> str:
    """The log as it is written, and all that its records hold besides."""
    return "\n".join(JsonLines().format(record) + repr(record.__dict__) for record in records)


@pytest.mark.parametrize("fault", faults())
async def test_nothing_that_was_said_and_no_key_is_logged_told_or_measured(
    gateway_config: Configs, upstream: SimulatedUpstream, caplog: pytest.LogCaptureFixture, fault: Reply
) -> None:
    caplog.set_level(logging.INFO)
    config = gateway_config(upstream=section(upstream), pool={"retry_share": 0})
    async with running(config, environment=ENVIRONMENT) as gateway:
        told = await speak(gateway, upstream, fault)
        measured = generate_latest(gateway.assembly.metrics.registry).decode()
    everywhere = said(caplog.records) + "\n".join(told) + measured
    assert '"billed"' in everywhere
    assert "unauthenticated" in measured
    assert "canary" not in everywhere


async def test_only_where_it_is_switched_on_the_log_has_what_was_said_and_says_so_first(
    gateway_config: Configs, upstream: SimulatedUpstream, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    config = gateway_config(upstream=section(upstream), pool={"retry_share": 0}, log={"content": True})
    async with running(config, environment=ENVIRONMENT) as gateway:
        assert next(record.message for record in caplog.records if record.levelno == logging.WARNING) == (
            "content_is_logged"
        )
        await speak(gateway, upstream, faults()[0])
    lines = [json.loads(JsonLines().format(record)) for record in caplog.records if record.message == "content"]
    assert (lines[0]["asked"], lines[0]["answered"]) == ([{"role": "user", "text": PROMPT}], ANSWER)
    everything = said(caplog.records)
    assert not any(secret in everything for secret in (KEY, UPSTREAM_KEY, WRONG_KEY, FAULT))


def test_the_configuration_is_shown_whole_and_without_secrets(
    tmp_path: Path, gateway_config: Configs, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("EDGEWISE_GATEWAY_DRAIN_S", "7")
    config = gateway_config(
        upstream={"base_url": "http://me:canary@models.internal/v1?key=canary", "api_key_env": "UPSTREAM_KEY"},
        state={"redis_url": "unix:///run/redis.sock?password=canary"},
    )
    file = tmp_path / "gateway.yaml"
    file.write_text(yaml.safe_dump(json.loads(config.model_dump_json())))
    done = CliRunner().invoke(app, ["config", "show", "--config", str(file)])
    assert done.exit_code == 0
    assert "canary" not in done.output
    shown = yaml.safe_load(done.output)
    assert shown["upstream"]["base_url"] == "http://***@models.internal/v1?***"
    assert shown["keys"][0]["key_env"] == "TEST_KEY"
    assert shown["drain_s"] == 7
    assert shown["limits"]["request_s"] == 600


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"drain_s": -1}, "drain_s"),
        ({"upstreem": {}}, "upstreem"),
        ({"tls": {"certificate_file": "none.pem", "key_file": "none.key"}}, "none.key"),
    ],
)
def test_a_broken_configuration_is_not_shown_but_named(
    tmp_path: Path, gateway_config: Configs, change: dict[str, Any], words: str
) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(yaml.safe_dump(json.loads(gateway_config().model_dump_json()) | change))
    done = CliRunner().invoke(app, ["config", "show", "--config", str(file)])
    assert done.exit_code == 1
    assert words in str(done.exception)
