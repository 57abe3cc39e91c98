"""What a question's text shows before anything ran: some sixty numbers, read off by rule.

Nothing here is fitted. A trained router decides what each of them is worth; its file names those that it was fitted
on, so that a file from other traits is refused.
"""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

_OPTION: Final = re.compile(r"^\s*\(?([A-J])[.)]\s+(.*)$", re.MULTILINE)
_CLOSING: Final = re.compile(r"\s*\banswer\s*:\s*$", re.IGNORECASE)
_WORD: Final = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_NUMBER: Final = re.compile(r"\d+(?:[.,]\d+)*")
_SENTENCE: Final = re.compile(r"[.!?](?=\s|$)")
_FORMULA: Final = re.compile(r"[=+*/^<>√∫∑π×÷±≤≥_|\\{}\[\]]|\b[a-z]\([a-z0-9]\)|\b[xyz]\b")
_PLAIN_NUMBER: Final = re.compile(r"^[-–$£€(]*\d[\d.,/ ]*(?:[%°)]|\s?[^\W\d_]{1,9}\.?)?$")

_TERMS: Final[dict[str, str]] = {
    "negated": r"\b(?:not|never|cannot|none|neither|nor|without|n't)\b|n't\b",
    "excepting": r"\bexcept\b|\bNOT\b|\bLEAST\b|\bleast\b",
    "superlative": r"\b(?:most|best|main|primary|first|largest|greatest|highest|main|likely)\b",
    "either_true": r"\b(?:true|false)\b",
    "statements": r"\bstatements? (?:1|2|i|ii)\b|\bI\.|\bII\b",
    "following": r"\bfollowing\b",
    "calculating": r"\b(?:calculate|compute|find|solve|evaluate|simplify|estimate|determine|approximate(?:ly)?|how many"
    r"|how much|what is the value|value of)\b",
    "proportion": r"\b(?:percent(?:age)?|half|third|quarter|twice|double|triple|times|ratio|fraction|dozen|each|every"
    r"|per)\b|%|\d/\d",
    "comparison": r"\b(?:more|less|fewer|greater|older|younger|than|remaining|left|rest|total|altogether|difference)\b",
    "duration": r"\b(?:hours?|minutes?|seconds?|days?|weeks?|months?|years?|am|pm|daily|weekly)\b",
    "money": r"[$£€]|\b(?:dollars?|cents?|cost|price|pays?|sells?|buys?|profit|income|tax|interest)\b",
    "first_person": r"\b(?:I|me|my|mine|we|our)\b",
    "second_person": r"\b(?:you|your)\b",
    "third_person": r"\b(?:he|she|his|her|him|they|their)\b",
    "supposing": r"\b(?:if|suppose|assume|assuming|given that|would|could|might)\b",
    "reasoning": r"\b(?:explain|prove|derive|compare|contrast|analy[sz]e|justify|discuss|argue|why|because|therefore"
    r"|imply|implies|conclude|inference|argument)\b",
    "definition": r"\b(?:is called|known as|refers? to|defined?|definition|meaning|means|term|example of|describes?)\b",
    "causation": r"\b(?:causes?|caused|effects?|affects?|results?|leads?|due to|responsible)\b",
    "legal": r"\b(?:court|defendant|plaintiff|statute|liable|contract|jury|guilty|crime|law|state|owner|sued)\b",
    "medical": r"\b(?:patient|year-old|symptoms?|disease|treatment|blood|muscle|nerve|cells?|drug|clinical)\b",
    "physical": r"\b(?:energy|force|mass|velocity|electron|charge|current|temperature|pressure|light|atoms?)\b",
    "economic": r"\b(?:demand|supply|market|firms?|price|inflation|monetary|fiscal|goods|consumers?|investment)\b",
    "historical": r"\b(?:1[5-9]\d\d|century|war|empire|king|president|treaty|revolution|government|political)\b",
    "programming": r"```|\b(?:python|java|algorithm|program|array|loop|code|compiler?|bits?|binary|def|sql|integer)\b",
    "moral": r"\b(?:moral(?:ly|ity)?|ethic(?:s|al)|wrong|virtue|ought|standards?)\b",
    "writing": r"\b(?:essay|story|poem|article|report|outline|plan|paragraphs?|letter|speech|summari[sz]e|rewrite)\b",
    "quoting": r"[\"“”‘]",
    "blank": r"_{2,}|\.{3}",
}
_OPENINGS: Final[dict[str, str]] = {
    "opens_which": r"which\b|in which\b",
    "opens_what": r"what\b",
    "opens_how": r"how\b",
    "opens_why": r"why\b",
    "opens_who": r"who\b|whom\b|whose\b|when\b|where\b",
    "opens_if": r"if\b|suppose\b|let\b|given\b|consider\b|assume\b",
    "opens_article": r"an?\b|the\b",
}
_COUNTED: Final = {name: re.compile(pattern, re.IGNORECASE) for name, pattern in _TERMS.items()}
_OPENED: Final = {name: re.compile(pattern, re.IGNORECASE) for name, pattern in _OPENINGS.items()}


