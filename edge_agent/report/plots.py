"""The plots of a report."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, PercentFormatter

from edge_agent.report.chances import Bin
from edge_agent.report.digest import Digest, Outcome
from edge_agent.report.drawing import BAD, CLOUD, HANDOFF, INK, LOCAL, QUIET, Plot, panel
from edge_agent.report.forecasts import PROMISED, Reliability
from edge_agent.report.frontier import Frontier
from edge_agent.report.savings import Taken, Way
from edge_agent.report.spending import PERIODS, Spending
from edge_agent.report.wording import amount, stretch
from orchestrator.budget import Resource
from orchestrator.routing.hindsight import Quantity
from orchestrator.types import Route

_OUTCOMES: Final = {
    Outcome.LOCAL: LOCAL,
    Outcome.CLOUD: CLOUD,
    Outcome.HANDOFF: HANDOFF,
    Outcome.FAILED: BAD,
    Outcome.RUNNING: QUIET,
}
_WAYS: Final = {Way.CHOSEN: HANDOFF, Way.DEVICE: LOCAL, Way.CLOUD: CLOUD}
_ROUTES: Final = {Route.LOCAL: LOCAL, Route.CLOUD: CLOUD}
QUANTITIES: Final = {
    Quantity.FIRST_TOKEN_MS: "first token, ms",
    Quantity.TOTAL_MS: "whole answer, ms",
    Quantity.DEVICE_JOULES: "device, J",
    Quantity.CLOUD_JOULES: "cloud, J",
    Quantity.USD: "money, USD",
}
"""In words, with units."""
_DOTS: Final = 500
"""The latest forecasts of a kind that are drawn one by one: a page of thousands is slow on a phone."""
_FEWEST: Final = 8
"""Periods of a window that are drawn even where nothing was spent in them."""
_PLACES: Final = {Route.LOCAL: "device", Route.CLOUD: "cloud"}
_SAVED: Final = {
    Quantity.DEVICE_JOULES: ("device energy, J", 1.0),
    Quantity.USD: ("money, USD", 1.0),
    Quantity.TOTAL_MS: ("time, s", 1e-3),
}


def timeline(digest: Digest) -> Plot:
    """Questions over time, by how they ended."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        days = digest.step_s / 86_400
        begins = [stretch.begins.replace(tzinfo=None) for stretch in digest.timeline]
        floor = [0] * len(begins)
        for outcome in digest.outcomes:
            counts = [stretch.counts.get(outcome, 0) for stretch in digest.timeline]
            colour = _OUTCOMES[outcome]
            axes.bar(begins, counts, days * 0.9, floor, align="edge", color=colour, label=outcome.value)  # type: ignore[arg-type]
            floor = [low + more for low, more in zip(floor, counts, strict=True)]
        axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
        axes.xaxis.set_major_locator(AutoDateLocator(maxticks=6))
        axes.xaxis.set_major_formatter(ConciseDateFormatter(axes.xaxis.get_major_locator()))
        axes.set_ylabel("questions")
        panel(axes)
        figure.legend(loc="outside upper left", ncols=4)

    parts = ", ".join(f"{count} {outcome.value}" for outcome, count in digest.outcomes.items())
    return Plot("routes", "Routes over time", f"Questions in each {stretch(digest.step_s)}: {parts}.", 2.9, draw)


def savings(takings: Sequence[Taken]) -> Plot:
    """What was taken, beside what one route alone would have taken."""

    def draw(figure: Figure) -> None:
        for axes, (quantity, (words, unit)) in zip(figure.subplots(len(_SAVED), 1), _SAVED.items(), strict=True):
            amounts = [each.amounts[quantity].expected * unit for each in takings]
            names = [each.way.value for each in takings]
            bars = axes.barh(names, amounts, color=[_WAYS[each.way] for each in takings], height=0.7)
            axes.bar_label(bars, [amount(each) for each in amounts], padding=3, fontsize=8)
            axes.invert_yaxis()
            axes.margins(x=0.15)
            axes.xaxis.set_major_locator(MaxNLocator(nbins=4))
            panel(axes, title=words, grid="x")

    n = takings[0].questions
    caption = f"What {n} questions took as decided, and an estimate of what one route alone would have taken."
    return Plot("savings", "Savings (estimates)", caption, 4.3, draw)


