"""The general question: what of a question can be asked elsewhere while private records answer the rest at home.

It is made from the question alone, by rule; records only take words away. A question is cut into clauses. A clause that
shares a distinctive word or a number with what is kept goes, and so does one that speaks of the user's own case
("given my …"); where that is the clause that asks, nothing can be asked. What is left is said of people, not of the
user. Whatever is in doubt gives no general question, and the device answers alone.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from itertools import dropwhile, takewhile
from typing import Final

from orchestrator.privacy.common_words import COMMON_WORDS
from orchestrator.privacy.finding import Finding, Kind
from orchestrator.types import Sensitivity

LONGEST_CHARS: Final = 400
"""A longer question brings a text of its own, of which nobody can say how far it is general."""
_LEAST_SHARE: Final = 1 / 5
"""Of the question's distinctive words, what has to be left for the rest to be worth asking."""
_ROOT: Final = 5
"""Two words that begin with the same letters, this many, are taken for forms of one word."""

_STAND_INS: Final = {Kind.PERSON: "someone", Kind.ORGANIZATION: "some organization", Kind.GPE: "some place"}
_OUT: Final = "\N{REPLACEMENT CHARACTER}"
"""In place of a finding that has no stand-in: it takes its clause out."""

_WORD: Final = re.compile(r"[^\W_]+")
_SENTENCE: Final = re.compile(r"[^.?!\n]+[.?!]*")
_PART: Final = re.compile(r"\s*[,;:()–—]+\s*|\s+-+\s+")
_OPENS: Final = (
    "given|considering|because|since|although|though|if|unless|when|while|whereas|as|who|whom|whose|but|so|based|according"
    "|despite|including|regarding|with|without|for|from|at|in|on|about|by|after|before|during|like|near|against|under"
    "|over|around"
)
_CLAUSE: Final = re.compile(rf"\s+(?=(?:{_OPENS})\b)", re.IGNORECASE)
_DEPENDENT: Final = re.compile(rf"(?:{_OPENS}|and|or)\b", re.IGNORECASE)
_OWN_CASE: Final = re.compile(
    r"(?:given|considering|based|according|despite|regarding|who|whom|whose)\b"
    r"|as an?\b"
    r"|(?:because|since|although|though|as)\b.*\b(?:i|i'm|i've|me|my|mine|we|us|our|he|his|she|her|they|their)\b",
    re.IGNORECASE,
)
_MINE: Final = re.compile(r"\b(?:my|our|mine|ours)\b", re.IGNORECASE)
_I: Final = re.compile(r"\b(?:i|me)\b", re.IGNORECASE)
_OPENING: Final = re.compile(rf"^(?:{_OPENS}|and|or)\s+", re.IGNORECASE)
_OWN_FACT: Final = re.compile(
    r"^\W*(?:what|when|where|who|which|whose|how)\b.{0,40}\b"
    r"(?:(?:is|are|was|were|did|does|do|has|have|'s) (?:my|our|mine)|(?:did|was|have) (?:i|we))\b"
    r"|\blike (?:me|us)\b",
    re.IGNORECASE,
)
_ASKS: Final = re.compile(
    r"\W*(?:please\s+)?(?:explain|suggest|recommend|list|tell|give|name|describe|write|help|compare|show|find|draft|plan"
    r"|summari[sz]e|think|what|which|how|why|who|where|when|can|could|should|is|are|do|does|did|will|would|must|may|has|have"
    r"|was|were|am|any)\b",
    re.IGNORECASE,
)
_TELLS: Final = re.compile(
    r"\b(?:i|i'm|i've|me|my|mine|we|us|our|he|she|his|her|they|their|am|is|are|was|were|has|have|had)\b", re.IGNORECASE
)
_POINTS_ELSEWHERE: Final = re.compile(r"\b(?:it|its|this|that|these|those|they|them|he|him|she|her)\b", re.IGNORECASE)
_NAME: Final = re.compile(r"(?<=\S )(?!I\b)[^\W_]*[A-Z][^\W_]*")
"""A capital letter in the middle of a sentence."""
_LONG_NUMBER: Final = re.compile(r"\d(?:[\s./-]?\d){3,}")

