"""The journal keeps what explains and replays a decision, and none of the user's words."""

from __future__ import annotations

import asyncio
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import assume, given

from edge_agent.database import Database
from edge_agent.journal import SCHEMA, Journal
from orchestrator.budget import Headroom, Ledger, MemoryLedgerStore
from orchestrator.engine import Engine
from orchestrator.errors import EdgewiseError, InferenceFailed, InvalidRequest, RecordNotFound
from orchestrator.link import Link
from orchestrator.planner import Planner
from orchestrator.prompt import Composer
from orchestrator.routing.costs import CostHistory
from orchestrator.routing.feedback import Feedback, Sign
from orchestrator.routing.policy import decide, judge
from orchestrator.routing.promise import Pledge, Promise
from orchestrator.routing.refusal import Refusal
from orchestrator.routing.replay import replay
from orchestrator.routing.situation import Situation
from orchestrator.routing.value import Prices
from orchestrator.testing import FakeMeter, ManualClock, Script, ScriptedCloudModel, ScriptedModel
from orchestrator.types import (
    Answer,
    Decision,
    Egress,
    FinishReason,
    Latency,
    Message,
    Prediction,
    Recalled,
    Recollection,
    Record,
    Request,
    Route,
    Sensitivity,
    Spend,
    Usage,
)
from orchestrator.units import Energy, EnergySource, Interval
from tests.orchestrator.routing.test_policy import SITUATION as SEEN
from tests.orchestrator.routing.test_policy import situations

QUESTION = "Does aunt Ottilie know about the zebra?"
REQUEST = Request(id="r1", messages=(Message("user", QUESTION),))
DECISION = Decision(
    id="d0d0d0",
    request_id="r1",
    route=Route.LOCAL,
    reason="private record 12 is needed: stays on the device",
    rule="private_record",
    max_tokens=128,
    worst_case=Spend(device_joules=12.5),
    predictions=(
        Prediction(
            route=Route.LOCAL,
            quality=Interval(0.25, 0.5, 0.75),
            first_token_ms=Interval.exactly(120),
            total_ms=Interval(500, 900, math.inf),
            device_joules=Interval.exactly(4),
            cloud_joules=Interval.exactly(0),
            usd=Interval.exactly(0),
        ),
    ),
    excluded={"cloud": "private record 12 is needed"},
)
ANSWER = Answer(
    text="She fed the zebra herself.",
    route=Route.LOCAL,
    reason=DECISION.reason,
    finish_reason=FinishReason.STOP,
    decision_id=DECISION.id,
    model="smollm2-135m-instruct",
    usage=Usage(80, 7),
    latency=Latency(first_token_ms=110.5, total_ms=240.25),
    device_energy=Energy(1.5, 0.5, EnergySource.RAPL),
    cloud_energy=Energy(0.0, 0.0, EnergySource.MODELLED),
    usd=0.0,
    egress=Egress(record_ids=(12,)),
    record_ids=(12,),
    sensitivity=Sensitivity.PRIVATE,
)
NOTHING_LEFT = Headroom(device_joules=0.0, usd=0.0, cloud_requests=0.0)
SITUATION: dict[str, object] = {"local_only": False, "evidence": [{"id": 12, "sensitivity": "private"}]}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 1, 5, 9, 30, tzinfo=UTC))


@pytest.fixture
def journal(tmp_path: Path, clock: ManualClock) -> Iterator[Journal]:
    with Journal.open(tmp_path / "journal.db", clock) as opened:
        yield opened


def everything_on_disk(folder: Path) -> bytes:
    """All bytes of the database and its write-ahead log."""
    return b"".join(file.read_bytes() for file in folder.iterdir())


def test_a_decision_and_its_receipt_come_back_as_they_were(journal: Journal, clock: ManualClock) -> None:
    journal.decided(REQUEST, DECISION, SITUATION)
    clock.advance(0.25)
    journal.answered(DECISION, ANSWER)
    stored = journal.decision(DECISION.id)
    assert stored.decision == DECISION
    assert stored.situation == SITUATION
    assert stored.answer == replace(ANSWER, text="")
    assert (stored.error_type, stored.error_message) == ("", "")
    assert stored.ended_at is not None
    assert stored.ended_at - stored.at == timedelta(seconds=0.25)


def test_what_was_asked_in_general_is_not_kept(journal: Journal) -> None:
    journal.decided(REQUEST, DECISION, SITUATION)
    journal.answered(DECISION, replace(ANSWER, egress=Egress(sent=True, asked="What do zebras eat?")))
    stored = journal.decision(DECISION.id).answer
    assert stored is not None
    assert stored.egress == Egress(sent=True)


def test_while_it_runs_nothing_has_come_of_it(journal: Journal) -> None:
    journal.decided(REQUEST, DECISION, SITUATION)
    stored = journal.decision(DECISION.id)
    assert (stored.ended_at, stored.answer, stored.error_type) == (None, None, "")


