"""What this gateway writes down of the runs that it owns, before anybody sees it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from cloud_gateway.runs.lead import Lead
from cloud_gateway.runs.records import ABSENT, Records
from cloud_gateway.runs.run import Run
from orchestrator.errors import CloudUnavailable
from orchestrator.ports import Clock

_BATCH: Final = 256
"""Runs in one script, so that Redis is never held for long."""
_log = logging.getLogger(__name__)


class Journal:
    """Writes for all runs of this process at once: while one script is under way, what comes meanwhile gathers.

    It renews the leases, too. While Redis is away the runs go on without it, and are written down when it is back.
    """

    def __init__(self, records: Records, clock: Clock, *, lease_s: float) -> None:
        self._records = records
        self._clock = clock
        self._renew_s = lease_s / 3
        self._leads: dict[Run, Lead] = {}
        self._marked: dict[Lead, None] = {}
        self._news = asyncio.Event()
        self._away = False
        self._tasks: tuple[asyncio.Task[None], ...] = ()

    @contextmanager
    def holding(self, lead: Lead) -> Iterator[None]:
        """Write down what `lead` brings, and hold its lease, to the end of the block."""
        self._leads[lead.run] = lead
        if not self._tasks:
            self._tasks = (asyncio.create_task(self._work()), asyncio.create_task(self._renew()))
        try:
            yield
        finally:
            del self._leads[lead.run]
            self._marked.pop(lead, None)

    def lead(self, run: Run) -> Lead | None:
        """The turn at a run, where this gateway has it."""
        return self._leads.get(run)

    def mark(self, lead: Lead) -> None:
        """Something is to be written down."""
        if self._away:
            lead.go_on_alone()
        else:
            self._marked[lead] = None
            self._news.set()

    async def release(self, lead: Lead) -> None:
        """Write the last down, and leave the run to whoever wants to go on with it."""
        with suppress(CloudUnavailable):
            await self._records.write([lead.note()], release=True)

    async def aclose(self) -> None:
        """Stop writing."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _work(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            leads = list(self._marked)
            self._marked.clear()
            for at in range(0, len(leads), _BATCH):
                await self._write(leads[at : at + _BATCH])
                if self._away:
                    break

    async def _renew(self) -> None:
        """Now and then everything is written: that holds the leases, and finds out whether Redis is back."""
        while True:
            await self._clock.sleep(self._renew_s)
            self._marked.update(dict.fromkeys(self._leads.values()))
            self._news.set()

    async def _write(self, leads: list[Lead]) -> None:
        leads = [lead for lead in leads if self._holds(lead)]
        notes = [lead.note() for lead in leads]
        if not notes:
            return
        try:
            results = await self._records.write(notes)
            self._found(away=False)
            for lead, note, (noted, followed) in zip(leads, notes, results, strict=True):
                lead.followed = followed
                if not self._holds(lead):
                    continue
                if noted == ABSENT:
                    await self._begin_again(lead)
                elif not lead.took(note, noted):
                    self.mark(lead)
        except CloudUnavailable:
            self._found(away=True)
            for lead in self._leads.values():
                lead.go_on_alone()

    async def _begin_again(self, lead: Lead) -> None:
        """Redis has lost the record, as by a restart: it is written anew, unless somebody else has begun one."""
        claim = await self._records.claim(lead.name, lead.owner, lead.run.fingerprint)
        if not self._holds(lead):
            return
        if claim.outcome == "own":
            lead.noted = len(claim.text)
            self.mark(lead)
        else:
            lead.lose()

    def _holds(self, lead: Lead) -> bool:
        return self._leads.get(lead.run) is lead

    def _found(self, *, away: bool) -> None:
        if away != self._away:
            self._away = away
            _log.log(logging.WARNING if away else logging.INFO, "state", extra={"fields": {"reachable": not away}})