_KIN: Final = tuple(
    (re.compile(rf"\b(?:[Mm]y|[Oo]ur) (?:{kin})\b(?:,? (?:someone\b|(?!I\b)[A-Z][^\W_]*))*"), words)
    for kin, words in (
        (
            "sons?|daughters?|bab(?:y|ies)|kids?|child(?:ren)?|toddlers?|grandsons?|granddaughters?|grandchild",
            "a child",
        ),
        ("wife|husband|partner|spouse|girlfriend|boyfriend|fianc[ée]e?", "a partner"),
        ("mother|father|mom|mum|dad|parents?", "a parent"),
        ("brothers?|sisters?|aunt|uncle|cousins?|nieces?|nephews?|grand(?:mother|father|ma|pa)", "a relative"),
        ("friends?|colleagues?|boss|neighbou?rs?|flatmate|roommate", "someone"),
    )
)
_NEUTRAL: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), words)
    for pattern, words in (
        (r"\b(?:am i|are we)\b", "are people"),
        (r"\b(?:was i|were we)\b", "were people"),
        (r"\b(?:i am|i'm|we are|we're)\b", "people are"),
        (r"\bi was\b", "people were"),
        (r"\b(?:i've|we've)\b", "people have"),
        (r"\b(?:i'll|we'll)\b", "people will"),
        (r"\b(?:i'd|we'd)\b", "people would"),
        (r"\b(?:i|me|we|us|myself|ourselves)\b", "people"),
        (r"\b(?:my|our)\b", "the"),
        (r"\b(?:mine|ours)\b", "theirs"),
        (r"\b(?:he|she)\b", "the person"),
        (r"\b(?:his|her)\b(?= \w)", "their"),
        (r"\b(?:him|her|his|hers)\b", "them"),
    )
)


def general_question(
    question: str, kept: Iterable[str], findings: Sequence[Finding] = (), *, alone: bool = True
) -> str | None:
    """What may be asked in the question's place, or None where nothing may, or nothing would be worth it.

    No distinctive word of `kept` is in it: none beyond `COMMON_WORDS`, in no form of it that begins alike, and no
    number.

    Args:
        question: the user's own words, and not made from any record.
        kept: texts that stay: the private records in play, earlier private turns.
        findings: what a detector found in `question`.
        alone: whether nothing was said before it that it could speak of.
    """
    if len(question) > LONGEST_CHARS or _OWN_FACT.search(question):
        return None
    kept_words = frozenset(word for text in kept for word in distinctive(text))
    text = _plain(_stood_in(question, findings))
    sentences = [sentence.strip() for sentence in _SENTENCE.findall(text) if sentence.strip()]
    asked = [general for sentence in sentences if (general := _generalised(sentence, kept_words))]
    said = " ".join(asked)
    if (len(asked) < len(sentences) or not alone) and _POINTS_ELSEWHERE.search(said):
        return None
    return said if _is_sound(said, text, kept_words) else None


def own_case(question: str) -> str:
    """What a question says of the user's own case beside what it asks: "my allergies" of "…, given my allergies?".

    It is what the user's records are asked for, while the general question goes elsewhere. Empty where there is no such
    part, or where what is asked is the user's own case itself.
    """
    sentences = [_parts(sentence.strip().rstrip(".?!")) for sentence in _SENTENCE.findall(_plain(question))]
    if _OWN_FACT.search(question) or all(_MINE.search(_asking(parts) or "my") for parts in sentences):
        return ""
    asked = {_asking(parts) for parts in sentences}
    own = (
        " ".join(dropwhile(lambda clause: clause in asked or not _is_own(clause), part))
        for parts in sentences
        for part in parts
    )
    return " ".join(_OPENING.sub("", clause) for clause in own if clause)


def distinctive(text: str) -> Iterator[str]:
    """The words and numbers of a text that say something, in lower case and without accents."""
    folded = unicodedata.normalize("NFKD", _plain(text).casefold())
    bare = "".join(char for char in folded if not unicodedata.combining(char))
    return (word for word in _WORD.findall(bare) if word not in COMMON_WORDS)


