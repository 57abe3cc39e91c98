"""The probe: chances that move with what the tokens show, and files that are refused when they are of other signals."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.errors import ConfigError
from orchestrator.routing.probe import PRIOR, SIGNALS, Probe, signals_of
from orchestrator.testing import CONFIDENT, UNSURE
from orchestrator.types import TokenScore

DEVICE = "smollm2-135m-instruct"
tokens = st.lists(st.builds(TokenScore, st.floats(-30, 0), st.floats(0, 12)), min_size=1, max_size=60)


def test_signals_are_those_of_the_tokens_so_far() -> None:
    seen = signals_of([TokenScore(-1.0, 2.0), TokenScore(-3.0, 1.0), TokenScore(-0.5, 0.5), TokenScore(-0.5, 0.5)])
    assert seen["first_logprob"] == -1.0
    assert seen["mean_logprob"] == -1.25
    assert seen["least_logprob"] == -3.0
    assert seen["trend"] == 1.5
    assert seen["most_entropy"] == 2.0
    assert tuple(seen) == SIGNALS


@pytest.mark.parametrize("probe", [PRIOR, Probe.for_model(DEVICE)])
@given(before=st.floats(0, 1), seen=tokens)
def test_any_answer_has_a_chance(probe: Probe, before: float, seen: list[TokenScore]) -> None:
    assert 0 <= probe.chance(before, seen) <= 1


@pytest.mark.parametrize("probe", [PRIOR, Probe.for_model(DEVICE)])
def test_a_sure_answer_has_a_better_chance_than_an_unsure_one(probe: Probe) -> None:
    assert probe.chance(0.5, [CONFIDENT] * 12) > probe.chance(0.5, [UNSURE] * 12)


def test_no_token_says_nothing_and_what_was_expected_counts() -> None:
    assert PRIOR.chance(0.37, []) == 0.37
    assert PRIOR.chance(0.8, [UNSURE]) > PRIOR.chance(0.4, [UNSURE])


def test_a_model_without_a_probe_has_the_prior() -> None:
    assert Probe.for_model("another") is PRIOR
    assert Probe.for_model(DEVICE).model == DEVICE


def test_a_probe_comes_back_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "probe.json"
    path.write_bytes(PRIOR.to_json())
    assert Probe.load(path) == PRIOR


def test_what_is_no_probe_of_these_signals_is_refused(tmp_path: Path) -> None:
    other = msgspec.json.decode(PRIOR.to_json())
    other["probe"]["weights"]["hidden_state"] = 1.0
    with pytest.raises(ConfigError, match="hidden_state"):
        Probe.read(msgspec.json.encode(other))
    with pytest.raises(ConfigError, match="version 7"):
        Probe.read(PRIOR.to_json().replace(b'"version": 1', b'"version": 7'))
    with pytest.raises(ConfigError, match="no centres"):
        Probe.read(replace(PRIOR, centre={}).to_json())
    with pytest.raises(ConfigError, match="no probe"):
        Probe.read(replace(PRIOR, bias=float("nan")).to_json())
    with pytest.raises(ConfigError, match="no probe"):
        Probe.read(b"{}")
    with pytest.raises(ConfigError, match="cannot be read"):
        Probe.load(tmp_path / "nowhere.json")
