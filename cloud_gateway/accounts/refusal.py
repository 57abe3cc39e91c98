"""What a caller hears whose quota has no room."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from cloud_gateway.accounts.books import Bill, Full
from cloud_gateway.accounts.windows import RESOURCES
from orchestrator.errors import CloudRateLimited

_UNDER_WAY_S: Final = 1.0
"""How long to wait for answers under way, whose reservations shrink to what they used. Nobody knows it exactly."""


def refusal(bill: Bill, full: Sequence[Full], now_s: float) -> CloudRateLimited:
    """The error for a bill that the pages in `full`, one or more, have no room for.

    It tells of the page that has room last, and when that is. Where no page of that length could ever hold the bill
    there is no such time.
    """
    last = max(full, key=lambda page: _wait_s(bill, page, now_s))
    wait_s = _wait_s(bill, last, now_s)
    window, resource = last.page.window, last.resource
    index = RESOURCES.index(resource)
    most, wanted = window.most[index] or 0, bill.worst[index]
    say = resource.in_words
    if math.isinf(wait_s):
        remedy = "it holds less than this request may need: ask for fewer tokens, or the operator for a higher limit"
    elif last.spent + wanted <= most:
        remedy = "answers under way hold the rest until they end: ask again in a moment"
    else:
        remedy = f"it opens again at {datetime.fromtimestamp(last.page.ends_s, UTC):%Y-%m-%d %H:%M:%S} UTC"
    return CloudRateLimited(
        f"the {window.owner} {window.name!r} may use {say(most)} a {window.stretch} and has "
        f"{say(max(0, most - last.spent - last.reserved))} left, of which this request may need {say(wanted)}",
        remedy=remedy,
        retry_after_s=None if math.isinf(wait_s) else wait_s,
    )


def _wait_s(bill: Bill, full: Full, now_s: float) -> float:
    """Until the page has room: infinite where it never has."""
    index = RESOURCES.index(full.resource)
    most, wanted = full.page.window.most[index] or 0, bill.worst[index]
    if wanted > most:
        return math.inf
    until_end_s = math.ceil((full.page.ends_s - now_s) * 1000) / 1000
    return min(_UNDER_WAY_S, until_end_s) if full.spent + wanted <= most else until_end_s
