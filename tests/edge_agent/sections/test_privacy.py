"""What a configuration may say of what leaves."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.config import Config
from orchestrator.errors import ConfigError
from orchestrator.privacy.rules import Action, EgressRules


def load(tmp_path: Path, text: str) -> Config:
    path = tmp_path / "agent.yaml"
    path.write_text(text, encoding="utf-8")
    return Config.load(path)


def test_a_destination_has_its_own_rules_and_the_general_ones_for_the_rest(tmp_path: Path) -> None:
    text = "privacy: {public: ask, private: keep, destinations: {'Home.example:8443': {personal: allow}}}"
    privacy = load(tmp_path, text).privacy
    assert privacy.rules("elsewhere.example:443") == EgressRules(public=Action.ASK)
    assert privacy.rules("home.example:8443") == EgressRules(personal=Action.ALLOW, public=Action.ASK)
    both = privacy.rules("home.example:8443", "elsewhere.example:443")
    assert both == EgressRules(public=Action.ASK), "of several the strictest"


@pytest.mark.parametrize("word", ["redact", "ask", "allow", "[keep]"])
@pytest.mark.parametrize(
    "text", ["privacy: {{private: {0}}}", "privacy: {{destinations: {{'a:1': {{private: {0}}}}}}}"]
)
def test_no_configuration_lets_out_what_is_private(tmp_path: Path, word: str, text: str) -> None:
    with pytest.raises(ConfigError, match=r"law 1.*edgewise context label"):
        load(tmp_path, text.format(word))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("privacy: {personal: hide}", "privacy.personal"),
        ("privacy: {destinations: {gateway: {personal: keep}}}", "host:port"),
        ("privacy: {standins: typed}", "did you mean 'stand_ins'"),
    ],
)
def test_a_rule_that_cannot_be_is_refused(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        load(tmp_path, text)
