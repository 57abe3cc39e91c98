"""What the dashboard is told, and the page itself."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from orchestrator.budget import Resource, Window
from orchestrator.errors import CloudUnavailable, InferenceFailed
from orchestrator.testing import Script
from orchestrator.types import Decision, Request, Route, Spend

Build = Callable[..., Any]


def status(home: Any) -> dict[str, Any]:
    response = home.request("GET", "/api/status")
    assert response.headers["cache-control"] == "no-store"
    value: dict[str, Any] = response.json()
    return value


def test_nothing_has_happened_yet(house: Build) -> None:
    value = status(house())
    assert value["decisions"] == value["windows"] == []
    assert value["model"] == {"name": "little", "context_tokens": 2048}
    assert value["link"] == {"state": "none", "model": None, "fault": None}
    assert value["requests"] == {"running": 0, "limit": 64}


def test_an_answer_is_a_row_with_figures_and_without_words(house: Build) -> None:
    home = house(windows=[Window("energy", Resource.DEVICE_JOULES, 1000, 3600)])
    home.post()
    value = status(home)
    (row,) = value["decisions"]
    assert (row["state"], row["route"], row["model"]) == ("answered", "local", "little")
    assert row["device"] == {"joules": 1.5, "uncertainty_joules": 0.15, "source": "modelled"}
    assert row["cost_usd"] == 0
    assert row["egress"]["sent"] is False
    (window,) = value["windows"]
    assert window["spent"] == pytest.approx(1.5)
    assert window["left"] == pytest.approx(998.5)
    assert "honey" not in json.dumps(value)
    assert "bees" not in json.dumps(value)


def test_what_failed_says_how_and_the_link_says_why(house: Build) -> None:
    home = house(
        local=Script(pieces=[], fault=InferenceFailed("the runtime failed")),
        cloud=Script(pieces=["x"]),
        terms=CloudUnavailable("connection refused"),
    )
    home.post()
    value = status(home)
    assert value["decisions"][0]["state"] == "failed"
    assert value["decisions"][0]["error"] == {"type": "inference_failed", "message": "the runtime failed"}
    assert value["link"] == {"state": "down", "model": "big", "fault": "connection refused"}


def test_what_runs_has_a_route_already(house: Build) -> None:
    home = house()
    decision = Decision(
        id="d1",
        request_id="r1",
        route=Route.LOCAL,
        reason="easy",
        rule="best_value",
        max_tokens=8,
        worst_case=Spend(),
        predictions=(),
    )
    home.journal.decided(Request(id="r1", messages=()), decision, {})
    row = status(home)["decisions"][0]
    assert (row["state"], row["route"], row["reason"]) == ("running", "local", "easy")


def test_the_page_needs_nothing_from_anywhere(house: Build) -> None:
    response = house().request("GET", "/")
    page = response.text
    assert "default-src 'none'" in response.headers["content-security-policy"]
    assert not re.findall(r"""(?:src|href)\s*=\s*["'](?!#|data:)""", page)
    assert not re.findall(r"@import|url\((?!data:)", page)
    assert "innerHTML" not in page  # what a reason says is shown as text, never as markup
    assert re.search(r'<html lang="en"', page)


def test_health_names_the_model(house: Build) -> None:
    assert house().request("GET", "/health").json() == {"status": "ok", "model": "little"}
