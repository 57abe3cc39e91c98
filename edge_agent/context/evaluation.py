"""How good recall is: the share of the evidence that it finds, over conversations with questions in LoCoMo's format.

LoCoMo is Maharana et al. 2024, arXiv 2402.17753. A line is one conversation: `turns` (`dia_id`, `session`, `time`,
`speaker`, `text`, `image_caption`) and `qa` (`question`, `category`, `evidence`: the `dia_id`s that hold the answer).
"""

from __future__ import annotations

import gzip
import json
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from edge_agent.context.items import Item
from edge_agent.context.store import SqliteContextStore
from edge_agent.slm.progress import Progress, Quiet
from orchestrator.candour import UNSURE
from orchestrator.errors import InvalidRequest
from orchestrator.ports import Embedder
from orchestrator.types import Record

CUTOFFS: Final = (5, 10, 25)
"""Recall is told among so many first records."""
UNANSWERABLE: Final = 5
"""The category of questions that no turn answers. It is told apart and not part of `all`."""
_TIMES: Final = ("%I:%M %p on %d %B, %Y", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d")
_EMBEDDED_AT_ONCE: Final = 64


@dataclass(frozen=True, slots=True)
class Question:
    """A question whose evidence is known."""

    text: str
    category: int
    evidence: frozenset[str]


@dataclass(frozen=True, slots=True)
class Conversation:
    """What somebody could remember, and what they could be asked about it."""

    items: tuple[Item, ...]
    questions: tuple[Question, ...]
    ended: datetime
    """The questions' present: the time of the last turn."""


class Outcome(NamedTuple):
    """What one question brought: for each cutoff, the share of its evidence; and the confidence."""

    shares: Sequence[float]
    confidence: float


@dataclass(frozen=True, slots=True)
class Quality:
    """What recall brought.

    Attributes:
        recall: cutoff → mean share of a question's evidence among so many first records.
        confidence: its mean.
        unsure: share of the questions with a confidence at which the agent would say that it does not know.
    """

    questions: int
    recall: Mapping[int, float]
    confidence: float
    unsure: float


@dataclass(frozen=True, slots=True)
class Report:
    """How good recall is.

    Attributes:
        quality: `all` (every category but `UNANSWERABLE`), then each category by its number.
        separation: area under the ROC curve: the chance that the confidence is higher for a question that has an
            answer than for one that has none, ties counting half. None where one of the two sorts is missing.
    """

    quality: Mapping[str, Quality]
    separation: float | None


def read_conversations(path: Path) -> list[Conversation]:
    """The conversations of a file of JSON lines, gzipped or not.

    Raises:
        InvalidRequest: there is no such file, or it is none of this format; names the line.
    """
    try:
        data = path.read_bytes()
        text = (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode()
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"{path} cannot be read", remedy="give a file of JSON lines, gzipped or not") from error
    conversations = []
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            conversations.append(_conversation(json.loads(line)))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise InvalidRequest(
                f"{path}, line {number} is no conversation in LoCoMo's format",
                remedy="each line needs `turns` and `qa`; see docs/recall.md",
            ) from None
    return conversations


def evaluate(
    conversations: Sequence[Conversation], embedder: Embedder | None, *, progress: Progress | None = None
) -> Report:
    """Put each conversation into a store of its own, and ask it everything.

    Raises:
        InvalidRequest: there is no question with evidence.
        InferenceFailed: the embedding model failed.
    """
    asked: dict[int, list[Outcome]] = defaultdict(list)
    total = sum(len(conversation.items) + len(conversation.questions) for conversation in conversations)
    with (progress or Quiet()).task("recalling", total, in_bytes=False) as advance:
        done = 0
        for conversation in conversations:
            for step in _ask(conversation, embedder, asked):
                done += step
                advance(done)
    if not asked:
        raise InvalidRequest("no question says which turns hold its answer", remedy="questions need `evidence`")
    answerable = [outcome for category, found in asked.items() if category != UNANSWERABLE for outcome in found]
    by_category = {str(category): asked[category] for category in sorted(asked)}
    quality = {name: _quality(found) for name, found in {"all": answerable, **by_category}.items() if found}
    return Report(quality, _separation(answerable, asked[UNANSWERABLE]))


def _ask(conversation: Conversation, embedder: Embedder | None, asked: dict[int, list[Outcome]]) -> Iterator[int]:
    """Note what each question brought; yields how many turns and questions are done since."""
    with (
        tempfile.TemporaryDirectory(prefix="edgewise-eval-") as folder,
        SqliteContextStore(Path(folder, "memory.db"), embedder=embedder) as store,
    ):
        store.put(conversation.items)
        while embedded := store.embed_missing(limit=_EMBEDDED_AT_ONCE):
            yield embedded
        for question in conversation.questions:
            ranked = store.ranked(question.text, limit=CUTOFFS[-1], now=conversation.ended)
            found = [recalled.record.source for recalled in ranked]
            share = [len(question.evidence.intersection(found[:cutoff])) / len(question.evidence) for cutoff in CUTOFFS]
            asked[question.category].append(Outcome(share, ranked.confidence))
            yield 1


def _quality(outcomes: Sequence[Outcome]) -> Quality:
    means = [statistics.fmean(column) for column in zip(*(outcome.shares for outcome in outcomes), strict=True)]
    confidences = [outcome.confidence for outcome in outcomes]
    unsure = sum(confidence < UNSURE for confidence in confidences) / len(outcomes)
    return Quality(len(outcomes), dict(zip(CUTOFFS, means, strict=True)), statistics.fmean(confidences), unsure)


def _separation(answerable: Sequence[Outcome], unanswerable: Sequence[Outcome]) -> float | None:
    """The Mann-Whitney statistic as a share of all pairs."""
    pairs = [(one.confidence, other.confidence) for one in answerable for other in unanswerable]
    return sum((one > other) + (one == other) / 2 for one, other in pairs) / len(pairs) if pairs else None


def _conversation(row: Mapping[str, Any]) -> Conversation:
    items = tuple(_item(turn, place) for place, turn in enumerate(row["turns"]))
    known = {item.record.source for item in items}
    asked = ((qa, frozenset(qa["evidence"]) & known) for qa in row["qa"])
    questions = tuple(
        Question(str(qa["question"]), int(qa["category"]), evidence) for qa, evidence in asked if evidence
    )
    return Conversation(items, questions, max(item.record.time for item in items if item.record.time))


def _item(turn: Mapping[str, Any], place: int) -> Item:
    """A turn as the importer of a chat would bring it; its `source` is its id."""
    texts = (turn["text"], turn.get("image_caption"))
    record = Record(
        kind="chat",
        body=" ".join(text for text in texts if text) or "…",
        people=(turn["speaker"],),
        time=_time(str(turn["time"])),
        source=str(turn["dia_id"]),
        thread=f"session {turn['session']}",
        position=place,
    )
    return Item(record, key=f"locomo:{turn['dia_id']}")


def _time(text: str) -> datetime:
    for form in _TIMES:
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    raise ValueError("no time in a form that is known")
