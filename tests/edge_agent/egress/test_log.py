"""The egress log: what is written, in which order, and how a change of it shows."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.egress.chain import NOTHING_BEFORE, Head, Link, canonical, digest_of, hash_of, verify
from edge_agent.egress.entry import Cause, Departure
from edge_agent.egress.log import EgressLog
from edge_agent.journal import Journal
from orchestrator.client import Outcome
from orchestrator.errors import InvalidRequest, RecordNotFound
from orchestrator.testing import ManualClock

DAY_S = 86_400.0
CANARY = "ultramarine"


def departure(text: str = "What do bees make?", *, record_ids: tuple[int, ...] = (), thread: str = "") -> Departure:
    cause = Cause(decision_id="d1", request_id="r1", rule="public text", record_ids=record_ids)
    return Departure(
        target="localhost:1",
        method="/orchestrator.v1.GatewayService/Generate",
        body=text.encode(),
        attempts=3,
        cause=cause,
        conversation=thread,
    )


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "egress.db"


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal.open(tmp_path / "journal.db") as opened:
        yield opened


@pytest.fixture
def log(path: Path, clock: ManualClock, journal: Journal) -> Iterator[EgressLog]:
    with EgressLog.open(path, clock, heads=journal, keep_days=90) as opened:
        yield opened


def tamper(path: Path, statements: str) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.executescript(statements)


def test_a_call_is_read_as_it_was_written(log: EgressLog, clock: ManualClock) -> None:
    number = log.sent(departure(record_ids=(3, 4)))
    (call,) = log.calls()
    assert (call.number, call.departure, call.attempt) == (number, departure(record_ids=(3, 4)), 1)
    assert call.at == clock.now()
    assert call.outcome is None
    log.ended(number, Outcome.FAILED, "cloud_timeout")
    call = log.call(number)
    assert (call.outcome, call.error_type) == (Outcome.FAILED, "cloud_timeout")


def test_calls_for_one_decision_are_counted(log: EgressLog) -> None:
    numbers = [log.sent(departure()) for _ in range(3)]
    assert [(call.number, call.attempt) for call in log.of_decision("d1")] == [(n, n) for n in numbers]
    assert log.of_decision("d2") == []


def test_an_unknown_number_names_the_nearest(log: EgressLog) -> None:
    with pytest.raises(RecordNotFound, match="no call 7") as refused:
        log.call(7)
    assert "did you mean" not in str(refused.value)
    log.sent(departure())
    with pytest.raises(RecordNotFound, match=r"did you mean 1\?"):
        log.call(7)


KILLED = """
import os, signal, sys
from pathlib import Path
from edge_agent.egress.log import EgressLog
from orchestrator.testing import ManualClock
from tests.edge_agent.egress.test_log import departure

log = EgressLog.open(Path(sys.argv[1]), ManualClock())
log.sent(departure())
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_what_was_about_to_leave_outlives_a_kill(path: Path, clock: ManualClock) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False, capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    with EgressLog.open(path, clock) as log:
        (call,) = log.calls()
        assert (call.departure.body, call.outcome) == (b"What do bees make?", None)
        assert log.verify().broken_at is None


def test_the_disk_has_it_before_it_may_leave(log: EgressLog) -> None:
    """A power cut is not staged here; that SQLite waits for the disk is."""
    with log._database.write() as db:
        assert db.execute("PRAGMA synchronous").fetchone() == (2,), "full"


