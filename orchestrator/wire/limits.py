"""What may be asked at all. Checked before anything is sent, and again by the gateway, which trusts nobody."""

from __future__ import annotations

import math
import re
from typing import Final

from orchestrator.chat import Chat
from orchestrator.errors import InvalidRequest
from orchestrator.types import Sampling

MAX_MESSAGE_BYTES: Final = 4 * 2**20
"""Of one protobuf message. About a million tokens of text, and what gRPC itself takes by default."""
MAX_MESSAGES: Final = 4096
MAX_MODEL_CHARS: Final = 256
MAX_TOKENS: Final = 1_000_000
MAX_STOPS: Final = 16
MAX_STOP_CHARS: Final = 256
_REQUEST_ID: Final = re.compile(r"[!-~]{1,128}")
_INT64: Final = range(-(2**63), 2**63)


def check(request_id: str, chat: Chat) -> None:
    """Pass a request that can be asked.

    Raises:
        InvalidRequest: it cannot; names the field and what it may be, never what it held.
    """
    if not _REQUEST_ID.fullmatch(request_id):
        raise _invalid("request_id", "1 to 128 printable ASCII characters without spaces")
    if not 1 <= len(chat.model) <= MAX_MODEL_CHARS:
        raise _invalid("chat.model", f"1 to {MAX_MODEL_CHARS} characters", remedy="ListModels names the models")
    if not 1 <= len(chat.messages) <= MAX_MESSAGES:
        raise _invalid("chat.messages", f"1 to {MAX_MESSAGES} messages")
    if chat.messages[-1].role != "user":
        raise _invalid("chat.messages", "a conversation whose last message is the user's")
    if chat.sampling.format is not None or any(turn.role == "tool" for turn in chat.messages):
        raise _invalid(
            "chat", "without a format and without tools", remedy="only a device's own model can do these yet"
        )
    _check_sampling(chat.sampling)


def _check_sampling(sampling: Sampling) -> None:
    if not (math.isfinite(sampling.temperature) and sampling.temperature >= 0):
        raise _invalid("chat.sampling.temperature", "finite and not negative")
    if not 0 < sampling.top_p <= 1:
        raise _invalid("chat.sampling.top_p", "over 0 and at most 1")
    if not 0 <= sampling.min_p <= 1:
        raise _invalid("chat.sampling.min_p", "from 0 to 1")
    if sampling.seed not in _INT64:
        raise _invalid("chat.sampling.seed", "a signed 64-bit whole number")
    if not 1 <= sampling.max_tokens <= MAX_TOKENS:
        raise _invalid("chat.sampling.max_tokens", f"from 1 to {MAX_TOKENS}")
    if len(sampling.stop) > MAX_STOPS or not all(1 <= len(stop) <= MAX_STOP_CHARS for stop in sampling.stop):
        raise _invalid("chat.sampling.stop", f"at most {MAX_STOPS} strings of 1 to {MAX_STOP_CHARS} characters")


def _invalid(field: str, allowed: str, *, remedy: str = "") -> InvalidRequest:
    return InvalidRequest(f"{field} has to be {allowed}", remedy=remedy)
