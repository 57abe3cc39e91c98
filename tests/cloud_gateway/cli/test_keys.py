"""`edgewise-gateway keys`."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cloud_gateway import keys
from cloud_gateway.accounts.windows import Limit, Resource
from cloud_gateway.cli import app
from orchestrator.accounts import Stretch


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


def run(file: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["keys", *arguments, "--file", str(file)], env={"COLUMNS": "200"})


def test_keys_are_made_listed_and_revoked(file: Path) -> None:
    made = run(file, "create", "phone")
    assert made.exit_code == 0
    key = made.stdout.strip()
    assert key.startswith("ewk_")
    head, row = run(file, "list").stdout.splitlines()
    assert head.split()[:4] == ["NAME", "TENANT", "MODELS", "LIMITS"]
    assert row.split()[:4] == ["phone", "-", "all", "none"]
    assert row.endswith("valid")
    assert key not in row
    assert run(file, "revoke", "phone").exit_code == 0
    assert "revoked" in run(file, "list").stdout


def test_a_key_has_the_scope_that_was_asked_for(file: Path) -> None:
    options = "--tenant acme --model qwen* --model small --max-tokens 512 --expires 2099-01-01"
    limits = "--requests-per-minute 60 --tokens-per-day 1000 --usd-per-month 2.50"
    assert run(file, "create", "phone", *options.split(), *limits.split()).exit_code == 0
    (key,) = keys.load(file)
    assert key.scope == keys.Scope(
        tenant="acme",
        models=("qwen*", "small"),
        max_tokens=512,
        limits=(
            Limit(Resource.REQUESTS, Stretch.MINUTE, 60),
            Limit(Resource.TOKENS, Stretch.DAY, 1000),
            Limit(Resource.NANO_USD, Stretch.MONTH, 2_500_000_000),
        ),
        expires_at=datetime(2099, 1, 1, tzinfo=UTC),
    )
    row = run(file, "list").stdout.splitlines()[1]
    assert "60 requests/minute, 1,000 tokens/day, 2.5 USD/month, 512 tokens/answer" in row
    assert row.endswith("valid until 2099-01-01 00:00")
    (shown,) = json.loads(run(file, "list", "--json").stdout)
    assert shown["scope"]["limits"][2] == {"resource": "nano_usd", "stretch": "month", "most": 2_500_000_000}


def test_a_key_that_has_expired_makes_room_for_another(file: Path) -> None:
    assert run(file, "create", "phone", "--expires", "2020-01-01").exit_code == 0
    assert run(file, "list").stdout.rstrip().endswith("expired")
    assert run(file, "create", "phone").exit_code == 0


@pytest.mark.parametrize(
    "wrong",
    [
        ["--usd-per-day", "1e-10"],
        ["--usd-per-day", "much"],
        ["--usd-per-day", "nan"],
        ["--usd-per-day", "inf"],
        ["--requests-per-day", "-1"],
        ["--requests-per-day", "1.5"],
        ["--tokens-per-day", str(2**53 + 1)],
        ["--expires", "soon"],
        ["--max-tokens", "0"],
    ],
)
def test_what_is_no_limit_is_refused(file: Path, wrong: list[str]) -> None:
    assert run(file, "create", "phone", *wrong).exit_code == 2
    assert not file.exists()
