"""Mail: single messages (.eml, RFC 5322) and mailboxes (.mbox), through the standard library."""

from __future__ import annotations

import email
import re
from collections.abc import Iterator, Sequence
from email.errors import MessageError
from email.message import Message
from pathlib import Path

from edge_agent.context.importers.headers import Headers, decoded_words
from edge_agent.context.importers.reading import Entry, Skipped
from edge_agent.context.importers.text import decoded, fingerprint, html_to_text, tidied
from edge_agent.context.items import Item
from orchestrator.types import Record, Sensitivity

_MARKS = {"private": Sensitivity.PRIVATE, "company-confidential": Sensitivity.PRIVATE}
"""The Sensitivity header of RFC 4021; its "Personal" is the default anyway."""
_BLANK = re.compile(rb"\r?\n\r?\n")
_BOUNDARY = re.compile(rb"""boundary="?([^";\s]{12,70})(?=["\s]|\Z)""", re.IGNORECASE)
"""Long enough that no text has it by chance."""
_BLOCK_BYTES = 4 * 2**20
DIVIDER = b"divider-between-the-parts"
_UNWANTED = frozenset({"spam", "trash"})
"""Google's labels of what its owner has thrown away; Takeout exports it all the same."""
_FAULTS = (MessageError, ValueError, TypeError, LookupError, AttributeError, OverflowError)
"""What the email package raises on headers and parts that break its rules in new ways."""


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


def read_eml(path: Path) -> Iterator[Entry]:
    """The one message of a file."""
    entry = _entry(path.read_bytes(), str(path), path, Threads())
    if entry is not None:
        yield entry


def read_mbox(path: Path) -> Iterator[Entry]:
    """The messages of a mailbox (RFC 4155), one after the other."""
    threads = Threads()
    number = 0
    for number, data in enumerate(_messages(path), start=1):
        entry = _entry(data, f"{path}, message {number}", path, threads)
        if entry is not None:
            yield entry
    if not number and path.stat().st_size:
        yield Skipped(str(path), "there is no message in it")


def _messages(path: Path) -> Iterator[bytes]:
    """What stands behind each line that begins with "From ".

    The standard library's mailbox looks for all of these lines before it gives the first message. Here a mailbox of
    gigabytes is read block by block.
    """
    rest, begun = b"\n", False
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            *whole, rest = (rest + block).split(b"\nFrom ")
            for piece in whole:
                if begun:
                    yield piece.partition(b"\n")[2]
                begun = True
    if begun:
        yield rest.partition(b"\n")[2]


def _entry(data: bytes, where: str, path: Path, threads: Threads) -> Entry | None:
    """One message; None for one that was thrown away."""
    try:
        message = parsed(data)
        headers = Headers(message)
        thrown_away = {name.strip().lower() for name in headers.text("X-Gmail-Labels").split(",")} & _UNWANTED
        return None if thrown_away else _item(message, headers, data, path, threads)
    except _FAULTS:
        return Skipped(where, "the message cannot be read")


def parsed(data: bytes) -> Message:
    """What `email.message_from_bytes` makes of a message, but its parts are divided by a name that all messages have.

    The parser compiles a pattern for each name that it meets, which takes as long as the parsing.
    """
    head = data[: found.start()] if (found := _BLANK.search(data)) else data
    boundary = _BOUNDARY.search(head)
    return email.message_from_bytes(data.replace(boundary[1], DIVIDER) if boundary else data)


def _item(message: Message, headers: Headers, data: bytes, path: Path, threads: Threads) -> Entry:
    title = headers.text("Subject")
    people = [name for field in ("From", "To", "Cc") for name in headers.names(field)]
    if not people and not title:
        raise ValueError("no header says that this is a message")
    known_as = headers.text("Message-ID").strip("<>") or fingerprint(decoded(data))
    thread, depth = threads.place(known_as, headers.ids("References"), headers.ids("In-Reply-To"))
    mark = _MARKS.get(headers.text("Sensitivity").lower())
    record = Record(
        kind="mail",
        title=title or "(no subject)",
        body=_body(message),
        people=tuple(dict.fromkeys(people)),
        time=headers.sent(),
        source=str(path),
        thread=f"mail:{thread}",
        position=depth,
    )
    return Item.found(record, f"mail:{known_as}", mark=mark)


def _body(message: Message) -> str:
    """The text for reading, made from HTML where there is nothing else; then the names of what is attached."""
    texts: dict[str, str] = {}
    files = []
    for part in _parts(message):
        name = part.get_filename() if _may_be_a_file(part) else None
        if name or part.get_content_disposition() == "attachment":
            files += [decoded_words(name)] if name else []
        elif (kind := part.get_content_type()).startswith("text/"):
            texts.setdefault(kind.removeprefix("text/"), _content(part))
    text = tidied(texts["plain"]) if "plain" in texts else html_to_text(texts.get("html", ""))
    return "\n".join(part for part in (text, f"Attached: {', '.join(files)}." if files else "") if part)


def _may_be_a_file(part: Message) -> bool:
    """Whether a part may have a name; to look for it takes longer than the text."""
    return "Content-Disposition" in part or "name" in str(part.get("Content-Type", "")).lower()


def _parts(message: Message) -> Iterator[Message]:
    """The leaves of a message; a forwarded message is one, by its file's name, and not its text."""
    if not message.is_multipart() or message.get_content_maintype() == "message":
        yield message
        return
    for part in message.get_payload():
        if isinstance(part, Message):
            yield from _parts(part)


def _content(part: Message) -> str:
    """The part's text; an unknown character set is guessed."""
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return ""
    try:
        return payload.decode(part.get_content_charset("utf-8"))
    except (LookupError, ValueError):
        return decoded(payload)