def curve(front: Frontier) -> Plot:
    """Quality against cost."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        unit = 1000 if front.in_usd else 1
        costs = [unit * point.cost for point in front.points]
        qualities = [point.quality for point in front.points]
        axes.plot(costs, qualities, color=QUIET, label="best plan in hindsight")
        ends = (front.points[0], front.points[-1])
        axes.plot(costs[:: len(costs) - 1], qualities[:: len(costs) - 1], color=QUIET, ls=":", lw=1, label="at random")
        for end, colour, words in zip(ends, (LOCAL, CLOUD), (Way.DEVICE, Way.CLOUD), strict=True):
            axes.scatter(unit * end.cost, end.quality, color=colour, zorder=3, label=words.value)
        axes.scatter(
            unit * front.chosen.cost, front.chosen.quality, s=60, marker="D", color=HANDOFF, zorder=4, label="decided"
        )
        axes.set_xlabel("USD for 1,000 questions, forecast" if front.in_usd else "questions that leave")
        axes.set_ylabel("chance of a good answer, forecast")
        if not front.in_usd:
            axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.legend(loc="lower right")
        panel(axes, grid="both")

    caption = (
        "Forecast quality against forecast cost: always the device, always the cloud, the best plan, what was decided."
    )
    return Plot("frontier", "Quality and cost", caption, 3.5, draw)


def calibration(found: Sequence[Reliability]) -> Plot:
    """Where outcomes fell, within their intervals and outside."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        names = [f"{_PLACES[each.route]}: {QUANTITIES[each.quantity]}" for each in found]
        words = ("below", "lower part", "upper part", "above")
        left = [0.0] * len(found)
        for part, (word, colour, strength) in enumerate(
            zip(words, (BAD, LOCAL, LOCAL, BAD), (0.6, 0.6, 1, 1), strict=True)
        ):
            shares = [each.shares[part] for each in found]
            axes.barh(names, shares, left=left, color=colour, alpha=strength, label=word, height=0.7)
            left = [low + share for low, share in zip(left, shares, strict=True)]
        for edge in ((1 - PROMISED) / 2, 0.5, (1 + PROMISED) / 2):
            axes.axvline(edge, color=INK, lw=1, ls="--")
        axes.invert_yaxis()
        axes.set_xlim(0, 1)
        axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.set_xlabel("share of outcomes (dashed: as it should be)")
        panel(axes, grid="x")
        figure.legend(loc="outside upper left", ncols=4)

    kept = sum(each.is_believable for each in found)
    caption = (
        f"Shares of outcomes below, within and above their 90 % intervals; {kept} of {len(found)} kinds hold them."
    )
    return Plot("calibration", "Calibration", caption, 1.3 + 0.28 * len(found), draw)


