"""Calibrating a device with a real, tiny model, and what the agent makes of it."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from edge_agent.assembly import open_profile, threads_of
from edge_agent.cli import app
from edge_agent.config import Config
from edge_agent.energy import Calibration, Profile
from edge_agent.profiling import profile_device
from orchestrator.clock import SystemClock
from orchestrator.errors import ConfigError
from orchestrator.routing.costs import CostHistory
from orchestrator.types import Route
from tests.edge_agent.cli.commands import Commands

if TYPE_CHECKING:
    from tests.edge_agent.conftest import Told

COMMANDS = Commands(app)


@pytest.fixture
def config(edgewise_home: Path, model: Path) -> Config:
    """Of an agent with the tiny model, installed."""
    shutil.copytree(model, edgewise_home / "models" / "tiny")
    return Config.load().model_copy(update={"model": Config().model.model_copy(update={"name": "tiny"})})


@pytest.fixture
def profile(config: Config, told: Told) -> Profile:
    return asyncio.run(profile_device(config, SystemClock(), told, seconds=0.3))


def test_it_is_measured_stored_and_used(config: Config, told: Told, profile: Profile) -> None:
    assert Profile.load(config.profile_path) == open_profile(config) == profile
    known = profile.calibration
    assert known is not None
    assert known.decode_ms.after(0).value > 0
    assert known.load_ms.value > 0
    assert told.tasks["running tiny"]
    costs = profile.local_costs(model="tiny", threads=threads_of(config.model))
    assert costs is not None
    history = CostHistory(costs)
    assert history.of(Route.LOCAL).decode_ms.after(0).expected == pytest.approx(known.decode_ms.after(0).value)


def test_it_holds_for_one_machine_one_model_and_one_number_of_threads(config: Config, profile: Profile) -> None:
    threads = threads_of(config.model)
    assert profile.local_costs(model="another", threads=threads) is None
    assert profile.local_costs(model="tiny", threads=threads + 1) is None
    changed(config, machine="another machine")
    assert open_profile(config) == Profile.load()


def test_a_profile_by_hand_is_not_written_over(config: Config, told: Told) -> None:
    by_hand = Profile.load().model_dump(exclude={"calibration"})
    config.profile_path.write_text(yaml.safe_dump(by_hand))
    with pytest.raises(ConfigError, match=r"profile\.yaml was written by hand") as refused:
        asyncio.run(profile_device(config, SystemClock(), told, seconds=0.1))
    assert refused.value.remedy == "name another file in energy.profile, or remove it"
    assert open_profile(config) == Profile.load()


def test_a_broken_one_is_written_anew(config: Config, told: Told) -> None:
    config.profile_path.write_text("name: [")
    with pytest.raises(ConfigError, match=r"profile\.yaml cannot be read") as broken:
        open_profile(config)
    assert broken.value.remedy.startswith("run edgewise profile")
    assert asyncio.run(profile_device(config, SystemClock(), told, seconds=0.1)) == open_profile(config)


def test_show_and_doctor_tell_of_it(
    config: Config, profile: Profile, edgewise_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEWISE_MODEL__NAME", "tiny")
    monkeypatch.setenv("EDGEWISE_CONTEXT__EMBEDDING", "")
    assert COMMANDS.as_json("profile", "--show") == {
        "path": str(config.profile_path),
        **profile.model_dump(mode="json"),
    }
    shown = COMMANDS.done("profile", "--show")
    assert "model    tiny" in shown
    assert "behind 1024" in shown
    assert "0 days old, of tiny with" in COMMANDS.done("doctor")
    monkeypatch.setenv("EDGEWISE_MODEL__THREADS", "63")
    assert "of tiny with 63 nothing was measured: edgewise profile" in COMMANDS.done("doctor")
    changed(config, machine="a Babbage engine")
    assert "of another machine, a Babbage engine, so it is not used" in COMMANDS.done("doctor")
    config.profile_path.write_text("name: [")
    assert "cannot be read" in COMMANDS.done("doctor")


def test_without_one_it_says_what_to_do(edgewise_home: Path) -> None:
    refused = COMMANDS.error("profile", "--show")
    assert str(refused) == "this device has no profile yet. run edgewise profile, which takes a minute"


def changed(config: Config, **of_calibration: object) -> None:
    """Write the stored profile anew with another calibration."""
    stored = Profile.load(config.profile_path)
    assert isinstance(stored.calibration, Calibration)
    stored.model_copy(update={"calibration": stored.calibration.model_copy(update=of_calibration)}).save(
        config.profile_path
    )
