"""How several gateways write and follow one run: one of them owns it, the others read, and take it over if it dies."""

from __future__ import annotations

import asyncio
import uuid
from contextlib import aclosing, suppress

from cloud_gateway.runs.journal import Journal
from cloud_gateway.runs.lead import Lead
from cloud_gateway.runs.mirrors import Mirrors
from cloud_gateway.runs.records import Records
from cloud_gateway.runs.run import Id, Run, no_such_answer, used_for_another
from cloud_gateway.runs.turn import Source
from cloud_gateway.sections.replay import ReplaySection
from cloud_gateway.sections.state import StateSection
from cloud_gateway.state import SharedState
from orchestrator.errors import CloudInternal, CloudTruncated, CloudUnavailable, EdgewiseError
from orchestrator.ports import Clock
from orchestrator.types import Completed, Started, TextDelta


class Sharing:
    """Drives the runs of a process that shares them with others through Redis."""

    def __init__(self, state: SharedState, section: StateSection, replay: ReplaySection, clock: Clock) -> None:
        self._records = Records(state, lease_s=section.lease_s, keep_s=replay.keep_s)
        self._journal = Journal(self._records, clock, lease_s=section.lease_s)
        self._mirrors = Mirrors(self._records, clock)
        self._mirrored: set[Run] = set()
        self.taken = 0
        """How many runs this gateway went on with that another one had begun."""

    def configure(self, replay: ReplaySection) -> None:
        """Keep answers for so long from now on."""
        self._records.configure(keep_s=replay.keep_s)

    async def drive(self, key: Id, run: Run, source: Source, cursor: int) -> None:
        """Bring a run to its end, whoever writes it.

        Args:
            key: whose run it is.
            run: empty so far.
            source: asks for it, or for the rest of it, where this gateway has to write.
            cursor: what the caller has of it; over zero, no new run is begun.

        Raises:
            InvalidRequest: the id belongs to another chat.
            CloudNotFound: there is no such run any more.
            CloudUnavailable: Redis cannot be reached.
            EdgewiseError: what it failed with.
        """
        name, birth = self._records.name(key), ""
        while run.receipt is None:
            owner = uuid.uuid4().hex
            claim = await self._records.claim(name, owner, run.fingerprint, cursor=cursor, birth=birth)
            match claim.outcome:
                case "foreign":
                    raise used_for_another(key)
                case "absent":
                    raise no_such_answer()
                case "own":
                    self.taken += bool(birth or claim.text)
                    birth = claim.birth
                    run.load(claim.text[run.text.length :])
                    await self._write(Lead(run, name, owner, claim, self._journal.mark), source)
            if run.receipt is None:
                birth = await self._follow(name, run, birth)
                cursor = run.text.length

    async def cancel(self, key: Id) -> None:
        """End a run that another gateway may be writing.

        Raises:
            CloudUnavailable: Redis cannot be reached.
        """
        await self._records.cancel(self._records.name(key))

    def mirrors(self, run: Run) -> bool:
        """Whether another gateway writes it, and this one only reads."""
        return run in self._mirrored

    def followed_elsewhere(self, run: Run) -> bool:
        """Whether somebody follows at another gateway what this one writes."""
        lead = self._journal.lead(run)
        return lead is not None and lead.followed

    async def aclose(self) -> None:
        """Stop, once no run is driven any more."""
        await self._journal.aclose()
        await self._mirrors.aclose()

    async def _write(self, lead: Lead, source: Source) -> None:
        """Write a run, to its end or for as long as it is ours."""
        try:
            with self._journal.holding(lead):
                async with lead.scope:
                    await _written(lead, source)
            await self._close(lead)
        except asyncio.CancelledError:
            await self._close(lead)
            raise
        except Exception as error:
            if lead.lost and isinstance(error, TimeoutError):
                if lead.noted < lead.run.text.length:  # shown while Redis was away, and gone on with without it
                    raise CloudTruncated("another gateway has gone on with the answer", remedy="ask anew") from None
                return
            lead.go_on_alone()
            await self._fail(lead, error)
            raise

    async def _close(self, lead: Lead) -> None:
        """Say in the record how a turn has ended: with the answer, by its caller, or because this gateway stops."""
        if lead.receipt is not None:
            with suppress(CloudUnavailable):
                await self._records.finish(lead.name, lead.owner, lead.receipt)
            lead.run.add(lead.receipt)
        elif lead.run.ended:
            await self._fail(lead, lead.run.error)
        else:
            await self._journal.release(lead)

    async def _fail(self, lead: Lead, error: Exception | None) -> None:
        known = error if isinstance(error, EdgewiseError) else CloudInternal("the gateway failed")
        with suppress(CloudUnavailable):
            await self._records.fail(lead.name, lead.owner, known)

    async def _follow(self, name: str, run: Run, birth: str) -> str:
        """Copy what another gateway writes, to the end or until it is gone; gives the run's birth."""
        known_bytes = len(str(run.text).encode())
        self._mirrored.add(run)
        try:
            while True:
                news = await self._mirrors.news(name, known_bytes)
                if not news or birth not in ("", news.birth):
                    raise no_such_answer()
                birth = news.birth
                known_bytes += len(news.text)
                if news.model and run.model is None:
                    run.add(Started(news.model))
                run.load(news.text.decode())
                if news.state == "failed":
                    raise news.fault
                if news.state == "finished":
                    run.add(news.receipt)
                if news.state == "finished" or news.owner_gone:
                    return birth
        finally:
            self._mirrored.discard(run)


async def _written(lead: Lead, source: Source) -> None:
    """Everything up to the receipt, which is not shown yet."""
    async with aclosing(source(lead)) as events:
        async for event in events:
            match event:
                case TextDelta(text=piece):
                    lead.write(piece)
                    if lead.run.is_ahead:
                        await lead.run.room()
                case Started():
                    if lead.run.model is None:
                        lead.run.add(event)
                case Completed():
                    await lead.confirm()
                    lead.receipt = event
    if lead.receipt is None:
        raise CloudInternal("the answer has no receipt")
