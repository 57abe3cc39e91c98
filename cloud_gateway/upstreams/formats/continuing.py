"""How a model is brought to go on from the beginning of an answer, by the way its server knows."""

from __future__ import annotations

from typing import Final, Literal

from orchestrator.chat import Chat

Continuation = Literal["vllm", "mistral", "prefill", "ask"]
"""The ways. In all but the last one the answer's beginning is the last message, of the assistant.

vllm        `continue_final_message` says that it goes on: vLLM, SGLang, llama.cpp's server, `edgewise serve`
mistral     the message itself is marked, with `prefix`: Mistral, DeepSeek's beta
prefill     nothing says it: older models of Claude and Gemini
ask         the user's words ask for the rest: any server
"""

GO_ON: Final = "Continue."
_LAST_WORDS: Final = 8


def turns(chat: Chat, continuation: Continuation) -> list[tuple[str, str]]:
    """Role and text of every turn to post, the answer's beginning among them where there is one."""
    said: list[tuple[str, str]] = [(message.role, str(message.text)) for message in chat.messages]
    if not chat.prefix:
        return said
    said.append(("assistant", chat.prefix))
    if continuation == "ask":
        said.append(("user", request(chat.prefix)))
    return said


def request(prefix: str) -> str:
    """The words that ask for the rest of an answer."""
    return GO_ON
