"""Putting an agent together from its configuration: which class fills which port."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.config import Config, ModelSection
from edge_agent.context.backfill import Backfill
from edge_agent.context.opening import open_context
from edge_agent.context.store import SqliteContextStore
from edge_agent.context.wording import sentence
from edge_agent.egress.consent import AskForConsent, RememberingConsent
from edge_agent.egress.forgetting import forget_removed
from edge_agent.egress.log import EgressLog
from edge_agent.egress.opening import open_egress
from edge_agent.egress.witness import LoggingWitness
from edge_agent.energy import Hardware, Profile, SystemBattery, meter_for, this_machine
from edge_agent.energy.throttling import SystemProcessor
from edge_agent.journal import Journal
from edge_agent.learning.asking_again import AskingAgain
from edge_agent.learning.listening import Listener
from edge_agent.learning.teacher import Teacher
from edge_agent.ledger import SqliteLedgerStore
from edge_agent.observers import Observers
from edge_agent.privacy.opening import open_disclosure
from edge_agent.removals import RemovalWatch
from edge_agent.slm.cores import usable_cores
from edge_agent.slm.installed import installed
from edge_agent.slm.model import OnnxModel
from edge_agent.slm.prefixes import PrefixRoom
from edge_agent.slm.progress import Progress
from edge_agent.slm.providers import Provider
from orchestrator.budget import Ledger
from orchestrator.candour import Candour
from orchestrator.clock import SystemClock
from orchestrator.engine import Engine
from orchestrator.errors import ModelCorrupt, ModelError, ModelNotFound
from orchestrator.link import Link
from orchestrator.patience import Patience
from orchestrator.planner import Planner
from orchestrator.ports import Clock, Embedder, EnergyMeter
from orchestrator.prompt import Composer
from orchestrator.routing.costs import CostHistory
from orchestrator.routing.drift import WINDOW
from orchestrator.routing.keeper import PromiseKeeper
from orchestrator.routing.probe import Probe
from orchestrator.routing.router import Router
from orchestrator.routing.value import Prices
from orchestrator.token_counts import TokenCounts
from orchestrator.tracing import NO_TRACER, Tracer
from orchestrator.types import Recollection, Sensitivity

if TYPE_CHECKING:
    from edge_agent.cloud import GatewayModel
    from orchestrator.client import Witness

LOCAL_SYSTEM = "You are a helpful assistant. Answer briefly and correctly."
GROUNDED_SYSTEM = "You are a helpful assistant. Answer in one or two short sentences."
"""What SmolLM2-135M answers best with: docs/measured.md has the comparison."""
CLOUD_SYSTEM = "You are a helpful assistant. Answer correctly and to the point."
NOTHING_RECALLED = "I do not know: I have nothing about that."
UNSURE_RECALLED = "I do not know for sure. The closest that I have:"
"""Said by the agent itself, not by a model: `orchestrator.candour` has the rule."""
_REMEMBERED_OUTCOMES = 200


@dataclass(frozen=True, slots=True)
class Parts:
    """The pieces of an open agent."""

    config: Config
    planner: Planner
    engine: Engine
    local: OnnxModel
    context: SqliteContextStore
    ledger: Ledger
    journal: Journal
    egress: EgressLog
    teacher: Teacher
    meter: EnergyMeter
    link: Link
    clock: Clock


async def assemble(
    config: Config,
    resources: AsyncExitStack,
    progress: Progress,
    *,
    local: OnnxModel | None = None,
    consent: AskForConsent | None = None,
) -> Parts:
    """Open everything that `config` names, or take a model that is open already; `resources` closes it again.

    Args:
        config: says what.
        resources: closes it.
        progress: is told of a model that has to be pulled.
        local: the device's model, where it is open already.
        consent: asks the user where the rules say so; without it the answer is no, unless one is remembered.

    Raises:
        ConfigError, ModelError, StoreError: naming what is wrong and what to do.
    """
    clock = SystemClock()
    embedder = await asyncio.to_thread(open_embedder, config, progress)
    encryption = config.context_encryption.asked_once()
    context = resources.enter_context(open_context(config, embedder, encryption=encryption))
    if config.context.enabled:
        await resources.enter_async_context(Backfill(context, clock))
    store = resources.enter_context(SqliteLedgerStore.open(config.ledger_path))
    ledger = Ledger(store, config.budget_windows, clock, pacing=config.pacing)
    journal = resources.enter_context(Journal.open(config.journal_path))
    profile = open_profile(config)
    meter = open_meter(config, profile)
    model = resources.enter_context(await asyncio.to_thread(open_model, config, progress) if local is None else local)
    watch = await resources.enter_async_context(RemovalWatch(context, model.forget_soon, clock))
    egress = resources.enter_context(
        open_egress(config, encrypted=context.encrypted, heads=journal, clock=clock, encryption=encryption)
    )
    await asyncio.to_thread(forget_removed, egress, context)
    witness = LoggingWitness(egress)
    cloud = _cloud(config, witness)
    if cloud is not None:
        resources.push_async_callback(cloud.aclose)
    link = Link(cloud, clock)
    costs = CostHistory(profile.local_costs(model=model.name, threads=threads_of(config.model)))
    for answer in journal.outcomes(_REMEMBERED_OUTCOMES):
        costs.observe(answer)
    # Asked without the question's vector, so that no question waits for one.
    router = await asyncio.to_thread(Router.named, config.routing.router) if config.routing.router else None
    teacher = Teacher.of(config.routing, journal, clock)
    planner = Planner(
        local=model,
        link=link,
        context=watch if config.context.enabled else _NoRecords(),
        ledger=ledger,
        composer=Composer(
            wording=sentence,
            count_tokens=TokenCounts(model.count_tokens),
            system=LOCAL_SYSTEM if config.context.enabled else "",
            grounded_system=GROUNDED_SYSTEM,
            records_tokens=config.context.records_tokens,
        ),
        candour=Candour(nothing=NOTHING_RECALLED, unsure=UNSURE_RECALLED, wording=sentence),
        cloud_system=CLOUD_SYSTEM,
        disclosure=open_disclosure(config, context, RememberingConsent(egress.consents, consent)),
        costs=costs,
        prices=Prices(**config.prices.model_dump()),
        keeper=await asyncio.to_thread(_keeper, config, journal, router),
        router=router,
        teacher=teacher if config.routing.learning != "off" else None,
        clock=clock,
        battery=SystemBattery(),
        floor=config.battery_floor,
        processor=SystemProcessor(),
        effort=config.effort.rules(),
    )
    engine = Engine(
        planner=planner,
        local=model,
        link=link,
        ledger=ledger,
        meter=meter,
        costs=costs,
        observer=Observers(Listener(journal, teacher, AskingAgain(clock)), witness),
        clock=clock,
        stop_repeating=config.answer.stop_repeating,
        effort=config.effort.rules(),
        moves=config.handoff.rules(),
        tracer=await _tracer(config, resources),
        probe=_probe(config),
        patience=Patience(first_token_s=config.cloud.first_token_s, between_tokens_s=config.cloud.between_tokens_s),
    )
    return Parts(config, planner, engine, model, context, ledger, journal, egress, teacher, meter, link, clock)


def _probe(config: Config) -> Probe | None:
    """What judges the first words of an answer: the configured probe, or that of the model; None where it is off."""
    if not config.confidence.watch:
        return None
    return Probe.load(config.confidence.probe) if config.confidence.probe else Probe.for_model(config.model.name)


async def _tracer(config: Config, resources: AsyncExitStack) -> Tracer:
    """Who keeps spans: nobody, unless an endpoint is configured and sockets may be opened."""
    if config.local_only or config.telemetry.otlp_endpoint is None:
        return NO_TRACER
    from orchestrator.otel import exporting

    return await resources.enter_async_context(exporting(config.telemetry.otlp_endpoint, "edgewise-agent"))


def _cloud(config: Config, witness: Witness) -> GatewayModel | None:
    """The configured gateway's model. Without one not even gRPC is imported: it takes a tenth of a second."""
    if config.local_only or not config.cloud.targets:
        return None
    from edge_agent.cloud import GatewayModel

    return GatewayModel.of(config.cloud, witness)


