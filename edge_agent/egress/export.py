"""The egress log as lines of JSON, which anybody can check without it: `chain` says how."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Iterator

from edge_agent.egress.chain import Link, canonical
from orchestrator.errors import InvalidRequest


def lines_of(links: Iterable[Link]) -> Iterator[str]:
    """Each entry as a line: `number`, `entry`, `hash`, and of what was sent `salt` (hexadecimal), `body` (base64)."""
    for link in links:
        line = {"number": link.number, "entry": json.loads(link.entry), "hash": link.hash}
        if link.salt is not None and link.body is not None:
            line |= {"salt": link.salt.hex(), "body": base64.b64encode(link.body).decode()}
        yield json.dumps(line, ensure_ascii=False)


def links_in(lines: Iterable[str]) -> Iterator[Link]:
    """The chain in such lines.

    Raises:
        InvalidRequest: a line is none; names its number in the file.
    """
    for number, line in enumerate(lines, 1):
        try:
            yield _link(json.loads(line))
        except (KeyError, TypeError, ValueError, binascii.Error):
            raise InvalidRequest(
                f"line {number} is none of an exported egress log", remedy="`edgewise egress export` writes one"
            ) from None


def _link(line: dict[str, object]) -> Link:
    number, entry, its_hash = line["number"], line["entry"], line["hash"]
    if not (isinstance(number, int) and isinstance(entry, dict) and isinstance(its_hash, str)):
        raise TypeError
    bytes.fromhex(its_hash)
    salt, body = line.get("salt"), line.get("body")
    if isinstance(salt, str) and isinstance(body, str):
        return Link(number, canonical(entry), its_hash, bytes.fromhex(salt), base64.b64decode(body, validate=True))
    return Link(number, canonical(entry), its_hash)
