"""A new configuration under running calls: what can change does, what runs is left alone, and nothing half happens."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from cloud_gateway.config import GatewayConfig
from cloud_gateway.reload import ConfigFile, Reloader
from cloud_gateway.server import running
from orchestrator import errors
from orchestrator.client import AsyncGateway
from orchestrator.testing import ManualClock
from orchestrator.types import Completed
from simulation.upstream import Reply, SimulatedUpstream

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("one_loop")]
Change = Callable[..., None]


class Running:
    """A gateway that follows a file."""

    def __init__(self, file: Path, address: str, reloader: Reloader, api_key: str) -> None:
        self.file = file
        self.reloader = reloader
        self.client = AsyncGateway(address, api_key=api_key, model="small")

    def change(self, **sections: Any) -> None:
        """Write other sections into the file, and tell the gateway."""
        values = yaml.safe_load(self.file.read_text()) | sections
        self.file.write_text(yaml.safe_dump(values))
        self.reloader.reload()

    def model(self, **fields: Any) -> dict[str, Any]:
        """The first model, with other fields."""
        first: dict[str, Any] = yaml.safe_load(self.file.read_text())["models"][0]
        return first | fields


@asynccontextmanager
async def following(file: Path, api_key: str) -> AsyncIterator[Running]:
    source = ConfigFile(file)
    config, environment = source.read(), {"TEST_KEY": api_key, "OTHER_KEY": api_key[::-1]}
    async with running(config, environment=environment) as gateway:
        reloader = Reloader(source, config, gateway.assembly, ManualClock())
        followed = Running(file, gateway.address, reloader, api_key)
        async with followed.client:
            yield followed


@pytest.fixture
async def gateway_of_file(
    tmp_path: Path, gateway_config: Callable[..., GatewayConfig], api_key: str
) -> AsyncIterator[Running]:
    file = tmp_path / "gateway.yaml"
    file.write_text(yaml.safe_dump(json.loads(gateway_config().model_dump_json())))
    async with following(file, api_key) as followed:
        yield followed


async def test_an_answer_keeps_the_price_it_began_with_and_the_next_has_the_new(
    gateway_of_file: Running, upstream: SimulatedUpstream
) -> None:
    upstream.replies = [Reply(hold_after=2), Reply()]
    client = gateway_of_file.client
    async with aclosing(client.stream("Hi")) as events:
        await anext(events)
        await upstream.holding.wait()
        gateway_of_file.change(models=[gateway_of_file.model(usd_per_million_completion_tokens=6.0)])
        dearer = await client.generate("Hi")
        upstream.release.set()
        first = [event async for event in events][-1]
    assert isinstance(first, Completed)
    assert dearer.usd > 5 * first.usd


async def test_models_keys_limits_and_servers_change(
    gateway_of_file: Running, upstream: SimulatedUpstream, api_key: str
) -> None:
    client = gateway_of_file.client
    async with SimulatedUpstream(Reply(pieces=("elsewhere",))) as other:
        gateway_of_file.change(
            models=[gateway_of_file.model(name="huge")],
            upstream={"base_url": other.base_url},
            keys=[{"name": "other", "key_env": "OTHER_KEY"}],
        )
        with pytest.raises(errors.CloudUnauthenticated):
            await client.generate("Hi")
        async with AsyncGateway(client.target, api_key=api_key[::-1], model="huge") as newcomer:
            assert [model.name for model in await newcomer.models()] == ["huge"]
            assert (await newcomer.generate("Hi")).text == "elsewhere"
    assert upstream.chats == 0


async def test_what_was_answered_is_answered_again_without_asking(
    gateway_of_file: Running, upstream: SimulatedUpstream
) -> None:
    await gateway_of_file.client.generate("Hi", request_id="kept")
    gateway_of_file.change(models=[gateway_of_file.model(joules_per_prompt_token=9.0)])
    await gateway_of_file.client.generate("Hi", request_id="kept")
    assert upstream.chats == 1


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("upstreem: {}", "did you mean 'upstream'"),
        ("key: [", "is not YAML"),
        ("keys: [{name: x, key_env: NOT_THERE}]", "NOT_THERE"),
    ],
)
async def test_a_broken_file_changes_nothing_and_is_named(
    gateway_of_file: Running, caplog: pytest.LogCaptureFixture, content: str, words: str
) -> None:
    if content.startswith("keys"):
        gateway_of_file.change(**yaml.safe_load(content), models=[gateway_of_file.model(name="huge")])
    else:
        gateway_of_file.file.write_text(content)
        gateway_of_file.reloader.reload()
    logged = next(record for record in caplog.records if record.message == "config_not_reloaded")
    assert words in logged.fields["error"]  # type: ignore[attr-defined]
    assert (await gateway_of_file.client.generate("Hi")).text == "Bees make honey."
    assert (await gateway_of_file.client.models())[0].name == "small"


async def test_what_needs_a_restart_is_named_and_left(
    gateway_of_file: Running, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    gateway_of_file.change(listen="127.0.0.1:1", limits={"message_bytes": 2048}, admission={"runs": 3})
    logged = next(record for record in caplog.records if record.message == "config_reloaded")
    assert logged.fields == {"needs_a_restart": ["listen", "limits.message_bytes"]}  # type: ignore[attr-defined]
    assert gateway_of_file.reloader.config.listen == "127.0.0.1:0"
    assert gateway_of_file.reloader.config.admission.runs == 3
    assert (await gateway_of_file.client.generate("x" * 4096)).text


async def test_the_file_is_looked_at(tmp_path: Path, gateway_of_file: Running) -> None:
    file = tmp_path / "named.yaml"
    source = ConfigFile(file, host="0.0.0.0", port=7)
    assert source.stamp() is None
    file.write_text(gateway_of_file.file.read_text())
    assert source.read().listen == "0.0.0.0:7"
    first = source.stamp()
    file.write_text(gateway_of_file.file.read_text() + "\n")
    assert source.stamp() != first
