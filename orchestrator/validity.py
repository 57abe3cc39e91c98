"""Whether a request can be answered at all."""

from __future__ import annotations

from orchestrator.errors import InvalidRequest
from orchestrator.types import Request, RoutePreference


def check(request: Request) -> None:
    """Refuse what cannot be.

    Raises:
        InvalidRequest: naming the field.
    """
    answerable = request.messages and request.messages[-1].role in ("user", "tool")
    if not answerable or not request.question.strip():
        raise InvalidRequest("the question is empty", remedy="the last message is the user's and has a text")
    _check_form(request)
    if request.local_only and request.route is RoutePreference.CLOUD:
        raise InvalidRequest("local-only and the route cloud contradict each other", remedy="drop one of the two")
    if request.sampling.max_tokens < 1:
        raise InvalidRequest(f"max_tokens is {request.sampling.max_tokens}", remedy="ask for at least one token")
    for name in ("first_token_ms", "total_ms", "device_joules", "usd"):
        limit = getattr(request.budget, name)
        if limit is not None and not limit >= 0:
            raise InvalidRequest(f"the budget's {name} is {limit}", remedy="a budget is a number from 0 up")


def _check_form(request: Request) -> None:
    """Refuse what contradicts a fixed form of the answer."""
    if request.structured and request.route is RoutePreference.CLOUD:
        raise InvalidRequest(
            "a structured answer and the route cloud contradict each other: only the device holds answers to a form",
            remedy="drop the route, or drop the format and the tools",
        )
    if request.sampling.format is not None and request.sampling.stop:
        raise InvalidRequest(
            "stop strings could cut an answer in the middle of its form", remedy="drop the stop strings or the format"
        )
