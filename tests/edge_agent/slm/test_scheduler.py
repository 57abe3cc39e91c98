"""Several answers at once: each as if it were alone, none waiting for long, none disturbed by another's end."""

from __future__ import annotations

import errno
import mmap
from collections.abc import Callable, Iterator
from collections.abc import Sequence as Tokens
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge_agent.slm.convert.synthetic import write_synthetic_model
from edge_agent.slm.decoder import Decoder
from edge_agent.slm.folder import ModelFolder
from edge_agent.slm.interrupt import Interrupt
from edge_agent.slm.job import Job
from edge_agent.slm.prefixes import PrefixStore
from edge_agent.slm.rounding import Rounding
from edge_agent.slm.run import steps_of
from edge_agent.slm.sampling import Sampler
from edge_agent.slm.scheduler import Scheduler
from edge_agent.slm.sequence import Sequence
from edge_agent.slm.session import Session
from orchestrator.errors import InferenceFailed
from orchestrator.types import Sampling
from tests.edge_agent.slm.staged import Known, Logged, Nothing, Tape

GREEDY = Sampling()


@pytest.fixture(scope="session")
def quantised(tmp_path_factory: pytest.TempPathFactory) -> Session:
    """A tiny model whose matrices are in the shipped format, and whose passes therefore round as the shipped ones'."""
    folder = tmp_path_factory.mktemp("models") / "quantised"
    write_synthetic_model(folder, seed=1, recipe="q8")
    return Session.open(folder / "model.onnx", threads=1)


@pytest.fixture
def decoder(quantised: Session) -> Logged:
    return Logged(quantised)


@pytest.fixture
def open_scheduler(decoder: Logged) -> Iterator[Callable[..., Scheduler]]:
    opened = []

    def make(*, batches: bool = True, memory_bytes: int = 0, **more: Any) -> Scheduler:
        prefixes = PrefixStore(decoder.cache_layout, max_bytes=memory_bytes)
        opened.append(Scheduler(decoder, prefixes, Known(decoder, batches=batches), name="test", **more))
        return opened[-1]

    yield make
    for scheduler in opened:
        scheduler.close()


@pytest.fixture
def scheduler(open_scheduler: Callable[..., Scheduler]) -> Scheduler:
    return open_scheduler()


def prompt(seed: int, length: int) -> list[int]:
    return [int(token) for token in np.random.default_rng(seed).integers(3, 300, length)]


def job(
    tokens: list[int], most: int, sampling: Sampling = GREEDY, *, log: Tokens[object] = (), **more: Any
) -> tuple[Job, Tape]:
    tape = Tape(most, log)
    return Job(Sequence(tokens, Sampler(sampling), **more), tape), tape


def submit_in_turn(scheduler: Scheduler, jobs: list[Job]) -> None:
    for task in jobs:
        scheduler.submit(task)


def submit_all(decoder: Logged, scheduler: Scheduler, jobs: list[tuple[Job, Tape]]) -> None:
    """The first, and in its first pass all others."""
    decoder.at[len(decoder.passes) + 1] = partial(submit_in_turn, scheduler, [task for task, _ in jobs[1:]])
    scheduler.submit(jobs[0][0])


def alone(session: Session, tokens: list[int], most: int, sampling: Sampling = GREEDY) -> list[int]:
    """What a sequence writes that has a model to itself."""
    decoder = Decoder(session, window=512, weight_bytes=0)
    made = steps_of(decoder, decoder.new_cache(), Sequence(tokens, Sampler(sampling)), Interrupt())
    written: list[int] = []
    while len(written) < most:
        written += [step.choice.token for step in [next(made)] if step.choice]
    return written


