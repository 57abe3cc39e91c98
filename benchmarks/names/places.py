"""Where people live: towns, streets, and addresses as they are written on letters and in a hurry."""

from __future__ import annotations

from typing import Final

from benchmarks.names import lists
from benchmarks.names.drawing import Drawing

_BOXES: Final = ("P.O. Box {0}", "PO Box {0}", "Postfach {0}", "Unit {0}")
_UNITS: Final = ("Apt.", "Suite", "Unit", "Apt", "Flat", "Floor", "Room", "#", "Wohnung", "App.")
_NUMBER_TAILS: Final = ("", "", "", "", "a", " B", ".")
_GAPS: Final = (", ", ", ", "\n", "\n", " ", "\n ", "\n  ", " - ")
_MILITARY: Final = ("PSC ####, Box ####", "Unit #### Box ####", "USS {0}", "USNS {0}")


class Places:
    """Values for the slots of places."""

    def __init__(self, drawing: Drawing) -> None:
        self._draw = drawing

    def city(self) -> str:
        """A town, real or made up."""
        town = self._draw.rng.choice(self._draw.towns) if self._draw.chance(0.6) else self._draw.pick("city")
        return self._draw.cased(town, upper=0.2, lower=0.02)

    def state(self) -> str:
        """A part of a country."""
        return self._draw.pick("state") if self._draw.chance(0.5) else self._draw.one(*lists.STATES)

    def place(self) -> str:
        """A town or a country."""
        return self.city() if self._draw.chance(0.5) else self._draw.one(*lists.COUNTRIES)

    def zip(self) -> str:
        """A postal code."""
        if self._draw.chance(0.5):
            return self._draw.pick("zip")
        return self._draw.digits("#" * self._draw.rng.choice((3, 4, 4, 5, 5, 5, 6)))

    def road(self) -> str:
        """A street without a number."""
        draw = self._draw
        chance = draw.rng.random()
        if chance < 0.45:
            return draw.pick("road")
        stem = draw.one(draw.pick("last"), draw.pick("first"), draw.pick("city"), draw.one(*lists.STREET_WORDS))
        if chance < 0.72:
            return f"{stem} {draw.one(*lists.ROADS_AFTER)}"
        if chance < 0.86:
            return f"{draw.one(*lists.ROADS_BEFORE)} {stem}"
        return f"{draw.one(*lists.STREET_WORDS)}{draw.one(*lists.ROADS_GLUED)}"

    def street(self) -> str:
        """A street with its number, in one line."""
        draw = self._draw
        chance, number = draw.rng.random(), draw.whole(1, 999)
        if chance < 0.3:
            return " ".join(draw.pick("street").split())
        if chance < 0.36:
            return draw.one(*_BOXES).format(number)
        if chance < 0.72:
            return f"{self.road()} {number}{draw.one(*_NUMBER_TAILS)}"
        return f"{number} {self.road()}" if chance < 0.95 else f"{self._house()} {self.road()} {number}"

    def unit(self) -> str:
        """A flat or a room."""
        return f"{self._draw.one(*_UNITS)} {self._draw.whole(1, 999):0{self._draw.whole(1, 3)}d}"

    def address(self) -> str:
        """A whole address: on one line or several, with or without flat, state, postal code and country."""
        draw = self._draw
        chance = draw.rng.random()
        if chance < 0.2:
            return draw.pick("address")
        if chance < 0.27:
            return self.street()
        if chance < 0.33:
            return self._military()
        if chance < 0.38:
            return f"the corner of {self.street()} and {self.road()}"
        return self._composed(draw.one(*_GAPS))

    def _composed(self, gap: str) -> str:
        draw = self._draw
        parts = [f"{self._house()} {self.street()}" if draw.chance(0.25) else self.street()]
        if draw.chance(0.3):
            parts.append(self.unit())
        elif draw.chance(0.3):
            parts[0] += f" {self.unit()}"
        town, state = self.city(), draw.one(*lists.STATE_CODES)
        parts.append(
            draw.one(
                town,
                f"{self.zip()} {town}",
                f"{town} {self.zip()}",
                f"{town}, {state} {self.zip()}",
                f"{town}{gap}{state}",
                f"{town}\n, {state}",
            )
        )
        if draw.chance(0.4):
            parts.append(draw.one(*lists.COUNTRIES) + (f" {self.zip()}" if draw.chance(0.5) else ""))
        return gap.join(parts)

    def _house(self) -> str:
        return f"{self._draw.whole(1, 99999):0{self._draw.whole(3, 5)}d}"

    def _military(self) -> str:
        draw = self._draw
        front = draw.digits(draw.one(*_MILITARY)).format(draw.pick("last"))
        return draw.digits(f"{front}\n{draw.one('APO', 'DPO', 'FPO')} {draw.one('AA', 'AE', 'AP')} #####")
