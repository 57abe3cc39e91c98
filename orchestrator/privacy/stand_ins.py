"""What is written in place of what was found: typed stand-ins such as PERSON_2."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, Protocol

from orchestrator.privacy.finding import Kind
from orchestrator.privacy.mentions import folded
from orchestrator.privacy.people import People

WORDS: Final[dict[Kind, str]] = {
    Kind.PERSON: "PERSON",
    Kind.ORGANIZATION: "ORGANIZATION",
    Kind.STREET_ADDRESS: "ADDRESS",
    Kind.GPE: "PLACE",
    Kind.ZIP_CODE: "ZIP",
    Kind.NRP: "GROUP",
    Kind.DATE_TIME: "DATE",
    Kind.AGE: "AGE",
    Kind.TITLE: "TITLE",
    Kind.EMAIL_ADDRESS: "EMAIL",
    Kind.PHONE_NUMBER: "PHONE",
    Kind.DOMAIN_NAME: "DOMAIN",
    Kind.IP_ADDRESS: "IP",
    Kind.CREDIT_CARD: "CARD",
    Kind.IBAN_CODE: "IBAN",
    Kind.ACCOUNT_NUMBER: "ACCOUNT",
    Kind.US_SSN: "SSN",
    Kind.US_DRIVER_LICENSE: "LICENSE",
    Kind.NATIONAL_ID: "ID",
    Kind.SECRET: "SECRET",
}
"""One word for each kind. A word of a stand-in has no separator in it, so that it comes back whole."""

_NUMBERS: Final = frozenset(
    {
        Kind.PHONE_NUMBER,
        Kind.CREDIT_CARD,
        Kind.IBAN_CODE,
        Kind.ACCOUNT_NUMBER,
        Kind.US_SSN,
        Kind.US_DRIVER_LICENSE,
        Kind.NATIONAL_ID,
    }
)


class StandIns(Protocol):
    """Makes stand-ins, for one request."""

    @property
    def endings(self) -> frozenset[str]:
        """Endings of inflected words that may stay behind a stand-in, in lower case."""
        ...

    def form(self, kind: Kind, original: str, taken: Callable[[str], bool]) -> str:
        """A stand-in for an original, asked for once for each spelling; spellings of one thing get ways of writing one
        stand-in.

        Args:
            kind: what it is.
            original: as it is written.
            taken: whether a stand-in, or words like it, stand in a text of the request.
        """
        ...

    def parts(self, kind: Kind, original: str) -> Sequence[tuple[str, str]]:
        """Parts of the stand-in for an original that may come back alone, each with its part of the original: the last
        name of a name.
        """
        ...


def identity(kind: Kind, original: str) -> str:
    """What the spellings of one thing share: case, accents, spaces and the grouping of digits do not matter."""
    key = folded(original)
    return "".join(filter(str.isalnum, key)) or key if kind in _NUMBERS else key


class Typed:
    """PERSON_1, PERSON_2, EMAIL_1: numbered by kind, in order of first appearance.

    A second spelling of the same original, or a shorter name of the same person, gets the same stand-in with another
    separator or in another case ("PERSON-1" for "anna" after "Anna Miller"): any reader sees that it is the same, and
    each spelling can be restored.
    """

    endings = frozenset({"s", "es", "n", "en", "ens"})

    def __init__(self) -> None:
        self._ways: dict[tuple[str, str], Iterator[str]] = {}
        self._numbers: dict[str, int] = {}
        self._people = People()

    def form(self, kind: Kind, original: str, taken: Callable[[str], bool]) -> str:
        """See `StandIns.form`."""
        word = WORDS[kind]
        key = word, str(self._people.person(original)) if kind is Kind.PERSON else identity(kind, original)
        form = next(self._ways.get(key, iter(())), None)
        if form is None:
            self._ways[key] = ways = _ways(word, self._number(word, taken))
            form = next(ways)
        return form

    def parts(self, kind: Kind, original: str) -> Sequence[tuple[str, str]]:
        """None: PERSON_1 comes back whole."""
        return ()

    def _number(self, word: str, taken: Callable[[str], bool]) -> int:
        """The next free number. A number that stands in a text is skipped, and never used later."""
        number = self._numbers.get(word, 0) + 1
        while taken(f"{word}_{number}"):
            number += 1
        self._numbers[word] = number
        return number


def _ways(word: str, number: int) -> Iterator[str]:
    """The nine ways of writing a stand-in, the plain one first, and last those into which models fall by themselves:
    they write Person_1 for PERSON_1, hardly ever PERSON-1.
    """
    for separator in "_- ":
        yield f"{word}{separator}{number}"
    for separator in "-_ ":
        for cased in (word.lower(), word.title()):
            yield f"{cased}{separator}{number}"
