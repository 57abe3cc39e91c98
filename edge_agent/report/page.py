"""A report: all numbers and plots of a time, as one page that needs no network, or as pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from edge_agent.journal import StoredDecision
from edge_agent.report import plots
from edge_agent.report.chances import Bin, binned, rated
from edge_agent.report.digest import Digest
from edge_agent.report.drawing import Plot
from edge_agent.report.forecasts import Reliability, reliabilities
from edge_agent.report.frontier import Frontier, frontier
from edge_agent.report.savings import Taken, compared, taken
from edge_agent.report.spending import Spending
from edge_agent.report.wording import amount, signed


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything that the page tells."""

    begins: datetime | None
    """What it looks back to; None for all there is."""
    now: datetime
    digest: Digest
    takings: tuple[Taken, ...]
    """As decided, always the device, always the cloud; empty where no question had a choice."""
    front: Frontier | None
    found: tuple[Reliability, ...]
    bins: tuple[Bin, ...]
    """Of the answers that were rated."""
    spendings: tuple[Spending, ...]

    @classmethod
    def of(
        cls, rows: Sequence[StoredDecision], spendings: Sequence[Spending], *, begins: datetime | None, now: datetime
    ) -> Report:
        """Of rows of the journal, oldest first, and of the windows."""
        questions = compared(rows)
        return cls(
            begins=begins,
            now=now,
            digest=Digest.of(rows),
            takings=tuple(taken(questions)) if questions else (),
            front=frontier(questions),
            found=tuple(reliabilities(rows)),
            bins=tuple(binned(rated(rows))),
            spendings=tuple(spendings),
        )

    def plots(self) -> dict[str, Plot]:
        """Those for which there is something to draw, by name, in the order of the page."""
        drawn: list[Plot] = []
        if self.digest.questions:
            drawn.append(plots.timeline(self.digest))
        if self.takings:
            drawn.append(plots.savings(self.takings))
        if self.front is not None:
            drawn.append(plots.curve(self.front))
        if self.found:
            drawn += [plots.calibration(self.found), plots.errors(self.found)]
        if self.bins:
            drawn.append(plots.chances(self.bins))
        if self.spendings:
            drawn.append(plots.windows(self.spendings, self.now))
        return {plot.name: plot for plot in drawn}

    def html(self) -> str:
        """One page, complete in itself."""
        template = files("edge_agent.report").joinpath("page.html").read_text(encoding="utf-8")
        environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
        environment.filters |= {"strftime": _strftime, "amount": amount, "signed": signed}
        return environment.from_string(template).render(
            report=self,
            digest=self.digest,
            plots=self.plots(),
            words=plots.QUANTITIES,
            now=self.now.astimezone(),
            begins=self.begins.astimezone() if self.begins else None,
        )

    def save_pictures(self, folder: Path) -> list[Path]:
        """Write each plot as a PNG into `folder`, which is made where it is missing; the files."""
        folder.mkdir(parents=True, exist_ok=True)
        saved = []
        for plot in self.plots().values():
            file = folder / f"{plot.name}.png"
            plot.save(file)
            saved.append(file)
        return saved


def _strftime(form: str, moment: datetime) -> str:
    return moment.strftime(form)
