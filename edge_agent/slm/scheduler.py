"""Several answers at once, from one thread that computes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from edge_agent.slm.beginning import common
from edge_agent.slm.cache import KVCache
from edge_agent.slm.caches import Caches
from edge_agent.slm.decoder import Decoder
from edge_agent.slm.interrupt import Interrupt, Interrupted
from edge_agent.slm.job import Job
from edge_agent.slm.prefixes import PrefixStore
from edge_agent.slm.rounding import Rounding
from edge_agent.slm.rows import SharedCache
from edge_agent.slm.run import Run, Step
from orchestrator.errors import InferenceFailed

R = TypeVar("R")
_MOST = 8
_WORTH_WAITING = 64
"""Tokens. Less of a common beginning is read again as quickly as it is waited for."""


class Scheduler:
    """Gives each answer its turns. Jobs come, and are taken back, at any time and from any thread.

    A turn is one pass: a chunk of one prompt, or the next tokens. Reading and writing alternate where there is both, so
    neither waits for more than one pass of the other. Of several prompts the one with the least left and the oldest are
    read in turn: a short question passes a long one, and the long one still gets half of the passes. All answers that
    are being written share one pass over one token each, where that changes no bit (see `Rounding`); otherwise they
    take turns. One that is alone writes as many tokens a pass as were rightly drafted.

    A prompt that begins like one that is just being read waits and copies: several samples of one prompt cost one
    prefill. What was read before is not read again: see `Caches`.
    """

    def __init__(
        self, decoder: Decoder, prefixes: PrefixStore, rounding: Rounding, *, name: str, most: int = _MOST
    ) -> None:
        """Args:
        decoder: runs the passes.
        prefixes: what was read before; from now on it is used by the scheduler's thread alone.
        rounding: which passes are exact.
        name: of the thread.
        most: answers at once. Further ones wait, in order.
        """
        self._decoder = decoder
        self._rounding = rounding
        self._most = most
        self._rows = decoder.new_rows(most) if decoder.batches else None
        self._caches = Caches(decoder, prefixes, rounding, self._rows)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._lock = threading.Lock()
        # Under the lock: who waits, whether the thread is at work, what its pass is over, what is to be forgotten, and
        # every call of a listener. The rest is the thread's own.
        self._waiting: list[Job] = []
        self._working = False
        self._passing: tuple[list[Job], Interrupt] = ([], Interrupt())
        self._forgetting: list[tuple[Future[None], set[Job]]] = []
        self._active: list[Job] = []
        self._turns = 0
        self._wrote = False
        self._read_oldest = False

    def submit(self, job: Job) -> None:
        """Have a job done. Its listener is told of every step, and once of the end, whatever happens."""
        with self._lock:
            self._waiting.append(job)
            self._wake()

    def cancel(self, job: Job) -> None:
        """Take a job back, wherever it is; its listener is told of the end before this returns. Others go on."""
        with self._lock:
            if job.over:
                return
            passing, interrupt = self._passing
            if job in passing:
                interrupt.set()
            self._end(job)

    def forget(self) -> Future[None]:
        """Drop what is kept of earlier prompts; done when the answers that are being written now have ended.

        They are not remembered either.
        """
        done: Future[None] = Future()
        with self._lock:
            self._forgetting.append((done, {*self._waiting, *self._active}))
            self._wake()
        return done

    def close(self) -> None:
        """Let go of the thread, after the answers in progress. The scheduler cannot be used afterwards."""
        self._thread.shutdown()

    def _wake(self) -> None:
        if not self._working:
            self._thread.submit(self._work)
            self._working = True

    def _work(self) -> None:
        """Turn after turn, until nothing is left to do."""
        while True:
            try:
                self._tidy()
                with self._lock:
                    idle = not (self._waiting or self._active or self._forgetting)
                if not idle:
                    self._turn()
                elif not self._settle():
                    return
            except Exception as error:  # a thread that died would leave everybody waiting
                self._drop_all(error)

    def _settle(self) -> bool:
        """With nobody to answer, do what may be done later; False, and the thread's work ends, when all is done."""
        with suppress(MemoryError):  # then it is read anew the next time
            if self._caches.settle():
                return True
        with self._lock:
            self._working = bool(self._waiting or self._active or self._forgetting)
            return self._working

    def _turn(self) -> None:
        self._admit()
        reading = [job for job in self._active if not job.over and job.run and job.run.unread]
        writing = [job for job in self._active if not job.over and job.run and not job.run.unread]
        self._turns += 1
        if reading and (self._wrote or not writing):
            self._wrote = False
            self._read(reading)
        elif writing:
            self._wrote = True
            if len(writing) > 1 and self._rounding.batches:
                self._write_together(writing)
            else:
                self._write(min(writing, key=lambda job: job.last_turn))

    def _read(self, jobs: list[Job]) -> None:
        """A chunk of the prompt with the least left, or of the one that came first."""
        shortest = min(jobs, key=lambda job: job.run.unread if job.run else 0)
        job = jobs[0] if self._read_oldest else shortest
        self._read_oldest = not self._read_oldest
        assert job.run is not None
        self._advance(job, job.run.read)

    def _write(self, job: Job) -> None:
        run = job.run
        assert run is not None
        job.last_turn = self._turns
        self._advance(job, lambda interrupt: run.write(interrupt, self._rounding))

    def _write_together(self, jobs: list[Job]) -> None:
        """One token for each of several answers."""
        parts = [(job, job.run, job.run.cache) for job in jobs if job.run and self._has_room(job)]
        rows, ready = self._rows, [job for job, _, _ in parts]
        caches = [cache for _, _, cache in parts if isinstance(cache, SharedCache)]
        assert rows is not None
        tokens = [job.sequence.tokens[-1] for job in ready]
        try:
            logits = self._attempt(
                ready, lambda interrupt: self._decoder.forward_batch(rows, caches, tokens, interrupt)
            )
        except InferenceFailed:  # whose fault it was shows when each goes alone
            for job in ready:
                self._write(job)
            return
        if logits is None:
            return
        for (job, run, _), row in zip(parts, logits, strict=True):
            try:
                self._deliver(job, run.take(row[None], sharing=len(ready)))
            except Exception as error:
                self._fail(job, error)

    def _advance(self, job: Job, turn: Callable[[Interrupt], list[Step]]) -> None:
        """A pass over one sequence."""
        try:
            steps = self._attempt([job], turn)
            if steps is not None:
                self._deliver(job, steps)
        except Exception as error:
            self._fail(job, error)

    def _attempt(self, jobs: list[Job], work: Callable[[Interrupt], R]) -> R | None:
        """What a pass gave; None where one of its jobs was cancelled: the others have their turn again."""
        interrupt = Interrupt()
        with self._lock:
            if any(job.over for job in jobs):
                return None
            self._passing = jobs, interrupt
        try:
            return work(interrupt)
        except Interrupted:
            return None
        except MemoryError as error:
            raise InferenceFailed("no memory for a pass", remedy="shorten the conversation") from error
        finally:
            with self._lock:
                self._passing = [], interrupt

    def _deliver(self, job: Job, steps: list[Step]) -> None:
        assert job.run is not None
        for step in steps:
            with self._lock:
                if job.over:
                    return
                if not job.listener.step(step):
                    self._end(job)
        with self._lock:
            if job.run.full and not job.over:
                self._end(job)

    def _fail(self, job: Job, error: Exception) -> None:
        job.failed = True
        with self._lock:
            if not job.over:
                self._end(job, error)

    def _end(self, job: Job, error: Exception | None = None) -> None:
        """Under the lock: tell the listener. The thread clears up at its next turn."""
        job.over = True
        if job in self._waiting:
            self._waiting.remove(job)
        job.listener.end(error)

    def _drop_all(self, error: Exception) -> None:
        with self._lock:
            jobs = [*self._waiting, *self._active]
        for job in jobs:
            self._fail(job, error)

    def _has_room(self, job: Job) -> bool:
        """Make room for one more token, or fail the job that wants it."""
        assert self._rows is not None
        assert job.run is not None
        assert isinstance(job.run.cache, SharedCache)
        try:
            self._rows.make_room(job.run.cache, len(job.run.cache) + 1)
        except InferenceFailed as error:
            self._fail(job, error)
        return not job.over

    def _admit(self) -> None:
        """Begin what waits, in order, as far as there are rows; what another is just reading is waited for."""
        with self._lock:
            waiting = [*self._waiting]
        taken = len(self._active)
        for job in waiting:
            if taken == self._most:
                return
            taken += 1
            try:
                if self._is_being_read(job):
                    continue
                with self._lock:
                    if job.over:
                        continue
                    self._waiting.remove(job)
                    self._active.append(job)
                self._begin(job)
            except Exception as error:
                self._fail(job, error)

    def _is_being_read(self, job: Job) -> bool:
        """Whether enough of its prompt is about to be read for another that it had better wait and copy."""
        tokens, most = job.sequence.tokens, len(job.sequence.tokens) - 2
        runs = [other.run for other in self._active if other.run and not other.over]
        coming = max((min(common(run.text, tokens), most) for run in runs if run.unread), default=0)
        there = [(common(run.cache.tokens, tokens), run.unread) for run in runs]
        if coming <= max((length for length, _ in there), default=0):
            return False
        held = max((length for length, unread in there if not unread), default=0)
        if coming - held < _WORTH_WAITING:
            return False
        return coming - self._caches.known(tokens, job.system) >= _WORTH_WAITING

    def _begin(self, job: Job) -> None:
        """Give a job its cache, with what is known of its prompt."""
        others = [other.run.cache for other in self._active if other.run]
        cache = self._caches.open(job.sequence.tokens, job.system, others)
        try:
            job.run = Run(self._decoder, cache, job.sequence, rolling=job.rolling)
        except BaseException:
            cache.close()
            raise

    def _tidy(self) -> None:
        """Clear up behind the jobs that are over, and forget what is to be forgotten."""
        with self._lock:
            forgetting = self._forgetting.copy()
        for _, jobs in forgetting:
            self._caches.forget()
            for job in jobs:
                job.remember = False
        for job in [job for job in self._active if job.over]:
            self._active.remove(job)
            if job.run is not None:
                self._give_back(job, job.run.cache)
        with self._lock:
            # Only those from before: what was asked for since then may be about what has just been kept.
            done = [entry for entry in forgetting if all(job.over for job in entry[1])]
            self._forgetting = [entry for entry in self._forgetting if entry not in done]
        for future, _ in done:
            if future.set_running_or_notify_cancel():
                future.set_result(None)

    def _give_back(self, job: Job, cache: KVCache) -> None:
        if job.failed or not job.remember:  # what failed may hold what is not a number
            cache.close()
            return
        with suppress(MemoryError, InferenceFailed):  # then it is read anew the next time
            self._caches.close(cache, job.system)
