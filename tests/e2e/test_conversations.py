"""Conversations with the real small model: what was said first is answered last, and nothing is read twice."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from edge_agent import Agent, Config, Sampling
from edge_agent.config import ModelSection
from edge_agent.context.conversations import Exchange
from edge_agent.context.importers import import_paths
from edge_agent.slm.caches import Caches
from orchestrator.types import Sensitivity

pytestmark = pytest.mark.model
HOUSEHOLD = Path(__file__).resolve().parents[2] / "examples" / "household"
BEGUN = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
FIRST = "My sister Ada moved to Leeds in March, and I promise to bring her the blue lamp."
TOPICS = ("bees", "bread", "Rome", "volcanoes", "chess", "tea", "rivers", "whales", "glass", "clouds", "salt", "owls")


@pytest.fixture
def agent(smollm2: Path, tmp_path: Path) -> Iterator[Agent]:
    with Agent.open(Config(state=tmp_path, model=ModelSection(name=str(smollm2)), local_only=True)) as opened:
        yield opened


def test_the_first_of_sixty_turns_is_remembered(agent: Agent) -> None:
    conversation = agent.conversation()
    log = agent._agent.parts.context.conversations
    log.add(conversation.id, Exchange(FIRST, "That is kind of you.", BEGUN, Sensitivity.PUBLIC))
    for turn in range(58):
        topic = TOPICS[turn % len(TOPICS)]
        reply = f"Many people like {topic}, and some of them write long books about {topic}, number {turn} of them too."
        at = BEGUN + timedelta(minutes=turn)
        log.add(conversation.id, Exchange(f"Tell me fact {turn} about {topic}.", reply, at, Sensitivity.PUBLIC))
    answer = conversation.ask("Where did my sister Ada move?", sampling=Sampling(max_tokens=30))
    assert "Leeds" in answer.text
    assert answer.sensitivity is Sensitivity.PERSONAL
    assert len(conversation.messages()) == 120
    lamp = conversation.ask("What did I promise to bring to Ada?", sampling=Sampling(max_tokens=30))
    assert "lamp" in lamp.text


def test_a_follow_up_reads_only_what_is_new(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    shares: list[float] = []
    opening = Caches.open

    def watched(self: Caches, prompt: Any, *more: Any) -> Any:
        cache = opening(self, prompt, *more)
        shares.append(len(cache) / len(prompt))
        return cache

    monkeypatch.setattr(Caches, "open", watched)
    import_paths(agent._agent.parts.context, [HOUSEHOLD])
    conversation = agent.conversation()
    first = conversation.ask("When do I see the dentist?", sampling=Sampling(max_tokens=30))
    second = conversation.ask("Where is it?", sampling=Sampling(max_tokens=30))
    assert first.record_ids
    assert second.text
    assert shares[-1] > 0.85, "the records of the question before are not read again"
