"""The ledger in SQLite among processes that burst, die and come back. Its semantics are in test_ledger_stores."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from edge_agent.ledger import SqliteLedgerStore
from orchestrator.budget import Ledger, Resource, Window
from orchestrator.clock import SystemClock
from orchestrator.errors import BudgetExhausted
from orchestrator.testing import ManualClock
from orchestrator.types import Spend

AGE = Window("energy of an age", Resource.DEVICE_JOULES, 100, 10**10)
"""One period that holds every moment of these tests, so that none of them meets a border."""

PREAMBLE = """
import sys, threading
from pathlib import Path
from edge_agent.ledger import SqliteLedgerStore
from orchestrator.budget import Ledger, Resource, Window
from orchestrator.clock import SystemClock
from orchestrator.errors import BudgetExhausted
from orchestrator.types import Spend
AGE = Window("energy of an age", Resource.DEVICE_JOULES, 100, 10**10)
SHARE = Window("share of an age", Resource.CLOUD_SHARE, 0.3, 10**10)
ledger = Ledger(SqliteLedgerStore.open(Path(sys.argv[1])), [AGE, SHARE], SystemClock())
print("ready", flush=True)
sys.stdin.readline()
"""

BURST = """
counts = []
def burst():
    spent = held = 0
    for turn in range(int(sys.argv[2])):
        try:
            reservation = ledger.reserve(Spend(device_joules=1.5), ttl_s=3600)
        except BudgetExhausted:
            continue
        if turn % 2:
            ledger.settle(reservation, Spend(device_joules=0.5))
            spent += 0.5
        else:
            held += 1.5
    counts.append((spent, held))
threads = [threading.Thread(target=burst) for _ in range(16)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(sum(spent for spent, _ in counts), sum(held for _, held in counts), flush=True)
"""

LEAVE = """
counts = []
def burst(turns):
    left = asked = 0
    for turn in range(turns):
        wants = turn % 2
        try:
            reservation = ledger.reserve(Spend(cloud_requests=wants, questions=1), ttl_s=3600)
        except BudgetExhausted:
            wants = 0
            reservation = ledger.reserve(Spend(questions=1), ttl_s=3600)
        state = ledger.state()[1]
        assert state.spent * 10 <= 3 * state.questions, state
        if turn % 5 == 0:
            ledger.refund(reservation)
        else:
            ledger.settle(reservation, Spend(cloud_requests=wants, questions=1))
            left, asked = left + wants, asked + 1
    counts.append((left, asked))
threads = [threading.Thread(target=burst, args=(int(sys.argv[2]),)) for _ in range(16)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(sum(left for left, _ in counts), sum(asked for _, asked in counts), flush=True)
"""

HOLD = """
ledger.reserve(Spend(device_joules=60), ttl_s=60)
print("held", flush=True)
sys.stdin.readline()
"""

SPEND_FOREVER = """
while True:
    ledger.settle(ledger.reserve(Spend(device_joules=0.5), ttl_s=60), Spend(device_joules=0.0625))
    print("settled", flush=True)
"""


@contextmanager
def process(script: str, path: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A process that has opened the ledger at `path`, and begins once it is sent a line."""
    command = [sys.executable, "-c", PREAMBLE + script, str(path), *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        try:
            assert line_of(child) == "ready"
            yield child
        finally:
            child.kill()


def line_of(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    return child.stdout.readline().strip()


def go(child: subprocess.Popen[str]) -> None:
    assert child.stdin is not None
    child.stdin.write("\n")
    child.stdin.flush()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


def totals(script: str, path: Path, *arguments: str) -> tuple[float, float]:
    """What four processes of sixteen threads say that they did, all at once."""
    with ExitStack() as stack:
        children = [stack.enter_context(process(script, path, *arguments)) for _ in range(4)]
        for child in children:
            go(child)
        counts = [[float(word) for word in line_of(child).split()] for child in children]
    assert all(len(words) == 2 for words in counts), "a process failed"
    first, second = (sum(column) for column in zip(*counts, strict=True))
    return first, second


@pytest.mark.parametrize("turns", ["4", pytest.param("40", marks=pytest.mark.slow)])
def test_four_processes_of_sixteen_threads_never_exceed_a_window(path: Path, turns: str) -> None:
    spent, held = totals(BURST, path, turns)
    with SqliteLedgerStore.open(path) as store:
        ledger = Ledger(store, [AGE], SystemClock())
        state = ledger.state()[0]
        assert (state.spent, state.reserved) == (spent, held)
        assert spent + held <= AGE.limit
        for _ in range(int(state.left // 1.5)):
            ledger.reserve(Spend(device_joules=1.5), ttl_s=60)
        with pytest.raises(BudgetExhausted):
            ledger.reserve(Spend(device_joules=1.5), ttl_s=60)


@pytest.mark.parametrize("turns", ["3", pytest.param("40", marks=pytest.mark.slow)])
def test_of_four_processes_of_sixteen_threads_no_more_than_the_share_leaves(path: Path, turns: str) -> None:
    left, asked = totals(LEAVE, path, turns)
    share = Window("share of an age", Resource.CLOUD_SHARE, 0.3, 10**10)
    with SqliteLedgerStore.open(path) as store:
        state = Ledger(store, [share], SystemClock()).state()[0]
    assert (state.spent, state.questions, state.reserved) == (left, asked, 0)
    assert 0 < left <= 0.3 * asked


def test_a_killed_process_gives_its_reservation_back_in_time(path: Path) -> None:
    before = SystemClock().now()
    with process(HOLD, path) as child:
        go(child)
        assert line_of(child) == "held"
        child.send_signal(signal.SIGKILL)
        child.wait()
    clock = ManualClock(before)
    with SqliteLedgerStore.open(path) as store:
        ledger = Ledger(store, [AGE], clock)
        with pytest.raises(BudgetExhausted, match=r"has 40\.0 J left"):
            ledger.reserve(Spend(device_joules=41), ttl_s=60)
        clock.set_wall(SystemClock().now() + timedelta(seconds=60))
        assert ledger.reserve(Spend(device_joules=100), ttl_s=60)


def test_a_process_killed_while_it_writes_loses_nothing_that_was_settled(path: Path) -> None:
    with process(SPEND_FOREVER, path) as child:
        go(child)
        for _ in range(20):
            assert line_of(child) == "settled"
        child.send_signal(signal.SIGKILL)
        child.wait()
        assert child.stdout is not None
        settled = 20 + child.stdout.read().count("settled\n")
    with SqliteLedgerStore.open(path) as store:
        spent = Ledger(store, [AGE], SystemClock()).state()[0].spent
        assert spent / 0.0625 in (settled, settled + 1)  # the last may have been killed before it could say so


def test_what_was_settled_is_there_when_the_file_is_opened_again(path: Path) -> None:
    clock = ManualClock()
    with SqliteLedgerStore.open(path) as store:
        ledger = Ledger(store, [AGE], clock)
        ledger.settle(ledger.reserve(Spend(device_joules=7), ttl_s=60), Spend(device_joules=5))
    with SqliteLedgerStore.open(path) as store:
        assert Ledger(store, [AGE], clock).state()[0].spent == 5
