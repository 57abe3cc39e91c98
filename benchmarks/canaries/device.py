"""The device of a trial: a real agent over a real store; only its model is a parrot, where no real one is given."""

from __future__ import annotations

import logging
import traceback
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import cast

from benchmarks.canaries.parrot import Parrot
from edge_agent.agent import AsyncAgent
from edge_agent.assembly import assemble
from edge_agent.config import CloudSection, Config
from edge_agent.context.items import Item
from edge_agent.sections.privacy import PrivacySection
from edge_agent.sections.records import ContextSection
from edge_agent.slm.model import OnnxModel
from edge_agent.slm.progress import Quiet
from orchestrator.types import Record

_PATIENCE_S = 0.3
"""For the cloud's first token and between two: trials with a stalled one are to be quick."""


def configured(state: Path, *, target: str, key: str, real: bool = False, surrogates: bool = False) -> Config:
    """The device's configuration: everything as it is by default, but for a way to the cloud and less patience.

    Args:
        state: the folder of the databases.
        target: of the gateway.
        key: for it.
        real: with the embedding model; a parrot's device recalls by words.
        surrogates: names go in the place of names.
    """
    return Config(
        state=state,
        context=ContextSection() if real else ContextSection(embedding=""),
        cloud=CloudSection(target=target, api_key=key, first_token_s=_PATIENCE_S, between_tokens_s=_PATIENCE_S),
        privacy=PrivacySection(stand_ins="surrogate" if surrogates else "typed"),
    )


@asynccontextmanager
async def opened(config: Config, *, real: bool = False, unsure: bool = False) -> AsyncIterator[AsyncAgent]:
    """An open agent.

    Args:
        config: of the device.
        real: whether the configured model answers; otherwise a parrot does.
        unsure: whether the parrot's answers are handed over.
    """
    parrot = None if real else cast(OnnxModel, Parrot(unsure=unsure))
    async with AsyncExitStack() as resources:
        yield AsyncAgent(await assemble(config, resources, Quiet(), local=parrot), resources)


def remember(agent: AsyncAgent, records: Iterable[Record]) -> None:
    """Put records into the store, with the labels that they have."""
    for record in records:
        agent.parts.context.add(Item(record, marked=False, chosen=record.sensitivity))


class Ear(logging.Handler):
    """Hears every log of this process, down to debug, and all that errors say."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.heard: list[str] = []
        self.errors: list[str] = []
        self._level = logging.WARNING

    def __enter__(self) -> Ear:
        root = logging.getLogger()
        self._level = root.level
        root.setLevel(logging.DEBUG)
        root.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        root = logging.getLogger()
        root.removeHandler(self)
        root.setLevel(self._level)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep what the log would have shown."""
        self.heard.append(self.format(record))

    def note(self, error: BaseException) -> None:
        """Keep all that an error and its causes tell: their words, and the places in the code."""
        self.errors.append("".join(traceback.format_exception(error)) + repr(error))