def test_a_failure_is_kept(journal: Journal) -> None:
    journal.decided(REQUEST, DECISION, SITUATION)
    journal.failed(DECISION.id, "inference_failed", "the logits of smollm2 are not numbers")
    stored = journal.decision(DECISION.id)
    assert stored.decision == DECISION
    assert stored.answer is None
    assert (stored.error_type, stored.error_message) == ("inference_failed", "the logits of smollm2 are not numbers")


def test_a_request_refused_before_it_was_decided_is_kept_too(journal: Journal) -> None:
    journal.failed("e1e1e1", "budget_exhausted", "no route is affordable")
    stored = journal.decision("e1e1e1")
    assert (stored.decision, stored.situation, stored.error_type) == (None, {}, "budget_exhausted")


def test_a_refusal_comes_back_with_all_that_it_saw(journal: Journal) -> None:
    refusal = judge(replace(SEEN, headroom=NOTHING_LEFT), REQUEST, "f0f0f0")
    assert isinstance(refusal, Refusal)
    journal.refused(REQUEST, refusal, replace(SEEN, headroom=NOTHING_LEFT).to_dict())
    journal.failed(refusal.id, refusal.error_type, refusal.message)
    stored = journal.decision(refusal.id)
    assert (stored.decision, stored.refusal) == (None, refusal)
    assert (stored.error_type, stored.error_message) == (refusal.error_type, refusal.message)
    assert replay(refusal, stored.situation).now == refusal


def test_every_stored_refusal_replays_to_the_same_error(journal: Journal) -> None:
    ids = map(str, itertools.count())

    @given(situations)
    def check(situation: Situation) -> None:
        refusal = judge(situation, REQUEST, next(ids))
        assume(isinstance(refusal, Refusal))
        assert isinstance(refusal, Refusal)
        journal.refused(REQUEST, refusal, situation.to_dict())
        stored = journal.decision(refusal.id)
        assert stored.refusal == refusal
        again = replay(stored.refusal, stored.situation)
        assert again.same_end
        assert again.differences == ()

    check()


def test_a_journal_from_before_refusals_were_kept_opens(tmp_path: Path, clock: ManualClock) -> None:
    path = tmp_path / "old.db"
    with closing(Database(path, replace(SCHEMA, steps=SCHEMA.steps[:-1]))) as old, old.write() as db:
        row = ["e1e1e1", 0.0, 0.0, "budget_exhausted", "no route"]
        db.execute("INSERT INTO journal (id, at, ended_at, error_type, error_message) VALUES (?, ?, ?, ?, ?)", row)
    with Journal.open(path, clock) as journal:
        stored = journal.decision("e1e1e1")
    assert (stored.refusal, stored.situation, stored.error_type) == (None, {}, "budget_exhausted")


def test_a_request_ends_once(journal: Journal) -> None:
    journal.decided(REQUEST, DECISION, SITUATION)
    journal.answered(DECISION, ANSWER)
    journal.failed(DECISION.id, "cancelled", "the caller went away")
    stored = journal.decision(DECISION.id)
    assert stored.answer is not None
    assert stored.error_type == ""


def test_an_unknown_id_names_the_nearest(journal: Journal) -> None:
    journal.decided(REQUEST, DECISION, SITUATION)
    with pytest.raises(RecordNotFound, match="'d0d0dO'") as missing:
        journal.decision("d0d0dO")
    assert missing.value.remedy == "did you mean d0d0d0? `edgewise why` shows the latest"
    with pytest.raises(RecordNotFound) as missing:
        journal.decision("nothing like it")
    assert missing.value.remedy == "`edgewise why` shows the latest"


def test_recent_is_newest_first_and_outcomes_oldest_first(journal: Journal) -> None:
    for n in range(5):
        decision = replace(DECISION, id=f"d{n}")
        journal.decided(REQUEST, decision, SITUATION)
        if n != 2:
            journal.answered(decision, replace(ANSWER, decision_id=decision.id))
    assert [stored.id for stored in journal.recent(3)] == ["d4", "d3", "d2"]
    assert [answer.decision_id for answer in journal.outcomes(3)] == ["d1", "d3", "d4"]


def test_the_pledges_of_late_come_back_oldest_first(journal: Journal) -> None:
    promise = Promise(at_most_worse=0.02)
    kept = [Pledge(promise=promise, threshold=0.1, calibration="c", uplift=n / 10, seen=n) for n in range(4)]
    for n, pledge in enumerate([kept[0], None, *kept[1:]]):
        plain = None if pledge is None else msgspec.to_builtins(pledge)
        journal.decided(REQUEST, replace(DECISION, id=f"d{n}"), {**SITUATION, "pledge": plain})
    assert journal.pledges(3) == kept[1:]


