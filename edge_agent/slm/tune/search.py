"""The search itself: time each format, try each group by itself, combine, and measure the best as whole graphs."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from edge_agent.slm.convert.checkpoint import Checkpoint
from edge_agent.slm.convert.config import FloatArray
from edge_agent.slm.convert.folder import write_decoder
from edge_agent.slm.convert.recipe import Format, Recipe, recipe_named
from edge_agent.slm.folder import ModelFolder
from edge_agent.slm.installed import InstalledModel
from edge_agent.slm.progress import Progress
from edge_agent.slm.tune.costs import Cost, measure_costs
from edge_agent.slm.tune.divergence import Divergence, Reading
from edge_agent.slm.tune.frontier import Plan, Trial, frontier, plans, worth_a_trial
from edge_agent.slm.tune.groups import GROUPS, LIMITED, formats, occurrences, products, recipe_of
from edge_agent.slm.tune.journal import Journal
from edge_agent.slm.tune.race import race
from edge_agent.slm.tune.report import Report, Verified, shown
from edge_agent.slm.tune.target import TURN_READ, TURN_WRITTEN, Target
from orchestrator.ports import Clock

# Estimates are sums of what groups do alone; a whole graph may do better than a somewhat cheaper one.
_WANTED = 2


class Search:
    """Over one model's formats, on this machine."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        inputs: Mapping[str, FloatArray],
        texts: Sequence[Sequence[int]],
        scratch: Path,
        journal: Journal,
        threads: int,
        progress: Progress,
        clock: Clock,
    ) -> None:
        """Args:
        checkpoint: the weights.
        inputs: what calibrated rounding looks at.
        texts: token ids to measure the divergence on.
        scratch: a folder for graphs.
        journal: keeps what was measured.
        threads: of one operator.
        """
        self._checkpoint = checkpoint
        self._inputs = inputs
        self._scratch = scratch
        self._journal = journal
        self._threads = threads
        self._progress = progress
        self._clock = clock
        exact = self._write("exact", recipe_named("exact"))
        self._reading = Reading(texts, exact / "model.onnx", threads=threads)
        shutil.rmtree(exact)

    def run(self, model: InstalledModel, target: Target, max_kl: float) -> tuple[Report, Path]:
        """Search.

        Returns:
            What was seen, and the folder of the chosen graph.
        """
        trials = self._trials(self._costs(), target)
        best_plans = frontier(plans(trials, target))
        before = ModelFolder(model.path).graph
        made = self._make(best_plans, max_kl)
        fit = [folder for folder, each in made.items() if each.divergence.kl <= max_kl]
        graphs = [before, *(folder / "model.onnx" for folder in fit)]
        window = self._checkpoint.config.context_length
        was, *paces = race(graphs, context_tokens=window, threads=self._threads, clock=self._clock)
        for folder, pace in zip(fit, paces, strict=True):
            made[folder] = replace(made[folder], pace=pace)
        best = min(fit, key=lambda folder: _measured_cost(made[folder], target))
        assert model.manifest is not None
        report = Report(
            model=model.name,
            target=target,
            max_kl=max_kl,
            machine=f"{_processor()}, {self._threads} threads",
            tokens=self._reading.tokens,
            before=(model.manifest.recipe, self._reading.compare(before), was),
            trials=trials,
            frontier=best_plans,
            verified=list(made.values()),
            chosen=made[best],
        )
        return report, best

    def _costs(self) -> dict[str, dict[Format, Cost]]:
        """By group, what each of its formats costs in a whole pass."""
        config = self._checkpoint.config
        found: dict[str, dict[Format, Cost]] = {}
        with self._progress.task("timing the products", len(GROUPS), in_bytes=False) as advance:
            for at, group in enumerate(GROUPS):
                found[group] = self._costs_of(group, occurrences(config, group))
                advance(at + 1)
        return found

    def _costs_of(self, group: str, layers: int) -> dict[Format, Cost]:
        timed: dict[Format, Cost] = {}

        def of(fmt: Format) -> Cost:
            if not timed:  # all at once, in turns
                timed.update(self._timed(group, layers))
            return timed[fmt]

        found: dict[Format, Cost] = {}
        for fmt in formats(group):
            one = self._journal.measured(f"cost {group} {shown(fmt)}", Cost, partial(of, fmt))
            # Of a prompt, only the last row goes through the head.
            read_s = one.write_s if group == "head" else one.read_s
            found[fmt] = Cost(one.write_s * layers, read_s * layers, one.bytes * layers)
        return found

    def _timed(self, group: str, layers: int) -> dict[Format, Cost]:
        folder = self._scratch / f"products.{group}"
        folder.mkdir()
        shapes, limited = products(self._checkpoint.config, group), group in LIMITED
        costs = measure_costs(
            shapes,
            formats(group),
            folder,
            layers=layers,
            limited=limited,
            threads=self._threads,
            clock=self._clock,
        )
        shutil.rmtree(folder)
        return costs

    def _trials(self, costs: Mapping[str, Mapping[Format, Cost]], target: Target) -> list[Trial]:
        """Each group in each format that may pay, the others in full precision."""
        worth = {group: worth_a_trial(list(costs[group].items()), target) for group in GROUPS}
        trials: list[Trial] = []
        with self._progress.task("trying formats", sum(map(len, worth.values())), in_bytes=False) as advance:
            for group, candidates in worth.items():
                for fmt in candidates:
                    name, measure = f"divergence {group} {shown(fmt)}", partial(self._divergence, group, fmt)
                    divergence = self._journal.measured(name, Divergence, measure)
                    trials.append(Trial(group, fmt, costs[group][fmt], divergence))
                    advance(len(trials))
        return trials

    def _divergence(self, group: str, fmt: Format) -> Divergence:
        if fmt is None:
            return Divergence(0.0, 1.0)
        folder = self._write("trial", recipe_of({group: fmt}))
        found = self._reading.compare(folder / "model.onnx")
        shutil.rmtree(folder)
        return found

    def _make(self, candidates: Sequence[Plan], max_kl: float) -> dict[Path, Verified]:
        """Make the cheapest plans of the frontier that should be within the bound, until two are.

        Returns:
            All that were made by their folders; of those beyond the bound nothing else is left.
        """
        made: dict[Path, Verified] = {}
        within, error = 0, 1.0  # how much more than its estimate a whole graph diverged
        with self._progress.task("measuring whole graphs", _WANTED, in_bytes=False) as advance:
            for plan in candidates:
                if within == _WANTED or plan.kl * error > max_kl:
                    continue
                folder = self._write(f"whole.{len(made)}", recipe_of(plan.formats))
                divergence = self._reading.compare(folder / "model.onnx")
                made[folder] = Verified(plan, divergence, (folder / "model.onnx.data").stat().st_size)
                if divergence.kl <= max_kl:
                    within += 1
                    advance(within)
                else:
                    error = max(error, divergence.kl / plan.kl)
                    shutil.rmtree(folder)
        return made

    def _write(self, name: str, recipe: Recipe) -> Path:
        folder = self._scratch / name
        folder.mkdir()
        write_decoder(folder, self._checkpoint.config, self._checkpoint.weights, recipe, self._inputs)
        return folder


def _measured_cost(each: Verified, target: Target) -> float:
    """What the target asks for, of a whole graph: seconds, or bytes."""
    assert each.pace is not None, "only what was raced has one"
    read, write = 1 / each.pace.read_tokens_per_s, 1 / each.pace.write_tokens_per_s
    return {
        Target.TURN: TURN_READ * read + TURN_WRITTEN * write,
        Target.DECODE: write,
        Target.PREFILL: read,
        Target.MEMORY: float(each.bytes),
    }[target]


def _processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """The processor in words, and what it has for products of integers where Linux says so."""
    try:
        pairs = (line.partition(":") for line in cpuinfo.read_text().splitlines())
        facts = {key.strip(): value.strip() for key, _, value in pairs}
    except OSError:
        facts = {}
    able = {flag.partition("_int8")[0].replace("avx512_", "") for flag in facts.get("flags", "").split()}
    units = [unit.upper() for unit in ("vnni", "amx") if unit in able]
    return f"{facts.get('model name') or platform.processor() or platform.machine()} ({', '.join(units) or 'plain'})"
