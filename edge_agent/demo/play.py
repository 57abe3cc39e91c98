"""Plays the demo: sets the stage, asks the questions, shows what happened."""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path

from rich.console import Console

from edge_agent.agent import AsyncAgent
from edge_agent.config import CloudSection, Config, ModelSection
from edge_agent.context.importers.run import import_paths
from edge_agent.demo.scenes import Scene, scenes
from edge_agent.demo.show import Act, Show
from edge_agent.demo.stage import CLOUD_MODEL, Cloud, cloud_side
from edge_agent.sections.records import ContextSection
from edge_agent.slm.progress import Progress
from edge_agent.slm.pull import ensure
from orchestrator.budget import WindowState
from orchestrator.errors import EdgewiseError, ProcessFailed
from orchestrator.types import Answer, Sampling

_WINDOW_TOKENS = 768
_MAX_TOKENS = 160
_PIECES_BEFORE_KILL = 12


def play(console: Console, progress: Progress) -> None:
    """Run the whole demo on `console`; its own records and ledger go with it, the models stay.

    Raises:
        EdgewiseError: a model could not be had, or a process did not start.
    """
    ensure(ModelSection().name, progress=progress)
    ensure(ContextSection().embedding, progress=progress)
    if not os.environ.get("CLOUD_BASE_URL"):
        ensure(CLOUD_MODEL, progress=progress)
    show = Show(console)
    with tempfile.TemporaryDirectory(prefix="edgewise-demo-") as name:
        folder = Path(name)
        with cloud_side(folder, progress) as cloud:
            acts, windows = asyncio.run(_perform(show, cloud, folder))
        show.table(acts)
        show.ledger(windows)
    show.closing()


async def _perform(show: Show, cloud: Cloud, folder: Path) -> tuple[list[Act], list[WindowState]]:
    config = Config(
        state=folder / "agent",
        model=ModelSection(context_tokens=_WINDOW_TOKENS),
        cloud=CloudSection(target=cloud.gateway.address, api_key=cloud.api_key),
    )
    acts = []
    async with await AsyncAgent.open(config) as agent:
        summary = import_paths(agent.parts.context, [household()])
        while await asyncio.to_thread(agent.parts.context.embed_missing):
            pass  # as `edgewise context import` does, so that no question shares the processor with it
        show.opening(config.model.name, cloud.upstream, summary.added)
        for number, scene in enumerate(scenes(), 1):
            show.scene(number, scene)
            acts.append(await _play(agent, scene, show, cloud))
        return acts, await agent.windows()


async def _play(agent: AsyncAgent, scene: Scene, show: Show, cloud: Cloud) -> Act:
    """Ask one question, and show how it ended. A refusal is an outcome too."""
    try:
        outcome: Answer | EdgewiseError = await _answer(agent, scene, show, cloud)
    except EdgewiseError as error:
        outcome = error
    show.outcome(outcome)
    if isinstance(outcome, Answer) and outcome.egress.redactions and not scene.shown:
        (call, *_) = agent.parts.egress.of_decision(outcome.decision_id)
        show.left(call.messages[-1].text)
    return Act(scene, outcome)


async def _answer(agent: AsyncAgent, scene: Scene, show: Show, cloud: Cloud) -> Answer:
    """Stream an answer, and where the scene says so, kill the gateway meanwhile."""
    async with agent.stream(
        scene.question,
        budget=scene.budget,
        route=scene.route,
        local_only=scene.local_only,
        sampling=Sampling(max_tokens=_MAX_TOKENS),
    ) as stream:
        shown = 0
        async for piece in stream:
            show.piece(piece)
            shown += 1
            if scene.kill_gateway and shown == _PIECES_BEFORE_KILL:
                cloud.gateway.kill()
                show.event("the gateway was killed")
        assert stream.answer is not None, "a stream without an error has an answer"
        return stream.answer


def household() -> Path:
    """The made-up household's records: beside this file in an installed package, in examples/ in a checkout.

    Raises:
        ProcessFailed: they are in neither place.
    """
    here = Path(__file__).parent
    for folder in (here / "household", here.parents[1] / "examples" / "household"):
        if folder.is_dir():
            return folder
    raise ProcessFailed("the demo's household records are missing", remedy="run the demo from a checkout")
