"""docs/security.md: every threat has an answer, and every answer a test that exists."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
PAGE = (TESTS.parent / "docs" / "security.md").read_text(encoding="utf-8")


def threats() -> list[tuple[str, str, str]]:
    """The rows of the tables of threats."""
    found = []
    for table in re.findall(r"\| threat \| answer \| tests \|\n\|---\|---\|---\|\n((?:\|.*\n)+)", PAGE):
        for line in table.splitlines():
            threat, answer, tests = (cell.strip() for cell in line.strip("|").split(" | "))
            found.append((threat, answer, tests))
    return found


def test_every_threat_has_an_answer_and_tests_that_exist() -> None:
    assert len(threats()) > 40
    for threat, answer, tests in threats():
        named = re.findall(r"`([\w/]+\.py)::(\w+)`", tests)
        assert answer, threat
        assert named, threat
        for file, name in named:
            assert f"def {name}(" in (TESTS / file).read_text(encoding="utf-8"), f"{threat}: {file}::{name}"
