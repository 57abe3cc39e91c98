"""What the asker sees of an answer, made from the steps of the engine."""

from __future__ import annotations

from collections.abc import Callable

from edge_agent.slm.feed import Feed
from edge_agent.slm.run import Step
from edge_agent.slm.text_stream import TextStream
from orchestrator.types import Completed, FinishReason, ModelEvent, TextDelta, Usage


class Reply:
    """Turns steps into events, and says where the answer ends. The `Listener` of one job."""

    def __init__(
        self,
        feed: Feed[ModelEvent],
        text: TextStream,
        *,
        prompt_tokens: int,
        max_tokens: int,
        end_ids: frozenset[int],
        complete: Callable[[], int | None],
    ) -> None:
        """Args:
        feed: where the events go.
        text: makes text of tokens.
        prompt_tokens: for the receipt.
        max_tokens: where the answer is cut.
        end_ids: tokens that end it and are not shown.
        complete: how many tokens the whole answer has, as soon as its form lets nothing follow.
        """
        self._feed = feed
        self._text = text
        self._prompt_tokens = prompt_tokens
        self._max_tokens = max_tokens
        self._end_ids = end_ids
        self._complete = complete
        self._usage = Usage()
        self._reason = FinishReason.DEADLINE

    def step(self, step: Step) -> bool:
        """One `TextDelta` for each step."""
        written = self._usage.completion_tokens + (step.choice is not None)
        self._usage = Usage(self._prompt_tokens, written, dropped_tokens=step.dropped)
        if step.choice is None:
            self._feed.put(TextDelta("", (), step.bytes_moved))
            return True
        ended = step.choice.token in self._end_ids
        shown = "" if ended else self._text.push(step.choice.token)
        self._feed.put(TextDelta(shown, (step.choice.score,), step.bytes_moved))
        if ended or self._text.stopped or written == self._complete():
            self._reason = FinishReason.STOP
        elif written == self._max_tokens:
            self._reason = FinishReason.LENGTH
        return self._reason is FinishReason.DEADLINE

    def end(self, error: Exception | None) -> None:
        """What was held back, and `Completed`; after an error, that."""
        if error is None:
            if held := self._text.flush():
                self._feed.put(TextDelta(held))
            self._feed.put(Completed(self._usage, self._reason))
        self._feed.end(error)
