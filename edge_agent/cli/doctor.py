"""`edgewise doctor`: what this device can do, and what stands in its way."""

from __future__ import annotations

import asyncio
import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.cli.terminal import ConfigOption, LocalOnlyOption, console

if TYPE_CHECKING:
    from edge_agent.config import Config
    from edge_agent.slm.providers import Provider
    from orchestrator.client import Witness


_LATEST = 20
"""Answers that tell of the pace now."""


def doctor(local_only: LocalOnlyOption = False, config: ConfigOption = None) -> None:
    """Look at this device: runtime and providers, the model, meters, stores, and the way to the cloud."""
    from rich.table import Table

    from edge_agent.cli.opening import settings

    chosen = settings(config, local_only=local_only)
    table = Table(show_header=False, pad_edge=False, box=None)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for part in (
        _machine(),
        _model(chosen),
        _providers(chosen),
        _saved(chosen),
        _energy(chosen),
        _stores(chosen),
        _link(chosen),
    ):
        for name, finding in part:
            table.add_row(name, finding)
    console().print(table)


def _machine() -> list[tuple[str, str]]:
    import onnxruntime

    from edge_agent.slm.cores import usable_cores

    return [
        ("machine", f"{platform.machine()}, {usable_cores()} usable cores of {os.cpu_count()}, {platform.system()}"),
        ("python", platform.python_version()),
        ("onnxruntime", onnxruntime.__version__),
    ]


def _model(config: Config) -> list[tuple[str, str]]:
    from edge_agent.slm.installed import installed
    from orchestrator.errors import EdgewiseError

    findings = []
    for what, name in (("model", config.model.name), ("embedding", config.context.embedding)):
        try:
            found = installed(name)
        except EdgewiseError as error:
            findings.append((what, str(error)))
            continue
        if found is None:
            missing = f"{name} is not installed: edgewise models pull {name}" if name else "none: recall by words alone"
            findings.append((what, missing))
        else:
            findings.append((what, f"{name}, {found.bytes / 1e6:.0f} MB in {found.path}"))
    return findings


def _saved(config: Config) -> list[tuple[str, str]]:
    from edge_agent.slm.prefix_files import saved_in

    folder, most = config.prefixes_path, config.prefixes.disk_mb
    if not most:
        return [("system prompts", "not saved: prefixes.disk_mb is 0")]
    found = saved_in(folder)
    state = f"{found.prompts} saved, {found.bytes / 1e6:.1f} of {most:.0f} MB in {folder}"
    return [("system prompts", state if found.writable else f"{state}, which cannot be written: each start reads anew")]


def _providers(config: Config) -> list[tuple[str, str]]:
    """What each execution provider makes of the installed model."""
    from edge_agent.assembly import providers_of
    from edge_agent.slm.installed import installed
    from edge_agent.slm.providers import Provider, available
    from orchestrator.errors import EdgewiseError

    try:
        configured = {provider.kind: provider for provider in providers_of(config.model)}
        found = installed(config.model.name)
    except EdgewiseError as error:
        return [("providers", str(error))]
    here = available()
    told = [(f"provider {kind.short}", f"not installed: {kind.wheel}") for kind in configured if kind not in here]
    for kind in here:
        said = ["configured"] if kind in configured else []
        if found is not None and len(here) > 1:  # alone, there is nothing to compare the CPU with
            said.append(_placed(found.path, configured.get(kind, Provider(kind)), config))
        told.append((f"provider {kind.short}", "; ".join(said) or "there"))
    return told


def _placed(folder: Path, provider: Provider, config: Config) -> str:
    """What a provider runs, what falls back, and what both take."""
    from edge_agent.home import home
    from edge_agent.slm.cores import usable_cores
    from edge_agent.slm.folder import ModelFolder
    from edge_agent.slm.placement import Placements
    from orchestrator.errors import EdgewiseError

    placements, graph = Placements(home() / "placements.json"), ModelFolder(folder).graph
    try:
        with console(stderr=True).status(f"trying {provider.kind.short}"):
            place = placements.of(graph, provider, threads=config.model.threads or usable_cores())
    except EdgewiseError as error:
        return error.message
    own, fallen = sum(place.own.values()), sum(place.fallen.values())
    speed = f"{place.prefill_ms:,.0f} ms for 128 tokens, {place.decode_ms:,.1f} ms for one"
    if not fallen:
        return f"runs all {own} operators, {speed}"
    kinds = ", ".join(f"{count} {operator}" for operator, count in place.fallen.items())
    share = f"{place.prefill_share:.0%} and {place.decode_share:.0%} of the operators' time"
    return f"runs {own} of {own + fallen} operators, {speed}; {kinds} fall back to the CPU: {share}"


