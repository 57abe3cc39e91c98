"""The options that say which records a command is about."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.errors import InvalidRequest
from orchestrator.types import Sensitivity

if TYPE_CHECKING:
    from edge_agent.context.selection import Which

KindOption = Annotated[str | None, typer.Option("--kind", help="note, event, contact, …", show_default=False)]
SourceOption = Annotated[
    str | None,
    typer.Option("--source", help="The file they came from, a folder above it, or `user`.", show_default=False),
]
PersonOption = Annotated[
    str | None, typer.Option("--person", help="Words of the name of one of their people.", show_default=False)
]
SinceOption = Annotated[
    str | None,
    typer.Option("--since", help="They happen then or later: 2026-11-24, or 2026-11-24T09:30.", show_default=False),
]
UntilOption = Annotated[
    str | None, typer.Option("--until", help="They begin before then; of a day, before its end.", show_default=False)
]
QueryOption = Annotated[str | None, typer.Option("--query", help="Words that they all have.", show_default=False)]
OfLabelOption = Annotated[
    Sensitivity | None, typer.Option("--sensitivity", help="public, personal or private.", show_default=False)
]


def which(
    *,
    kind: str | None = None,
    source: str | None = None,
    person: str | None = None,
    since: str | None = None,
    until: str | None = None,
    query: str | None = None,
    sensitivity: Sensitivity | None = None,
) -> Which:
    """What was given, as the store takes it.

    Raises:
        InvalidRequest: a time is none.
    """
    start = None if since is None else moment("--since", since)
    end = None if until is None else moment("--until", until)
    if end is not None and _is_day(until or ""):
        end += timedelta(days=1)
    return {
        "kind": kind,
        "source": source,
        "person": person,
        "since": start,
        "until": end,
        "query": query,
        "sensitivity": sensitivity,
    }


def moment(option: str, text: str) -> datetime:
    """The time that an option names, in this device's zone where it names none.

    Raises:
        InvalidRequest: it is none.
    """
    from edge_agent.context.items import local_moment

    try:
        return local_moment(text)
    except ValueError:
        raise InvalidRequest(
            f"{option} is no date or time", remedy="write it as 2026-11-24 or 2026-11-24T09:30"
        ) from None


def _is_day(text: str) -> bool:
    return "T" not in text.upper() and ":" not in text