def _keeper(config: Config, journal: Journal, router: Router | None) -> PromiseKeeper | None:
    """Who keeps the configured promise, by the router's calibration, going on from what the journal saw of it."""
    promise = config.routing.promised
    calibration = router.calibration if router else None
    return PromiseKeeper(promise, calibration, journal.pledges(WINDOW)) if promise else None


class _NoRecords:
    """A context store that is switched off."""

    def recall(self, question: str, *, limit: int, now: datetime, conversation: str = "") -> Recollection:
        """Nothing."""
        return Recollection()

    def sensitivities(self, ids: Sequence[int]) -> Mapping[int, Sensitivity]:
        """None."""
        return {}


def open_model(config: Config, progress: Progress) -> OnnxModel:
    """Load the configured model; one that is not installed is pulled first, unless no socket may be opened.

    Raises:
        ModelError: it cannot be had or loaded.
    """
    section = config.model
    return OnnxModel.open(
        _model_folder(section.name, config, progress),
        threads=section.threads,
        context_tokens=section.context_tokens,
        rolling=section.rolling,
        providers=providers_of(section),
        prefixes=PrefixRoom(
            memory_bytes=int(config.prefixes.memory_mb * 1e6),
            folder=config.prefixes_path if config.prefixes.disk_mb else None,
            disk_bytes=int(config.prefixes.disk_mb * 1e6),
        ),
        speculation=section.speculation,
        draft=_model_folder(section.draft, config, progress) if section.speculation and section.draft else None,
        batching=bool(section.batching),
    )