@dataclass(frozen=True)
class _Reading:
    """A question taken apart: what is asked, and the answers to choose from, if it names some."""

    text: str

    @cached_property
    def parts(self) -> tuple[str, tuple[str, ...]]:
        """The stem and the options."""
        found = list(_OPTION.finditer(self.text))
        if len(found) < 2:
            return _CLOSING.sub("", self.text), ()
        options = tuple(_CLOSING.sub("", match.group(2)).strip() for match in found)
        return self.text[: found[0].start()].strip(), options

    @property
    def stem(self) -> str:
        return self.parts[0]

    @property
    def options(self) -> tuple[str, ...]:
        return self.parts[1]

    @cached_property
    def words(self) -> list[str]:
        return _WORD.findall(self.stem)

    @cached_property
    def lengths(self) -> list[int]:
        return [len(option) for option in self.options]

    @cached_property
    def numbers(self) -> list[str]:
        return _NUMBER.findall(self.stem)

    @cached_property
    def vocabularies(self) -> list[frozenset[str]]:
        return [frozenset(word.lower() for word in option.split()) for option in self.options]

    def share(self, test: Callable[[str], object], of: Sequence[str] | None = None) -> float:
        items = self.options if of is None else of
        return sum(1 for item in items if test(item)) / len(items) if items else 0.0


def _spread(values: Sequence[float]) -> float:
    return statistics.pstdev(values) if values else 0.0


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _log(value: float) -> float:
    return math.log1p(max(0.0, value))


def _magnitude(numbers: Sequence[str]) -> float:
    """Decimal digits before the point of the largest number."""
    return max((len(number.split(".")[0].replace(",", "")) for number in numbers), default=0)


def _overlap(reading: _Reading) -> float:
    """Mean share of an option's words that stand in the stem, too."""
    stem = {word.lower() for word in reading.stem.split()}
    return _mean([len(words & stem) / len(words) for words in reading.vocabularies if words])


def _alikeness(reading: _Reading) -> float:
    """Mean Jaccard similarity of the first option's words with each other option's."""
    if len(reading.vocabularies) < 2:
        return 0.0
    first, *others = reading.vocabularies
    return _mean([len(first & other) / max(1, len(first | other)) for other in others])


