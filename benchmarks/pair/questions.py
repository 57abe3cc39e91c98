"""Questions with checkable answers, from public sets, put as the agent would put them."""

from __future__ import annotations

import gzip
import hashlib
import json
import random
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from edge_agent.assembly import CLOUD_SYSTEM, GROUNDED_SYSTEM, LOCAL_SYSTEM
from edge_agent.context.evaluation import UNANSWERABLE, read_conversations
from edge_agent.context.store import SqliteContextStore
from edge_agent.context.wording import sentence
from orchestrator.ports import Embedder
from orchestrator.prompt import Composer, Prompt
from orchestrator.token_counts import CountTokens
from orchestrator.types import Message

FILES: Final = {
    "mmlu": "routing/mmlu.dev.jsonl.gz",
    "gsm8k": "routing/gsm8k.dev.jsonl.gz",
    "clinc": "assistant/clinc150.dev.jsonl.gz",
    "locomo": "memory/locomo.dev.jsonl.gz",
}
COUNTS: Final = {"mmlu": 900, "clinc": 420, "locomo": 260, "gsm8k": 60}
_FIRST: Final = {"locomo": 150, "gsm8k": 30}
"""Of the tasks with long prompts and answers, so many are mixed with the others, and the rest come last."""
SEED: Final = 5
_LONGEST_CHARS: Final = 900
"""Of a question: about 250 tokens."""
_INTENTS: Final = 10
_RECALLED: Final = 8
_WINDOW: Final = 1024


@dataclass(frozen=True, slots=True)
class Reference:
    """Where a question stands: its text stays in the public file. `row` counts lines; `place` within a line, else 0."""

    file: str
    row: int
    place: int
    sha: str
    """The first twelve digits of the SHA-256 of the question's text in that file."""

    @property
    def key(self) -> tuple[str, int, int]:
        """File, row and place."""
        return self.file, self.row, self.place


