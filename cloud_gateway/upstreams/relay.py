"""One answer on its way over one or more upstreams."""

from __future__ import annotations

from dataclasses import replace

from cloud_gateway.upstreams.member import Member
from orchestrator.chat import Chat
from orchestrator.types import Completed, ModelEvent, Started, TextDelta, Usage
from orchestrator.wire import requests


class Relay:
    """What was said so far, so that another upstream can go on from there: nothing shown is repeated or billed twice.

    A server that broke off has counted nothing; what it said counts a token a chunk, as wherever servers do not count.
    """

    def __init__(self, chat: Chat) -> None:
        self.asked: list[Member] = []
        """Those that have had their turn."""
        self._chat = chat
        self._started = False
        self._said: list[str] = []
        self._before = 0
        """Tokens of the upstreams that broke off."""

    def rest(self) -> Chat:
        """What is left to ask, of another upstream: the chat itself, where nothing was said."""
        if not self._said:
            return self._chat
        self._before = len(self._said)
        sampling = self._chat.sampling
        left = max(1, sampling.max_tokens - self._before)
        chat = replace(self._chat, sampling=replace(sampling, max_tokens=left))
        return requests.continued(chat, "".join(self._said))

    def show(self, event: ModelEvent) -> ModelEvent | None:
        """What is shown of an upstream's event; None where it was shown before."""
        match event:
            case TextDelta():
                self._said.append(event.text)
            case Started():
                if self._started:
                    return None
                self._started = True
            case Completed():
                return self._whole(event)
        return event

    def _whole(self, event: Completed) -> Completed:
        """The receipt of the whole answer. The prompt is counted once, without what had been said, and no estimate
        goes beyond what was allowed: no more than that is reserved."""
        if not self._before:
            return event
        usage = event.usage
        prompt = max(0, usage.prompt_tokens - self._before)
        written = min(self._before + usage.completion_tokens, self._chat.sampling.max_tokens)
        return replace(event, usage=Usage(prompt, written, estimated=True))
