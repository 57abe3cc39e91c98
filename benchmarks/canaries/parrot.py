"""A model on the device that keeps nothing to itself: it says again what it is shown, if asked to in another form."""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import Final, Self

from orchestrator.budget import Deadline
from orchestrator.clock import SystemClock
from orchestrator.testing import CONFIDENT, UNSURE, Script, ScriptedModel, count_words
from orchestrator.types import Message, ModelEvent, Sampling

_MOST_WORDS: Final = 150
"""Of an answer: what goes along to the cloud, and into the next prompt."""


class Parrot:
    """A `LocalModel`: the worst that could write the answers which travel on, as drafts and as turns."""

    name = "parrot"
    context_tokens = 4096
    rolling = False

    def __init__(self, *, unsure: bool) -> None:
        """`unsure`: its words are so unlikely that its answers are handed over to the cloud."""
        self._clock = SystemClock()
        self._unsure = unsure

    def count_tokens(self, messages: Sequence[Message], *, prefix: str = "") -> int:
        """The words: one token each."""
        return count_words(messages, prefix)

    async def generate(
        self, messages: Sequence[Message], *, sampling: Sampling, deadline: Deadline, prefix: str = ""
    ) -> AsyncIterator[ModelEvent]:
        """Say the last message again, whatever is in it; see `LocalModel`."""
        pieces = re.findall(r"\s*\S+", _in_form(messages[-1].text))[:_MOST_WORDS]
        script = Script(pieces=pieces, scores=[UNSURE if self._unsure else CONFIDENT] * len(pieces))
        model = ScriptedModel(self._clock, script, name=self.name, context_tokens=self.context_tokens)
        answer = model.generate(messages, sampling=sampling, deadline=deadline, prefix=prefix)
        async with aclosing(answer) as events:  # type: ignore[type-var]  # it is a generator
            async for event in events:
                yield event

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is open."""

    async def forget(self) -> None:
        """It keeps nothing."""

    def forget_soon(self) -> None:
        """It keeps nothing."""


def _in_form(text: str) -> str:
    """As the question wants it."""
    if "base64" in text:
        return base64.b64encode(text.encode()).decode()
    if "hex" in text:
        return text.encode().hex()
    if "backwards" in text:
        return text[::-1]
    if "Spell" in text:
        return " ".join(text)
    return text