CHANGES = {
    "an entry": ("UPDATE chain SET entry = replace(entry, 'localhost', 'elsewhere') WHERE number = 3", 3),
    "a hash": ("UPDATE chain SET hash = '" + "0" * 64 + "' WHERE number = 3", 3),
    "a missing entry": ("DELETE FROM chain WHERE number = 3", 3),
    "a missing beginning": ("DELETE FROM chain WHERE number <= 2", 2),
    "a missing end": ("DELETE FROM chain WHERE number >= 5", 5),
    "nothing left": ("DELETE FROM chain", 1),
    "no JSON": (
        "DROP INDEX chain_by_call; DROP INDEX chain_by_decision; UPDATE chain SET entry = '{' WHERE number = 3",
        3,
    ),
    "what was sent": ("UPDATE contents SET body = x'00' WHERE number = 3", 3),
    "its salt": ("UPDATE contents SET salt = x'00' WHERE number = 3", 3),
    "missing content": ("DELETE FROM contents WHERE number = 3", 3),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_told_with_the_first_entry_that_it_broke(log: EgressLog, path: Path, change: str) -> None:
    for n in range(6):
        log.sent(departure(f"question {n}"))
    assert log.verify().broken_at is None
    statement, broken_at = CHANGES[change]
    tamper(path, statement)
    verdict = log.verify()
    assert verdict.broken_at == broken_at, verdict.fault


def test_a_log_that_was_written_anew_is_told(log: EgressLog, path: Path, clock: ManualClock, journal: Journal) -> None:
    for n in range(4):
        log.sent(departure(f"question {n}"))
    written_down = log.verify().head
    assert written_down is not None
    tamper(path, "DELETE FROM chain; DELETE FROM contents")
    for n in range(6):
        log.sent(departure(f"another {n}"))
    assert log.verify().broken_at == 4, "the head that the journal keeps was not replaced"
    with EgressLog.open(path, clock) as alone:
        assert alone.verify().broken_at is None, "without a head from elsewhere nobody can tell"
        assert alone.verify([written_down]).broken_at == 4


def test_a_log_that_is_gone_is_accepted_and_the_new_one_tells_so(
    log: EgressLog, path: Path, clock: ManualClock, journal: Journal
) -> None:
    for n in range(3):
        log.sent(departure(f"question {n}"))
    log.begin_anew()
    gone = log.verify().head
    assert (gone, log.verify().begun_at) == (journal.egress_head(), ()), "nothing is gone yet"
    assert gone is not None
    tamper(path, "DELETE FROM chain; DELETE FROM contents")
    log.sent(departure("another"))
    assert log.verify().broken_at is not None
    log.begin_anew()
    log.sent(departure("one more"))
    verdict = log.verify()
    assert (verdict.broken_at, verdict.begun_at, verdict.head) == (None, (2,), journal.egress_head())
    (begun,) = (json.loads(link.entry) for link in log.links() if link.number == 2)
    assert (begun["kind"], begun["through"], begun["hash"]) == ("begun", 3, gone.hash)
    assert begun["at"] == clock.now().isoformat(timespec="microseconds")
    assert log.verify([gone]).broken_at == 3, "who wrote the old head down still sees that it is gone"
    tamper(path, "UPDATE contents SET body = x'00'")
    with pytest.raises(InvalidRequest, match="entry 1"):
        log.begin_anew()


def test_what_others_write_without_keeping_the_head_is_no_break(
    log: EgressLog, path: Path, clock: ManualClock, journal: Journal
) -> None:
    log.sent(departure())
    with EgressLog.open(path, clock) as other:
        other.sent(departure())
    log.sent(departure())
    assert journal.egress_head() == log.verify().head
    assert log.verify().broken_at is None


def test_many_threads_make_one_chain(log: EgressLog, journal: Journal) -> None:
    def work() -> None:
        for _ in range(10):
            log.ended(log.sent(departure()), Outcome.ANSWERED)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    verdict = log.verify()
    assert (verdict.entries, verdict.contents, verdict.broken_at) == (80, 40, None)
    assert sorted(call.attempt for call in log.calls()) == list(range(1, 41))


def files_with(word: str, folder: Path) -> list[str]:
    return [file.name for file in folder.iterdir() if word.encode() in file.read_bytes()]


def test_what_is_forgotten_is_in_no_file_and_the_chain_holds(log: EgressLog, path: Path) -> None:
    forgotten = [
        log.sent(departure(f"{CANARY} a", record_ids=(7, 8))),
        log.sent(departure(f"{CANARY} b", thread="c/1")),
    ]
    kept = log.sent(departure("bees", record_ids=(8,), thread="c/2"))
    assert files_with(CANARY, path.parent)
    assert log.held_record_ids() == {7, 8}
    assert log.forget(record_ids=[7], conversations=["c/1", ""]) == 2
    assert files_with(CANARY, path.parent) == []
    assert log.verify().broken_at is None
    assert [log.call(number).is_blank for number in forgotten] == [True, True]
    assert log.call(forgotten[0]).departure.cause == departure(record_ids=(7, 8)).cause, "ids stay"
    assert not log.call(kept).is_blank
    assert log.forget(record_ids=[7]) == 0
    assert log.forget_all() == 1
    assert log.verify().broken_at is None


def test_no_history_leaves_a_trace(log: EgressLog, path: Path) -> None:
    """Pages that lost a call kept bytes of others that had moved."""
    random, gone = Random(22), set[int]()
    for number in range(1, 61):
        text = f"canary{number - 1:04d}end " * random.choice([1, 3, 40, 300])
        log.sent(departure(text, record_ids=(number,)))
        if random.random() < 0.2:
            left = sorted(set(range(1, number + 1)) - gone)
            ids = random.sample(left, min(len(left), random.randint(1, 6)))
            gone.update(ids)
            log.forget(record_ids=ids)
    assert [number for number in gone if files_with(f"canary{number - 1:04d}end", path.parent)] == []


def test_what_a_reader_kept_from_being_wiped_is_wiped_at_the_next_opening(path: Path, clock: ManualClock) -> None:
    with EgressLog.open(path, clock) as log:
        log.sent(departure(CANARY))
        with closing(sqlite3.connect(path, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM chain").fetchone()
            assert log.forget_all() == 1
            assert files_with(CANARY, path.parent)
            with EgressLog.open(path, clock):
                pass
        with EgressLog.open(path, clock):
            assert files_with(CANARY, path.parent) == []


def test_old_entries_go_and_the_rest_goes_on_from_them(log: EgressLog, path: Path, clock: ManualClock) -> None:
    for n in range(3):
        log.sent(departure(f"{CANARY} {n}"))
        clock.advance(DAY_S)
    clock.advance(89.5 * DAY_S)
    log.sent(departure("new"))
    assert [call.departure.body for call in log.calls()] == [b"new"]
    verdict = log.verify()
    assert (verdict.broken_at, verdict.entries) == (None, 2), "the new one, and what tells of the pruning"
    clock.advance(200 * DAY_S)
    log.sent(departure("newer"))
    assert [call.departure.body for call in log.calls()] == [b"newer"]
    assert log.verify().broken_at is None
    tamper(path, "DELETE FROM chain WHERE number = (SELECT min(number) FROM chain)")
    assert log.verify().broken_at is not None


def test_calls_are_listed_newest_first_and_from_a_moment_on(log: EgressLog, clock: ManualClock) -> None:
    for n in range(4):
        log.sent(departure(str(n)))
        clock.advance(60)
    assert [call.departure.body for call in log.calls(limit=2)] == [b"3", b"2"]
    since = clock.now() - timedelta(seconds=130)
    assert [call.departure.body for call in log.calls(since=since)] == [b"3", b"2"]


def chain(bodies: list[bytes]) -> list[Link]:
    links: list[Link] = []
    for number, body in enumerate(bodies, 1):
        salt = os.urandom(16)
        entry = canonical(
            {"number": number, "kind": "sent", "bytes": len(body), "kept": True, "digest": digest_of(salt, body)}
        )
        before = links[-1].hash if links else NOTHING_BEFORE
        links.append(Link(number, entry, hash_of(before, entry), salt, body))
    return links


@given(bodies=st.lists(st.binary(min_size=1, max_size=8), min_size=1, max_size=6), data=st.data())
def test_no_entry_can_be_changed_unseen(bodies: list[bytes], data: st.DataObject) -> None:
    links = chain(bodies)
    head = Head(links[-1].number, links[-1].hash)
    assert verify(links, [head]).broken_at is None
    at = data.draw(st.integers(0, len(links) - 1))
    link, before, behind = links[at], links[:at], links[at + 1 :]
    ways = {
        "taken out": [*before, *behind],
        "doubled": [*before, link, link, *behind],
        "changed": [*before, replace(link, entry=link.entry + " "), *behind],
        "emptied": [*before, replace(link, body=b""), *behind],
        "cut off": before,
    }
    new = ways[data.draw(st.sampled_from(sorted(ways)))]
    verdict = verify(new, [head])
    assert verdict.broken_at is not None
    assert verdict.broken_at <= at + 2