def _energy(config: Config) -> list[tuple[str, str]]:
    from edge_agent.assembly import open_profile
    from edge_agent.energy import Hardware, describe
    from orchestrator.errors import EdgewiseError

    try:
        found = describe(open_profile(config), Hardware.here())
    except EdgewiseError as error:
        return [("profile", str(error))]
    usable = {True: "yes", False: "no"}
    meters = [(f"meter {status.source.value}", f"{usable[status.available]}: {status.detail}") for status in found]
    return [*meters, ("profile", _profile(config)), *_pace(config), *_power()]


def _profile(config: Config) -> str:
    """How old the profile is, and whether it is of this machine and this model."""
    from datetime import UTC, datetime

    from edge_agent.assembly import stored_profile, threads_of
    from edge_agent.energy import this_machine

    stored = stored_profile(config)
    if stored is None:
        return "none yet, estimates start from a usual laptop: edgewise profile takes a minute"
    known = stored.calibration
    if known is None:
        return f"{stored.name}, written by hand: {config.profile_path}"
    if not stored.of_machine(this_machine()):
        return f"of another machine, {known.machine}, so it is not used: edgewise profile"
    days = (datetime.now(UTC) - known.taken_at).days
    told = f"{days} days old, of {known.model} with {known.threads} threads, {known.basis}"
    if stored.local_costs(model=config.model.name, threads=threads_of(config.model)) is None:
        wanted = f"{config.model.name} with {threads_of(config.model)}"
        return f"{told}; of {wanted} nothing was measured: edgewise profile"
    return told


def _pace(config: Config) -> list[tuple[str, str]]:
    """How answers keep to the profile. Heat that nobody tells of, a busy machine and an old profile show here."""
    from edge_agent.assembly import open_profile, threads_of
    from edge_agent.journal import Journal
    from orchestrator.routing.costs import CostHistory
    from orchestrator.types import Route

    costs = open_profile(config).local_costs(model=config.model.name, threads=threads_of(config.model))
    if costs is None or not config.journal_path.exists():
        return []
    foretold, history = costs.decode_ms.first.mean, CostHistory(costs)
    with Journal.open(config.journal_path) as journal:
        for answer in journal.outcomes(_LATEST):
            if answer.model == config.model.name:
                history.observe(answer)
    share = history.of(Route.LOCAL).decode_ms.first.mean / foretold
    return [("pace", f"the latest answers took {share:.2g} times the profile's time a token")]


def _power() -> list[tuple[str, str]]:
    """What feeds this device, and how fast heat and power savers let it run."""
    from edge_agent.energy import SystemBattery
    from edge_agent.energy.throttling import SystemProcessor, hot

    power, speed, zones = SystemBattery().power(), SystemProcessor().speed(), hot()
    fed = f"{power.charge:.0%}, {'plugged in' if power.plugged_in else 'being drained'}" if power else "none"
    allowed = "full" if speed == 1 else f"{speed:.0%} of the full one; estimates count with it"
    return [("battery", fed), ("clock", f"{allowed}{'; hot: ' + ', '.join(zones) if zones else ''}")]


def _stores(config: Config) -> list[tuple[str, str]]:
    from edge_agent.context.opening import open_context
    from orchestrator.errors import EdgewiseError

    if not config.context_path.exists():
        return [("records", f"none yet, in {config.context_path}")]
    try:
        with open_context(config) as store:
            found = store.stats()
        how = ", encrypted" if found.encrypted else ""
        return [("records", f"{found.records} in {config.context_path}{how}")]
    except EdgewiseError as error:
        return [("records", str(error))]


def _link(config: Config) -> list[tuple[str, str]]:
    if config.local_only:
        return [("cloud", "local-only: no socket is opened")]
    return [("cloud", asyncio.run(_contact(config)))]


async def _contact(config: Config) -> str:
    """How far the cloud is. What is asked for that goes into the egress log, as whatever leaves."""
    if not config.cloud.targets:
        return "none configured: set cloud.target in the configuration, or EDGEWISE_CLOUD__TARGET"
    from edge_agent.egress.opening import must_be_encrypted, open_egress
    from edge_agent.egress.witness import LoggingWitness
    from orchestrator.errors import StoreError

    try:
        with open_egress(config, encrypted=must_be_encrypted(config)) as egress:
            return await _distance(config, LoggingWitness(egress))
    except StoreError as error:
        return f"not asked, for nothing leaves without an entry in the egress log: {error}"


async def _distance(config: Config, witness: Witness) -> str:
    from edge_agent.cloud import GatewayModel
    from orchestrator.clock import SystemClock
    from orchestrator.link import Link

    cloud = GatewayModel.of(config.cloud, witness)
    assert cloud is not None, "a target is configured"
    clock = SystemClock()
    link = Link(cloud, clock)
    try:
        started_s = clock.monotonic()
        terms = await link.contact()
        took_ms = (clock.monotonic() - started_s) * 1000
    finally:
        await cloud.aclose()
    if terms is None:
        return f"{config.cloud.destination}: {link.fault}"
    return f"{cloud.name} at {config.cloud.destination}, {took_ms:.0f} ms away, window {terms.context_tokens} tokens"
