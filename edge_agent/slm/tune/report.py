"""What a search saw and chose: as data, as a page, and as a picture."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from edge_agent.slm.convert.recipe import Format
from edge_agent.slm.tune.divergence import Divergence
from edge_agent.slm.tune.frontier import Plan, Trial
from edge_agent.slm.tune.groups import GROUPS
from edge_agent.slm.tune.race import Pace
from edge_agent.slm.tune.target import Target


@dataclass(frozen=True, slots=True)
class Verified:
    """A plan as a whole graph.

    Attributes:
        bytes: of its weights.
        pace: beside the others and the model as it was; None for one beyond the bound.
    """

    plan: Plan
    divergence: Divergence
    bytes: int
    pace: Pace | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that a search saw.

    Attributes:
        machine: what it ran on, in words.
        tokens: read for each divergence.
        before: recipe, divergence and pace of the model as it was.
        trials: each format of each group that was worth one.
        frontier: the combinations that no other beats in both cost and estimated divergence.
        verified: whole graphs, in the order of their estimated cost.
        chosen: the one that was installed.
    """

    model: str
    target: Target
    max_kl: float
    machine: str
    tokens: int
    before: tuple[str, Divergence, Pace]
    trials: Sequence[Trial]
    frontier: Sequence[Plan]
    verified: Sequence[Verified]
    chosen: Verified

    def write(self, folder: Path) -> list[str]:
        """Write `tuning.json`, `tuning.md` and, where matplotlib is installed, `tuning.png`.

        Returns:
            The names of the files.
        """
        (folder / "tuning.json").write_text(self.as_json() + "\n", encoding="utf-8")
        (folder / "tuning.md").write_text(self.as_markdown() + "\n", encoding="utf-8")
        try:
            from edge_agent.slm.tune.plot import draw

            draw(self, folder / "tuning.png")
        except ImportError:
            return ["tuning.json", "tuning.md"]
        return ["tuning.json", "tuning.md", "tuning.png"]

    def as_json(self) -> str:
        """All of it. Seconds, bytes, nats; formats as in the page."""
        recipe, divergence, pace = self.before
        return json.dumps(
            {
                "model": self.model,
                "target": self.target,
                "max_kl": self.max_kl,
                "machine": self.machine,
                "tokens": self.tokens,
                "before": {"recipe": recipe, **asdict(divergence), **asdict(pace)},
                "trials": [_trial(trial) for trial in self.trials],
                "frontier": [_plan(plan) for plan in self.frontier],
                "verified": [_verified(each) for each in self.verified],
                "chosen": self.verified.index(self.chosen),
            },
            indent=1,
        )

    def as_markdown(self) -> str:
        """A page for people."""
        recipe, divergence, pace = self.before
        head = f"| {' | '.join(GROUPS)} | estimated KL | KL | agreement | read tok/s | write tok/s | MB |"
        rule = "|" + "---|" * (len(GROUPS) + 6)
        whole = [head, rule, *(self._row(each) for each in self.verified)]
        trials = ["| group | format | KL | agreement | read µs | write µs | MB |", "|---|---|---|---|---|---|---|"]
        trials += [
            f"| {trial.group} | {shown(trial.fmt)} | {trial.divergence.kl:.5f} | {trial.divergence.agreement:.3f} "
            f"| {trial.cost.read_s * 1e6:,.0f} | {trial.cost.write_s * 1e6:,.0f} | {trial.cost.bytes / 1e6:,.1f} |"
            for trial in self.trials
        ]
        return "\n".join(
            [
                f"# {self.model}, tuned for {self.target}",
                "",
                f"{self.machine}. At most {self.max_kl:g} nats from full precision, over {self.tokens} tokens.",
                "",
                f"Before ({recipe}): KL {divergence.kl:.5f}, agreement {divergence.agreement:.3f}, "
                f"{pace.read_tokens_per_s:,.0f} tok/s read, {pace.write_tokens_per_s:,.1f} written.",
                "",
                "## Whole graphs (the chosen one is marked)",
                "",
                *whole,
                "",
                "## One group at a time, the others exact",
                "",
                *trials,
            ]
        )

    def _row(self, each: Verified) -> str:
        cells = [shown(each.plan.formats[group]) for group in GROUPS]
        cells[0] += " **chosen**" if each is self.chosen else ""
        cells += [f"{each.plan.kl:.5f}", f"{each.divergence.kl:.5f}", f"{each.divergence.agreement:.3f}"]
        pace = each.pace
        cells += (
            [f"{pace.read_tokens_per_s:,.0f}", f"{pace.write_tokens_per_s:,.1f}"] if pace else ["beyond", "the bound"]
        )
        return f"| {' | '.join([*cells, f'{each.bytes / 1e6:,.0f}'])} |"


def shown(fmt: Format) -> str:
    """A format in a word."""
    return "exact" if fmt is None else str(fmt)


def _trial(trial: Trial) -> dict[str, object]:
    cost = asdict(trial.cost)
    return {"group": trial.group, "format": shown(trial.fmt), **cost, **asdict(trial.divergence)}


def _plan(plan: Plan) -> dict[str, object]:
    formats = {group: shown(fmt) for group, fmt in plan.formats.items()}
    return {"formats": formats, "kl_estimated": plan.kl, "cost_estimated": plan.cost}


def _verified(each: Verified) -> dict[str, object]:
    pace = asdict(each.pace) if each.pace else {}
    return {**_plan(each.plan), **asdict(each.divergence), **pace, "bytes": each.bytes}
