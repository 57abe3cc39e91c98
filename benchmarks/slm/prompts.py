"""What the contestants read: the same token ids for all."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from benchmarks.slm.contestant import Prompt
from edge_agent.assembly import GROUNDED_SYSTEM, LOCAL_SYSTEM
from edge_agent.context.importers import import_paths
from edge_agent.context.store import SqliteContextStore
from edge_agent.context.wording import sentence
from edge_agent.slm.chat_template import ChatTemplate
from edge_agent.slm.folder import ModelFolder
from edge_agent.slm.tokenizer import Tokenizer
from orchestrator.prompt import Composer
from orchestrator.types import Message

ROOT = Path(__file__).resolve().parents[2]
CONVERSATION_TOKENS = 1000
_NOW = datetime(2026, 11, 23, 9, 0, tzinfo=ZoneInfo("Europe/Berlin"))
_SEED = 20261123
_RECALLED = 3
_LAST = Message("user", "What does the first of these texts say? Answer in one sentence.")
QUESTIONS = (
    "What do bees make?",
    "Who wrote Hamlet?",
    "Why is the sky blue?",
    "How do I boil an egg?",
    "Write two sentences about the sea.",
    "What is the difference between a lake and a river?",
    "Give me three names for a cat.",
    "Explain what a loop does in a program.",
)


class Prompts:
    """Makes prompts with one model's tokenizer and template."""

    def __init__(self, folder: Path) -> None:
        """Args:
        folder: any conversion of the model; all share the tokenizer.
        """
        files = ModelFolder(folder)
        self.tokenizer = Tokenizer.open(files.tokenizer)
        self.vocabulary = json.loads((folder / "config.json").read_text(encoding="utf-8"))["vocab_size"]
        special = files.special_tokens
        self.ends = files.end_ids | self.tokenizer.ids_of([special.get("eos_token", "")])
        self._template = ChatTemplate(
            files.chat_template,
            variables=special,
            control_tokens=self.tokenizer.special_tokens,
            now=lambda: _NOW,
        )

    def chat(self, messages: Sequence[Message]) -> Prompt:
        """A conversation, rendered."""
        return Prompt(tuple(messages), tuple(self.tokenizer.encode(self._template.render(messages, prefix=""))))

    def question(self, text: str) -> Prompt:
        """A question as the agent asks it."""
        return self.chat([Message("system", LOCAL_SYSTEM), Message("user", text)])

    def random(self, length: int, number: int) -> list[int]:
        """`length` token ids; another `number`, other ids. Speed does not depend on what they say."""
        rng = np.random.default_rng((_SEED, length, number))
        edge = min(1000, self.vocabulary // 4)  # where special tokens are
        ids: list[int] = rng.integers(edge, self.vocabulary - edge, length).tolist()
        return ids

    def turns(self, number: int) -> tuple[Prompt, Prompt]:
        """The first turn of a conversation of about a thousand tokens, and the second, which continues it.

        Another `number` begins otherwise, so that nothing of one conversation serves another.
        """
        first = [Message("system", f"{number}. You are a helpful assistant.")]
        for title, text in texts().items():
            longer = [*first, Message("user", f"Here is a text ({title}):\n\n{text}"), Message("assistant", "Thanks.")]
            if len(self.chat([*longer, _LAST]).tokens) > CONVERSATION_TOKENS:
                break
            first = longer
        answer = Message(
            "assistant", "It says that the boat was late, and that nobody had come to meet the passengers."
        )
        second = [*first, _LAST, answer, Message("user", "And who was waiting there?")]
        return self.chat([*first, _LAST]), self.chat(second)

    def grounded(self, count: int) -> list[Prompt]:
        """Questions whose answer is in the example household's records, as the agent asks them of the device.

        The records are recalled and laid out by the agent's own store and composer.
        """
        lines = (ROOT / "benchmarks/context/questions.jsonl").read_text(encoding="utf-8").splitlines()
        rows = [row for line in lines if (row := json.loads(line))["titles"]]
        with tempfile.TemporaryDirectory() as folder, SqliteContextStore(Path(folder, "context.db")) as store:
            import_paths(store, [ROOT / "examples/household"])
            found = [prompt for row in rows[: 2 * count] if (prompt := self._grounded(store, row["question"]))]
        return found[:count]

    def _grounded(self, store: SqliteContextStore, question: str) -> Prompt | None:
        recalled = store.recall(question, limit=_RECALLED, now=_NOW)
        composer = Composer(
            wording=sentence,
            count_tokens=lambda messages: len(self.chat(messages).tokens),
            system=LOCAL_SYSTEM,
            grounded_system=GROUNDED_SYSTEM,
        )
        composed = composer.compose([Message("user", question)], recalled, now=_NOW, window_tokens=1024)
        return self.chat(composed.messages) if recalled else None


def texts() -> dict[str, str]:
    """Eight kinds of text, about a hundred tokens each, written for this benchmark and used for nothing else."""
    read: dict[str, str] = json.loads(Path(__file__).with_name("texts.json").read_text(encoding="utf-8"))
    return read
