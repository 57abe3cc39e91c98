"""Consent that something leaves: asked once a time, or remembered for a label and a destination until it is revoked."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from edge_agent.database import Database
from orchestrator.errors import RecordNotFound
from orchestrator.ports import Clock
from orchestrator.privacy.consent import ConsentRequest
from orchestrator.types import Sensitivity


class Verdict(StrEnum):
    """What the user says to a `ConsentRequest`."""

    ONCE = "once"
    """This may leave; the next is asked for again."""
    ALWAYS = "always"
    """This, and what else has its label and its destination."""
    NO = "no"
    """Not this."""
    NEVER = "never"
    """Neither this, nor what else has its label and its destination."""


Asked = bool | Verdict
AskForConsent = Callable[[ConsentRequest], Asked | Awaitable[Asked]]
"""Asks the user: a plain function, which may block, or a coroutine function. True and False are for this once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """What the user said once and for all."""

    label: Sensitivity
    destination: str
    """`host:port`."""
    allowed: bool
    at: datetime


class Consents:
    """What is remembered of the user's word. Any number of threads and processes may share it."""

    def __init__(self, database: Database, clock: Clock) -> None:
        """`database` is the egress log's."""
        self._database = database
        self._clock = clock

    def of(self, label: Sensitivity, destination: str) -> bool | None:
        """What was said of texts with this label to this destination; None: nothing.

        Raises:
            StoreError: it cannot be read.
        """
        with self._database.lend() as db:
            row = db.execute(
                "SELECT allowed FROM consents WHERE label = ? AND destination = ?", [label.value, destination]
            ).fetchone()
        return None if row is None else bool(row[0])

    def remember(self, label: Sensitivity, destination: str, *, allowed: bool) -> None:
        """Keep what was said, in the place of what was said before.

        Raises:
            StoreError: it cannot be written.
        """
        with self._database.write() as db:
            db.execute(
                "INSERT OR REPLACE INTO consents VALUES (?, ?, ?, ?)",
                [label.value, destination, int(allowed), self._clock.now().timestamp()],
            )

    def list(self) -> list[Remembered]:
        """All that is remembered, the latest first.

        Raises:
            StoreError: it cannot be read.
        """
        with self._database.lend() as db:
            rows = db.execute("SELECT label, destination, allowed, at FROM consents ORDER BY at DESC").fetchall()
        return [
            Remembered(
                label=Sensitivity(label),
                destination=destination,
                allowed=bool(allowed),
                at=datetime.fromtimestamp(at, UTC),
            )
            for label, destination, allowed, at in rows
        ]

    def revoke(self, destination: str | None = None, label: Sensitivity | None = None) -> int:
        """Forget what was said: of one destination or of all, of one label or of both; how much that was.

        Raises:
            RecordNotFound: nothing is remembered of the destination or of the label; names what is.
            StoreError: it cannot be written.
        """
        sql = "DELETE FROM consents WHERE coalesce(destination = ?, true) AND coalesce(label = ?, true)"
        with self._database.write() as db:
            count = db.execute(sql, [destination, label.value if label else None]).rowcount
        if not count and (destination or label):
            known = ", ".join(sorted({each.destination for each in self.list()})) or "none"
            raise RecordNotFound(
                "nothing is remembered of that destination and label", remedy=f"destinations that are: {known}"
            )
        return count


class RememberingConsent:
    """A `Consent` that asks only where nothing is remembered. Where nobody can be asked, the answer is no."""

    def __init__(self, consents: Consents, ask: AskForConsent | None) -> None:
        self._consents = consents
        self._ask = ask

    async def allows(self, request: ConsentRequest) -> bool:
        """Whether it may leave; see `Consent`."""
        said = await asyncio.to_thread(self._consents.of, request.label, request.destination)
        if said is not None or self._ask is None:
            return bool(said)
        verdict = await _answer(self._ask, request)
        if verdict in (Verdict.ALWAYS, Verdict.NEVER):
            allowed = verdict is Verdict.ALWAYS
            await asyncio.to_thread(
                lambda: self._consents.remember(request.label, request.destination, allowed=allowed)
            )
        return verdict in (Verdict.ONCE, Verdict.ALWAYS)


async def _answer(ask: AskForConsent, request: ConsentRequest) -> Verdict:
    """What a function says that may block, or be a coroutine function."""
    if inspect.iscoroutinefunction(ask):
        said = await ask(request)
    else:
        said = await asyncio.to_thread(ask, request)
        if inspect.isawaitable(said):  # an object whose call gives one
            said = await said
    if isinstance(said, bool):
        return Verdict.ONCE if said else Verdict.NO
    return Verdict(said)
