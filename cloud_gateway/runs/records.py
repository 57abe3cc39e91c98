"""Runs as several gateways share them: records in Redis."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

import msgspec

from cloud_gateway.runs import scripts
from cloud_gateway.runs.run import Id
from cloud_gateway.state import SharedState, faults
from orchestrator.errors import Cancelled, CloudError, CloudInternal, EdgewiseError
from orchestrator.types import Completed

_FAILED_KEEP_S: Final = 5.0
"""How long a failure is told to those who followed at another gateway; whoever asks again starts anew."""
TAKEN: Final = -1
ABSENT: Final = -2
CANCELLED: Final = -3


@dataclass(frozen=True, slots=True)
class Claim:
    """What became of the wish to write a run."""

    outcome: Literal["own", "follow", "foreign", "absent"]
    """It is ours; another gateway writes or has written it; the id belongs to another chat; there is no such run."""
    birth: str = ""
    """Names the run, whoever writes it. The next run with the same id has another."""
    pieces: int = 0
    text: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """What an owner adds to its record. Without text it renews its lease."""

    name: str
    owner: str
    cursor: int
    text: str
    waiting: int
    """Pieces that are shown once this is written."""
    pieces: int
    """In how many pieces the whole text came."""
    model: str


@dataclass(frozen=True, slots=True)
class News:
    """What a record has that a follower did not know yet."""

    birth: str
    state: Literal["running", "finished", "failed"]
    model: str
    end: bytes
    """What it ended with: see `receipt` and `fault`."""
    text: bytes
    owner_gone: bool

    @property
    def receipt(self) -> Completed:
        """Of a finished run."""
        return msgspec.json.decode(self.end, type=Completed)

    @property
    def fault(self) -> EdgewiseError:
        """Of a failed run."""
        fault = msgspec.json.decode(self.end, type=_Fault)
        kind = {kind.__name__: kind for kind in _kinds(EdgewiseError)}.get(fault.kind, CloudInternal)
        if issubclass(kind, CloudError):
            return kind(fault.message, remedy=fault.remedy, retry_after_s=fault.retry_after_s)
        return kind(fault.message, remedy=fault.remedy)


class Records:
    """The records of all runs. Names are hashed; what is in them is the users' own, and goes with its time.

    Every method raises `CloudUnavailable` where Redis cannot be reached.
    """

    def __init__(self, state: SharedState, *, lease_s: float, keep_s: float) -> None:
        """An owner that is silent for `lease_s` is taken for dead; after `keep_s` without change a record goes."""
        self._state = state
        self._lease_ms = round(lease_s * 1000)
        self._keep_ms = round(keep_s * 1000)
        self._claim = state.script(scripts.CLAIM)
        self._write = state.script(scripts.WRITE)
        self._end = state.script(scripts.END)
        self._read = state.script(scripts.READ)

    def configure(self, *, keep_s: float) -> None:
        """Keep what is written from now on for so long."""
        self._keep_ms = round(keep_s * 1000)

    @staticmethod
    def name(key: Id) -> str:
        """The name of a run's record."""
        return hashlib.blake2b("\0".join(key).encode(), digest_size=16).hexdigest()

    async def claim(self, name: str, owner: str, fingerprint: bytes, *, cursor: int = 0, birth: str = "") -> Claim:
        """Begin a run, or go on with one whose owner is gone.

        Args:
            name: of its record.
            owner: names this gateway's turn, and no other.
            fingerprint: of the chat.
            cursor: the text has to be as long as this; over zero, no new run is begun.
            birth: where given, that run and no other is gone on with.
        """
        args = (fingerprint, owner, self._lease_ms, self._keep_ms, cursor, birth)
        with faults():
            outcome, *rest = await self._claim(keys=self._keys(name), args=args)
        if not rest:
            return Claim(outcome.decode())
        return Claim(outcome.decode(), rest[0].decode(), rest[1], rest[2].decode())

    async def write(self, notes: Sequence[Note], *, release: bool = False) -> list[tuple[int, bool]]:
        """Add to the records of runs that are ours, and hold them for another while; or `release` them.

        Returns:
            For each the length of its text (or `TAKEN`, `ABSENT` or `CANCELLED`), and whether it is followed at another
            gateway.
        """
        args: list[Any] = [0 if release else self._lease_ms, self._keep_ms]
        for note in notes:
            args += (note.owner, note.cursor, note.text, len(note.text), note.pieces, note.model)
        with faults():
            results = await self._write(keys=[key for note in notes for key in self._keys(note.name)], args=args)
        return [(results[at], bool(results[at + 1])) for at in range(0, len(results), 2)]

    async def finish(self, name: str, owner: str, receipt: Completed) -> None:
        """End a run that is ours with its receipt."""
        with faults():
            args = (owner, "finished", msgspec.json.encode(receipt), self._keep_ms)
            await self._end(keys=self._keys(name), args=args)

    async def fail(self, name: str, owner: str, error: EdgewiseError) -> None:
        """End a run that is ours with an error, which its followers get; the id is free again."""
        retry_after_s = error.retry_after_s if isinstance(error, CloudError) else None
        fault = _Fault(type(error).__name__, error.message, error.remedy, retry_after_s)
        with faults():
            args = (owner, "failed", msgspec.json.encode(fault), round(_FAILED_KEEP_S * 1000))
            await self._end(keys=self._keys(name), args=args)

    async def cancel(self, name: str) -> None:
        """End a run, whoever writes it: its owner notices when it writes next."""
        await self.fail(name, "", Cancelled("the caller cancelled the answer"))

    async def read(self, places: Sequence[tuple[str, int]]) -> list[News | Literal[False] | None]:
        """What is new in records, each given by its name and how many bytes of its text are known.

        Returns:
            For each what is new, None where nothing is, and False where there is no record.
        """
        with faults():
            results = await self._read(
                keys=[key for name, _ in places for key in self._keys(name)], args=[known for _, known in places]
            )
        return [None if result == 0 else _news(result) if result else False for result in results]

    def _keys(self, name: str) -> tuple[str, str]:
        # Braces: in a cluster, both keys of a run are in one place.
        key = self._state.key("run", f"{{{name}}}")
        return key, f"{key}:text"


class _Fault(msgspec.Struct):
    kind: str
    message: str
    remedy: str
    retry_after_s: float | None


def _news(result: list[Any]) -> News:
    birth, state, model, end, text, gone = result
    return News(birth.decode(), cast(Any, state.decode()), model.decode(), end, text, bool(gone))


def _kinds(kind: type[EdgewiseError]) -> Iterator[type[EdgewiseError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _kinds(below)
