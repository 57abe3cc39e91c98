"""The configuration file: defaults for everything, and errors that name the key."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.assembly import providers_of
from edge_agent.config import Config
from edge_agent.driver import Encryption
from edge_agent.keys import Variable
from edge_agent.slm.providers import Provider
from orchestrator.budget import Resource
from orchestrator.errors import ConfigError
from orchestrator.routing.promise import Promise


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEWISE_HOME", str(tmp_path))


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "agent.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_without_a_file_everything_has_a_default(tmp_path: Path) -> None:
    config = Config.load()
    assert config.cloud.target is None
    assert config.context_path == tmp_path / "context.db"
    assert config.default_budget.total_ms == 60_000


def test_the_file_in_the_home_folder_is_read(tmp_path: Path) -> None:
    write(tmp_path, "local_only: true\nwindows: [{name: tea, resource: device_joules, limit: 5, per: minute}]")
    config = Config.load()
    assert config.local_only
    assert [(w.name, w.resource, w.limit, w.period_s) for w in config.budget_windows] == [
        ("tea", Resource.DEVICE_JOULES, 5, 60)
    ]


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "cloud: {target: 'a:1', model: m}")
    monkeypatch.setenv("EDGEWISE_CLOUD__TARGET", "b:2")
    config = Config.load()
    assert (config.cloud.target, config.cloud.model) == ("b:2", "m")


def test_several_gateways_are_one_cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "cloud: {target: ['a:1', 'b:2']}")
    cloud = Config.load().cloud
    assert (cloud.targets, cloud.destination) == (("a:1", "b:2"), "a:1, b:2")
    monkeypatch.setenv("EDGEWISE_CLOUD__TARGET", '["c:3", "d:4"]')
    assert Config.load().cloud.targets == ("c:3", "d:4")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("clowd: {target: x}", "did you mean 'cloud'?"),
        ("cloud: {tarjet: x}", "did you mean 'target'?"),
        ("windows: [{name: a, resource: usd, limmit: 1}]", "did you mean 'limit'?"),
        ("answer: {max_tokens: 0}", "answer.max_tokens"),
        ("answer: {max_tokens: many}", "answer.max_tokens"),
        ("a: [", "not YAML at line"),
        ("- a", "not a mapping"),
    ],
)
def test_a_broken_file_names_the_key_and_the_remedy(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says.replace("?", r"\?")) as caught:
        Config.load(write(tmp_path, text))
    assert "agent.yaml" in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.yaml"):
        Config.load(tmp_path / "nowhere.yaml")


def test_a_mistyped_environment_variable_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEWISE_CLOWD__TARGET", "x")
    with pytest.raises(ConfigError, match="EDGEWISE_CLOWD__TARGET"):
        Config.load()


def test_the_key_is_not_shown_in_a_dump() -> None:
    assert "s3cret" not in repr(Config.model_validate({"cloud": {"api_key": "s3cret"}}))


def test_a_provider_is_a_name_or_more(tmp_path: Path) -> None:
    file = tmp_path / "agent.yaml"
    file.write_text("model:\n  providers: [cuda, {name: openvino, device: npu, options: {cache_dir: here}}]\n")
    named, told = providers_of(Config.load(file).model)
    assert named == Provider.named("CUDAExecutionProvider")
    assert (told.device, told.options) == ("npu", (("cache_dir", "here"),))


def test_a_provider_that_nobody_knows(tmp_path: Path) -> None:
    file = tmp_path / "agent.yaml"
    file.write_text("model: {providers: [opnvino]}\n")
    with pytest.raises(ConfigError, match="opnvino"):
        providers_of(Config.load(file).model)


def test_where_the_key_comes_from_is_checked_at_once(tmp_path: Path) -> None:
    file = tmp_path / "agent.yaml"
    file.write_text("context: {encryption: {key_from: hunter2}}")
    with pytest.raises(ConfigError, match="comes from nowhere that is known") as refused:
        Config.load(file)
    assert "hunter2" not in str(refused.value)
    file.write_text("context: {encryption: {required: true, key_from: 'env:STORE_KEY'}}")
    assert Config.load(file).context_encryption == Encryption(Variable("STORE_KEY"), required=True)


def test_a_promise_is_one_of_two(tmp_path: Path) -> None:
    assert Config.load().routing.promised is None
    text = "routing: {promise: {at_most_worse: 0.02}, confidence: 0.95}"
    assert Config.load(write(tmp_path, text)).routing.promised == Promise(at_most_worse=0.02, confidence=0.95)
    with pytest.raises(ConfigError, match=r"routing\.promise.*one limit"):
        Config.load(write(tmp_path, "routing: {promise: {at_most_worse: 0.02, at_most_leaving: 0.3}}"))
    with pytest.raises(ConfigError, match=r"routing\.promise\.at_most_leaving"):
        Config.load(write(tmp_path, "routing: {promise: {at_most_leaving: 30}}"))
