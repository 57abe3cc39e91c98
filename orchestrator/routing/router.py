"""The trained router: from a question to the chance that the device, and that the cloud, would get it right.

It is fitted on questions of which it is known who got them right (`edgewise train routing`). What counts for a decision
is the *uplift*: P(only the cloud is right) − P(only the device is right). A question that both get right, or neither,
is not worth sending. Questions with options and open ones are judged by experts of their own. The file holds numbers
only: no text of anybody's, and no code.
"""

from __future__ import annotations

import json
import os
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from importlib import resources
from pathlib import Path
from typing import IO, Any, Final

import numpy as np

from orchestrator.errors import InvalidRequest, ModelCorrupt, ModelNotFound, ModelUnsupported
from orchestrator.routing.calibration import Calibration
from orchestrator.routing.expert import Expert, under
from orchestrator.routing.members import HEADS, Floats
from orchestrator.routing.reading import FORMS, Reading
from orchestrator.routing.traits import TRAITS

SHIPPED: Final = "edgewise"
"""The name of the router that comes with the product."""
FORMAT: Final = 3
ANY: Final = "any"
"""The expert for questions of every form, where one of the forms has too few labels for an expert of its own."""
_TRAIN: Final = "fit one again: edgewise train routing --data FILE --out PATH"


@dataclass(frozen=True, slots=True)
class Chances:
    """How likely each model is to get a question right, 0 to 1."""

    device: float
    cloud: float

    @property
    def uplift(self) -> float:
        """P(only the cloud is right) − P(only the device is right), which is the difference of the two."""
        return self.cloud - self.device


@dataclass(frozen=True, slots=True)
class Source:
    """A data set that a router was fitted on."""

    name: str
    questions: int
    device_right: float
    """Share of its questions, 0 to 1."""
    cloud_right: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Router:
    """Fitted weights.

    Attributes:
        experts: by the form of the questions that they were fitted on, each of `reading.FORMS`; or one alone, called
            `ANY`, which was fitted on all.
        embedder: the name of the model whose vectors the experts were fitted on; empty without.
        calibration: what its like said of the labelled questions out of fold, for a promise; see docs/promise.md.
    """

    experts: Mapping[str, Expert]
    embedder: str = ""
    sources: tuple[Source, ...] = field(default=())
    calibration: Calibration | None = None

    def chances(self, question: str, vector: Iterable[float] | None = None) -> Chances:
        """The chances of a right answer.

        Args:
            question: its text; of a long one, the beginning and the end are read.
            vector: of the question by the model named `embedder`, unit length. Without it the other members answer.

        Raises:
            InvalidRequest: the vector is of another model: it has another length, or holds what is no number.
        """
        return self.judge(Reading.of(question, vector))

    def judge(self, reading: Reading) -> Chances:
        """The same for a question that was read already."""
        return chances_of(self.expert(reading).log_odds(reading))

    def expert(self, reading: Reading) -> Expert:
        """Who judges a question of this form; errors as of `chances`."""
        found = self.experts[reading.form if reading.form in self.experts else ANY]
        if found.meaning is not None and reading.vector is not None and not found.meaning.fits(reading.vector):
            raise InvalidRequest(
                "the question's vector is not of the model that the router was fitted with",
                remedy=f"embed it with {self.embedder}",
            )
        return found

    @classmethod
    def named(cls, name: str) -> Router:
        """A router that comes with the product, or one from a file; errors as of `shipped` and `load`."""
        path = Path(name)
        return cls.load(path) if path.suffix or path.is_file() else cls.shipped(name)

    @classmethod
    def shipped(cls, name: str = SHIPPED) -> Router:
        """A router that comes with the product.

        Raises:
            ModelNotFound: there is none of that name.
        """
        folder = resources.files("orchestrator.routing") / "weights"
        file = folder / f"{name}.npz"
        if not name.isidentifier() or not file.is_file():
            known = sorted(entry.name[:-4] for entry in folder.iterdir() if entry.name.endswith(".npz"))
            raise ModelNotFound(f"no router is called {name}", remedy=f"there is {', '.join(known)}; or give a file")
        with file.open("rb") as stream:
            return _read(stream, name)

    @classmethod
    def load(cls, path: Path) -> Router:
        """A router from a file that `save` wrote.

        Raises:
            ModelNotFound: there is no such file.
            ModelCorrupt: it is damaged, or no router.
            ModelUnsupported: it was fitted on other traits, or by another version.
        """
        try:
            with path.open("rb") as stream:
                return _read(stream, str(path))
        except OSError as error:
            raise ModelNotFound(f"{path} cannot be read", remedy=_TRAIN) from error

    def save(self, path: Path) -> None:
        """Write a file; one that was there stays whole until the new one is complete.

        Raises:
            InvalidRequest: it cannot be written there.
        """
        arrays: dict[str, Any] = {"meta": np.array(json.dumps(self._meta())), **self._arrays()}
        unfinished = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            with unfinished.open("wb") as stream:
                np.savez_compressed(stream, **arrays)
            unfinished.replace(path)
        except OSError as error:
            unfinished.unlink(missing_ok=True)
            raise InvalidRequest(f"{path} cannot be written", remedy="name a file in a folder of yours") from error

    def _meta(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "traits": TRAITS,
            "heads": HEADS,
            "experts": list(self.experts),
            "embedder": self.embedder,
            "sources": [asdict(source) for source in self.sources],
        }

    def _arrays(self) -> dict[str, Any]:
        kept = {
            f"{form}.{name}": array for form, expert in self.experts.items() for name, array in expert.arrays().items()
        }
        return kept | (self.calibration.arrays if self.calibration else {})


def chances_of(log_odds: Floats) -> Chances:
    """From calibrated log-odds of the heads, `[heads]`. What cannot all be is scaled to 1 together."""
    only_cloud, only_device, both = (float(value) for value in 1 / (1 + np.exp(-log_odds.astype(np.float64))))
    both = min(both, 1 - min(1.0, only_cloud + only_device))
    whole = max(1.0, only_cloud + only_device)
    return Chances(device=(only_device + both) / whole, cloud=(only_cloud + both) / whole)


def _read(stream: IO[bytes], name: str) -> Router:
    try:
        with np.load(stream, allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in archive.files}
        meta = json.loads(str(arrays["meta"]))
        _check(meta, name)
        return _assembled(meta, arrays)
    except (
        InvalidRequest,
        ValueError,
        KeyError,
        TypeError,
        IndexError,
        EOFError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise ModelCorrupt(f"{name} is damaged, or is no router", remedy=_TRAIN) from error


def _check(meta: dict[str, Any], name: str) -> None:
    if meta["format"] != FORMAT:
        raise ModelUnsupported(f"{name} was written by another version of Edgewise", remedy=_TRAIN)
    if tuple(meta["traits"]) != TRAITS or tuple(meta["heads"]) != HEADS:
        raise ModelUnsupported(f"{name} was fitted on other features than this version reads", remedy=_TRAIN)


def _assembled(meta: dict[str, Any], arrays: dict[str, Any]) -> Router:
    if set(meta["experts"]) not in ({ANY}, set(FORMS)):
        raise KeyError("experts")
    embedder = meta["embedder"]
    return Router(
        experts={form: Expert.of(under(form, arrays), with_meaning=bool(embedder)) for form in meta["experts"]},
        embedder=embedder,
        sources=tuple(Source(**source) for source in meta["sources"]),
        calibration=Calibration.from_arrays(arrays) if Calibration.is_in(arrays) else None,
    )
