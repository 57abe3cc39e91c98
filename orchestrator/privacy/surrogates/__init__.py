"""Realistic stand-ins: a name for a name, a town for a town, a number of the same form that belongs to nobody.

They read better than PERSON_2, and a model treats them as what they are; but where it rewrites one (a date in another
form, a name translated) it cannot be restored. What has no surrogate (an age, a weekday, a password, a script without
list) gets a typed stand-in.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from random import Random
from typing import Any, Final

from orchestrator.privacy.finding import Kind
from orchestrator.privacy.mentions import folded
from orchestrator.privacy.stand_ins import Typed, identity
from orchestrator.privacy.surrogates import numbers
from orchestrator.privacy.surrogates.dates import Shift
from orchestrator.privacy.surrogates.people import Names, cased

_DRAWS: Final = 20
"""So often is drawn for a number that stands in no text."""
_STREET: Final = re.compile(
    r"\d+(?P<letter>[A-Za-z]?)\s+\S.*?(?P<way>Street|St\.?|Road|Rd\.?|Avenue|Ave\.?|Lane|Drive|Dr\.?)?(?:,.*)?",
    re.DOTALL,
)
_LEGAL: Final = re.compile(
    r"\s+(?:Inc|Ltd|LLC|GmbH|AG|plc|Corp|S\.?A|Group|Bank|University|Clinic|Partners)\.?\Z", re.IGNORECASE
)
_LEAST_DIGITS: Final = {Kind.CREDIT_CARD: 12, Kind.IBAN_CODE: 8, Kind.PHONE_NUMBER: 5}
"""With fewer a number is none of its kind, and has no surrogate."""
_NUMBERS: Final[Mapping[Kind, Callable[[str, Random], str]]] = {
    Kind.PHONE_NUMBER: numbers.phone,
    Kind.CREDIT_CARD: numbers.card,
    Kind.IBAN_CODE: numbers.iban,
    Kind.US_SSN: numbers.social_security,
    Kind.IP_ADDRESS: numbers.ip_address,
    Kind.ZIP_CODE: numbers.scrambled,
    Kind.ACCOUNT_NUMBER: numbers.scrambled,
    Kind.US_DRIVER_LICENSE: numbers.scrambled,
    Kind.NATIONAL_ID: numbers.scrambled,
}


class Surrogates:
    """The realistic stand-ins of one request. The same seed and the same texts give the same ones."""

    endings = frozenset({"s"})

    def __init__(self, random: Random) -> None:
        """Begin with none.

        Args:
            random: draws all of them. Seeded with a secret of the conversation, so that turns that are sent again are
                sent alike.
        """
        lists = _lists()
        self._random = random
        self._typed = Typed()
        self._names = Names(lists["people"], random)
        self._shift = Shift(random)
        self._towns: Sequence[str] = lists["towns"]
        self._countries: Sequence[str] = lists["countries"]
        self._organizations: Sequence[str] = lists["organizations"]
        self._streets: Sequence[str] = lists["streets"]
        self._drawn: dict[tuple[Kind, str], str] = {}
        self._used: set[str] = set()

    def form(self, kind: Kind, original: str, taken: Callable[[str], bool]) -> str:
        """See `StandIns.form`."""
        form = self._realistic(kind, original, taken)
        if form is None or form == original or form in self._used or taken(form):
            return self._typed.form(kind, original, taken)
        self._used.add(form)
        return form

    def parts(self, kind: Kind, original: str) -> list[tuple[str, str]]:
        """See `StandIns.parts`."""
        return self._names.parts(original) if kind is Kind.PERSON else []

    def _realistic(self, kind: Kind, original: str, taken: Callable[[str], bool]) -> str | None:
        match kind:
            case Kind.PERSON:
                return self._names.name(original, taken)
            case Kind.DATE_TIME:
                return self._shift.shifted(original)
            case Kind.GPE:
                countries = folded(original) in map(folded, self._countries)
                return self._word(kind, original, self._countries if countries else self._towns, taken)
            case Kind.ORGANIZATION:
                legal = _LEGAL.search(original)
                name = self._word(kind, original, self._organizations, taken)
                return name and name + (legal[0] if legal else "")
            case Kind.STREET_ADDRESS:
                return self._address(original, taken)
            case Kind.EMAIL_ADDRESS | Kind.DOMAIN_NAME:
                return self._mailbox(kind, original, taken)
        draw = _NUMBERS.get(kind)
        return None if draw is None else self._number(kind, original, draw, taken)

    def _word(self, kind: Kind, original: str, pool: Sequence[str], taken: Callable[[str], bool]) -> str | None:
        """A word of a list that stands in no text and for nothing else, the same for each spelling."""
        key = kind, identity(kind, original)
        if key not in self._drawn:
            used = set(self._drawn.values())
            free = [word for word in pool if word not in used and not taken(word)]
            if not free:
                return None
            self._drawn[key] = self._random.choice(free)
        return cased(self._drawn[key], original)

    def _number(
        self, kind: Kind, original: str, draw: Callable[[str, Random], str], taken: Callable[[str], bool]
    ) -> str | None:
        """A number that stands in no text; another grouping of the same digits gets the same digits."""
        digits = sum(map(str.isdigit, original))
        if not original.isascii() or digits < _LEAST_DIGITS.get(kind, 1):
            return None
        key = kind, identity(kind, original)
        known = self._drawn.get(key)
        if known is not None:
            return numbers.regrouped("".join(filter(str.isalnum, known)), original)
        for _ in range(_DRAWS):
            drawn = draw(original, self._random)
            if drawn not in self._used and not taken(drawn):
                self._drawn[key] = drawn
                return drawn
        return None

    def _address(self, original: str, taken: Callable[[str], bool]) -> str | None:
        """A house number and a street that is named after a plant; what follows the street is left out."""
        street = self._word(Kind.STREET_ADDRESS, original, self._streets, taken)
        if street is None:
            return None
        number = self._random.randrange(2, 190)
        english = _STREET.fullmatch(original)
        if english is None:
            return f"{street}weg {number}"
        return f"{number}{english['letter']} {street} {english['way'] or 'Street'}"

    def _mailbox(self, kind: Kind, original: str, taken: Callable[[str], bool]) -> str | None:
        """An address or a host under a domain that is reserved for examples (RFC 2606)."""
        word = self._word(kind, original, self._organizations, taken)
        if word is None:
            return None
        if kind is Kind.DOMAIN_NAME:
            return f"{word.lower()}.example"
        local, _, _ = original.partition("@")
        person = ".".join(word for part in re.findall(r"[^\W\d_]+", local) for word, _ in self._names.parts(part))
        return f"{person or 'mail'}@{word}.example".lower()


def _lists() -> dict[str, Any]:
    """The words to draw from; each list is one string in the file."""

    def split(value: Any) -> Any:
        return value.split() if isinstance(value, str) else {key: split(each) for key, each in value.items()}

    text = (files("orchestrator.privacy.surrogates") / "lists.json").read_text(encoding="utf-8")
    return {key: split(value) for key, value in json.loads(text).items()}
