"""When the agent says itself that it does not know, and when it leaves the question to a model."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from orchestrator.candour import UNSURE, Candour
from orchestrator.format import Format
from orchestrator.types import (
    Budget,
    Message,
    Recalled,
    Recollection,
    Record,
    Request,
    RoutePreference,
    Sampling,
)

NOW = datetime(2026, 11, 23, tzinfo=UTC)
CANDOUR = Candour(nothing="Nothing.", unsure="Perhaps:", wording=lambda record, now: record.body)
REQUEST = Request(id="r1", messages=(Message("user", "When is my wedding?"),), budget=Budget(), sampling=Sampling())
HIT = Recalled(Record(kind="note", body="Ada's wedding is in May", id=3), 0.6)


def said(recollection: Recollection, request: Request = REQUEST) -> str:
    prompt = CANDOUR.admission(request, recollection, now=NOW)
    return prompt.answer if prompt else ""


def test_nothing_recalled_is_said_and_what_is_unsure_is_shown() -> None:
    assert said(Recollection(personal=True)) == "Nothing."
    assert said(Recollection((HIT,), confidence=UNSURE - 0.01, personal=True)) == "Perhaps: Ada's wedding is in May"


def test_a_record_that_is_sure_and_a_question_about_the_world_are_left_to_the_model() -> None:
    assert said(Recollection((HIT,), confidence=UNSURE, personal=True)) == ""
    assert said(Recollection()) == ""
    assert said(Recollection((HIT,))) == ""


def test_only_the_record_that_is_shown_counts_as_used() -> None:
    prompt = CANDOUR.admission(REQUEST, Recollection((HIT, HIT), confidence=0.1, personal=True), now=NOW)
    assert prompt is not None
    assert prompt.recalled == (HIT,)
    assert prompt.messages == REQUEST.messages, "their labels count for the answer"


@pytest.mark.parametrize(
    "request_",
    [
        replace(REQUEST, messages=(Message("system", "Married on 2 May."), *REQUEST.messages)),
        replace(REQUEST, messages=(Message("user", "I marry in May."), Message("assistant", "Oh!"), *REQUEST.messages)),
        replace(REQUEST, prefix="Your wedding"),
        replace(REQUEST, sampling=Sampling(format=Format.json_object())),
        replace(REQUEST, route=RoutePreference.CLOUD),
    ],
)
def test_whoever_may_know_more_is_asked(request_: Request) -> None:
    assert said(Recollection(personal=True), request_) == ""
