"""A made-up life: ten years of chats, mails, appointments, notes and contacts, as many as are wanted, by a seed.

The words are English, with the frequencies of Zipf and Mandelbrot, and each record has a subject whose words come more
often in it; lengths are as chats, mails and notes have them. What it says means nothing, but an index, a database and
an embedding model have as much to do with it as with a real one.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple, Self

import numpy as np

from edge_agent.context.items import Item
from edge_agent.context.stopwords import STOP_WORDS
from orchestrator.types import Record

_SEED: Final = 20261123
_BEGINNING: Final = datetime(2016, 11, 23, tzinfo=UTC)
_SECONDS: Final = 10 * 365 * 86400
_PAGE: Final = 5000
"""Records whose words are drawn at once."""
_SUBJECTS, _SUBJECT_WORDS, _SUBJECT_SHARE = 400, 60, 0.35
_FIRST_SUBJECT_RANK, _LAST_SUBJECT_RANK = 300, 12_000
_CONVERSATIONS: Final = 300
_ANSWERED: Final = 0.4
"""Of the mails, so many answer one of the latest."""
_NAMES = """
Anna Ben Carla David Elif Farid Greta Hugo Ines Jonas Karim Lena Mateo Nadia Omar Priya Quentin Rosa Samuel Tuula Uma
Viktor Wanda Xenia Yusuf Zoe
"""
_SURNAMES = """
Almeida Brandt Castillo Dubois Eriksen Ferrari Gruber Haddad Ivanova Jansen Kowalski Lindqvist Moreau Novak Okafor
Petrov Quist Rossi Schuster Tanaka Ueda Vogel Weber Yilmaz Zimmer
"""
_TIMES = ("", "", "", " in May", " last week", " on Friday", " last year")
_FORMS = ("What did {who} say about {what}{when}?", "When was the {what} with {who}{when}?", "Where is the {what}?")


class _Form(NamedTuple):
    """How often a kind of record comes, and the words of its body: their median, and the spread of its logarithm."""

    kind: str
    share: float
    words: int
    spread: float


_KINDS = (
    _Form("chat", 0.62, 9, 0.7),
    _Form("mail", 0.26, 80, 0.8),
    _Form("event", 0.07, 8, 0.6),
    _Form("note", 0.048, 90, 0.9),
    _Form("contact", 0.002, 6, 0.3),
)


class Life:
    """Records in the order of time, the same for the same seed, and questions about them."""

    def __init__(self, words: Sequence[str], *, seed: int = _SEED) -> None:
        """`words` of a language, the most frequent first."""
        self._seed = seed
        self._plain = np.array(words, dtype=object)
        self._words = np.array([*words, *(f"{word}." for word in words)], dtype=object)
        weights = 1 / (np.arange(len(words)) + 2.7)
        self._cumulated = np.cumsum(weights / weights.sum())
        rng = np.random.default_rng(seed)
        last = min(_LAST_SUBJECT_RANK, len(words))
        self._subjects = rng.integers(min(_FIRST_SUBJECT_RANK, last // 2), last, (_SUBJECTS, _SUBJECT_WORDS))
        self._people = [f"{first} {last}" for first in _NAMES.split() for last in _SURNAMES.split()]
        random.Random(seed).shuffle(self._people)

    @classmethod
    def in_words_of(cls, model: Path) -> Self:
        """In the whole words that an embedding model's tokenizer knows, which come by frequency."""
        vocabulary = json.loads((model / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
        ordered = sorted(vocabulary, key=lambda word: int(vocabulary[word]))
        return cls([word for word in ordered if word.isascii() and word.isalpha() and len(word) > 1])

    def records(self, count: int) -> Iterator[Item]:
        """The first `count` records' worth of a life of ten years: fewer are farther apart."""
        numbers, choice = np.random.default_rng(self._seed + 1), random.Random(self._seed + 1)
        threads = _Threads(choice)
        for start in range(0, count, _PAGE):
            size = min(_PAGE, count - start)
            kinds = numbers.choice(len(_KINDS), size, p=[form.share for form in _KINDS])
            texts = self._texts(numbers, kinds)
            for offset, (kind, (title, body)) in enumerate(zip(kinds.tolist(), texts, strict=True)):
                moment = _BEGINNING + timedelta(seconds=(start + offset) * _SECONDS // count)
                yield self._item(_KINDS[kind].kind, start + offset, moment, title, body, threads)

    def question(self, about: Record, choice: random.Random) -> str:
        """What somebody could ask who half remembers a record: words of it, perhaps who and when."""
        words = [word.strip(".") for word in f"{about.title} {about.body}".split()]
        own = list(dict.fromkeys(word for word in words if word not in STOP_WORDS)) or words
        what = " ".join(choice.sample(own, min(len(own), choice.randint(2, 4))))
        who = about.people[0].split()[0] if about.people else "Anna"
        return choice.choice(_FORMS).format(what=what, who=who, when=choice.choice(_TIMES))

    def _texts(self, numbers: np.random.Generator, kinds: np.ndarray) -> Iterator[tuple[str, str]]:
        """Title and body of records of these kinds."""
        medians = np.array([form.words for form in _KINDS])[kinds]
        spreads = np.array([form.spread for form in _KINDS])[kinds]
        bodies = np.maximum(2, medians * np.exp(numbers.standard_normal(len(kinds)) * spreads)).astype(np.int64)
        titles = numbers.integers(2, 7, len(kinds))
        lengths = titles + bodies
        drawn = np.searchsorted(self._cumulated, numbers.random(int(lengths.sum())) * self._cumulated[-1])
        subjects = np.repeat(numbers.integers(0, _SUBJECTS, len(kinds)), lengths)
        own = numbers.random(len(drawn)) < _SUBJECT_SHARE
        drawn[own] = self._subjects[subjects[own], numbers.integers(0, _SUBJECT_WORDS, int(own.sum()))]
        drawn[11::12] += len(self._plain)  # the end of a sentence
        words = self._words[drawn].tolist()
        end = 0
        for title, body in zip(titles.tolist(), bodies.tolist(), strict=True):
            start, middle, end = end, end + title, end + title + body
            yield " ".join(words[start:middle]), " ".join(words[middle:end])

    def _item(self, kind: str, number: int, moment: datetime, title: str, body: str, threads: _Threads) -> Item:
        timed = kind in ("chat", "mail", "event")
        thread, position = threads.place(kind, number)
        first = hash_of(thread) if thread else number * 7919
        people = tuple(self._people[(first + step) % len(self._people)] for step in range(1 + (number + position) % 2))
        record = Record(
            kind=kind,
            title=people[0] if kind == "contact" else "" if kind == "chat" else title,
            body=body,
            people=people[::-1] if position % 2 else people,
            time=moment if timed else None,
            end=moment + timedelta(hours=1) if kind == "event" else None,
            place=title if kind == "event" else "",
            source="benchmark",
            thread=thread,
            position=position,
        )
        return Item(record, key=f"benchmark:{number}")


def hash_of(text: str) -> int:
    """A number that is the same in every process."""
    return sum(ord(letter) * (31 + place) for place, letter in enumerate(text))


class _Threads:
    """Which conversation the next message belongs to."""

    def __init__(self, choice: random.Random) -> None:
        self._choice = choice
        self._spoken = dict.fromkeys(range(_CONVERSATIONS), 0)
        self._mails: list[tuple[int, int]] = []

    def place(self, kind: str, number: int) -> tuple[str, int]:
        """Its thread, empty for none, and the place there."""
        if kind == "chat":
            with_whom = int(_CONVERSATIONS * self._choice.random() ** 3)  # a few of them are most of what is said
            self._spoken[with_whom] += 1
            return f"chat {with_whom}", self._spoken[with_whom]
        if kind != "mail":
            return "", 0
        if self._mails and self._choice.random() < _ANSWERED:
            first, depth = self._choice.choice(self._mails)
        else:
            first, depth = number, -1
        self._mails = [*self._mails[-50:], (first, depth + 1)]
        return f"mail:{first}@benchmark", depth + 1