@dataclass(frozen=True, slots=True)
class Question:
    """A question, as both models are asked it."""

    task: str
    reference: Reference
    text: str
    """What is asked, and what a router sees: without recalled turns."""
    gold: str
    choices: tuple[str, ...]
    """Answers to be compared by their probability; empty where the model writes freely."""
    device: tuple[tuple[str, str], ...]
    """Messages: role and text."""
    cloud: tuple[tuple[str, str], ...]
    most_tokens: int
    blank: str = ""
    """The last message with nothing in it: how likely a choice is behind that says how common it is anyway."""
    relevance: float = 0.0
    """Of the best record in the prompt."""
    confidence: float = 0.0
    """Of recall."""

    def to_json(self) -> str:
        """One line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> Question:
        """The inverse."""
        plain = json.loads(line)
        plain["reference"] = Reference(**plain["reference"])
        for field in ("device", "cloud"):
            plain[field] = tuple((role, text) for role, text in plain[field])
        return cls(**plain | {"choices": tuple(plain["choices"])})


def asked(data: Path, *, seed: int = SEED) -> dict[tuple[str, int, int], str]:
    """What the models were asked, by file, row and place: labels hold no text, and are joined with it by this."""
    plain = [question for maker in _MAKERS.values() for question in maker(data, random.Random(seed))]
    found = {question.reference.key: question.text for question in plain}
    file = FILES["locomo"]
    for row, conversation in enumerate(lines(data / file)):
        found |= {(file, row, place): _briefly(str(qa["question"])) for place, qa in enumerate(conversation["qa"])}
    return found


def sample(data: Path, embedder: Embedder, count_tokens: CountTokens, *, seed: int = SEED) -> list[Question]:
    """The questions, mixed, so that any first part of them is a smaller sample of nearly the same kind.

    Args:
        data: the folder of the public files.
        embedder: for recall.
        count_tokens: of the device's model, which the records' share of a prompt is measured with.
        seed: of the choice and the order.
    """
    chance = random.Random(seed)
    found = {task: list(maker(data, random.Random(seed))) for task, maker in _MAKERS.items()}
    found["locomo"] = list(_locomo(data, embedder, count_tokens, random.Random(seed)))
    chance.shuffle(found["locomo"])
    mixed = [question for task in COUNTS for question in found[task][: _FIRST.get(task)]]
    rest = [question for task in _FIRST for question in found[task][_FIRST[task] :]]
    chance.shuffle(mixed)
    chance.shuffle(rest)
    return mixed + rest


def lines(path: Path) -> list[dict[str, Any]]:
    """The rows of a gzipped file of JSON lines."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def sha(text: str) -> str:
    """See `Reference.sha`."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _mmlu(data: Path, chance: random.Random) -> Iterator[Question]:
    rows = [
        (at, row)
        for at, row in enumerate(lines(data / FILES["mmlu"]))
        if row["answer"] is not None and len(row["prompt"]) <= _LONGEST_CHARS
    ]
    for at, row in chance.sample(rows, COUNTS["mmlu"]):
        gold = "ABCD"[int(row["answer"])]
        yield _plain("mmlu", at, row["prompt"], row["prompt"], gold, tuple("ABCD"), 12)


def _gsm8k(data: Path, chance: random.Random) -> Iterator[Question]:
    rows = list(enumerate(lines(data / FILES["gsm8k"])))
    for at, row in chance.sample(rows, COUNTS["gsm8k"]):
        yield _plain("gsm8k", at, row["prompt"], row["prompt"], str(row["answer"]), (), 160)


def _clinc(data: Path, chance: random.Random) -> Iterator[Question]:
    rows = [(at, row) for at, row in enumerate(lines(data / FILES["clinc"])) if row["intent"] != "oos"]
    intents = sorted({row["intent"] for _, row in rows})
    for at, row in chance.sample(rows, COUNTS["clinc"]):
        others = chance.sample([intent for intent in intents if intent != row["intent"]], _INTENTS - 1)
        names = [intent.replace("_", " ") for intent in (row["intent"], *others)]
        gold = names[0]
        chance.shuffle(names)
        question = _plain("clinc", at, row["text"], _intent(row["text"]), gold, tuple(names), 12)
        yield replace(question, blank=_intent("something"))


def _plain(
    task: str, row: int, text: str, asked: str, gold: str, choices: tuple[str, ...], most_tokens: int
) -> Question:
    reference = Reference(FILES[task], row, 0, sha(text))
    device = (("system", LOCAL_SYSTEM), ("user", asked))
    cloud = (("system", CLOUD_SYSTEM), ("user", asked))
    return Question(task, reference, asked, gold, choices, device, cloud, most_tokens)


def _locomo(data: Path, embedder: Embedder, count_tokens: CountTokens, chance: random.Random) -> Iterator[Question]:
    """Questions about what was said, each with the turns that recall brings, as if those were public."""
    path = data / FILES["locomo"]
    rows = lines(path)
    asked = [
        (row, place)
        for row, plain in enumerate(rows)
        for place, qa in enumerate(plain["qa"])
        if qa["category"] != UNANSWERABLE and "answer" in qa
    ]
    chosen = chance.sample(asked, COUNTS["locomo"])
    composer = Composer(
        wording=sentence, count_tokens=count_tokens, system=LOCAL_SYSTEM, grounded_system=GROUNDED_SYSTEM
    )
    for row, conversation in enumerate(read_conversations(path)):
        with (
            tempfile.TemporaryDirectory(prefix="edgewise-pair-") as folder,
            SqliteContextStore(Path(folder, "memory.db"), embedder=embedder) as store,
        ):
            store.put(conversation.items)
            while store.embed_missing():
                pass
            for place in (place for at, place in chosen if at == row):
                qa = rows[row]["qa"][place]
                found = store.recall(qa["question"], limit=_RECALLED, now=conversation.ended)
                message = Message("user", _briefly(qa["question"]))
                prompt = composer.compose([message], found, now=conversation.ended, window_tokens=_WINDOW)
                yield Question(
                    task="locomo",
                    reference=Reference(FILES["locomo"], row, place, sha(str(qa["question"]))),
                    text=message.text,
                    gold=str(qa["answer"]),
                    choices=(),
                    device=_messages(prompt),
                    cloud=_messages(prompt),
                    most_tokens=32,
                    relevance=max((hit.relevance for hit in found), default=0.0),
                    confidence=found.confidence,
                )


def _messages(prompt: Prompt) -> tuple[tuple[str, str], ...]:
    return tuple((message.role, message.text) for message in prompt.messages)


def _intent(text: str) -> str:
    return f'Name the intent of this request in a word or two: "{text}"'


def _briefly(question: str) -> str:
    return f"{question} Answer in as few words as possible."


_MAKERS: Final = {"mmlu": _mmlu, "clinc": _clinc, "gsm8k": _gsm8k}
