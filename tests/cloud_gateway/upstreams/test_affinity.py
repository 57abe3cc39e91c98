"""One conversation, one server, without any memory."""

from __future__ import annotations

from collections import Counter

import pytest

from cloud_gateway.upstreams.affinity import conversation, preference
from orchestrator.chat import Chat
from orchestrator.privacy.egress import ClearText, OutboundMessage
from orchestrator.types import Role, Sampling


def chat(*messages: tuple[Role, str], model: str = "m") -> Chat:
    said = tuple(OutboundMessage(role, ClearText(text)) for role, text in messages)
    return Chat(model=model, messages=said, sampling=Sampling())


SYSTEM: tuple[Role, str] = ("system", "You are kind. " * 100)


def test_every_turn_of_a_conversation_has_one_key() -> None:
    turns: list[tuple[Role, str]] = [SYSTEM, ("user", "Hi")]
    first = conversation(chat(*turns))
    assert first is not None
    for _ in range(3):
        turns += [("assistant", "Hello."), ("user", "And?")]
        assert conversation(chat(*turns)) == first


def test_other_beginnings_have_other_keys() -> None:
    long = "Tell me. " * 200
    keys = {
        conversation(chat(SYSTEM, ("user", "Hi"))),
        conversation(chat(SYSTEM, ("user", "Ho"))),
        conversation(chat(("user", long))),
        conversation(chat(("system", long), ("user", ""))),
        conversation(chat(("user", long), model="other")),
        conversation(chat(("system", "a"), ("system", "b" * 2000), ("user", "c"))),
        conversation(chat(("system", "ab" * 2000), ("user", "c"))),
    }
    assert len(keys) == 7


def test_a_short_beginning_is_no_conversation_yet() -> None:
    turns: list[tuple[Role, str]] = [("user", "Hi")]
    assert conversation(chat(*turns)) is None
    turns += [("assistant", "Hello."), ("user", "And?")]
    second = conversation(chat(*turns))
    assert second is not None
    assert conversation(chat(*turns, ("assistant", "So."), ("user", "Well?"))) == second


def home(number: int, weights: dict[str, float]) -> str:
    key = number.to_bytes(16)
    return max(weights, key=lambda name: preference(key, name, weights[name]))


def test_each_server_has_its_share_of_the_keys() -> None:
    weights = {"a": 1.0, "b": 1.0, "c": 2.0}
    homes = Counter(home(number, weights) for number in range(4000))
    assert homes["a"] == pytest.approx(1000, rel=0.1)
    assert homes["c"] == pytest.approx(2000, rel=0.1)


def test_a_server_that_goes_takes_only_its_own_keys_along() -> None:
    before, after = {"a": 1.0, "b": 1.0, "c": 1.0}, {"a": 1.0, "c": 1.0}
    moved = Counter(home(number, after) for number in range(1000) if home(number, before) == "b")
    assert all(home(n, before) in ("b", home(n, after)) for n in range(1000))
    assert min(moved["a"], moved["c"]) > 100
