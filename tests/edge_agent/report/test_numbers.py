"""The numbers behind a report: counts, savings, the frontier, and whether forecasts held."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from edge_agent.journal import StoredDecision
from edge_agent.report.chances import binned, rated
from edge_agent.report.digest import Digest, Outcome
from edge_agent.report.forecasts import reliabilities
from edge_agent.report.frontier import frontier
from edge_agent.report.savings import Way, compared, taken
from edge_agent.report.wording import amount, signed, stretch
from orchestrator.routing.feedback import Feedback, Sign
from orchestrator.routing.hindsight import Quantity
from orchestrator.types import (
    Answer,
    Decision,
    Egress,
    FinishReason,
    Latency,
    Prediction,
    Route,
    Spend,
    Usage,
)
from orchestrator.units import NO_ENERGY, Energy, EnergySource, Interval

START = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def prediction(route: Route, quality: float, usd: float) -> Prediction:
    return Prediction(
        route=route,
        quality=Interval.exactly(quality),
        first_token_ms=Interval(50, 100, 200),
        total_ms=Interval(100, 200, 400) if route is Route.LOCAL else Interval(500, 1000, 2000),
        device_joules=Interval(1, 2, 4),
        cloud_joules=Interval.exactly(0),
        usd=Interval.exactly(usd),
    )


def asked(
    number: int, route: Route, *, cloud_quality: float = 0.9, usd: float = 0.01, total_ms: float = 200
) -> StoredDecision:
    """A question whose answer took 3 J, and 0.02 USD in the cloud."""
    decision = Decision(
        id=f"d{number}",
        request_id="r",
        route=route,
        reason="",
        rule="best_value",
        max_tokens=10,
        worst_case=Spend(),
        predictions=(prediction(Route.LOCAL, 0.5, 0), prediction(Route.CLOUD, cloud_quality, usd)),
    )
    answer = Answer(
        text="",
        route=route,
        reason="",
        finish_reason=FinishReason.STOP,
        decision_id=decision.id,
        model="m",
        usage=Usage(5, 5),
        latency=Latency(first_token_ms=100, total_ms=total_ms),
        device_energy=Energy(3, 0.1, EnergySource.RAPL),
        cloud_energy=NO_ENERGY,
        usd=0.02 if route is Route.CLOUD else 0.0,
        egress=Egress(sent=route is Route.CLOUD),
    )
    at = START + timedelta(hours=number)
    return StoredDecision(id=decision.id, at=at, decision=decision, situation={}, ended_at=at, answer=answer)


def refused(number: int) -> StoredDecision:
    at = START + timedelta(hours=number)
    return StoredDecision(
        id=f"d{number}", at=at, decision=None, situation={}, ended_at=at, answer=None, error_type="budget_exhausted"
    )


def test_questions_are_counted_by_their_end_and_by_time() -> None:
    rows = [asked(0, Route.LOCAL), asked(1, Route.CLOUD), refused(3), replace(refused(4), ended_at=None, error_type="")]
    digest = Digest.of(rows)
    assert digest.outcomes == dict.fromkeys((Outcome.LOCAL, Outcome.CLOUD, Outcome.FAILED, Outcome.RUNNING), 1)
    assert (digest.questions, digest.answered, digest.left) == (4, 2, 1)
    assert digest.errors == {"budget_exhausted": 1}
    assert digest.step_s == 3600
    assert [sum(stretch.counts.values()) for stretch in digest.timeline] == [1, 1, 0, 1, 1]


@pytest.mark.parametrize(
    ("hours", "step_s"), [(30, 3600), (100, 3 * 3600), (24 * 30, 86_400), (24 * 9000, 28 * 86_400)]
)
def test_a_timeline_is_never_crowded(hours: int, step_s: int) -> None:
    assert Digest.of([asked(0, Route.LOCAL), asked(hours, Route.LOCAL)]).step_s == step_s


def test_nothing_asked_counts_as_nothing() -> None:
    digest = Digest.of([])
    assert (digest.questions, digest.timeline, digest.first_token_ms) == (0, (), None)
    assert frontier([]) is None
    assert reliabilities([]) == []


def test_savings_are_the_truth_against_forecasts() -> None:
    questions = compared([asked(0, Route.LOCAL), asked(1, Route.CLOUD), refused(2)])
    chosen, device, cloud = taken(questions)
    assert (chosen.questions, chosen.way, device.way, cloud.way) == (2, Way.CHOSEN, Way.DEVICE, Way.CLOUD)
    assert chosen.amounts[Quantity.USD].expected == pytest.approx(0.02)
    assert device.amounts[Quantity.USD].expected == 0
    assert cloud.amounts[Quantity.USD].expected == pytest.approx(0.02 + 0.01), "billed for one, forecast for the other"
    assert device.amounts[Quantity.DEVICE_JOULES] == Interval(3 + 1, 3 + 2, 3 + 4)
    assert cloud.saved(Quantity.USD, chosen) == pytest.approx(0.01)
    assert (chosen.good_answers, device.good_answers, cloud.good_answers) == pytest.approx((1.4, 1.0, 1.8))


def test_an_answer_that_moved_tells_of_no_route_alone() -> None:
    lost = asked(0, Route.CLOUD)
    assert lost.answer is not None
    moved = replace(lost, answer=replace(lost.answer, route=Route.LOCAL))
    _, device, _ = taken(compared([moved]))
    assert device.amounts[Quantity.USD].expected == 0, "the bill of the cloud that failed is not the device's"
    assert reliabilities([moved]) == []


def test_a_question_without_a_choice_saves_nothing() -> None:
    row = asked(0, Route.LOCAL)
    assert row.decision is not None
    alone = replace(row, decision=replace(row.decision, predictions=row.decision.predictions[:1]))
    assert compared([alone]) == []


def test_the_best_plan_sends_first_what_gains_most_for_its_money() -> None:
    rows = [
        asked(0, Route.CLOUD, cloud_quality=0.6),
        asked(1, Route.LOCAL, cloud_quality=0.9),
        asked(2, Route.LOCAL, cloud_quality=0.4),
    ]
    front = frontier(compared(rows))
    assert front is not None
    assert front.in_usd
    assert [3 * point.quality for point in front.points] == pytest.approx([1.5, 1.9, 2.0, 1.9])
    assert 3 * front.chosen.quality == pytest.approx(1.6)
    assert front.reached == pytest.approx(0.1 / 0.4), "for the same money the other question gains .4"


def test_where_the_cloud_is_free_the_cost_is_what_leaves() -> None:
    front = frontier(compared([asked(0, Route.LOCAL, usd=0), asked(1, Route.CLOUD, usd=0)]))
    assert front is not None
    assert not front.in_usd
    assert [point.cost for point in front.points] == [0, 0.5, 1]
    assert front.reached == pytest.approx(1)


def test_where_nothing_can_be_gained_nothing_was_reached() -> None:
    front = frontier(compared([asked(0, Route.LOCAL, cloud_quality=0.2)]))
    assert front is not None
    assert front.reached is None


def test_forecasts_are_held_against_what_came() -> None:
    times = [50, *[150] * 5, *[300] * 3, 4000]
    found = reliabilities([asked(n, Route.LOCAL, total_ms=ms) for n, ms in enumerate(times)])
    total = next(each for each in found if each.quantity is Quantity.TOTAL_MS)
    assert (total.route, total.n) == (Route.LOCAL, 10)
    assert total.shares == pytest.approx((0.1, 0.5, 0.3, 0.1))
    assert total.inside == pytest.approx(0.8)
    low, high = total.inside_bounds
    assert (low, high) == pytest.approx((0.4902, 0.9433), abs=1e-4), "Wilson's bounds of 8 in 10"
    assert total.is_believable
    assert total.ratio == pytest.approx(0.75)
    assert total.error == pytest.approx(0.375)


def test_chances_are_held_against_what_users_said() -> None:
    said = [(0.9, True), (0.9, True), (0.85, False), (0.3, False)]
    rows = [
        replace(asked(n, Route.CLOUD, cloud_quality=chance), feedback=Feedback(good, START))
        for n, (chance, good) in enumerate(said)
    ]
    again = replace(asked(8, Route.CLOUD), feedback=Feedback(False, START, Sign.ASKED_AGAIN))
    low, high = binned(rated([*rows, again, asked(9, Route.CLOUD)]))
    assert (low.n, low.chance, low.good) == (1, 0.3, 0)
    assert (high.n, high.chance, high.good) == pytest.approx((3, 2.65 / 3, 2 / 3))
    assert high.good_bounds[0] < high.good < high.good_bounds[1]
    assert binned([]) == []


def test_amounts_keep_three_digits_that_count() -> None:
    assert [amount(value) for value in (0, 0.00004412, 0.0619, 1.254, 215.4, 13157.6)] == [
        *("0", "0.0000441", "0.0619", "1.25", "215", "13,158")
    ]
    assert (signed(0.5), signed(-0.5), signed(0)) == ("+0.500", "−0.500", "0")
    assert [stretch(s) for s in (1, 90, 60, 5400, 3600, 172_800, 604_800)] == [
        *("second", "90 seconds", "minute", "90 minutes", "hour", "2 days", "week")
    ]