_SHAPES: Final[dict[str, Callable[[_Reading], float]]] = {
    "characters": lambda r: _log(len(r.text)),
    "stem_characters": lambda r: _log(len(r.stem)),
    "stem_words": lambda r: _log(len(r.words)),
    "sentences": lambda r: _log(len(_SENTENCE.findall(r.stem))),
    "sentence_words": lambda r: _log(len(r.words) / max(1, len(_SENTENCE.findall(r.stem)))),
    "lines": lambda r: _log(r.stem.count("\n")),
    "word_length": lambda r: _mean([len(word) for word in r.words]),
    "long_words": lambda r: r.share(lambda word: len(word) > 8, r.words),
    "longest_word": lambda r: max((len(word) for word in r.words), default=0),
    "distinct_words": lambda r: len({word.lower() for word in r.words}) / max(1, len(r.words)),
    "capitalised": lambda r: r.share(lambda word: word[:1].isupper(), r.words[1:]),
    "shouted": lambda r: r.share(lambda word: len(word) > 1 and word.isupper(), r.words),
    "commas": lambda r: r.stem.count(",") / max(1, len(r.words)),
    "numbers": lambda r: _log(len(r.numbers)),
    "distinct_numbers": lambda r: _log(len(set(r.numbers))),
    "number_density": lambda r: len(r.numbers) / max(1, len(r.words)),
    "magnitude": lambda r: _magnitude(r.numbers),
    "decimals": lambda r: r.share(lambda number: "." in number, r.numbers),
    "formula": lambda r: _log(len(_FORMULA.findall(r.stem))),
    "formula_density": lambda r: len(_FORMULA.findall(r.stem)) / max(1, len(r.stem)) * 100,
    "foreign_characters": lambda r: _log(sum(1 for c in r.text if ord(c) > 127)),
    "parentheses": lambda r: _log(r.stem.count("(")),
    "questions": lambda r: _log(r.stem.count("?")),
    "ends_asking": lambda r: r.stem.rstrip().endswith("?"),
    "ends_open": lambda r: r.stem.rstrip()[-1:].isalnum(),
    "ends_colon": lambda r: r.stem.rstrip().endswith(":"),
    "asked_words": lambda r: _log(len(re.split(r"[.!;]\s", r.stem)[-1].split())),
    "options": lambda r: len(r.options),
    "option_length": lambda r: _log(_mean(r.lengths)),
    "option_shortest": lambda r: _log(min(r.lengths, default=0)),
    "option_longest": lambda r: _log(max(r.lengths, default=0)),
    "option_spread": lambda r: _spread(r.lengths) / (1 + _mean(r.lengths)),
    "option_numeric": lambda r: r.share(_PLAIN_NUMBER.match),
    "option_digits": lambda r: _mean([sum(c.isdigit() for c in o) / max(1, len(o)) for o in r.options]),
    "option_formula": lambda r: r.share(_FORMULA.search),
    "option_single_word": lambda r: r.share(lambda option: len(option.split()) == 1),
    "option_sentence": lambda r: r.share(lambda option: option.endswith(".")),
    "option_capitalised": lambda r: r.share(lambda option: option[:1].isupper()),
    "option_of_the_above": lambda r: r.share(
        lambda option: re.search(r"\b(?:above|both|neither|none|all)\b", option, 2)
    ),
    "option_negated": lambda r: r.share(_COUNTED["negated"].search),
    "option_true": lambda r: r.share(_COUNTED["either_true"].search),
    "option_commas": lambda r: r.share(lambda option: "," in option),
    "option_alike": _alikeness,
    "option_in_stem": _overlap,
}


def _term(name: str) -> Callable[[_Reading], float]:
    return lambda reading: _log(len(_COUNTED[name].findall(reading.stem)))


def _opening(name: str) -> Callable[[_Reading], float]:
    return lambda reading: float(bool(_OPENED[name].match(reading.stem)))


_TRAITS: Final[dict[str, Callable[[_Reading], float]]] = {
    **_SHAPES,
    **{f"says_{name}": _term(name) for name in _COUNTED},
    **{name: _opening(name) for name in _OPENED},
}
TRAITS: Final = tuple(_TRAITS)
"""Their names, in the order of `traits_of`."""


def traits_of(question: str) -> list[float]:
    """The traits of `question`, `[len(TRAITS)]`. Linear in its length."""
    reading = _Reading(question)
    return [float(measure(reading)) for measure in _TRAITS.values()]
