"""What is left to ask, and one receipt."""

from __future__ import annotations

from cloud_gateway.upstreams.relay import Relay
from orchestrator.chat import Chat
from orchestrator.privacy.egress import ClearText, OutboundMessage
from orchestrator.types import Completed, FinishReason, Sampling, Started, TextDelta, Usage

CHAT = Chat(
    model="m",
    messages=(OutboundMessage("user", ClearText("What?")),),
    sampling=Sampling(max_tokens=10),
    prefix=ClearText("So"),
)


def test_an_answer_of_one_upstream_is_left_as_it_is() -> None:
    relay = Relay(CHAT)
    assert relay.rest() is CHAT
    completed = Completed(Usage(3, 2), FinishReason.STOP)
    for event in Started("m"), TextDelta(" be"), TextDelta(" it"), completed:
        assert relay.show(event) is event


def test_the_next_one_goes_on_behind_all_that_was_shown() -> None:
    relay = Relay(CHAT)
    relay.rest()
    relay.show(Started("m"))
    for text in " be", " it":
        relay.show(TextDelta(text))
    rest = relay.rest()
    assert (rest.prefix, rest.sampling.max_tokens) == ("So be it", 8)
    assert relay.show(Started("m")) is None
    relay.show(TextDelta(" then"))
    last = relay.rest()
    assert (last.prefix, last.sampling.max_tokens) == ("So be it then", 7)
    completed = relay.show(Completed(Usage(8, 2), FinishReason.STOP))
    assert completed == Completed(Usage(5, 5, estimated=True), FinishReason.STOP)


def test_an_answer_that_used_all_its_tokens_may_still_end_and_is_not_billed_more() -> None:
    relay = Relay(CHAT)
    for _ in range(12):
        relay.show(TextDelta(" x"))
    assert relay.rest().sampling.max_tokens == 1
    completed = relay.show(Completed(Usage(20, 1), FinishReason.LENGTH))
    assert completed == Completed(Usage(8, 10, estimated=True), FinishReason.LENGTH)
