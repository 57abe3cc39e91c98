"""Headers of mails, by the standard library's quick readers: its structured ones take most of a message's time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from email.header import decode_header, make_header
from email.message import Message
from email.utils import getaddresses, parsedate_to_datetime

from edge_agent.context.importers.text import decoded

_MESSAGE_ID = re.compile(r"<([^<>\s]+)>")


def text(message: Message, name: str) -> str:
    """A header as one line, its encoded words decoded (RFC 2047); empty where there is none."""
    return " ".join(decoded_words(_raw(message, name)).split())


def names(message: Message, name: str) -> Iterator[str]:
    """Display names of an address header, or the addresses themselves."""
    for display, address in getaddresses([_raw(message, name)]):
        shown = " ".join(decoded_words(display).split()) or address
        if any(map(str.isalnum, shown)):
            yield shown


def ids(message: Message, name: str) -> list[str]:
    """The message ids in a header, without their brackets."""
    return _MESSAGE_ID.findall(_raw(message, name))


def sent(message: Message) -> datetime | None:
    """The moment of the Date header; one without a zone is this device's."""
    try:
        moment = parsedate_to_datetime(_raw(message, "Date"))
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.astimezone()


def _raw(message: Message, name: str) -> str:
    """A header as it stands; bytes that are no ASCII, as old programs write them, are guessed."""
    wanted = name.lower()
    value = next((str(value) for field, value in message.raw_items() if field.lower() == wanted), "")
    return value if value.isascii() else decoded(value.encode("utf-8", "surrogateescape"))


def decoded_words(value: str) -> str:
    """A text with its encoded words decoded, or as it is where they are broken."""
    if "=?" not in value:
        return value
    try:
        return str(make_header(decode_header(value)))
    except (ValueError, LookupError):
        return value
