"""Records as JSON: a list of them, or a line for each, as `edgewise context export` writes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from edge_agent.context.importers.reading import Entry, Skipped
from edge_agent.context.importers.text import fingerprint, loaded_json
from edge_agent.context.items import from_json


def read_list(path: Path) -> Iterator[Entry]:
    """A file with a list of objects, or with one object.

    Raises:
        ValueError: it is not JSON.
    """
    loaded = loaded_json(path)
    for number, fields in enumerate(loaded if isinstance(loaded, list) else [loaded], start=1):
        yield _entry(fields, f"{path}, entry {number}", path)


def read_lines(path: Path) -> Iterator[Entry]:
    """A file with an object on each line."""
    with path.open(encoding="utf-8-sig", errors="replace", newline="\n") as lines:
        for number, line in enumerate(lines, start=1):
            where = f"{path}, line {number}"
            if not line.strip():
                continue
            try:
                fields = json.loads(line)
            except (ValueError, RecursionError):
                yield Skipped(where, "it is not JSON")
                continue
            yield _entry(fields, where, path)


def _entry(fields: Any, where: str, path: Path) -> Entry:
    if not isinstance(fields, dict):
        return Skipped(where, "it is not a JSON object")
    try:
        item = from_json(fields, kind="note")
    except ValueError as error:
        return Skipped(where, str(error))
    if item.key is not None:
        return item  # from an export: its source and id are part of it
    known_as = fields.get("id", fields.get("key"))
    known_as = known_as if isinstance(known_as, str | int) else fingerprint(json.dumps(fields, sort_keys=True))
    record = replace(item.record, source=item.record.source or str(path))
    return replace(item, record=record, key=f"json:{path}#{known_as}")
