"""docs/gateway.md tells the truth."""

from __future__ import annotations

import asyncio
import re
import typing
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from cloud_gateway.config import GatewayConfig
from cloud_gateway.server import GatewayServer
from simulation.upstream import SimulatedUpstream

PAGE = (Path(__file__).parents[2] / "docs" / "gateway.md").read_text(encoding="utf-8")


def every_key(section: type[BaseModel] = GatewayConfig, prefix: str = "") -> Iterator[str]:
    for name, field in section.model_fields.items():
        kinds = [field.annotation, *typing.get_args(field.annotation)]
        inner = next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)
        outer = typing.get_origin(field.annotation)
        place = "[]" if outer is tuple else ".*" if outer is dict else ""
        if inner is None or name in ("keys", "upstream"):  # the latter has the keys of each of `upstreams`
            yield prefix + name
        else:
            yield from every_key(inner, f"{prefix}{name}{place}.")


def test_the_table_has_every_key_of_the_configuration_and_no_other() -> None:
    table = PAGE[PAGE.index("## Configuration") : PAGE.index("**Cost**")]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    told = {key for row in rows for key in re.findall(r"`([^`]+)`", row)}
    assert told - {"models"} == set(every_key())


def test_the_examples_of_upstreams_are_valid() -> None:
    page = (Path(__file__).parents[2] / "docs" / "upstreams.md").read_text(encoding="utf-8")
    examples = re.findall(r"```yaml\n(.*?)```", page, flags=re.DOTALL)
    assert len(examples) > 1
    for example in examples:
        assert GatewayConfig(**yaml.safe_load(example), allow_anonymous=True).servers


@pytest.mark.anyio
@pytest.mark.usefixtures("one_loop")
async def test_the_example_runs(
    gateway: GatewayServer, upstream: SimulatedUpstream, api_key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = PAGE[PAGE.index("```python\n") + len("```python\n") :]
    code = code[: code.index("```")]
    for old, new in ("127.0.0.1:50051", gateway.address), ("ewk_…", api_key), ("qwen2.5-coder-0.5b-instruct", "small"):
        assert old in code
        code = code.replace(old, new)
    await asyncio.to_thread(exec, code, {})
    assert capsys.readouterr().out.count("Bees make honey.") == 2
    assert upstream.chats == 2
