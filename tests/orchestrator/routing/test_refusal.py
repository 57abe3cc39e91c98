"""A refusal says what stands in the way, and when it is gone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from orchestrator.budget import Headroom, Resource, Room
from orchestrator.errors import BudgetExhausted, ContextWindowExceeded
from orchestrator.routing.refusal import Exclusion, refusal
from orchestrator.types import Budget, Route, Spend

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
LEAST = {Route.LOCAL: Spend(device_joules=10), Route.CLOUD: Spend(device_joules=1, usd=0.01, cloud_requests=1)}
BOTH: dict[Route, Exclusion] = {Route.LOCAL: ("budget", "too many joules"), Route.CLOUD: ("window", "too many dollars")}


def room(resource: Resource, left: float, hours: int, *, limit: float = 100, name: str = "") -> Room:
    opens = NOW + timedelta(hours=hours)
    return Room(window=name or resource.value, resource=resource, left=left, limit=limit, reopens_at=opens)


def headroom(*rooms: Room) -> Headroom:
    return Headroom(device_joules=None, usd=None, cloud_requests=None, rooms=rooms)


def refused(*rooms: Room, excluded: dict[Route, Exclusion] = BOTH, budget: Budget | None = None) -> BudgetExhausted:
    error = refusal(excluded, LEAST, budget or Budget(), headroom(*rooms))
    assert isinstance(error, BudgetExhausted)
    return error


def test_a_route_opens_when_the_last_of_its_windows_does() -> None:
    minute, day = room(Resource.DEVICE_JOULES, 0, 1, name="minute"), room(Resource.DEVICE_JOULES, 0, 24, name="day")
    error = refused(minute, day, excluded={Route.LOCAL: BOTH[Route.LOCAL]})
    assert error.reopens_at == NOW + timedelta(hours=24)
    assert "'minute' and 'day'" in error.remedy


def test_the_route_that_opens_first_is_named() -> None:
    error = refused(room(Resource.DEVICE_JOULES, 5, 3), room(Resource.USD, 0, 2))
    assert error.remedy == "the window 'usd' opens again at 2026-01-05 11:00:00 UTC"
    assert error.message == "no route fits the budget: too many joules; too many dollars"


def test_a_share_and_a_number_of_requests_open_again_too() -> None:
    for resource in (Resource.CLOUD_SHARE, Resource.CLOUD_REQUESTS):
        error = refused(room(resource, 0, 4, limit=0.3 if resource is Resource.CLOUD_SHARE else 3), excluded=BOTH)
        assert error.reopens_at == NOW + timedelta(hours=4)


def test_no_waiting_helps_against_the_questions_own_limit() -> None:
    shut = (room(Resource.DEVICE_JOULES, 0, 1), room(Resource.USD, 0, 2))
    error = refused(*shut, budget=Budget(device_joules=0.5))
    assert (error.reopens_at, error.remedy) == (None, "allow a larger budget")
    only_cloud = refused(*shut, budget=Budget(device_joules=5))
    assert only_cloud.reopens_at == NOW + timedelta(hours=2)


def test_no_waiting_helps_where_no_period_is_large_enough() -> None:
    error = refused(room(Resource.DEVICE_JOULES, 0.5, 1, limit=0.5))
    assert error.reopens_at is None
    assert "'device_joules'" in error.remedy


def test_a_prompt_that_fits_no_model_is_another_error() -> None:
    error = refusal({Route.LOCAL: ("context_length", "too long")}, LEAST, Budget(), headroom())
    assert isinstance(error, ContextWindowExceeded)
