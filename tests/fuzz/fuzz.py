"""Coverage-guided fuzzing of everything that reads bytes of strangers: `make fuzz`, MINUTES=10 for longer.

libFuzzer changes inputs so that they come to new places of our code. The first byte of an input chooses the target. A
target returns when all is well, and raises what a caller, an upstream or an operator must never be able to cause. What
was found is written to a file `crash-…`, and `make fuzz INPUT=crash-…` runs it again.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import atheris  # type: ignore[import-untyped]

with atheris.instrument_imports(
    include=["orchestrator.wire", "orchestrator.joint", "orchestrator.settings", "cloud_gateway"]
):
    import grpc
    import msgspec
    from google.protobuf.message import DecodeError

    from cloud_gateway import keys
    from cloud_gateway.accounts.worst import worst_case
    from cloud_gateway.auth import KeyRing
    from cloud_gateway.config import GatewayConfig
    from cloud_gateway.runs.fingerprint import fingerprint
    from cloud_gateway.upstreams import faults
    from cloud_gateway.upstreams.answer import Answer
    from cloud_gateway.upstreams.event_stream import EventStream
    from cloud_gateway.upstreams.formats.anthropic import AnthropicFormat
    from cloud_gateway.upstreams.formats.format import Format, Part
    from cloud_gateway.upstreams.formats.gemini import GeminiFormat
    from cloud_gateway.upstreams.formats.openai import OpenAiFormat
    from orchestrator.chat import Chat, Price, ServedModel
    from orchestrator.errors import (
        CloudError,
        CloudInternal,
        CloudUnauthenticated,
        ConfigError,
        InvalidRequest,
    )
    from orchestrator.privacy.egress import OutboundMessage, arrived
    from orchestrator.testing import ManualClock
    from orchestrator.types import Completed, Sampling, TextDelta
    from orchestrator.v1 import gateway_service_pb2
    from orchestrator.wire import answers, requests, status

FORMATS: Final[tuple[Format, ...]] = (
    OpenAiFormat(),
    OpenAiFormat(continuation="mistral", sampling=False),
    AnthropicFormat(continuation="prefill", sampling=True, prompt_cache=True),
    GeminiFormat(continuation="ask", sampling=True),
)
NOW: Final = datetime(2026, 1, 1, tzinfo=UTC)
CHAT: Final = Chat(
    model="m",
    messages=(OutboundMessage("user", arrived("What do bees make?")),),
    sampling=Sampling(max_tokens=9, stop=("wasp", "\n\n")),
    prefix=arrived("Bees make "),
)
SERVED: Final = ServedModel(name="m", context_tokens=4096, price=Price(1, 2))
CODES: Final = tuple(grpc.StatusCode)


def request(data: bytes) -> None:
    """A caller's message: refused by name, or understood, and then the same after another journey."""
    try:
        message = gateway_service_pb2.StreamGenerateRequest.FromString(data)
        request_id, chat = requests.decode(message)
        cursor = requests.decode_cursor(message)
    except (DecodeError, InvalidRequest):
        return
    again = requests.encode_stream(request_id, chat, resume_from=cursor)
    assert requests.decode(again) == (request_id, chat)
    assert fingerprint(chat) == fingerprint(requests.decode(again)[1])
    assert min(worst_case(chat, SERVED)) >= 0
    for spoken in FORMATS:
        msgspec.json.decode(spoken.body(chat, "m", stream=True))


def key(data: bytes) -> None:
    """A caller's metadata: nobody has the key."""
    text = data.decode("latin-1")
    ring = KeyRing(
        [keys.Key(name="k", sha256=keys.digest("secret"), created_at=NOW)],
        file=None,
        allow_anonymous=False,
        clock=ManualClock(),
    )
    with suppress(CloudUnauthenticated):
        caller = ring.caller([("authorization", text)], [text])
        assert text.split(" ", 1)[-1].strip() == "secret", caller


def trailers(data: bytes) -> None:
    """A gateway's status, as a client reads it: always one of our errors, and never a wait that is none."""
    code = CODES[data[0] % len(CODES)] if data else grpc.StatusCode.OK
    error = status.decode(code, "words", [(status.DETAILS_KEY, data[1:])], target="t")
    assert error.retry_after_s is None or error.retry_after_s >= 0
    status.encode(error)


def events(data: bytes) -> None:
    """An upstream's stream: the same events wherever its packets end."""
    whole, cut = EventStream(), EventStream()
    assert whole.feed(data) == [event for at in range(len(data)) for event in cut.feed(data[at : at + 1])]


