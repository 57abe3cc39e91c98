"""People, what they are called, and the firms they work for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from benchmarks.names import lists
from benchmarks.names.drawing import Drawing

_INITIALS: Final = "ABCDEFGHIJKLMNOPRSTVW"
_FAMILY_FIRST: Final = frozenset({"zh_CN", "zh_TW", "ja_JP", "ko_KR"})
_FAMILIES: Final = ("{0}, {1} and {2}", "{0}-{1}", "{0} & {1}", "{0} and Sons", "{0} PLC", "{0} Ltd.", "{0} Inc.")
_OF_A_TOWN: Final = (
    "Bank of {0}",
    "{0} General Hospital",
    "{0} Savings Bank",
    "FC {0}",
    "{0} Chamber of Commerce",
    "Museum of {0}",
)


class People:
    """Values for the slots of people and firms."""

    def __init__(self, drawing: Drawing) -> None:
        self._draw = drawing

    def first(self) -> str:
        """A given name; now and then two."""
        if self._draw.chance(0.06):
            return f"{self._draw.pick('first')}-{self._draw.pick('first')}"
        return self._draw.cased(self._draw.pick("first"), upper=0.03)

    def last(self) -> str:
        """A family name; now and then two, or with a "van"."""
        last = self._draw.pick("last")
        if self._draw.chance(0.06):
            last = f"{last}-{self._draw.pick('last')}"
        elif self._draw.chance(0.06):
            last = f"{self._draw.one(*lists.PARTICLES)} {last}"
        return self._draw.cased(last, upper=0.06)

    def name(self) -> str:
        """A whole name, in the order and with the initials that people use; often one name alone."""
        draw = self._draw
        pool = draw.pool()
        first, last = draw.rng.choice(pool.values["first"]), draw.rng.choice(pool.values["last"])
        if pool.locale in _FAMILY_FIRST:
            return draw.one(f"{last}{first}", f"{last} {first}")
        if draw.chance(0.15):
            last = self.last()
        forms = (
            (0.12, f"{first} {self._initial()} {last}"),
            (0.05, f"{first} {draw.rng.choice(pool.values['first'])} {last}"),
            (0.03, f"{first[:1]}. {last}"),
            (0.02, f"{first[:1]}. {self._initial()} {last}"),
            (0.07, first),
            (0.07, last),
            (0.64, draw.cased(f"{first} {last}", upper=0.05)),
        )
        return draw.rng.choices([form for _, form in forms], [share for share, _ in forms])[0]

    def last_first(self) -> str:
        """As in a list."""
        return f"{self.last()}, {self.first()}"

    def initials(self) -> str:
        """One or two, with points."""
        return " ".join(f"{self._draw.one(*_INITIALS)}." for _ in range(self._draw.rng.choice((1, 1, 2))))

    def job(self) -> str:
        """What somebody works as, with or without a rank."""
        job = self._draw.one(*lists.JOBS)
        if self._draw.chance(0.4):
            job = f"{self._draw.one(*lists.RANKS)} {job}"
        return self._draw.one(job, job.capitalize(), job.title(), job.capitalize())

    def firm(self) -> str:
        """A firm, real or made up."""
        makers: tuple[tuple[float, Callable[[], str]], ...] = (
            (0.22, lambda: self._draw.pick("company")),
            (0.12, lambda: self._draw.one(*lists.FIRMS)),
            (0.12, self._family),
            (0.32, self._coined),
            (0.16, self._traded),
            (0.06, lambda: self._draw.one(*_OF_A_TOWN).format(self._draw.rng.choice(self._draw.towns))),
        )
        return self._draw.rng.choices([make for _, make in makers], [share for share, _ in makers])[0]()

    def _initial(self) -> str:
        return self._draw.one(*_INITIALS) + ("" if self._draw.chance(0.4) else ".")

    def _family(self) -> str:
        return self._draw.one(*_FAMILIES).format(*(self._draw.english("last") for _ in range(3)))

    def _coined(self) -> str:
        first, second = self._draw.one(*lists.BEGINNINGS), self._draw.one(*lists.ENDINGS)
        if self._draw.chance(0.2):
            first, second = first.capitalize(), second.capitalize()
        coined = first[:1].upper() + first[1:] + second
        return self._draw.cased(coined, upper=0.04, lower=0.06) + self._tail(0.4)

    def _traded(self) -> str:
        words = self._draw.rng.sample(lists.TRADES, self._draw.rng.choice((1, 2, 2, 3)))
        return " ".join(words) + self._tail(1.0 if len(words) == 1 else 0.4)

    def _tail(self, share: float) -> str:
        return f" {self._draw.one(*lists.TAILS)}" if self._draw.chance(share) else ""
