from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.slm.tune.divergence import Divergence
from edge_agent.slm.tune.journal import Journal

FOUND = Divergence(0.25, 0.75)


def unasked() -> Divergence:
    raise AssertionError("it was measured before")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A journal with one measurement."""
    Journal(tmp_path / "measured.json", ["a"]).measured("x", Divergence, lambda: FOUND)
    return tmp_path / "measured.json"


def test_what_was_measured_is_not_measured_again(file: Path) -> None:
    assert Journal(file, ["a"]).measured("x", Divergence, unasked) == FOUND


def test_under_other_circumstances_it_is(file: Path) -> None:
    other = Divergence(0.5, 0.5)
    assert Journal(file, ["b"]).measured("x", Divergence, lambda: other) == other


@pytest.mark.parametrize("content", ["", "{", "[]", '{"circumstances": ["b"]}'])
def test_a_damaged_journal_is_begun_anew(file: Path, content: str) -> None:
    file.write_text(content)
    assert Journal(file, ["a"]).measured("y", Divergence, lambda: FOUND) == FOUND
    assert Journal(file, ["a"]).measured("y", Divergence, unasked) == FOUND


def test_what_failed_is_not_written_down(file: Path) -> None:
    def fails() -> Divergence:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Journal(file, ["a"]).measured("y", Divergence, fails)
    assert Journal(file, ["a"]).measured("x", Divergence, unasked) == FOUND
    assert Journal(file, ["a"]).measured("y", Divergence, lambda: FOUND) == FOUND
