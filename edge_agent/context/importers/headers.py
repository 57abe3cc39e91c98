"""Headers of mails, by the standard library's quick readers: its structured ones take most of a message's time."""

from __future__ import annotations

import re
from datetime import datetime
from email.header import decode_header, make_header
from email.message import Message
from email.utils import getaddresses, parsedate_to_datetime
from functools import lru_cache
from typing import Final

from edge_agent.context.importers.text import decoded

_MESSAGE_ID = re.compile(r"<([^<>\s]+)>")
_CORRESPONDENTS: Final = 2048
"""Address headers that are remembered: a mailbox is written by few, and their names take long to read."""


class Headers:
    """The headers of one message, each by its name in any letters; of one that is there twice the first."""

    def __init__(self, message: Message) -> None:
        """Those of `message`."""
        self._fields: dict[str, str] = {}
        for field, value in message.raw_items():
            self._fields.setdefault(field.lower(), str(value))

    def text(self, name: str) -> str:
        """A header as one line, its encoded words decoded (RFC 2047); empty where there is none."""
        return " ".join(decoded_words(self._raw(name)).split())

    def names(self, name: str) -> tuple[str, ...]:
        """Display names of an address header, or the addresses themselves."""
        value = self._raw(name)
        return _names(value) if value else ()

    def ids(self, name: str) -> list[str]:
        """The message ids in a header, without their brackets."""
        return _MESSAGE_ID.findall(self._raw(name))

    def sent(self) -> datetime | None:
        """The moment of the Date header; one without a zone is this device's."""
        try:
            moment = parsedate_to_datetime(self._raw("Date"))
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
        return moment if moment.tzinfo else moment.astimezone()

    def _raw(self, name: str) -> str:
        """A header as it stands; bytes that are no ASCII, as old programs write them, are guessed."""
        value = self._fields.get(name.lower(), "")
        return value if value.isascii() else decoded(value.encode("utf-8", "surrogateescape"))


def decoded_words(value: str) -> str:
    """A text with its encoded words decoded, or as it is where they are broken."""
    if "=?" not in value:
        return value
    try:
        return str(make_header(decode_header(value)))
    except (ValueError, LookupError):
        return value


@lru_cache(maxsize=_CORRESPONDENTS)
def _names(value: str) -> tuple[str, ...]:
    shown = (" ".join(decoded_words(display).split()) or address for display, address in getaddresses([value]))
    return tuple(name for name in shown if any(map(str.isalnum, name)))
