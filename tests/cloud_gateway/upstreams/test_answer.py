"""One answer out of its parts: what is shown, and what is billed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_gateway.upstreams.answer import Answer
from cloud_gateway.upstreams.formats.format import Part, counted, usage
from orchestrator.chat import Chat
from orchestrator.errors import CloudInternal, CloudTruncated
from orchestrator.privacy.egress import OutboundMessage, arrived
from orchestrator.types import Completed, FinishReason, Sampling, TextDelta, Usage

STOP = Part(finish_reason=FinishReason.STOP)


def chat(prefix: str = "", **sampling: Any) -> Chat:
    messages = (OutboundMessage("user", arrived("12345678")),)
    return Chat(model="m", messages=messages, sampling=Sampling(**sampling), prefix=arrived(prefix))


def shown(asked: Chat, *parts: Part, chunked: bool = True) -> tuple[str, Completed]:
    answer = Answer(asked, chunked=chunked)
    text = "".join(answer.take(part) for part in parts)
    *rest, completed = answer.end()
    assert isinstance(completed, Completed)
    return text + "".join(event.text for event in rest if isinstance(event, TextDelta)), completed


def test_counts_that_come_apart_are_joined() -> None:
    parts = Part(usage=Usage(7, 1)), Part("Hi"), Part(finish_reason=FinishReason.STOP, usage=Usage(0, 5))
    assert shown(chat(), *parts) == ("Hi", Completed(Usage(7, 5), FinishReason.STOP))


@pytest.mark.parametrize(
    ("counts", "chunked", "billed"),
    [
        (None, True, Usage(2, 2, estimated=True)),
        (None, False, Usage(2, 3, estimated=True)),
        (Usage(0, 9), True, Usage(2, 9, estimated=True)),
        (Usage(3, 9), True, Usage(3, 9)),
    ],
)
def test_what_is_not_counted_is_estimated(counts: Usage | None, chunked: bool, billed: Usage) -> None:
    parts = Part("abcd"), Part("efghi", usage=counts), STOP
    assert shown(chat(), *parts, chunked=chunked)[1].usage == billed


def test_what_is_left_out_was_written_all_the_same() -> None:
    text, completed = shown(chat("Bees make honey"), Part("Bees make"), Part(" honey and"), Part(" wax."), STOP)
    assert text == " and wax."
    assert completed.usage.completion_tokens == 3


def test_a_stop_ends_it_and_what_comes_behind_is_not_wanted() -> None:
    answer = Answer(chat(stop=("END",)), chunked=True)
    assert answer.take(Part("a EN")) == "a "
    assert not answer.ended
    assert answer.take(Part("D b")) == ""
    assert answer.ended
    assert not answer.complete
    assert answer.end() == [Completed(Usage(2, 2, estimated=True), FinishReason.STOP)]


def test_an_answer_without_a_reason_was_cut_off() -> None:
    with pytest.raises(CloudTruncated):
        shown(chat(), Part("Hi"), Part(last=True))


@given(st.lists(st.text(max_size=6), max_size=6))
def test_without_prefix_and_stops_every_text_goes_through(texts: list[str]) -> None:
    assert shown(chat(), *map(Part, texts), STOP)[0] == "".join(texts)


def test_counts_only_grow() -> None:
    assert counted(None, None) is None
    assert counted(Usage(1, 2), None) == counted(None, Usage(1, 2)) == Usage(1, 2)
    assert counted(Usage(5, 1), Usage(0, 3)) == Usage(5, 3)


@pytest.mark.parametrize("count", [-1, 2**31])
def test_an_impossible_count_is_an_error(count: int) -> None:
    with pytest.raises(CloudInternal):
        usage(count, 0)
    with pytest.raises(CloudInternal):
        usage(0, count)