def alike(one: str, other: str) -> bool:
    """Whether two words may be forms of one word, or one is a part of the other; numbers have to be the same."""
    if one == other or one.rstrip("s") == other.rstrip("s"):
        return True
    shorter, longer = sorted((one, other), key=len)
    if len(shorter) < _ROOT or shorter.isdigit():
        return False
    return shorter[:_ROOT] == longer[:_ROOT] or shorter in longer


def _stood_in(question: str, findings: Sequence[Finding]) -> str:
    """The question without what was found in it."""
    text = question
    for finding in sorted(findings, key=lambda finding: finding.start, reverse=True):
        kept = finding.label is Sensitivity.PRIVATE
        words = _OUT if kept else _STAND_INS.get(finding.kind, _OUT)
        text = text[: finding.start] + words + text[finding.end :]
    return text


def _plain(text: str) -> str:
    """With one form for characters that look alike, and without those that do not show."""
    shown = "".join(char for char in text if unicodedata.category(char) != "Cf")
    return unicodedata.normalize("NFKC", shown).replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")


def _generalised(sentence: str, kept: frozenset[str]) -> str:
    """A sentence without the clauses that stay, said of people; empty where the clause that asks is among them."""
    if not (sentence.endswith("?") or _ASKS.match(sentence)):
        return ""
    parts = _parts(_without_names(sentence.rstrip(".?!")))
    asking = _asking(parts)
    statements = _statements(parts, asking)
    leaving = [clause for part in parts for clause in _leaving(part, kept) if clause not in statements]
    said = " ".join(leaving)
    if asking not in leaving or (statements and _POINTS_ELSEWHERE.search(said)):
        return ""
    for pattern, words in _NEUTRAL:
        said = pattern.sub(words, said)
    return said[:1].upper() + said[1:] + (sentence[len(sentence.rstrip(".?!")) :] or ".")


def _parts(sentence: str) -> list[list[str]]:
    """A sentence by its punctuation, and each part by its clauses."""
    return [_CLAUSE.split(part) for part in _PART.split(sentence) if part]


def _asking(parts: Sequence[Sequence[str]]) -> str | None:
    """The clause that asks, and depends on no other."""
    clauses = [clause for part in parts for clause in part]
    return next((clause for clause in clauses if _ASKS.match(clause) and not _DEPENDENT.match(clause)), None)


def _statements(parts: Sequence[Sequence[str]], asking: str | None) -> frozenset[str]:
    """The other clauses that depend on none: those before the one that asks, and of the rest what tells something."""
    free = [part[0] for part in parts if not _DEPENDENT.match(part[0])]
    before = free[: free.index(asking)] if asking in free else free
    return frozenset([*before, *(clause for clause in free if clause != asking and _TELLS.search(clause))])


def _without_names(sentence: str) -> str:
    """The user's people by what they are, and a mark for every other name: nobody vouches for it."""
    for pattern, words in _KIN:
        sentence = pattern.sub(words, sentence)
    first = _WORD.search(sentence)
    if first and not (_ASKS.match(sentence) or first[0].casefold() in COMMON_WORDS):
        sentence = _OUT + sentence
    return _NAME.sub(_OUT, sentence)


def _leaving(part: Sequence[str], kept: frozenset[str]) -> Iterator[str]:
    """The clauses up to the first that stays: what follows one speaks of it, up to the next comma."""
    return takewhile(lambda clause: not _stays(clause, kept), part)


def _stays(clause: str, kept: frozenset[str]) -> bool:
    """Whether a clause is out: with a name, a long number, the user's own case, or a word of what is kept."""
    return bool(_OUT in clause or _LONG_NUMBER.search(clause) or _OWN_CASE.match(clause) or _shares(clause, kept))


def _is_own(clause: str) -> bool:
    return bool(_OWN_CASE.match(clause) or _MINE.search(clause) or _I.search(clause))


def _shares(text: str, kept: frozenset[str]) -> bool:
    return any(alike(word, other) for word in distinctive(text) for other in kept)


def _is_sound(said: str, question: str, kept: frozenset[str]) -> bool:
    """The last look at what would leave: nothing of what is kept is in it, and enough of the question is."""
    left, before = len(list(distinctive(said))), len(list(distinctive(question)))
    return left > 0 and left >= _LEAST_SHARE * before and not _shares(said, kept) and _OUT not in said