def chances(bins: Sequence[Bin]) -> Plot:
    """Predicted chances of a good answer against what users said."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], color=QUIET, lw=1)
        for each in bins:
            low, high = each.good_bounds
            axes.plot([each.chance, each.chance], [low, high], color=LOCAL, lw=2, alpha=0.5)
            axes.scatter(each.chance, each.good, color=LOCAL, zorder=3)
            axes.annotate(str(each.n), (each.chance, each.good), xytext=(6, 4), textcoords="offset points")
        axes.set(xlim=(0, 1), ylim=(0, 1.05), xlabel="predicted chance of a good answer", ylabel="said to be good")
        axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        panel(axes, grid="both")

    n = sum(each.n for each in bins)
    caption = (
        f"{n} answers that were rated, with the number of each group and 95 % bounds; on the line chances are right."
    )
    return Plot("chances", "Chances of a good answer", caption, 3.3, draw)


def errors(found: Sequence[Reliability]) -> Plot:
    """Each forecast against what came."""
    quantities = [quantity for quantity in Quantity if any(each.quantity is quantity for each in found)]
    rows = (len(quantities) + 1) // 2

    def draw(figure: Figure) -> None:
        grid = list(figure.subplots(rows, 2, squeeze=False).flat)
        for axes in grid[len(quantities) :]:
            axes.set_visible(False)
        for axes, quantity in zip(grid, quantities, strict=False):
            _scatter(axes, quantity, [each for each in found if each.quantity is quantity])
        figure.supxlabel("expected", fontsize="medium")
        figure.supylabel("was", fontsize="medium")

    caption = (
        f"The latest {_DOTS} forecasts of a kind against what came, on logarithmic axes; on the line it was right."
    )
    return Plot("errors", "Forecast errors", caption, 0.4 + 2.2 * rows, draw)


def _scatter(axes: Axes, quantity: Quantity, found: Sequence[Reliability]) -> None:
    seen: list[float] = []
    for each in found:
        latest = each.forecasts[-_DOTS:]
        pairs = [(f.predicted.expected, f.actual) for f in latest if f.predicted.expected > 0 and f.actual > 0]
        expected, actual = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        axes.scatter(expected, actual, s=6, alpha=0.5, linewidths=0, color=_ROUTES[each.route])
        seen += expected + actual
    low, high = (min(seen) / 1.3, max(seen) * 1.3) if seen else (1.0, 10.0)
    axes.plot([low, high], [low, high], color=QUIET, lw=1)
    for axis, set_scale, set_limits in (
        (axes.xaxis, axes.set_xscale, axes.set_xlim),
        (axes.yaxis, axes.set_yscale, axes.set_ylim),
    ):
        set_scale("log")
        set_limits(low, high)
        axis.set_major_locator(LogLocator(subs=(1,) if high / low > 60 else (1, 3), numticks=5))
        axis.set_major_formatter(FuncFormatter(lambda value, _: amount(value) if value < 1 else f"{value:,.0f}"))
        axis.set_minor_formatter(NullFormatter())
    panel(axes, title=QUANTITIES[quantity], grid="both")


def windows(spendings: Sequence[Spending], now: datetime) -> Plot:
    """What each window's latest periods took of its limit."""

    def draw(figure: Figure) -> None:
        for axes, each in zip(figure.subplots(len(spendings), 1, squeeze=False).flat, spendings, strict=True):
            _window(axes, each, now)

    words = "; ".join(f"{each.state.window.name}: {each.used:.0%} of the limit spent now" for each in spendings)
    return Plot("windows", "Spending against each window", f"{words}.", 0.3 + 1.7 * len(spendings), draw)


def _window(axes: Axes, spending: Spending, now: datetime) -> None:
    window, *_, now_spent = spending.state.window, *spending.periods
    began = next((n for n, spent in enumerate(spending.periods) if spent), PERIODS)
    periods = spending.periods[min(began, PERIODS - _FEWEST) :]
    axes.bar(range(1 - len(periods), 1), periods, color=[LOCAL] * (len(periods) - 1) + [CLOUD])
    axes.bar(0, spending.reserved * window.limit, bottom=now_spent, color=CLOUD, alpha=0.4)
    axes.axhline(window.limit, color=BAD, lw=1, ls="--")
    axes.set_ylim(0, max(1.15 * window.limit, *spending.periods) or 1)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda age, _: "now" if age == 0 else f"{age:.0f}"))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4))
    if window.resource is Resource.CLOUD_SHARE:
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    unit = {"device_joules": "J", "usd": "USD", "cloud_share": "share that left"}.get(
        window.resource.value, "questions"
    )
    passed = f"{spending.elapsed(now):.0%} of this one has passed"
    panel(axes, title=f"{window.name}: {unit}, each {stretch(window.period_s)} ({passed})")
