"""An expert of the trained router: members that were fitted on questions of one form, averaged and scaled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from orchestrator.routing.members import Floats, Linear, Meaning, Trees, Words
from orchestrator.routing.reading import Reading


@dataclass(frozen=True, slots=True)
class Scale:
    """From the members' mean log-odds to calibrated ones (Platt 1999): a slope and an offset a head, `[heads]`."""

    slopes: Floats
    offsets: Floats

    def __call__(self, log_odds: Floats) -> Floats:
        """Calibrated log-odds of the same shape, `[..., heads]`."""
        result: Floats = self.slopes * log_odds + self.offsets
        return result


@dataclass(frozen=True, slots=True, kw_only=True)
class Expert:
    """Fitted weights. Members are averaged; each sees what others do not.

    Attributes:
        meaning: needs the question's vector; None where the router was fitted without.
        scale: for the mean of all members.
        vectorless_scale: for the mean without `meaning`, when there is no vector.
    """

    words: Words
    trees: Trees
    linear: Linear
    meaning: Meaning | None = None
    scale: Scale
    vectorless_scale: Scale | None = None

    def log_odds(self, reading: Reading) -> Floats:
        """Calibrated, of the members that can say something, `[heads]`."""
        without = self.meaning is not None and reading.vector is None
        scale = self.vectorless_scale if without and self.vectorless_scale else self.scale
        return scale(self.mean(reading, with_meaning=not without))

    def mean(self, reading: Reading, *, with_meaning: bool = True) -> Floats:
        """The members' mean log-odds before they are scaled, `[heads]`."""
        found = [
            self.words.log_odds(reading.grams),
            self.trees.log_odds(reading.traits),
            self.linear.log_odds(reading.traits),
        ]
        if with_meaning and self.meaning is not None and reading.vector is not None:
            found.append(self.meaning.log_odds(reading.vector))
        result: Floats = np.mean(found, axis=0)
        return result

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """All that it was fitted to, by name."""
        return dict(self._named())

    def _named(self) -> Iterator[tuple[str, NDArray[Any]]]:
        for field in fields(self):
            part = getattr(self, field.name)
            if isinstance(part, Scale):
                yield field.name, np.stack([part.slopes, part.offsets])
            elif part is not None:
                yield from ((f"{field.name}.{name}", array) for name, array in part.arrays().items())

    @classmethod
    def of(cls, arrays: Mapping[str, Any], *, with_meaning: bool) -> Self:
        """From what `arrays` gave.

        Raises:
            KeyError: one is missing.
            ValueError: one holds something that is no number.
        """

        def scale(name: str) -> Scale:
            slopes, offsets = arrays[name].astype(np.float32)
            return Scale(slopes, offsets)

        return cls(
            words=Words.of(under("words", arrays)),
            trees=Trees.of(under("trees", arrays)),
            linear=Linear.of(under("linear", arrays)),
            meaning=Meaning.of(under("meaning", arrays)) if with_meaning else None,
            scale=scale("scale"),
            vectorless_scale=scale("vectorless_scale") if with_meaning else None,
        )


def under(name: str, arrays: Mapping[str, Any]) -> dict[str, Any]:
    """Those whose names begin with `name` and a dot, without both."""
    return {key.removeprefix(f"{name}."): value for key, value in arrays.items() if key.startswith(f"{name}.")}
