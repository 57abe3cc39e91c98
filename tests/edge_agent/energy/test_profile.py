"""Device profiles, the shipped one and bad ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.energy import Profile
from orchestrator.errors import ConfigError

GOOD = "name: phone\ncore_watts: 1.5\ndram_joules_per_gb: 0.05\nidle_package_watts: 0.3\nuncertainty_share: 0.4\n"


def write(folder: Path, text: str) -> Path:
    path = folder / "phone.yaml"
    path.write_text(text)
    return path


def test_the_shipped_profile_is_that_of_a_laptop() -> None:
    profile = Profile.load()
    assert profile.name == "typical x86 laptop"
    assert 2 <= profile.core_watts <= 10
    assert 0.03 <= profile.dram_joules_per_gb <= 0.32  # 4 to 40 pJ a bit
    assert profile.uncertainty_share >= 0.3


def test_a_profile_of_ones_own(tmp_path: Path) -> None:
    assert Profile.load(write(tmp_path, GOOD)).core_watts == 1.5


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (GOOD.replace("1.5", "-1.5"), "core_watts"),
        (GOOD.replace("1.5", ".nan"), "core_watts"),
        (GOOD.replace("0.4", "1.4"), "uncertainty_share"),
        (GOOD.replace("idle_package_watts: 0.3\n", ""), "idle_package_watts"),
        (GOOD + "core_wats: 2\n", "core_wats"),
        ("- a list", "the file"),
        ("", "the file"),
    ],
)
def test_a_wrong_profile_is_named_with_its_key(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(ConfigError, match=rf"phone\.yaml: {named}: ") as wrong:
        Profile.load(write(tmp_path, text))
    assert "dram_joules_per_gb" in wrong.value.remedy


@pytest.mark.parametrize("text", ["name: [", None])
def test_a_profile_that_cannot_be_read_is_named(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "phone.yaml" if text is None else write(tmp_path, text)
    with pytest.raises(ConfigError, match=r"phone\.yaml cannot be read"):
        Profile.load(path)
