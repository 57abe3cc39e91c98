"""docs/observability.md tells of every metric, and of no other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cloud_gateway.server import GatewayServer

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("one_loop")]
ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "observability.md").read_text(encoding="utf-8")
SUFFIX = {"counter": "_total", "info": "_info"}


def names(gateway: GatewayServer) -> set[str]:
    """Of every metric of ours, as Prometheus stores it; of a histogram without `_bucket`, `_count` and `_sum`."""
    families = gateway.assembly.metrics.registry.collect()
    return {f"{one.name}{SUFFIX.get(one.type, '')}" for one in families if one.name.startswith("edgewise_")}


async def test_the_page_has_every_metric_and_no_other(gateway: GatewayServer) -> None:
    rows = [line.split("|")[1] for line in PAGE.splitlines() if line.startswith("| `edgewise_")]
    assert {name for row in rows for name in re.findall(r"`([^`]+)`", row)} == names(gateway)


async def test_the_page_has_the_labels_of_each(gateway: GatewayServer) -> None:
    rows = [line.split("|")[1:3] for line in PAGE.splitlines() if line.startswith("| `edgewise_")]
    told = {name: re.findall(r"`([^`]+)`", row[1]) for row in rows for name in re.findall(r"`([^`]+)`", row[0])}
    for family in gateway.assembly.metrics.registry.collect():
        for sample in family.samples:
            if sample.name in told:
                assert set(sample.labels) == set(told[sample.name]), sample.name