def test_a_time_has_its_requests_oldest_first(journal: Journal, clock: ManualClock) -> None:
    for n in range(4):
        journal.decided(REQUEST, replace(DECISION, id=f"d{n}"), SITUATION)
        clock.advance(60)
    assert [stored.id for stored in journal.since()] == ["d0", "d1", "d2", "d3"]
    assert [stored.id for stored in journal.since(clock.now() - timedelta(minutes=2))] == ["d2", "d3"]


def test_it_outlives_its_process(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "journal.db") as journal:
        journal.decided(REQUEST, DECISION, SITUATION)
        journal.answered(DECISION, ANSWER)
    with Journal.open(tmp_path / "journal.db") as journal:
        assert journal.recent(1)[0].decision == DECISION


class Shelf:
    """A context store with one private record."""

    def recall(self, question: str, *, limit: int, now: datetime, conversation: str = "") -> Recollection:
        private = Sensitivity.PRIVATE
        record = Record(id=12, kind="note", title="zebra", body="Ottilie feeds it", sensitivity=private)
        return Recollection((Recalled(record, 0.9),), confidence=0.9)

    def sensitivities(self, ids: Sequence[int]) -> Mapping[int, Sensitivity]:
        return dict.fromkeys(ids, Sensitivity.PRIVATE)


def engine_with(journal: Journal, clock: ManualClock, script: Script) -> Engine:
    local = ScriptedModel(clock, script)
    link = Link(ScriptedCloudModel(clock, Script(pieces=["from the cloud"])), clock)
    ledger, costs = Ledger(MemoryLedgerStore(), [], clock), CostHistory()
    composer = Composer(
        wording=lambda record, now: f"{record.title}: {record.body}",
        count_tokens=local.count_tokens,
        system="Be brief.",
    )
    planner = Planner(
        local=local,
        link=link,
        context=Shelf(),
        ledger=ledger,
        composer=composer,
        costs=costs,
        prices=Prices(),
        clock=clock,
    )
    meter = FakeMeter(clock, joules_per_step=0.1)
    return Engine(
        planner=planner,
        local=local,
        link=link,
        ledger=ledger,
        meter=meter,
        costs=costs,
        observer=journal,
        clock=clock,
    )


async def outcome(engine: Engine) -> Answer | EdgewiseError:
    try:
        events = [event async for event in engine.run(REQUEST)]
    except EdgewiseError as error:
        return error
    assert isinstance(events[-1], Answer)
    return events[-1]


@pytest.mark.parametrize("fault", [None, InferenceFailed("the logits are not numbers")])
def test_none_of_the_users_words_reach_the_disk(
    journal: Journal, clock: ManualClock, tmp_path: Path, fault: InferenceFailed | None
) -> None:
    script = Script(pieces=["She ", "fed ", "the zebra"], fault=fault, fault_after=2)
    ended = asyncio.run(outcome(engine_with(journal, clock, script)))
    assert isinstance(ended, InferenceFailed if fault else Answer)
    written = everything_on_disk(tmp_path).lower()
    assert b"private record 12" in written
    assert not [word for word in (b"zebra", b"ottilie", b"aunt", b"feeds", b"fed ") if word in written]


def test_a_stored_decision_replays_to_the_same_route(journal: Journal, clock: ManualClock) -> None:
    answer = asyncio.run(outcome(engine_with(journal, clock, Script(pieces=["Yes", "."]))))
    assert isinstance(answer, Answer)
    stored = journal.decision(answer.decision_id)
    assert decide(Situation.from_dict(stored.situation), REQUEST, stored.id) == stored.decision


def test_feedback_is_kept_with_its_time_and_the_latest_word_stands(journal: Journal, clock: ManualClock) -> None:
    journal.decided(REQUEST, DECISION, SITUATION)
    journal.answered(DECISION, ANSWER)
    assert journal.decision(DECISION.id).feedback is None
    journal.rate(DECISION.id, good=False, sign=Sign.ASKED_AGAIN)
    assert journal.decision(DECISION.id).feedback == Feedback(False, clock.now(), Sign.ASKED_AGAIN)
    clock.advance(60)
    journal.rate(DECISION.id, good=True)
    told = Feedback(True, clock.now(), Sign.TOLD)
    journal.rate(DECISION.id, good=False, sign=Sign.ASKED_AGAIN)
    assert journal.decision(DECISION.id).feedback == journal.recent(1)[0].feedback == told


def test_only_what_was_answered_is_rated(journal: Journal) -> None:
    journal.decided(REQUEST, DECISION, SITUATION)
    with pytest.raises(InvalidRequest, match="no answer that could be rated"):
        journal.rate(DECISION.id, good=True)
    with pytest.raises(RecordNotFound, match="did you mean d0d0d0"):
        journal.rate("d0d0d9", good=True)
