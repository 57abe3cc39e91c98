"""What the slots of templates are filled with, and what each slot's text is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from benchmarks.names import lists
from benchmarks.names.drawing import Drawing
from benchmarks.names.figures import Figures
from benchmarks.names.people import People
from benchmarks.names.places import Places

_SLOTS: Final = {
    "PERSON": "first last name initials lastfirst roman firstlow lastlow lastru namejp namezh",
    "TITLE": "mr job",
    "ORGANIZATION": "org orglow",
    "STREET_ADDRESS": "addr street unit roadlow",
    "GPE": "city country gpe state citylow cityru cityjp cityzh",
    "ZIP_CODE": "zip",
    "NRP": "nat",
    "DATE_TIME": "date day dayde year datetime time month",
    "AGE": "age",
    "PHONE_NUMBER": "phone",
    "ACCOUNT_NUMBER": "card iban ssn lic",
    "EMAIL_ADDRESS": "email",
    "DOMAIN_NAME": "url",
}
KIND_OF: Final = {slot: kind for kind, slots in _SLOTS.items() for slot in slots.split()}
"""Slot → the kind of its text. Other slots hold nothing personal."""


class Values:
    """Draws a text for a slot."""

    def __init__(self, drawing: Drawing) -> None:
        people, places, figures = People(drawing), Places(drawing), Figures(drawing)
        draw = drawing
        self._makers: dict[str, Callable[[], str]] = {
            "first": people.first,
            "last": people.last,
            "name": people.name,
            "lastfirst": people.last_first,
            "initials": people.initials,
            "roman": lambda: draw.one("II", "III", "IV", "VI", "Jr.", "Sr.", "the Great"),
            "mr": lambda: draw.one(*lists.FORMS),
            "mrde": lambda: draw.one("r Herr", " Frau", "r Herr Dr.", " Frau Prof."),
            "job": people.job,
            "org": people.firm,
            "city": places.city,
            "country": lambda: draw.one(*lists.COUNTRIES),
            "gpe": places.place,
            "state": places.state,
            "nat": lambda: draw.cased(draw.one(*lists.NATIONALITIES), lower=0.12),
            "zip": places.zip,
            "street": places.street,
            "unit": places.unit,
            "addr": places.address,
            "date": figures.date,
            "datetime": figures.moment,
            "time": figures.time,
            "day": figures.weekday,
            "dayde": lambda: draw.one(*lists.DAYS_GERMAN),
            "month": lambda: draw.one(*lists.MONTHS),
            "year": lambda: str(draw.whole(1900, 2030)),
            "age": lambda: str(draw.whole(1, 99)),
            "phone": figures.phone,
            "card": figures.card,
            "iban": figures.iban,
            "ssn": lambda: draw.digits("###-##-####"),
            "lic": figures.licence,
            "email": figures.mail,
            "url": figures.url,
            "code": figures.code,
            "num": figures.number,
            "n": figures.count,
            "money": figures.money,
            "firstlow": lambda: draw.pick("first").lower(),
            "citylow": lambda: places.city().lower(),
            "orglow": lambda: people.firm().lower(),
            "lastlow": lambda: draw.pick("last").lower(),
            "roadlow": lambda: f"{draw.one(*lists.STREET_WORDS)} {draw.one('street', 'road', 'lane')}".lower(),
            "cityru": lambda: draw.of("ru_RU", "city"),
            "lastru": lambda: draw.of("ru_RU", "last"),
            "namejp": lambda: draw.of("ja_JP", "last") + draw.of("ja_JP", "first"),
            "cityjp": lambda: draw.of("ja_JP", "city"),
            "namezh": lambda: draw.of("zh_CN", "last") + draw.of("zh_CN", "first"),
            "cityzh": lambda: draw.of("zh_CN", "city"),
        }

    def of(self, slot: str) -> str:
        """A text for `slot`.

        Raises:
            KeyError: there is no such slot.
        """
        return self._makers[slot]().strip()
