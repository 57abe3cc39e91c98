"""Which upstream has read a conversation before: no state, so that every replica of the gateway finds the same one."""

from __future__ import annotations

import hashlib
import math
from typing import Final

from orchestrator.chat import Chat

_WORTH_CHARS: Final = 1024
"""Reading less again takes a server some milliseconds; an even load is worth more."""
_READ_CHARS: Final = 32 * 1024
"""Of each message. Conversations that differ only behind this share a server."""


def conversation(chat: Chat) -> bytes | None:
    """What all turns of one conversation have in common; None where there is little to read again.

    A chain of hashes over the first messages, up to and with the user's first: the next turn begins with them too, and
    so does another conversation with the same instructions and the same document. A server's cache holds whole
    prefixes, so whoever meets the first messages there meets the rest.
    """
    opening = next((place for place, message in enumerate(chat.messages) if message.role == "user"), 0) + 1
    first = chat.messages[:opening]
    if len(chat.messages) == opening and sum(len(message.text) for message in first) < _WORTH_CHARS:
        return None
    digest = chat.model.encode()
    for message in first:
        said = f"{message.role}\0{message.text[:_READ_CHARS]}".encode()
        digest = hashlib.blake2b(said, digest_size=16, key=digest[:64]).digest()
    return digest


def preference(key: bytes, name: str, weight: float) -> float:
    """How much `key` belongs to the upstream `name`: the highest takes it.

    Rendezvous hashing (Thaler and Ravishankar, 1998): an upstream that goes takes only its own keys along, and they
    are shared out evenly. With weights as of Schindelhauer and Schomaker (2005): each gets its share of the keys.
    """
    digest = hashlib.blake2b(name.encode(), digest_size=8, key=key).digest()
    even = (int.from_bytes(digest) + 0.5) / 2**64
    return -weight / math.log(even)