def open_embedder(config: Config, progress: Progress, *, threads: int = 1) -> Embedder | None:
    """The model that compares meanings, pulled if it is missing; None where there is to be none or it cannot be had.

    Recall does without it, by words, people and times, so nothing here is worth an agent that does not open.
    """
    if not (config.context.enabled and config.context.embedding):
        return None
    try:
        return chosen_embedder(config, progress, threads=threads)
    except ModelError as error:
        progress.note(f"recall without meanings: {error}")
        return None


def chosen_embedder(config: Config, progress: Progress, *, threads: int = 1) -> Embedder:
    """The same, for those who cannot do without.

    Args:
        config: its `context.embedding` names the model: by its catalog name, or as a folder.
        progress: is told of a pull.
        threads: that embed many texts.

    Raises:
        ModelError: none is named; or it cannot be had, or not without the network that `local_only` forbids; or it
            cannot be loaded, or embeds no texts.
    """
    from edge_agent.embedder import SentenceEmbedder

    name = config.context.embedding
    if not name:
        raise ModelNotFound("no embedding model is named", remedy="set `context.embedding`, to all-minilm-l6-v2 say")
    return SentenceEmbedder.open(_model_folder(name, config, progress), threads=threads)


def providers_of(section: ModelSection) -> list[Provider]:
    """The configured execution providers.

    Raises:
        ConfigError: none is called so.
    """
    named = (
        Provider.named(entry) if isinstance(entry, str) else Provider.named(**entry.model_dump())
        for entry in section.providers
    )
    return list(named)


def open_profile(config: Config) -> Profile:
    """What is known of this device: its calibration, or a profile by hand, or what is usual.

    A calibration of another machine is no better than what is usual: it is passed over, and `edgewise doctor` says so.

    Raises:
        ConfigError: the file that is named is missing, or the one that is there is broken.
    """
    stored = stored_profile(config)
    return stored if stored is not None and stored.of_machine(this_machine()) else Profile.load()


def stored_profile(config: Config) -> Profile | None:
    """The profile as it lies in its file, of whichever machine; None where none was made yet.

    Raises:
        ConfigError: the file that is named is missing, or the one that is there is broken.
    """
    path = config.profile_path
    return Profile.load(path) if config.energy.profile or path.exists() else None


def threads_of(section: ModelSection) -> int:
    """What a forward pass of the model is computed with."""
    return section.threads or usable_cores()


def open_meter(config: Config, profile: Profile) -> EnergyMeter:
    """The configured meter. Best before the model is open: what a GPU takes at this moment counts as idle.

    Raises:
        ConfigError: a meter was asked for and cannot be used here; or no execution provider is called so.
    """
    on_gpu = any(provider.kind.memory == "cuda" for provider in providers_of(config.model))
    return meter_for(config.energy.meter, profile, Hardware.here(), on_gpu=on_gpu)


def _model_folder(name: str, config: Config, progress: Progress) -> Path:
    return Path(name) if Path(name).is_dir() else _folder_of(name, config, progress)


def _folder_of(name: str, config: Config, progress: Progress) -> Path:
    """The installed model called `name`; one that is not is pulled first, unless no socket may be opened."""
    try:
        found = installed(name)
    except ModelCorrupt:
        if config.local_only:
            raise
        found = None
    if found is not None:
        return found.path
    if config.local_only:
        raise ModelNotFound(
            f"the model {name} is not on this device, and local-only opens no socket to get it",
            remedy=f"edgewise models pull {name}",
        )
    from edge_agent.slm.pull import ensure  # pip, the hub and the converters: needed this once

    return ensure(name, progress=progress)