@settings(max_examples=40)
@given(
    asked=st.lists(st.tuples(st.integers(1, 60), st.integers(1, 20), st.integers(1, 12)), min_size=1, max_size=6),
    temperature=st.sampled_from([0.0, 1.0]),
    kind=st.sampled_from(["quantised", "grown"]),
    most=st.sampled_from([2, 8]),
)
def test_together_as_alone(
    quantised: Session,
    grown: Session,
    asked: list[tuple[int, int, int]],
    temperature: float,
    kind: str,
    most: int,
) -> None:
    """Law 5, whoever joins at whatever pass and leaves after however many tokens."""
    session = {"quantised": quantised, "grown": grown}[kind]
    decoder = Logged(session)
    prefixes = PrefixStore(decoder.cache_layout, max_bytes=10_000_000)
    scheduler = Scheduler(
        decoder, prefixes, Rounding(Decoder(session, window=512, weight_bytes=0)), name="t", most=most
    )
    jobs, joining = [], dict[int, list[Job]]()
    for seed, (length, tokens, joins) in enumerate(asked):
        sampling = Sampling(temperature=temperature, seed=seed)
        task, tape = job(prompt(seed % 3, length), tokens, sampling)
        jobs.append((tape, alone(session, prompt(seed % 3, length), tokens, sampling)))
        joining.setdefault(joins, []).append(task)
    for joins, tasks in joining.items():
        decoder.at[joins] = partial(submit_in_turn, scheduler, tasks)
    scheduler.submit(job([7, 8, 9], 80)[0])
    for tape, wanted in jobs:
        assert tape.wait() == wanted
    scheduler.close()


@pytest.mark.parametrize("batches", [True, False])
def test_one_pass_for_all_where_that_changes_nothing(
    decoder: Logged, open_scheduler: Callable[..., Scheduler], quantised: Session, batches: bool
) -> None:
    scheduler = open_scheduler(batches=batches)
    jobs = [job(prompt(seed, 10), 20) for seed in range(4)]
    submit_all(decoder, scheduler, jobs)
    for seed, (_, tape) in enumerate(jobs):
        assert tape.wait() == alone(quantised, prompt(seed, 10), 20)
    widest = max(len(tokens) for tokens in decoder.passes)
    assert widest == (4 if batches else 1)
    assert len(decoder.passes) < 40 if batches else len(decoder.passes) == 4 * 20


def test_a_short_question_passes_a_long_prompt(decoder: Logged, scheduler: Scheduler) -> None:
    """In turns: it comes in the third of 25 passes over the long prompt, and has its first token by the sixth."""
    long, tape = job(prompt(0, 400), 5)
    short, first = job(prompt(1, 10), 1)
    decoder.at[3] = lambda: scheduler.submit(short)
    seen: list[int] = []
    decoder.at[6] = lambda: seen.append(len(first.tokens))
    scheduler.submit(long)
    assert first.wait()
    tape.wait()
    assert seen == [1]
    assert decoder.passes[:5].count((10,)) == 1


def test_a_short_question_passes_a_long_answer(decoder: Logged, scheduler: Scheduler) -> None:
    long, tape = job(prompt(0, 10), 200)
    short, first = job(prompt(1, 10), 3)
    decoder.at[50] = lambda: scheduler.submit(short)
    seen: list[int] = []
    decoder.at[54] = lambda: seen.append(len(first.tokens))
    scheduler.submit(long)
    assert len(tape.wait()) == 200
    assert len(first.wait()) == 3
    assert seen[0] >= 2
    assert len(decoder.passes) <= 200 + 3


def test_short_questions_do_not_starve_a_long_prompt(decoder: Logged, scheduler: Scheduler) -> None:
    """One new short question with every pass: the long prompt still gets every second reading."""
    long, tape = job(prompt(0, 160), 1, log=decoder.passes)
    others = [job(prompt(seed, 8), 1) for seed in range(1, 60)]
    for at, (task, _) in enumerate(others, 1):
        decoder.at[at] = partial(scheduler.submit, task)
    scheduler.submit(long)
    tape.wait()
    for _, other in others:
        other.wait()
    assert tape.passes <= 2 * 10 + 1


def test_several_samples_of_one_prompt_are_one_prefill(
    decoder: Logged, scheduler: Scheduler, quantised: Session
) -> None:
    tokens = prompt(0, 300)
    jobs = [job(tokens, 6, Sampling(temperature=1.0, seed=seed)) for seed in range(4)]
    submit_all(decoder, scheduler, jobs)
    for seed, (_, tape) in enumerate(jobs):
        assert tape.wait() == alone(quantised, tokens, 6, Sampling(temperature=1.0, seed=seed))
    read = sum(sum(passed) for passed in decoder.passes if passed[0] > 1)
    assert read == 300 + 3 * 2


