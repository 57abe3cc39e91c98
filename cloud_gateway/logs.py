"""Structured logs: one JSON object a line, with request ids and never with what was asked or answered."""

from __future__ import annotations

import logging
import traceback
from datetime import UTC, datetime
from typing import TextIO

import msgspec


class JsonLines(logging.Formatter):
    """`time`, `level`, `event` and the fields that came with `extra={"fields": …}`.

    Of an exception it tells the class and the places in the code. Its message stays out: it may quote a request.
    """

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        line |= getattr(record, "fields", {})
        if record.exc_info and record.exc_info[0]:
            line["exception"] = record.exc_info[0].__name__
            frames = traceback.extract_tb(record.exc_info[2])
            line["at"] = [f"{frame.filename}:{frame.lineno}" for frame in frames[-5:]]
        return msgspec.json.encode(line).decode()


def show(level: str) -> None:
    """Leave out what matters less than `level`: `debug`, `info`, `warning` or `error`."""
    logging.getLogger("cloud_gateway").setLevel(level.upper())


def configure(stream: TextIO) -> None:
    """Send the gateway's log, and warnings of everything else, to `stream`."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    show("info")


def look_up_less() -> None:
    """Have records hold only what `JsonLines` shows: not where they were made, nor by which thread and process.

    As its manual advises (logging HOWTO, Optimization); for a process in which no other library formats lines.
    """
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