def answer(data: bytes) -> None:
    """An upstream's events in each format: text that can be sent on, or one typed error that can be sent on."""
    for spoken in FORMATS:
        written = Answer(CHAT, chunked=True)
        try:
            for event in EventStream().feed(data + b"\n\n"):
                _sendable(written.take(_checked(spoken.read_event(event))))
            for last in written.end():
                answers.encode_event(last)
                assert not isinstance(last, Completed) or last.usage.completion_tokens >= 0
        except CloudError as error:
            status.encode(error)


def whole(data: bytes) -> None:
    """An upstream's whole answer, or its error's body, in each format."""
    for spoken in FORMATS:
        with suppress(CloudInternal):
            part = spoken.read(data)
            with suppress(CloudError):
                _sendable(_checked(part).text)
        for http_status in (400, 429, 500, 529):
            error = faults.of_status(http_status, spoken.read_fault(data), {}, now=NOW)
            status.encode(error)
            assert error.retry_after_s is None or error.retry_after_s >= 0


def waiting(data: bytes) -> None:
    """An upstream's `Retry-After`."""
    wait_s = faults.retry_after_s({"retry-after": data.decode("latin-1")}, NOW)
    assert 0 <= wait_s < 10**6


def configuration(data: bytes) -> None:
    """An operator's files: understood, or refused by name."""
    FILE.write_bytes(data)
    with suppress(ConfigError):
        GatewayConfig.read(FILE)
    with suppress(ConfigError):
        keys.load(FILE)


def _sendable(text: str) -> None:
    answers.encode_event(TextDelta(text)).SerializeToString()


def _checked(part: Part) -> Part:
    if part.fault is not None:
        error = faults.of_fault(part.fault, now=NOW)
        status.encode(error)
        assert error.retry_after_s is None or error.retry_after_s >= 0
        raise error
    return part


TARGETS: Final[tuple[Callable[[bytes], None], ...]] = (
    request,
    key,
    trailers,
    events,
    answer,
    whole,
    waiting,
    configuration,
)


def seeds() -> dict[str, bytes]:
    """An input for each target that comes far into it, by its name."""
    openai = b'{"choices":[{"delta":{"content":"honey"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1}}'
    claude = b'{"type":"content_block_delta","delta":{"type":"text_delta","text":"honey"}}'
    gemini = b'{"candidates":[{"content":{"parts":[{"text":"honey"}]},"finishReason":"STOP"}],"usageMetadata":{}}'
    fault = b'{"error":{"code":429,"type":"rate_limit","status":"RESOURCE_EXHAUSTED","details":[{"retryDelay":"3s"}]}}'
    limited = status.encode(CloudError("words", remedy="wait", retry_after_s=0.25))[2][0][1]
    assert isinstance(limited, bytes)
    config = (
        b"models: [{name: m, context_tokens: 1, usd_per_million_prompt_tokens: 1}]\nupstream: {base_url: http://x/v1}"
    )
    return {
        "request": requests.encode_stream("r", CHAT, resume_from=3).SerializeToString(),
        "key": b"Bearer secret",
        "trailers": b"\x08" + limited,
        "events": b"\xef\xbb\xbf: hello\r\nevent: x\rdata: 1\ndata:2\n\r\ndata\n\n",
        "answer": b"data: " + openai + b"\n\ndata: [DONE]\n\ndata: " + claude + b"\n\ndata: " + gemini,
        "whole": openai,
        "whole-claude": b'{"content":[{"type":"text","text":"honey"}],"stop_reason":"end_turn","usage":{}}',
        "whole-gemini": gemini,
        "whole-fault": fault,
        "waiting": b"Fri, 31 Dec 1999 23:59:59 GMT",
        "configuration": config,
        "configuration-keys": b'{"keys":[{"name":"k","sha256":"00","created_at":"2026-01-01T00:00:00Z"}]}',
    }


def one(data: bytes) -> None:
    """The target that the first byte names, with the rest."""
    if data:
        TARGETS[data[0] % len(TARGETS)](data[1:])


def main() -> None:
    """Fuzz, with the options of libFuzzer."""
    names = [target.__name__ for target in TARGETS]
    corpus = FOLDER / "corpus"
    corpus.mkdir()
    for name, data in seeds().items():
        (corpus / name).write_bytes(bytes([names.index(name.partition("-")[0])]) + data)
    inputs = [word for word in sys.argv[1:] if not word.startswith("-")]
    atheris.Setup([*sys.argv, *([] if inputs else [str(corpus)])], one)
    atheris.Fuzz()


if __name__ == "__main__":
    FOLDER = Path(tempfile.mkdtemp(prefix="edgewise-fuzz-"))
    FILE = FOLDER / "gateway.yaml"
    main()
