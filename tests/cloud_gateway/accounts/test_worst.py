"""The worst case bounds whatever a model server may count."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cloud_gateway.accounts.worst import worst_case
from orchestrator.chat import Chat, Price, ServedModel
from orchestrator.privacy.egress import OutboundMessage, arrived
from orchestrator.types import Sampling, Usage

PRICE = Price(150_000_000, 600_000_000)


def chat(text: str, max_tokens: int, prefix: str = "") -> Chat:
    messages = (OutboundMessage("user", arrived(text)),)
    return Chat(model="m", messages=messages, sampling=Sampling(max_tokens=max_tokens), prefix=arrived(prefix))


@given(st.text(min_size=1, max_size=200), st.text(max_size=50), st.integers(1, 5000), st.floats(0, 1), st.floats(0, 1))
def test_no_usage_that_can_be_costs_more(text: str, prefix: str, max_tokens: int, read: float, written: float) -> None:
    model = ServedModel(name="m", context_tokens=512, price=PRICE)
    worst = worst_case(chat(text, max_tokens, prefix), model)
    prompt = int(read * min(len((text + prefix).encode()), 512))
    completion = int(written * min(max_tokens, 512 - prompt))
    assert worst.requests == 1
    assert prompt + completion <= worst.tokens <= 512
    assert PRICE.cost_nano_usd(Usage(prompt, completion)) <= worst.nano_usd


def test_it_is_bytes_and_the_longest_answer() -> None:
    model = ServedModel(name="m", context_tokens=100_000, price=PRICE)
    assert worst_case(chat("x" * 1000, 256), model).tokens == 1000 + 16 + 64 + 256
    assert worst_case(chat("ü" * 1000, 256), model).tokens == 2000 + 16 + 64 + 256
