"""The configuration file: what is wrong is named, and secrets are not in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from cloud_gateway.auth import KeyRing
from cloud_gateway.config import GatewayConfig
from cloud_gateway.upstreams.server import UpstreamServer
from orchestrator.chat import Price
from orchestrator.clock import SystemClock
from orchestrator.errors import ConfigError
from orchestrator.testing import ManualClock

MODEL: dict[str, Any] = {
    "name": "m",
    "context_tokens": 4096,
    "usd_per_million_prompt_tokens": 0.15,
    "usd_per_million_completion_tokens": "0.000000001",
}
MINIMAL: dict[str, Any] = {
    "upstream": {"base_url": "http://127.0.0.1:8642/v1"},
    "models": [MODEL],
    "allow_anonymous": True,
}
SERVER: dict[str, Any] = {"base_url": "http://127.0.0.1:8642/v1"}
SEVERAL: dict[str, Any] = {"upstream": None}


def write(folder: Path, values: dict[str, Any]) -> Path:
    file = folder / "gateway.yaml"
    file.write_text(yaml.safe_dump(values))
    return file


def test_the_example_in_the_documentation_is_valid() -> None:
    example = Path(__file__).parents[2] / "examples" / "gateway.yaml"
    assert GatewayConfig.read(example).models


def test_few_keys_are_needed_and_prices_stay_exact(tmp_path: Path) -> None:
    config = GatewayConfig.read(write(tmp_path, MINIMAL))
    assert config.listen == "127.0.0.1:50051"
    assert config.models[0].served.price == Price(150_000_000, 1)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"upstreem": {}}, "'upstreem' is unknown; did you mean 'upstream'?"),
        ({"upstream": {"base_ur": "http://x"}}, "'upstream.base_ur' is unknown; did you mean 'base_url'?"),
        ({"models": [MODEL | {"nane": 1}]}, "'models.0.nane' is unknown; did you mean 'name'?"),
        ({"tls": {"cert": "x"}}, "certificate_file"),
        ({"zzzzzz": 1}, "known are:"),
        ({"listen": "127.0.0.1:99999"}, "'listen': a port is at most 65535"),
        ({"models": []}, "'models'"),
        ({"models": [{"name": "m"}]}, "'models.0.context_tokens' is missing"),
        ({"models": [MODEL, MODEL]}, "two models have the same name"),
        ({"models": [MODEL | {"usd_per_million_prompt_tokens": "0.0000000001"}]}, "nine decimals"),
        ({"models": [MODEL | {"usd_per_million_prompt_tokens": -1}]}, "usd_per_million_prompt_tokens"),
        ({"models": [MODEL | {"usd_per_million_prompt_tokens": ".nan"}]}, "usd_per_million_prompt_tokens"),
        ({"models": [MODEL | {"joules_per_prompt_token": float("inf")}]}, "joules_per_prompt_token"),
        ({"listen": "50051"}, "'listen'"),
        ({"listen": "127.0.0.1:50051\n"}, "'listen'"),
        ({"tenants": [{"name": "acme\n"}]}, "'tenants.0.name'"),
        ({"upstream": {"base_url": "ftp://x"}}, "'upstream.base_url'"),
        ({"allow_anonymous": False}, "nobody could call"),
        ({"drain_s": 0}, "'drain_s'"),
        (
            SEVERAL | {"upstreams": {"a": {"base_ur": "x"}}},
            "'upstreams.a.base_ur' is unknown; did you mean 'base_url'?",
        ),
        (SEVERAL | {"upstreams": {"A b": SERVER}}, "'upstreams.A b.[key]'"),
        (SEVERAL | {"upstreams": {}}, "give upstreams"),
        ({"upstreams": {"a": SERVER}}, "give upstreams, or upstream"),
        ({"models": [MODEL | {"upstreams": {"defalt": {}}}]}, "an upstream defalt; did you mean 'default'?"),
        (
            {"models": [MODEL | {"upstreams": {"default": {"wait": 2}}}]},
            "'models.0.upstreams.default.wait' is unknown; did you mean 'weight'?",
        ),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=r"gateway\.yaml") as wrong:
        GatewayConfig.read(write(tmp_path, MINIMAL | changes))
    assert words in wrong.value.message


@pytest.mark.parametrize("content", [b"- a\n- list", b"key: [", b"\xff\xfe\x00"])
def test_what_is_no_configuration_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"gateway\.yaml"):
        GatewayConfig.read(file)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no configuration file .*absent\.yaml"):
        GatewayConfig.read(tmp_path / "absent.yaml")


def test_the_environment_overrides_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEWISE_GATEWAY_UPSTREAM__BASE_URL", "http://model:8642/v1")
    monkeypatch.setenv("EDGEWISE_GATEWAY_LISTEN", "0.0.0.0:9")
    monkeypatch.setenv("EDGEWISE_GATEWAY_KEYS", '[{"name": "a", "key_env": "A"}]')
    values = MINIMAL | {"upstream": {"base_url": "http://old/v1", "between_tokens_s": 7}}
    config = GatewayConfig.read(write(tmp_path, values))
    assert config.servers["default"].base_url == "http://model:8642/v1"
    assert config.servers["default"].between_tokens_s == 7
    assert config.listen == "0.0.0.0:9"
    assert config.keys[0].name == "a"


def test_several_upstreams_have_names_in_the_file_and_in_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEWISE_GATEWAY_UPSTREAMS__MAIN__BASE_URL", "http://model:8642/v1")
    monkeypatch.setenv("EDGEWISE_GATEWAY_UPSTREAMS__MAIN__MAX_CONCURRENT", "9")
    monkeypatch.setenv("EDGEWISE_GATEWAY_UPSTREAMS__SPARE__BASE_URL", "http://spare/v1")
    model = MODEL | {"upstreams": {"spare": {"weight": 2}}}
    values = MINIMAL | SEVERAL | {"upstreams": {"main": {"base_url": "http://old/v1", "weight": 3}}, "models": [model]}
    config = GatewayConfig.read(write(tmp_path, values))
    main = config.servers["main"]
    assert (main.base_url, main.weight, main.max_concurrent) == ("http://model:8642/v1", 3, 9)
    assert config.servers["spare"].base_url == "http://spare/v1"
    assert config.models[0].serving("spare").weight == 2
    assert config.models[0].serving("main").weight is None


@pytest.mark.parametrize(
    "content", ["a: 2020-13-45", "a: !!int x", "a: !!timestamp x", "[" * 2000, "a: 1" + "0" * 5000]
)
def test_what_yaml_cannot_make_a_value_of_is_an_error_of_ours(tmp_path: Path, content: str) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(content)
    with pytest.raises(ConfigError, match=r"gateway\.yaml has a value that cannot be"):
        GatewayConfig.read(file)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("EDGEWISE_GATEWAY_UPSTREAMS__MAIN__BASE_ULR", "http://x", "did you mean 'base_url'"),
        ("EDGEWISE_GATEWAY_LISTN", "x:1", "EDGEWISE_GATEWAY_LISTEN"),
        ("EDGEWISE_GATEWAY_KEYS", "not json", "JSON"),
        ("EDGEWISE_GATEWAY_LIMITS__REQUEST", "5", "request_s"),
    ],
)
def test_a_mistake_in_the_environment_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as wrong:
        GatewayConfig.read(write(tmp_path, MINIMAL))
    assert words in str(wrong.value)


@pytest.mark.parametrize("environment", [{}, {"A": ""}, {"A": "short"}, {"A": "ü" * 40}])
def test_a_callers_key_that_is_missing_is_named_and_never_shown(tmp_path: Path, environment: dict[str, str]) -> None:
    config = GatewayConfig.read(write(tmp_path, MINIMAL | {"keys": [{"name": "phone", "key_env": "A"}]}))
    with pytest.raises(ConfigError, match="variable A, for the key of 'phone'") as wrong:
        KeyRing.of(config, environment, ManualClock())
    assert not environment.get("A") or environment["A"] not in str(wrong.value)


@pytest.mark.parametrize("environment", [{}, {"A": " "}])
def test_the_upstreams_key_that_is_missing_is_named(tmp_path: Path, environment: dict[str, str]) -> None:
    upstream = {"base_url": "http://x/v1", "api_key_env": "A"}
    config = GatewayConfig.read(write(tmp_path, MINIMAL | {"upstream": upstream}))
    with pytest.raises(ConfigError, match="variable A, for the key of the upstream default"):
        UpstreamServer(config.servers["default"], name="default", environment=environment, clock=SystemClock())
    assert "A" in repr(config)


def test_a_base_url_that_is_none_is_refused(tmp_path: Path) -> None:
    config = GatewayConfig.read(write(tmp_path, MINIMAL | {"upstream": {"base_url": "http://host:port/v1"}}))
    with pytest.raises(ConfigError, match="base_url"):
        UpstreamServer(config.servers["default"], name="default", environment={}, clock=SystemClock())
