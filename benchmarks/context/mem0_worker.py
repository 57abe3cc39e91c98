"""mem0's local mode on the same records and questions, in an environment of its own: its dependencies fit no other's.

`PYTHON mem0_worker.py FOLDER` reads `records.jsonl` (`id`, `text`), `vectors.npy`, `questions.jsonl` (`id`, `text`) and
`question_vectors.npy` from the folder, and prints one JSON object. mem0 keeps its vectors in Qdrant's local mode, its
default. Records are added to that directly: through `add` each would be embedded one by one. Questions are asked with
`search`, with an embedder that knows their vectors, so embedding takes no time here.
"""

from __future__ import annotations

import json
import os
import sys
import time
import uuid
from pathlib import Path
from typing import Any

_LIMIT = 8
_BATCH = 1000
_USER = "somebody"


def main(folder: Path) -> None:
    """Add, ask, and print the milliseconds of each question and how many brought their record."""
    os.environ |= {"MEM0_TELEMETRY": "False", "MEM0_DIR": str(folder / "mem0"), "OPENAI_API_KEY": "unused"}
    import numpy as np
    from mem0 import Memory

    vectors, asked_vectors = np.load(folder / "vectors.npy"), np.load(folder / "question_vectors.npy")
    records, questions = _lines(folder / "records.jsonl"), _lines(folder / "questions.jsonl")
    store = {"collection_name": "life", "path": str(folder / "qdrant"), "embedding_model_dims": vectors.shape[1]}
    memory = Memory.from_config({"vector_store": {"provider": "qdrant", "config": store}})
    known = zip((row["text"] for row in questions), asked_vectors.tolist(), strict=True)
    memory.embedding_model = _Known(dict(known))
    started = time.perf_counter()
    for start in range(0, len(records), _BATCH):
        page = records[start : start + _BATCH]
        memory.vector_store.insert(
            vectors=[vector.tolist() for vector in vectors[start : start + _BATCH]],
            payloads=[{"data": row["text"], "user_id": _USER, "record": row["id"]} for row in page],
            ids=[str(uuid.UUID(int=row["id"])) for row in page],
        )
    added_per_s = len(records) / (time.perf_counter() - started)
    spent_ms, found = [], 0
    for row in questions:
        started = time.perf_counter()
        hits = memory.search(row["text"], top_k=_LIMIT, filters={"user_id": _USER}, threshold=0.0)["results"]
        spent_ms.append((time.perf_counter() - started) * 1000)
        found += str(uuid.UUID(int=row["id"])) in {hit["id"] for hit in hits}
    print(json.dumps({"ms": spent_ms, "found": found / len(questions), "added_per_s": added_per_s}))


class _Known:
    """An embedder for texts whose vectors are known."""

    def __init__(self, vectors: dict[str, list[float]]) -> None:
        self._vectors = vectors

    def embed(self, text: str, memory_action: str | None = None) -> list[float]:
        return self._vectors[text]


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
