"""Which model should compare meanings: what each finds, and what a text costs it.

`python -m benchmarks.embedding --data locomo.dev.jsonl.gz` asks recall, as it is, the questions of conversations in
LoCoMo's format with each model: MiniLM as it is installed (in integers), the same in float32, wordllama's static
vectors, and without any. A model that is not at hand is named with what is missing. Joules are modelled, from
processor seconds.

It takes a minute a conversation on two cores; `--conversations 1` takes only the first.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np

from edge_agent.context.evaluation import Conversation, evaluate, read_conversations
from edge_agent.embedder import SentenceEmbedder, Vectors
from edge_agent.energy.modelled import ModelledMeter
from edge_agent.energy.profile import Profile
from orchestrator.ports import Embedder

_MINILM: Final = "all-minilm-l6-v2"
_TIMED: Final = 200
_ROUNDS: Final = 5
"""The quickest counts, so that other work on the machine counts less."""


@dataclass(frozen=True, slots=True)
class Result:
    """What one model reached. `missing` says why there are no figures, where there are none.

    Attributes:
        question_ms: median of embedding one question by itself, on one core.
        texts_per_s: turns of a conversation embedded together, on one core.
        joules_per_text: modelled, of these turns.
    """

    name: str
    recall_5: float = 0.0
    recall_10: float = 0.0
    question_ms: float = 0.0
    texts_per_s: float = 0.0
    joules_per_text: float = 0.0
    missing: str = ""


class WordLlama:
    """An `Embedder`: the mean of static vectors of tokens (pip install wordllama), which its wheel carries."""

    name = "wordllama-256"
    dimensions = 256

    def __init__(self) -> None:
        import wordllama

        here = Path(wordllama.__file__).parent  # its own search looks for the tokenizer in another folder of its wheel
        self._model = wordllama.WordLlama.load(cache_dir=here, disable_download=True)

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One vector of length 1 a text."""
        made: Vectors = np.asarray(self._model.embed([text or "." for text in texts], norm=True), np.float32)
        return made


def candidates(folder: Path) -> dict[str, Callable[[], Embedder | None]]:
    """Name → how it is opened; `folder` is for models that are made for this."""
    return {
        "none: words, people and times alone": lambda: None,
        "wordllama, 256 dimensions": WordLlama,
        "all-MiniLM-L6-v2 in integers (shipped)": _shipped,
        "all-MiniLM-L6-v2 in float32": lambda: _exact(folder),
    }


def _shipped() -> Embedder:
    from edge_agent.slm.pull import ensure

    return SentenceEmbedder.open(ensure(_MINILM))


def _exact(folder: Path) -> Embedder:
    from edge_agent.slm.convert.encoder import convert_encoder
    from edge_agent.slm.pull import ensure, original_file

    made = folder / "minilm-float32"
    made.mkdir()
    convert_encoder(original_file(_MINILM).parent, made / "model.onnx", exact=True)
    (made / "tokenizer.json").write_bytes((ensure(_MINILM) / "tokenizer.json").read_bytes())
    return SentenceEmbedder.open(made)


def measure(name: str, opened: Callable[[], Embedder | None], conversations: Sequence[Conversation]) -> Result:
    """Recall and cost of one model."""
    try:
        embedder = opened()
    except ImportError as error:
        return Result(name, missing=f"{error.name} is not installed")
    found = evaluate(conversations, embedder).quality["all"].recall
    if embedder is None:
        return Result(name, found[5], found[10])
    turns = [item.record.body for item in conversations[0].items][:_TIMED]
    questions = [question.text for question in conversations[0].questions]
    question_ms = statistics.median(min(_ms(embedder, [text]) for _ in range(_ROUNDS)) for text in questions)
    turns_ms = min(_ms(embedder, turns) for _ in range(_ROUNDS))
    joules = min(_joules(embedder, turns) for _ in range(_ROUNDS))
    return Result(name, found[5], found[10], question_ms, len(turns) / turns_ms * 1000, joules / len(turns))


def _ms(embedder: Embedder, texts: Sequence[str]) -> float:
    started = time.perf_counter()
    embedder.embed(texts)
    return (time.perf_counter() - started) * 1000


def _joules(embedder: Embedder, texts: Sequence[str]) -> float:
    meter = ModelledMeter(Profile.load()).start()
    embedder.embed(texts)
    return meter.stop().joules


def table(results: Sequence[Result]) -> Iterator[str]:
    """Lines of Markdown."""
    yield "| | recall@5 | recall@10 | a question, ms | texts/s, one core | a text, mJ (modelled) |"
    yield "|---|---|---|---|---|---|"
    for result in results:
        cells = [f"{result.recall_5:.3f}", f"{result.recall_10:.3f}"]
        if result.texts_per_s:
            costs = (f"{result.question_ms:.2f}", f"{result.texts_per_s:,.0f}", f"{result.joules_per_text * 1000:.1f}")
            cells += costs
        cells = [result.missing] if result.missing else cells
        yield f"| {result.name} | {' | '.join(cells + [''] * (5 - len(cells)))} |"


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, and print what came out."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.embedding", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="conversations in LoCoMo's format, JSON lines")
    parser.add_argument("--conversations", type=int, default=None, help="only the first so many")
    parser.add_argument("--json", action="store_true", help="for programs")
    options = parser.parse_args(argv)
    conversations = read_conversations(options.data)[: options.conversations]
    with tempfile.TemporaryDirectory() as folder:
        results = [measure(name, opened, conversations) for name, opened in candidates(Path(folder)).items()]
    print(json.dumps([asdict(result) for result in results], indent=2) if options.json else "\n".join(table(results)))


if __name__ == "__main__":
    main()
