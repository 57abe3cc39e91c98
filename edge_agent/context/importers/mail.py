"""Mail: single messages (.eml, RFC 5322) and mailboxes (.mbox), through the standard library."""

from __future__ import annotations

import email
import mailbox
import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import datetime
from email.errors import MessageError
from email.message import EmailMessage, MIMEPart
from email.policy import default
from pathlib import Path

from edge_agent.context.importers.reading import Entry, Skipped
from edge_agent.context.importers.text import decoded, fingerprint, html_to_text, tidied
from edge_agent.context.items import Item, Label
from orchestrator.types import Record, Sensitivity

_MARKS = {"private": Sensitivity.PRIVATE, "company-confidential": Sensitivity.PRIVATE}
"""The Sensitivity header of RFC 4021; its "Personal" is the default anyway."""
_FAULTS = (MessageError, ValueError, TypeError, LookupError, AttributeError, OverflowError)
"""What the email package raises on headers and parts that break its rules in new ways."""


_MESSAGE_ID = re.compile(r"<([^<>\s]+)>")


class Threads:
    """Which thread a message belongs to, and how deep in it.

    References names every message before it, the first of the thread first (RFC 5322, 3.6.4). Some mail programs write
    only In-Reply-To: then the answered message must have been seen here, or else the thread begins with it.
    """

    def __init__(self) -> None:
        self._replies: dict[str, tuple[str, int]] = {}

    def place(self, message_id: str, references: Sequence[str], answered: Sequence[str]) -> tuple[str, int]:
        """The id of the thread's first message, and how many answers lie between; ids without angle brackets."""
        if references:
            found = references[0], len(references)
        elif answered:
            thread, depth = self._replies.get(answered[0], (answered[0], 0))
            found = thread, depth + 1
        else:
            return message_id, 0
        self._replies[message_id] = found
        return found


def read_eml(path: Path, label: Label) -> Iterator[Entry]:
    """The one message of a file."""
    yield _entry(path.read_bytes(), str(path), path, label, Threads())


def read_mbox(path: Path, label: Label) -> Iterator[Entry]:
    """The messages of a mailbox, one after the other: a mailbox of gigabytes is never in memory as a whole."""
    with closing(mailbox.mbox(path, create=False)) as box:
        threads = Threads()
        number = 0
        for number, key in enumerate(box.iterkeys(), start=1):
            yield _entry(box.get_bytes(key), f"{path}, message {number}", path, label, threads)
        if not number and path.stat().st_size:
            yield Skipped(str(path), "there is no message in it")


def _entry(data: bytes, where: str, path: Path, label: Label, threads: Threads) -> Entry:
    try:
        return _item(email.message_from_bytes(data, _class=EmailMessage, policy=default), data, path, label, threads)
    except _FAULTS:
        return Skipped(where, "the message cannot be read")


def _item(message: EmailMessage, data: bytes, path: Path, label: Label, threads: Threads) -> Entry:
    title = _header(message, "Subject")
    body = _body(message)
    names = [name for field in ("From", "To", "Cc") for name in _names(message, field)]
    if not names and not title:
        raise ValueError("no header says that this is a message")
    known_as = _header(message, "Message-ID").strip("<>") or fingerprint(decoded(data))
    thread, depth = threads.place(known_as, _ids(message, "References"), _ids(message, "In-Reply-To"))
    mark = _MARKS.get(_header(message, "Sensitivity").lower())
    record = Record(
        kind="mail",
        title=title or "(no subject)",
        body=body,
        people=tuple(dict.fromkeys(names)),
        time=_sent(message),
        source=str(path),
        sensitivity=label("mail", mark),
        thread=f"mail:{thread}",
        position=depth,
    )
    return Item(record, f"mail:{known_as}")


def _body(message: EmailMessage) -> str:
    """The text for reading, made from HTML where there is nothing else; then the names of what is attached."""
    part = message.get_body(preferencelist=("plain", "html"))
    text = ""
    if part is not None:
        text = _content(part)
        text = html_to_text(text) if part.get_content_subtype() == "html" else tidied(text)
    files = [name for attachment in message.iter_attachments() if (name := attachment.get_filename())]
    return "\n".join(part for part in (text, f"Attached: {', '.join(files)}." if files else "") if part)


def _content(part: MIMEPart) -> str:
    """The part's text; an unknown character set is guessed."""
    try:
        return str(part.get_content())
    except LookupError:
        payload = part.get_payload(decode=True)
        return decoded(payload) if isinstance(payload, bytes) else ""


def _names(message: EmailMessage, field: str) -> Iterator[str]:
    """Display names of an address header, or the addresses themselves; the sender's is the first of a message."""
    header = message[field]
    for address in getattr(header, "addresses", ()):
        name = address.display_name or address.addr_spec
        if name and name != "<>":
            yield name


def _ids(message: EmailMessage, field: str) -> list[str]:
    return _MESSAGE_ID.findall(str(message[field] or ""))


def _sent(message: EmailMessage) -> datetime | None:
    moment = getattr(message["Date"], "datetime", None)
    if not isinstance(moment, datetime):
        return None
    return moment if moment.tzinfo else moment.astimezone()


def _header(message: EmailMessage, name: str) -> str:
    return " ".join(str(message[name] or "").split())
