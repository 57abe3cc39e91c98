"""What a model is shown: the system text, the conversation, the records that matter, within a token budget."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from orchestrator.compaction import Past, compact
from orchestrator.token_counts import CountTokens
from orchestrator.types import Message, Recalled, Record, Sensitivity

Wording = Callable[[Record, datetime], str]
"""One record as a sentence, given the present moment."""

_REPEATED_CHARS = 300
_QUESTION_SHARE = 1 / 8
"""Of the window, for a question and the system text, where records and earlier turns fill the rest."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """Messages as a model gets them, and which records went in."""

    messages: tuple[Message, ...]
    recalled: tuple[Recalled, ...]
    tokens: int
    answer: str = ""
    """What is said at once, instead of asking a model."""
    lines: tuple[str, ...] = ()
    """The sentences of the recalled records, in their order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Composer:
    """Builds prompts. Older turns are condensed when the window is short, then the least relevant records go.

    Records stand in the last user turn between the question and the question again, and the day comes first of all.
    Both were measured on SmolLM2-135M (docs/measured.md): ids beside the records are taken for the answer.

    The next prompt of a conversation begins with this one and its answer: earlier questions keep their records, and
    nothing before them changes until older turns are condensed, or the day changes.
    """

    wording: Wording
    count_tokens: CountTokens
    system: str
    """How the assistant should behave, where the caller does not say. Empty: the model's own default."""
    grounded_system: str = ""
    """The same for a question with records; empty: `system`."""
    records_tokens: int = 400
    """At most this much of a prompt is records."""

    def compose(
        self,
        messages: Sequence[Message],
        recalled: Sequence[Recalled],
        *,
        now: datetime,
        window_tokens: int,
        history_tokens: int | None = None,
    ) -> Prompt:
        """The prompt for `messages` with `recalled` records, at most `window_tokens` long where that is possible.

        The question itself is never cut: a prompt that is still too long comes back too long, and the decision says so.

        Args:
            messages: the conversation; the last is the question, or what tools gave back to it.
            recalled: records, the most relevant first. A turn that is shown as it was said is not said again.
            now: the present.
            window_tokens: what the answer leaves of the window.
            history_tokens: for earlier turns at most; None: as much as there is room for.
        """
        given, earlier, question, behind = _split(messages)
        shown = [self._shown(turn) for turn in earlier]
        room = self._room(window_tokens, history_tokens)
        most = len(recalled)
        while True:
            past = compact(earlier, shown, room_tokens=room, count=self.count_tokens)
            kept, lines = self._fitting(_unseen(recalled, past)[:most], now)
            system = self._system(given, now, past, grounded=bool(kept) or any(turn.records for turn in past.turns))
            prompt = (*system, *past.turns, _grounded(question, [hit.record for hit in kept], lines), *behind)
            tokens = self.count_tokens(prompt)
            if tokens <= window_tokens or not (past.turns or past.summary or kept):
                return Prompt(prompt, tuple(kept), tokens, lines=tuple(lines))
            if past.turns or past.summary:
                room //= 2
            else:
                most = len(kept) - 1

    def _room(self, window_tokens: int, history_tokens: int | None) -> int:
        """Tokens for earlier turns. It does not depend on the question, or the steps of compaction would."""
        left = int(window_tokens * (1 - _QUESTION_SHARE)) - self.records_tokens
        room = max(left, window_tokens // 2)
        return room if history_tokens is None else min(room, history_tokens)

    def _shown(self, turn: Message) -> Message:
        """An earlier turn as its own prompt showed it."""
        if not turn.records or turn.at is None:
            return turn
        return _grounded(turn, turn.records, [self.wording(record, turn.at) for record in turn.records])

    def _fitting(self, recalled: Sequence[Recalled], now: datetime) -> tuple[list[Recalled], list[str]]:
        """The most relevant records whose sentences fit the records' share, and those sentences."""
        kept: list[Recalled] = []
        lines: list[str] = []
        left = self.records_tokens
        for hit in recalled:
            line = self.wording(hit.record, now)
            left -= self.count_tokens([Message("user", line)])
            if left < 0 and kept:
                break
            kept.append(hit)
            lines.append(line)
        return kept, lines

    def _system(self, given: Message | None, now: datetime, past: Past, *, grounded: bool) -> tuple[Message, ...]:
        """With records the day, since they speak of days; the caller's own system message or ours; older turns."""
        own = (self.grounded_system if grounded else "") or self.system
        message = given or Message("system", own)
        if message.tools and not message.text:  # they come in a system message, which need not say anything
            message = replace(message, text=own)
        if grounded:
            today = f"Today is {now:%A} {now.day} {now:%B %Y}."
            message = replace(message, text=f"{today} {message.text}".strip())
        if past.summary:
            text = f"{message.text}\n\nEarlier in this conversation:\n{past.summary}".strip()
            label = Sensitivity.highest([message.sensitivity, past.sensitivity])
            message = replace(message, text=text, sensitivity=label, at=now)
        return (message,) if message.text or message.tools else ()


def _unseen(recalled: Sequence[Recalled], past: Past) -> list[Recalled]:
    """What was recalled, without the turns that the prompt shows anyway."""
    seen = {turn.record_id for turn in past.turns} - {None}
    return [hit for hit in recalled if hit.record.id not in seen]


def _grounded(question: Message, records: Sequence[Record], lines: Sequence[str]) -> Message:
    """The question with the records, and the highest label of both. A long question is not said twice."""
    if not lines:
        return question
    label = Sensitivity.highest([question.sensitivity, *(record.sensitivity for record in records)])
    before = [question.text, ""] if len(question.text) <= _REPEATED_CHARS else []
    return replace(question, text="\n".join([*before, *lines, "", question.text]), sensitivity=label)


def _split(
    messages: Sequence[Message],
) -> tuple[Message | None, Sequence[Message], Message, Sequence[Message]]:
    """The caller's own system message, if the conversation begins with one; earlier turns, the question, and what
    followed it: calls of tools and what they gave back."""
    given = messages[0] if messages[0].role == "system" and len(messages) > 1 else None
    turns = messages[1:] if given else messages
    at = len(turns) - 1
    while at and (turns[at].role == "tool" or turns[at].calls):
        at -= 1
    return given, turns[:at], turns[at], turns[at + 1 :]
