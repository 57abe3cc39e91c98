"""The dashboard and the alerts that come along: they name only metrics that exist, with labels that those have."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from cloud_gateway.server import GatewayServer

ROOT = Path(__file__).parents[3]
RULES = ROOT / "deploy" / "prometheus" / "alerts.yaml"
DASHBOARD = json.loads((ROOT / "deploy" / "grafana" / "edgewise.json").read_text(encoding="utf-8"))
GROUPS = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
ALWAYS = {"instance", "le"}
"""Labels that Prometheus itself, or a histogram, adds."""


def rules() -> list[dict[str, Any]]:
    return [rule for group in GROUPS for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    return [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def queries() -> list[str]:
    return [target["expr"] for panel in panels() for target in panel["targets"]]


def selectors(query: str) -> list[tuple[str, set[str]]]:
    """Each metric that a query names, with the labels that it is chosen by."""
    found = re.findall(r"\b((?:edgewise|process)_\w+)(?:\{([^}]*)\})?", query)
    return [(name, set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", chosen))) for name, chosen in found]


@pytest.fixture
def samples(gateway: GatewayServer) -> dict[str, set[str]]:
    """Every name under which Prometheus stores something of a gateway, with its labels."""
    known: dict[str, set[str]] = {}
    registry = gateway.assembly.metrics.registry
    for family in registry.collect():
        labels = {label for sample in family.samples for label in sample.labels}
        suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum"), "info": ("_info",)}
        for suffix in suffixes.get(family.type, ("",)):
            known[family.name + suffix] = labels
    return known


@pytest.mark.anyio
@pytest.mark.usefixtures("one_loop")
async def test_every_name_and_label_exists(samples: dict[str, set[str]], gateway: GatewayServer) -> None:
    page = (ROOT / "docs" / "observability.md").read_text(encoding="utf-8")
    told = {
        name: set(re.findall(r"`([^`]+)`", row[2]))
        for line in page.splitlines()
        if line.startswith("| `edgewise_")
        for row in [line.split("|")]
        for name in re.findall(r"`([^`]+)`", row[1])
    }
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    for query in [*queries(), *(rule["expr"] for rule in rules())]:
        assert set(re.findall(r"edgewise:[\w:]+", query)) <= recorded
        for name, labels in selectors(query):
            assert name in samples, query
            family = re.sub(r"_(bucket|count|sum)$", "", name)
            assert labels <= told.get(name, told.get(family, samples[name])) | ALWAYS, query


def test_the_dashboard_is_well_formed() -> None:
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
    for panel in panels():
        assert panel["title"]
        assert panel["description"].endswith(".")
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
    places = [panel["gridPos"] for panel in DASHBOARD["panels"]]
    for one, other in itertools.combinations(places, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or above
    assert all(place["x"] + place["w"] <= 24 for place in places)


def test_every_alert_says_how_urgent_it_is_and_what_it_is() -> None:
    for rule in rules():
        if "alert" in rule:
            assert rule["labels"]["severity"] in ("page", "ticket")
            assert rule["annotations"]["summary"]


def test_prometheus_takes_every_query(tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("no promtool on the path: Debian's package prometheus has it")
    asked = [
        {"record": f"panel:{number}", "expr": query.replace("$__rate_interval", "5m").replace("$instance", ".*")}
        for number, query in enumerate(queries())
    ]
    file = tmp_path / "panels.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": asked}]}), encoding="utf-8")
    subprocess.run([promtool, "check", "rules", str(file), str(RULES)], check=True, capture_output=True)
