"""Plain tables."""

from __future__ import annotations

from cloud_gateway.cli.table import table


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    assert table(("A", "LONG", "C"), [("wide", "b", ""), ("x", "y", "z")]) == "A     LONG  C\nwide  b\nx     y     z"
