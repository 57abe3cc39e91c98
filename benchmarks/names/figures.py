"""Dates, numbers and addresses on the net: what has a form, and stands beside names."""

from __future__ import annotations

from typing import Final

from benchmarks.names import lists
from benchmarks.names.drawing import Drawing

_DATES: Final = (
    "{month}/{day}/{year}",
    "{month}/{day}/{year}",
    "{day}/{month}/{year}",
    "{day:02d}.{month:02d}.{year}",
    "{day}.{month}.{year}",
    "{year}-{month:02d}-{day:02d}",
    "{month:02d}/{day:02d}/{short_year:02d}",
    "{name} {day}, {year}",
    "{name} {day}",
    "{day} {name} {year}",
    "{day} {short} {year}",
    "{short} {day}",
    "the {day}th of {name}",
    "{day}. {name} {year}",
    "{day}-{short}-{year}",
    "{name} {year}",
)
_PHONES: Final = (
    "### ## ## ##",
    "0### ######",
    "(##) ###-###",
    "#### ####",
    "##-##-##-##",
    "###-###-####",
    "+## ## ### ####",
    "0#.##.##.##.##",
    "### ####",
    "## ### ## ##",
)
_CARDS: Final = ("#" * 16, "#### #### #### ####", "####-####-####-####", "#" * 15, "#" * 12, "#" * 18)
_IBANS: Final = ("GB##{0}" + "#" * 14, "DE## #### #### #### #### ##", "FR" + "#" * 25)
_LICENCES: Final = ("#######", "U" + "#" * 14, "F" + "#" * 12, "####-##-####", "A#######")
_SUMS: Final = ("${0}", "{0} euros", "€{0}.50", "{0} million dollars")
_NUMBERS: Final = ("####", "#####", "A-####", "######", "KL###")
_COUNTS: Final = (2, 3, 5, 7, 10, 12, 20, 25, 30, 50, 75, 100, 250, 500)
_LETTERS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ"
_HOSTS: Final = ("com", "de", "org", "example", "fr", "se", "pl", "com.au")


class Figures:
    """Values for the slots of dates and numbers."""

    def __init__(self, drawing: Drawing) -> None:
        self._draw = drawing

    def date(self) -> str:
        """A day, in one of many ways."""
        month, year = self._draw.whole(1, 12), self._draw.whole(1920, 2030)
        name = lists.MONTHS[month - 1]
        return self._draw.one(*_DATES).format(
            day=self._draw.whole(1, 28), month=month, year=year, short_year=year % 100, name=name, short=name[:3]
        )

    def moment(self) -> str:
        """A day and a time, as machines write them or as people do."""
        draw = self._draw
        day = f"{draw.whole(1960, 2030)}-{draw.whole(1, 12):02d}-{draw.whole(1, 28):02d}"
        clock = f"{draw.whole(0, 23):02d}:{draw.whole(0, 59):02d}:{draw.whole(0, 59):02d}"
        return draw.one(f"{day} {clock}", f"{day} {clock}", f"{day}T{clock}", f"{self.date()} {clock[:5]}", self.date())

    def time(self) -> str:
        """A time of the day."""
        hour, minute = self._draw.whole(0, 23), self._draw.whole(0, 59)
        return self._draw.one(f"{hour}:{minute:02d}", f"{hour % 12 + 1} pm", f"{hour % 12 + 1}:{minute:02d} am")

    def weekday(self) -> str:
        """Monday, or friday."""
        return self._draw.cased(self._draw.one(*lists.DAYS), lower=0.15)

    def phone(self) -> str:
        """A telephone number."""
        return self._draw.pick("phone") if self._draw.chance(0.4) else self._shaped(*_PHONES)

    def card(self) -> str:
        """Digits like a payment card's."""
        return self._shaped(*_CARDS)

    def iban(self) -> str:
        """A string like an IBAN."""
        return self._shaped(*_IBANS).format("".join(self._draw.rng.choices(_LETTERS, k=4)))

    def licence(self) -> str:
        """A string like a driving licence's number."""
        return self._shaped(*_LICENCES)

    def code(self) -> str:
        """A booking code: nothing personal, though it looks like a part of an address."""
        return "".join(self._draw.rng.choices(_LETTERS + "23456789", k=self._draw.whole(5, 8)))

    def number(self) -> str:
        """Of an order or a flight."""
        return self._shaped(*_NUMBERS)

    def count(self) -> str:
        """How many."""
        return str(self._draw.rng.choice(_COUNTS))

    def money(self) -> str:
        """A sum."""
        return self._draw.one(*_SUMS).format(self._draw.whole(2, 9000))

    def mail(self) -> str:
        """A mail address."""
        name = f"{self._draw.pick('first')}.{self._draw.pick('last')}".replace(" ", "").lower()
        return f"{name}@{self._draw.one(*lists.BEGINNINGS)}.{self._draw.one(*_HOSTS)}"

    def url(self) -> str:
        """An address on the web."""
        host = f"{self._draw.one(*lists.BEGINNINGS)}{self._draw.one(*lists.ENDINGS)}".title()
        return f"{self._draw.one('https://www.', 'http://', 'www.')}{host}.{self._draw.one(*_HOSTS)}/"

    def _shaped(self, *shapes: str) -> str:
        return self._draw.digits(self._draw.one(*shapes))
