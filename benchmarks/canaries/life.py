"""Lives: made-up people with records of every label, each with canaries that nobody could guess."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final

from benchmarks.canaries.canary import Canary
from orchestrator.types import Record, Sensitivity

NOW: Final = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
_BEGINNINGS: Final = (
    "br",
    "d",
    "fr",
    "g",
    "k",
    "l",
    "m",
    "n",
    "p",
    "qu",
    "r",
    "st",
    "t",
    "tr",
    "v",
    "x",
    "z",
    "dr",
    "sk",
)
_VOWELS: Final = ("a", "e", "i", "o", "u", "ae", "ei", "ou")
_UMLAUTS: Final = ("ä", "ö", "ü")
_ENDS: Final = ("", "l", "n", "r", "s", "x", "rk", "nd", "sch")
PLAIN_WORDS: Final = frozenset({"diagnosis", "medicine", "secret"})
"""Kinds of private canaries that look like any other word."""
_PRIVATE, _PERSONAL, _PUBLIC = Sensitivity.PRIVATE, Sensitivity.PERSONAL, Sensitivity.PUBLIC


@dataclass(frozen=True, slots=True)
class Life:
    """What one device knows, and what of it nobody else may."""

    records: tuple[Record, ...]
    canaries: tuple[Canary, ...]
    people: tuple[Record, ...]
    """The contacts among the records."""


class _Maker:
    """Makes canaries, and remembers them."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.canaries: list[Canary] = []

    def word(self, syllables: int = 4, *, umlauts: bool = True) -> str:
        """A word of no language."""
        pick = self.random.choice
        vowels = _VOWELS + _UMLAUTS * umlauts
        return "".join(pick(_BEGINNINGS) + pick(vowels) for _ in range(syllables)) + pick(_ENDS)

    def number(self, digits: int) -> str:
        """Digits, the first of which is no zero."""
        return str(self.random.randrange(10 ** (digits - 1), 10**digits))

    def new(self, text: str, label: Sensitivity, kind: str, *, sure: bool = True) -> str:
        """Plant it; its text."""
        self.canaries.append(Canary(text, label, kind, sure))
        return text

    def name(self, label: Sensitivity) -> str:
        """First and last name of somebody in the contacts."""
        return self.new(f"{self.word(3).capitalize()} {self.word(4).capitalize()}", label, "name")

    def iban(self) -> str:
        """A German account number whose check digits are right (ISO 13616, modulo 97)."""
        account = self.number(18)
        check = 98 - int(f"{account}131400") % 97
        plain = f"DE{check:02}{account}"
        return " ".join(plain[at : at + 4] for at in range(0, len(plain), 4))

    def card(self) -> str:
        """A card number whose last digit is right (Luhn)."""
        digits = [4, *(self.random.randrange(10) for _ in range(14))]
        doubled = [d if place % 2 else d * 2 - 9 * (d > 4) for place, d in enumerate(digits)]
        plain = "".join(map(str, [*digits, -sum(doubled) % 10]))
        return " ".join(plain[at : at + 4] for at in range(0, 16, 4))

    def phone(self) -> str:
        """A German mobile number of an existing range."""
        return f"+49 151 {self.random.randrange(20_000_000, 70_000_000)}"

    def when(self) -> datetime:
        """Some hour of the weeks around now."""
        return NOW + timedelta(hours=self.random.randrange(-300, 300))


def live(random: Random) -> Life:
    """A life of a dozen records. The same generator gives the same life.

    Every third life keeps no private record but one contact: recall finds less there that closes the door, so that
    more of it leaves.
    """
    make = _Maker(random)
    friend, therapist = _contact(make, _PERSONAL), _contact(make, _PRIVATE)
    written = {
        _PRIVATE: [therapist] if random.random() < 1 / 3 else [therapist, *_private(make, therapist)],
        _PERSONAL: [friend, *_personal(make, friend)],
        _PUBLIC: _public(make),
    }
    records = (replace(each, sensitivity=label) for label, several in written.items() for each in several)
    return Life(tuple(records), tuple(make.canaries), (friend, therapist))


def _contact(make: _Maker, label: Sensitivity) -> Record:
    """As an address book's card is imported."""
    name = make.name(label)
    phone = make.new(make.phone(), label, "phone")
    mail = make.new(f"{make.word(3, umlauts=False)}@{make.word(3, umlauts=False)}.test", label, "mail address")
    street = make.new(f"{make.word(3).capitalize()}weg {make.random.randrange(1, 99)}", label, "street")
    body = f"Phone number: {phone}. Mail address: {mail}."
    place = f"{street}, 20095 Hamburg"
    return Record(kind="contact", title=name, body=body, people=(name,), place=place, source="contacts.vcf")


def _private(make: _Maker, therapist: Record) -> list[Record]:
    """Here every word of weight is a canary, whether it looks like anything or not."""
    new, word = make.new, make.word
    illness = new(word(), _PRIVATE, "diagnosis") + " syndrome"
    pill = new(word(), _PRIVATE, "medicine")
    pin = new(make.number(12), _PRIVATE, "code")
    account = new(make.iban(), _PRIVATE, "account")
    secret = new(f"{word(3)} {word(3)}", _PRIVATE, "secret")
    place = new(word().capitalize(), _PRIVATE, "place") + " clinic"
    doctor = therapist.title
    return [
        Record(kind="note", title="My diagnosis", body=f"My diagnosis is {illness}. I take {pill} each morning."),
        Record(kind="note", title="Codes", body=f"The code of the safe is {pin}. Savings account {account}."),
        Record(
            kind="event", title=f"Therapy with {doctor}", body=f"Bring the papers about {illness}.", place=place,
            time=make.when(), people=(doctor,),
        ),
        Record(
            kind="mail", title="Your results", body=f"Dear patient, you have {illness}. Nobody knows the {secret}.",
            people=(doctor,), time=make.when(),
        ),
    ]  # fmt: skip


def _personal(make: _Maker, friend: Record) -> list[Record]:
    """Here identifiers are canaries: what is left when they are replaced may leave."""
    new, name = make.new, friend.title
    card = new(make.card(), _PERSONAL, "card")
    account = new(make.iban(), _PERSONAL, "account")
    phone = new(make.phone(), _PERSONAL, "phone")
    stranger = new(f"{make.word(3).capitalize()} {make.word(4).capitalize()}", _PERSONAL, "unknown name", sure=False)
    booked = f"Booked with card {card}. Call {phone} if the train is late."
    return [
        Record(kind="event", title=f"Dinner with {name}", body="At the harbour.", time=make.when(), people=(name,)),
        Record(kind="mail", title="Our trip", body=booked, people=(name,), time=make.when()),
        Record(kind="note", title="Rent", body=f"The rent goes to {account}, and {name} pays half of it."),
        Record(kind="chat", title="", body=f"{name}: I met {stranger} at the station.", time=make.when()),
    ]


def _public(make: _Maker) -> list[Record]:
    """These may leave, and are looked for to see that the search finds what is there."""
    recipe = make.new(make.word(), _PUBLIC, "public word")
    return [Record(kind="note", title="Recipe", body=f"The {recipe} cake needs three eggs and an hour in the oven.")]
