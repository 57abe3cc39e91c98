"""What an agent lets out, with its own store and detectors, by the rules of its configuration."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_agent.config import Config
from edge_agent.context.items import Item
from edge_agent.context.store import SqliteContextStore
from edge_agent.context.wording import sentence
from edge_agent.privacy.opening import open_disclosure, redactions
from orchestrator.clock import SystemClock
from orchestrator.errors import EgressRefused
from orchestrator.privacy.consent import ConsentRequest
from orchestrator.privacy.disclosure import Disclosure
from orchestrator.privacy.finding import Finding, Kind
from orchestrator.prompt import Composer, Prompt
from orchestrator.testing import count_words
from orchestrator.types import Message, Recalled, Record, Sensitivity

PUBLIC, PERSONAL, PRIVATE = Sensitivity
NOW = SystemClock().now()
BRUNO = Record(kind="contact", title="Bruno Okonkwo", body="Phone number: +49 30 23125 204.", people=("Bruno Okonkwo",))
LUNCH = Record(kind="event", title="Lunch with Bruno Okonkwo", body="Call +49 30 23125 204", people=("Bruno Okonkwo",))
VARGA = Record(kind="contact", title="Ilse Varga", people=("Ilse Varga",), sensitivity=PRIVATE)


class Nobody:
    """Consent that is never given."""

    async def allows(self, request: ConsentRequest) -> bool:
        return False


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqliteContextStore]:
    with SqliteContextStore(tmp_path_factory.mktemp("opening") / "context.db") as store:
        for record in (BRUNO, LUNCH, VARGA):
            store.add(Item(record, marked=record is VARGA))
        yield store


def opened(store: SqliteContextStore, tmp_path: Path, **privacy: Any) -> Disclosure:
    cloud = {"target": "gateway.example:443"}
    config = Config.model_validate({"state": tmp_path, "cloud": cloud, "privacy": privacy})
    return open_disclosure(config, store, Nobody())


def prompt(question: str, *records: Record) -> Prompt:
    composer = Composer(wording=sentence, count_tokens=count_words, system="Be brief.")
    hits = [Recalled(record, 0.9) for record in records]
    return composer.compose([Message("user", question)], hits, now=NOW, window_tokens=1000)


def sent(disclosure: Disclosure, shown: Prompt) -> str:
    cleared = asyncio.run(disclosure.departure("").clear(shown, "", PUBLIC))
    return "\n".join(message.text for message in cleared.outbound.messages)


def test_a_personal_record_leaves_without_those_it_is_about(store: SqliteContextStore, tmp_path: Path) -> None:
    text = sent(opened(store, tmp_path), prompt("When is lunch with Bruno Okonkwo?", LUNCH))
    assert "PERSON_1" in text
    assert "PHONE_1" in text
    assert not {"Bruno", "Okonkwo", "23125"} & set(text.replace("'", " ").split())


def test_who_is_named_in_a_question_decides_how_far_it_travels(store: SqliteContextStore, tmp_path: Path) -> None:
    disclosure = opened(store, tmp_path)
    questions = ["What does Bruno want?", "Is Ilse Varga a good doctor?", "What is the capital of France?"]
    turns = [disclosure.labelled([Message("user", question)], personal=False)[0] for question in questions]
    assert [turn.sensitivity for turn in turns] == [PERSONAL, PRIVATE, PUBLIC]
    with pytest.raises(EgressRefused):
        sent(disclosure, prompt(questions[1]))


def test_the_rules_are_those_of_the_configured_gateway(store: SqliteContextStore, tmp_path: Path) -> None:
    home = {"Gateway.example:443": {"personal": "allow"}, "other.example:443": {"personal": "keep"}}
    assert "Bruno" in sent(opened(store, tmp_path, personal="keep", destinations=home), prompt("Lunch?", LUNCH))
    with pytest.raises(EgressRefused):
        sent(opened(store, tmp_path, personal="keep"), prompt("Lunch?", LUNCH))


def test_surrogates_are_the_same_in_a_conversation_and_others_elsewhere() -> None:
    made = redactions(surrogate=True)
    finding = Finding(Kind.PERSON, 0, 13, PERSONAL, "record 1")
    said = [made(thread).redact("Bruno Okonkwo", [finding]) for thread in ("a", "a", "b", "c", "", "")]
    assert said[0] == said[1]
    assert len(set(said)) > 2
    assert "Bruno Okonkwo" not in said