def test_one_that_waits_for_another_goes_on_when_that_is_cancelled(decoder: Logged, scheduler: Scheduler) -> None:
    first, second = job(prompt(0, 300), 6), job(prompt(0, 300), 6)
    decoder.at[3] = lambda: scheduler.submit(second[0])
    decoder.at[6] = lambda: scheduler.cancel(first[0])
    scheduler.submit(first[0])
    assert len(second[1].wait()) == 6
    assert first[1].wait() == []


@pytest.mark.parametrize("at", [5, 12, 20])
def test_cancelling_one_does_not_disturb_the_others(
    decoder: Logged, scheduler: Scheduler, quantised: Session, at: int
) -> None:
    """In the middle of a pass over all of them: the pass stops, and is done again for the others."""
    jobs = [job(prompt(seed, 12), 40) for seed in range(3)]
    decoder.at[at] = lambda: scheduler.cancel(jobs[1][0])
    submit_all(decoder, scheduler, jobs)
    for seed in (0, 2):
        assert jobs[seed][1].wait() == alone(quantised, prompt(seed, 12), 40)
    cut = jobs[1][1].wait()
    assert 0 < len(cut) < 40
    assert cut == alone(quantised, prompt(1, 12), 40)[: len(cut)]


def test_what_waits_is_taken_back_at_once(open_scheduler: Callable[..., Scheduler], decoder: Logged) -> None:
    scheduler = open_scheduler(most=1)
    first, second = job(prompt(0, 10), 30), job(prompt(1, 10), 30)
    ended: list[bool] = []

    def take_back() -> None:
        scheduler.cancel(second[0])
        ended.append(second[1].wait() == [])
        scheduler.cancel(second[0])

    decoder.at[4] = lambda: scheduler.submit(second[0])
    decoder.at[8] = take_back
    scheduler.submit(first[0])
    assert len(first[1].wait()) == 30
    assert ended == [True]


def test_more_than_there_are_rows_for_wait_in_order(decoder: Logged, open_scheduler: Callable[..., Scheduler]) -> None:
    scheduler = open_scheduler(most=2)
    jobs = [job(prompt(seed, 10), 10 + seed, log=decoder.passes) for seed in range(5)]
    submit_all(decoder, scheduler, jobs)
    ends = [tape.wait() and tape.passes for _, tape in jobs]
    assert ends == sorted(ends)
    assert max(len(passed) for passed in decoder.passes) == 2


def test_a_row_that_is_not_numbers_fails_alone(decoder: Logged, scheduler: Scheduler, quantised: Session) -> None:
    good, bad = job(prompt(0, 10), 20), job(prompt(1, 10), 20, Sampling(temperature=1.0), constraint=Nothing())
    decoder.at[5] = lambda: scheduler.submit(bad[0])
    scheduler.submit(good[0])
    with pytest.raises(InferenceFailed, match="not numbers"):
        bad[1].wait()
    assert good[1].wait() == alone(quantised, prompt(0, 10), 20)


def test_a_failure_of_the_runtime_is_that_of_the_one_it_happened_to(shared: Session) -> None:
    decoder = Logged(shared)
    prefixes = PrefixStore(decoder.cache_layout, max_bytes=0)
    scheduler = Scheduler(decoder, prefixes, Known(decoder, batches=False), name="test")
    good, bad = job(prompt(0, 10), 20), job([5, 100_000], 20)
    decoder.at[5] = lambda: scheduler.submit(bad[0])
    scheduler.submit(good[0])
    with pytest.raises(InferenceFailed, match="ONNX Runtime failed"):
        bad[1].wait()
    assert good[1].wait() == alone(shared, prompt(0, 10), 20)
    scheduler.close()


@pytest.mark.parametrize("drafts", [False, True])
def test_what_was_written_is_kept_where_it_counts_as_read(decoder: Logged, drafts: bool) -> None:
    """Where passes of every length round alike, the next turn need not read the last answer."""
    prefixes = PrefixStore(decoder.cache_layout, max_bytes=10**8)
    scheduler = Scheduler(decoder, prefixes, Known(decoder, batches=False, drafts=drafts), name="test")
    asked = job(prompt(0, 40), 12)
    scheduler.submit(asked[0])
    answer = asked[1].wait()
    scheduler.close()
    kept = prefixes.match([*prompt(0, 40), *answer, 5, 6, 7])
    assert kept is not None
    assert kept.length == (40 + 11 if drafts else 40), "no pass went over the last token"


