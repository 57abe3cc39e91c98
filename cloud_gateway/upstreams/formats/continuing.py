"""How a model is brought to go on from the beginning of an answer, by the way its server knows."""

from __future__ import annotations

import re
from typing import Final, Literal

from orchestrator.chat import Chat

Continuation = Literal["vllm", "mistral", "prefill", "ask"]
"""The ways. In all but the last one the answer's beginning is the last message, of the assistant.

vllm        `continue_final_message` says that it goes on: vLLM, SGLang, llama.cpp's server, `edgewise serve`
mistral     the message itself is marked, with `prefix`: Mistral, DeepSeek's beta
prefill     nothing says it: older models of Claude and Gemini
ask         the user's words ask for the rest: any server
"""

_SENTENCE: Final = re.compile(r"(?<=[.!?。！？])\s+|\n")
_WORD: Final = re.compile(r"\S+")
_FEWEST_WORDS: Final = 8
_MOST_CHARS: Final = 240


def turns(chat: Chat, continuation: Continuation) -> list[tuple[str, str]]:
    """Role and text of every turn to post, the answer's beginning among them where there is one."""
    said: list[tuple[str, str]] = [(message.role, str(message.text)) for message in chat.messages]
    if not chat.prefix or (continuation == "ask" and not chat.prefix.strip()):
        return said
    said.append(("assistant", chat.prefix))
    if continuation == "ask":
        said.append(("user", request(chat.prefix)))
    return said


def request(prefix: str) -> str:
    """The words that ask for the rest of an answer.

    Told to go on, small models begin anew, or comment. Shown where, they go on from there, and often say it again; that
    is left out at the joint. `python -m benchmarks.continuation` compares the wordings.
    """
    return f"Write the rest of that answer, from “{ending(prefix)}” on."


def ending(prefix: str) -> str:
    """The last line or sentence of an answer, and as much before it as it takes to be found again."""
    text = prefix.strip()
    near = text[-_MOST_CHARS:]
    words = [match.start() for match in _WORD.finditer(near)]
    if len(near) < len(text) and len(words) > 1:
        words = words[1:]  # the first may be the end of one
    latest = words[-_FEWEST_WORDS] if len(words) > _FEWEST_WORDS else 0
    begins = [match.end() for match in _SENTENCE.finditer(near) if match.end() <= latest]
    return near[max(begins, default=words[0] if words else 0) :]
