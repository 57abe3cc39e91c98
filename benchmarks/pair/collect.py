"""Asks both models everything, in slices: what is written stays, and a later slice goes on behind it."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import fmean
from typing import Any, Final

from benchmarks.pair.judge import RIGHT_F1, last_number, token_f1
from benchmarks.pair.model import PairModel, Written
from benchmarks.pair.questions import Question

SAMPLES: Final = 3
_SAMPLED_EVERY: Final = 5
"""Of so many questions one is also answered a few times at temperature 0.7."""


def collect(
    questions: Sequence[Question], device: PairModel, cloud: PairModel, out: Path, *, within_s: float
) -> tuple[int, int]:
    """Ask what `out` does not have yet, until it is done or `within_s` seconds have passed.

    Returns:
        How many rows there are now, and how many there will be.
    """
    asked = _asked(out)
    waiting = [(at, question) for at, question in enumerate(questions) if question.reference.key not in asked]
    done = len(questions) - len(waiting)
    ends_s = time.monotonic() + within_s
    with ThreadPoolExecutor(1) as aside, out.open("a", encoding="utf-8") as file:
        for at, question in waiting:
            if time.monotonic() > ends_s:
                break
            samples = 0 if at % _SAMPLED_EVERY else SAMPLES
            # Where choices are compared, nobody reads what the cloud would write behind them.
            most = 1 if question.choices else question.most_tokens
            strong = aside.submit(cloud.ask, question.cloud, question.choices, most, blank=question.blank)
            weak = device.ask(
                question.device, question.choices, question.most_tokens, blank=question.blank, samples=samples
            )
            file.write(json.dumps(_row(question, weak, strong.result())) + "\n")
            file.flush()
            done += 1
    return done, len(questions)


def _asked(out: Path) -> set[tuple[str, int, int]]:
    lines = out.read_text(encoding="utf-8").splitlines() if out.exists() else []
    return {(row["file"], row["row"], row["place"]) for row in map(json.loads, lines)}


def _row(question: Question, weak: Written, strong: Written) -> dict[str, Any]:
    weak_right, weak_score = _judge(question, weak)
    strong_right, strong_score = _judge(question, strong)
    place = question.reference
    row: dict[str, Any] = {
        "task": question.task,
        "file": place.file,
        "row": place.row,
        "place": place.place,
        "sha": place.sha,
        "weak_correct": weak_right,
        "strong_correct": strong_right,
        "weak_score": round(weak_score, 3),
        "strong_score": round(strong_score, 3),
        "said": [weak.text, strong.text],
        "tokens": [[round(value, 3) for value in token] for token in weak.tokens],
        "choices": [round(value, 3) for value in weak.choices],
        "prompt_tokens": weak.prompt_tokens,
        "device_cpu_ms": round(weak.cpu_ms, 1),
        "device_joules": round(weak.joules, 3),
        "cloud_prompt_tokens": strong.prompt_tokens,
        "cloud_tokens": len(strong.tokens),
        "cloud_cpu_ms": round(strong.cpu_ms, 1),
        "relevance": round(question.relevance, 3),
        "confidence": round(question.confidence, 3),
    }
    if weak.samples:
        row["agreement"] = round(fmean(_alike(question, weak.text, other) for other in weak.samples), 3)
    return row


def _judge(question: Question, answer: Written) -> tuple[bool, float]:
    """Whether an answer is right, and how right."""
    if question.choices:
        likeliest = max(range(len(answer.choices)), key=answer.choices.__getitem__)
        right = question.choices[likeliest] == question.gold
        return right, float(right)
    if question.task == "gsm8k":
        right = last_number(answer.text) == last_number(question.gold)
        return right, float(right)
    score = token_f1(answer.text, question.gold)
    return score >= RIGHT_F1, score


def _alike(question: Question, one: str, other: str) -> float:
    """How far two answers say the same, 0 to 1."""
    if question.task == "gsm8k":
        return float(last_number(one) is not None and last_number(one) == last_number(other))
    return token_f1(one, other)