def test_without_memory_the_one_that_wants_to_grow_fails(
    decoder: Logged, scheduler: Scheduler, quantised: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first buffers hold 256 tokens and a spare place; the second question wants more."""
    good, bad = job(prompt(0, 10), 60), job(prompt(1, 300), 20)
    first, pages = [], mmap.mmap

    def short(number: int, size: int, **options: Any) -> Any:
        first.append(size)
        if size > 2 * first[0]:
            raise OSError(errno.ENOMEM, "Cannot allocate memory")
        return pages(number, size, **options)

    monkeypatch.setattr(mmap, "mmap", short)
    decoder.at[5] = lambda: scheduler.submit(bad[0])
    scheduler.submit(good[0])
    with pytest.raises(InferenceFailed, match="no memory"):
        bad[1].wait()
    assert good[1].wait() == alone(quantised, prompt(0, 10), 60)


def test_what_was_read_is_kept_until_it_is_to_be_forgotten(
    decoder: Logged, open_scheduler: Callable[..., Scheduler]
) -> None:
    scheduler = open_scheduler(memory_bytes=10_000_000)

    def read() -> int:
        decoder.passes.clear()
        task, tape = job(prompt(0, 200), 3)
        scheduler.submit(task)
        tape.wait()
        return sum(passed[0] for passed in decoder.passes if passed[0] > 1)

    assert read() == 200
    assert read() == 2
    scheduler.forget().result(60)
    assert read() == 200


def test_what_is_being_written_is_forgotten_too(decoder: Logged, open_scheduler: Callable[..., Scheduler]) -> None:
    scheduler = open_scheduler(memory_bytes=10_000_000)
    first, second = job(prompt(0, 200), 30), job(prompt(0, 200), 3)
    forgotten: list[Future[None]] = []
    decoder.at[20] = lambda: forgotten.append(scheduler.forget())
    scheduler.submit(first[0])
    first[1].wait()
    forgotten[0].result(60)
    decoder.passes.clear()
    scheduler.submit(second[0])
    second[1].wait()
    assert sum(passed[0] for passed in decoder.passes if passed[0] > 1) == 200


def test_what_is_just_being_kept_is_forgotten_too(decoder: Logged) -> None:
    """The answer is over by then and no longer among those at work."""
    forgotten: list[Future[None]] = []

    class Store(PrefixStore):
        def keep(self, tokens: Tokens[int], buffers: Tokens[NDArray[Any]]) -> None:
            forgotten.append(ours.forget())
            super().keep(tokens, buffers)

    store = Store(decoder.cache_layout, max_bytes=10_000_000)
    ours = Scheduler(decoder, store, Known(decoder, batches=True), name="test")
    task, tape = job(prompt(0, 200), 3)
    ours.submit(task)
    tape.wait()
    ours.close()
    forgotten[0].result(60)
    assert store.bytes == 0


@pytest.mark.model
def test_the_real_model_writes_together_what_it_writes_alone(smollm2: Path) -> None:
    files = ModelFolder(smollm2)
    session = Session.open(files.graph, threads=2, sizes=files.sizes)
    decoder = Logged(session, chunk_tokens=128)
    prefixes = PrefixStore(decoder.cache_layout, max_bytes=0)
    scheduler = Scheduler(decoder, prefixes, Rounding(decoder), name="test")
    rng = np.random.default_rng(1)
    asked = [([int(token) for token in rng.integers(100, 40_000, 10 + 60 * at)], 12 + 8 * at) for at in range(4)]
    jobs = [job(tokens, most, Sampling(temperature=0.7 * (at % 2))) for at, (tokens, most) in enumerate(asked)]
    for task, _ in jobs:
        scheduler.submit(task)
    for at, ((tokens, most), (_, tape)) in enumerate(zip(asked, jobs, strict=True)):
        assert tape.wait() == alone(session, tokens, most, Sampling(temperature=0.7 * (at % 2)))
    scheduler.close()
