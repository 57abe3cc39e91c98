"""Requests to protobuf and back. What is decoded has passed `limits.check`, and so has what is encoded."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from orchestrator.chat import Chat
from orchestrator.errors import InvalidRequest
from orchestrator.privacy.egress import OutboundMessage, arrived
from orchestrator.types import Role, Sampling
from orchestrator.v1 import chat_pb2, gateway_service_pb2
from orchestrator.wire import limits

_ROLES: Final[dict[Role, chat_pb2.Role.ValueType]] = {
    "system": chat_pb2.ROLE_SYSTEM,
    "user": chat_pb2.ROLE_USER,
    "assistant": chat_pb2.ROLE_ASSISTANT,
}
_ROLE_NAMES: Final[dict[int, Role]] = {number: name for name, number in _ROLES.items()}
_DEFAULTS: Final = Sampling()


def encode_generate(request_id: str, chat: Chat) -> gateway_service_pb2.GenerateRequest:
    """The message that asks for a whole answer.

    Raises:
        InvalidRequest: it cannot be asked; names the field.
    """
    return gateway_service_pb2.GenerateRequest(request_id=request_id, chat=_encode_chat(request_id, chat))


def encode_stream(request_id: str, chat: Chat, *, resume_from: int = 0) -> gateway_service_pb2.StreamGenerateRequest:
    """The message that asks for an answer as it is written, behind its first `resume_from` code points.

    Raises:
        InvalidRequest: it cannot be asked; names the field.
    """
    return gateway_service_pb2.StreamGenerateRequest(
        request_id=request_id, chat=_encode_chat(request_id, chat), resume_from=resume_from
    )


def decode(
    request: gateway_service_pb2.GenerateRequest | gateway_service_pb2.StreamGenerateRequest,
) -> tuple[str, Chat]:
    """The request id and the chat of a message that anybody may have written.

    Raises:
        InvalidRequest: it cannot be asked; names the field.
    """
    message = request.chat
    chat = Chat(
        model=message.model,
        messages=tuple(_decode_message(index, turn) for index, turn in enumerate(message.messages)),
        sampling=_decode_sampling(message.sampling),
        prefix=arrived(message.prefix),
    )
    limits.check(request.request_id, chat)
    return request.request_id, chat


def decode_cursor(request: gateway_service_pb2.StreamGenerateRequest) -> int:
    """From where on the answer is wanted, in code points.

    Raises:
        InvalidRequest: it is negative.
    """
    if request.resume_from < 0:
        raise InvalidRequest("resume_from has to be the cursor of an event, or 0")
    return request.resume_from


def continued(chat: Chat, written: str) -> Chat:
    """What is left to ask of a chat that arrived, where a model has written so much of its answer on this side."""
    return replace(chat, prefix=arrived(chat.prefix + written))


def read(method: str, body: bytes) -> Chat | None:
    """The chat in a serialized request of the method with that path; None of a method that has none."""
    match method.rpartition("/")[2]:
        case "Generate":
            return decode(gateway_service_pb2.GenerateRequest.FromString(body))[1]
        case "StreamGenerate":
            return decode(gateway_service_pb2.StreamGenerateRequest.FromString(body))[1]
        case _:
            return None


def _encode_chat(request_id: str, chat: Chat) -> chat_pb2.Chat:
    try:
        limits.check(request_id, chat)
        message = chat_pb2.Chat(
            model=chat.model,
            messages=[chat_pb2.Message(role=_ROLES[turn.role], text=turn.text) for turn in chat.messages],
            prefix=chat.prefix,
            sampling=_encode_sampling(chat.sampling),
        )
    except (KeyError, TypeError, ValueError):
        # The cause is kept out: protobuf quotes the text that it could not encode.
        raise InvalidRequest(
            "the chat has a value of the wrong type, an unknown role, or text that is no valid Unicode",
            remedy="roles are system, user and assistant; text may hold no lone surrogates",
        ) from None
    if message.ByteSize() > limits.MAX_MESSAGE_BYTES:
        raise InvalidRequest(
            f"the chat takes {message.ByteSize()} bytes; at most {limits.MAX_MESSAGE_BYTES} can be sent",
            remedy="send fewer or shorter messages",
        )
    return message


def _encode_sampling(sampling: Sampling) -> chat_pb2.Sampling:
    return chat_pb2.Sampling(
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        min_p=sampling.min_p,
        seed=sampling.seed,
        max_tokens=sampling.max_tokens,
        stop=sampling.stop,
    )


def _decode_message(index: int, message: chat_pb2.Message) -> OutboundMessage:
    role = _ROLE_NAMES.get(message.role)
    if role is None:
        raise InvalidRequest(f"chat.messages[{index}].role has to be system, user or assistant")
    return OutboundMessage(role, arrived(message.text))


def _decode_sampling(message: chat_pb2.Sampling) -> Sampling:
    return Sampling(
        temperature=message.temperature,
        top_p=message.top_p if message.HasField("top_p") else _DEFAULTS.top_p,
        min_p=message.min_p,
        seed=message.seed,
        max_tokens=message.max_tokens if message.HasField("max_tokens") else _DEFAULTS.max_tokens,
        stop=tuple(message.stop),
    )
