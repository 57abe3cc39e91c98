"""Labelled texts from templates of our own: what the tagger of names is fitted on.

A template is a line with `{slots}`, which `values` fills, and `(one|two|)`, of which one is taken. `\\n` ends a line of
the text. A slot's text is labelled with the kind of its slot, or with nothing.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.names.values import KIND_OF, Values
from edge_agent.privacy.evaluation import Labelled, Span

_FOLDER: Final = Path(__file__).with_name("templates")
_CHOICE: Final = re.compile(r"\(([^()]*\|[^()]*)\)")
_SLOT: Final = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Template:
    """One line of a file of templates; `name` tells which, for folds."""

    name: str
    pattern: str


def templates() -> list[Template]:
    """All that are written, in a fixed order."""
    return [
        Template(f"{path.stem}:{number}", line)
        for path in sorted(_FOLDER.glob("*.txt"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if line.strip()
    ]


def sentences(count: int, rng: random.Random, values: Values) -> Iterator[Labelled]:
    """`count` texts of one to three filled templates each."""
    written = templates()
    for _ in range(count):
        pieces = [_filled(rng.choice(written).pattern, rng, values) for _ in range(rng.choice((1, 1, 1, 2, 2, 3)))]
        yield _roughened(_joined(pieces, rng.choice((" ", " ", "\n", "\n\n"))), rng)


def _filled(pattern: str, rng: random.Random, values: Values) -> Labelled:
    while (choice := _CHOICE.search(pattern)) is not None:
        pattern = pattern[: choice.start()] + rng.choice(choice[1].split("|")) + pattern[choice.end() :]
    pattern = pattern.replace("\\n", "\n")
    text, spans, done = "", [], 0
    for slot in _SLOT.finditer(pattern):
        text += pattern[done : slot.start()]
        value = values.of(slot[1])
        if (kind := KIND_OF.get(slot[1])) is not None and value:
            spans.append(Span(kind, len(text), len(text) + len(value)))
        text += value
        done = slot.end()
    return Labelled(text + pattern[done:], tuple(spans))


def _joined(pieces: list[Labelled], gap: str) -> Labelled:
    text, spans = "", []
    for number, piece in enumerate(pieces):
        text += gap if number else ""
        spans += [Span(span.type, span.start + len(text), span.end + len(text)) for span in piece.spans]
        text += piece.text
    return Labelled(text, tuple(spans))


def _roughened(row: Labelled, rng: random.Random) -> Labelled:
    """As people type: now and then all small or all large, the first letter large, no full stop."""
    chance, text = rng.random(), row.text
    if chance < 0.08 and len(text.lower()) == len(text):
        text = text.lower()
    elif chance < 0.10 and len(text.upper()) == len(text):
        text = text.upper()
    elif chance < 0.5 and len(text[:1].upper()) == 1:
        text = text[:1].upper() + text[1:]
    if text.endswith(".") and rng.random() < 0.2 and all(span.end < len(text) for span in row.spans):
        text = text[:-1]
    return Labelled(text, row.spans)
