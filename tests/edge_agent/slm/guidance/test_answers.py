"""Whole answers of real models, held to a form: each that ends by itself is valid, whoever checks it."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.slm.model import OnnxModel
from orchestrator.budget.deadline import Deadline
from orchestrator.clock import SystemClock
from orchestrator.errors import InvalidFormat
from orchestrator.format import Format
from orchestrator.types import Completed, FinishReason, Message, Sampling, TextDelta, TokenScore

NEVER = Deadline.after(SystemClock(), None)


@pytest.fixture(scope="module")
def tiny(tiny_folder: Path) -> Iterator[OnnxModel]:
    with OnnxModel.open(tiny_folder, threads=1) as model:
        yield model


def answer(
    model: OnnxModel, form: Format | None, *, question: str = "hi", prefix: str = "", **sampling: Any
) -> tuple[str, FinishReason, list[TokenScore]]:
    """An answer's text, how it ended, and the scores of its tokens."""

    async def gather() -> tuple[str, FinishReason, list[TokenScore]]:
        text, reason = "", None
        scores: list[TokenScore] = []
        wishes = Sampling(format=form, **sampling)
        messages = [Message("user", question)]
        async for event in model.generate(messages, sampling=wishes, deadline=NEVER, prefix=prefix):
            if isinstance(event, TextDelta):
                text += event.text
                scores += event.tokens
            elif isinstance(event, Completed):
                reason = event.finish_reason
                assert event.usage.completion_tokens == len(scores)
        assert reason is not None
        return text, reason, scores

    return asyncio.run(gather())


def bounds(least: str, most: str, limit: int) -> st.SearchStrategy[dict[str, int]]:
    pairs = st.tuples(st.integers(0, limit), st.integers(0, limit)).map(sorted)
    return pairs.map(lambda pair: {least: pair[0], most: pair[1]})


LEAVES: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.sampled_from([{"type": "null"}, {"type": "boolean"}, {"type": ["integer", "null"]}]),
    bounds("minimum", "maximum", 2000).map(lambda limits: {"type": "integer", **limits}),
    bounds("exclusiveMinimum", "exclusiveMaximum", 50).map(lambda limits: {"type": "number", **limits}),
    st.integers(1, 60).map(lambda step: {"type": "integer", "multipleOf": step, "minimum": 0, "maximum": 9999}),
    bounds("minLength", "maxLength", 6).map(lambda limits: {"type": "string", **limits}),
    st.sampled_from(["^[a-z]{1,4}$", "^(yes|no)$", "x[0-9]y$"]).map(lambda p: {"type": "string", "pattern": p}),
    st.sampled_from(["date", "uuid", "ipv4"]).map(lambda f: {"type": "string", "format": f}),
    st.lists(st.one_of(st.integers(), st.text(max_size=5), st.none()), min_size=1, max_size=4).map(
        lambda v: {"enum": v}
    ),
    st.one_of(st.booleans(), st.text(max_size=5)).map(lambda value: {"const": value}),
)


def objects(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    names = st.sampled_from(["a", "name", "the day", 'q"', "é"])
    return st.builds(
        lambda properties, required, rest: {
            "type": "object",
            "properties": properties,
            "required": [name for name in properties if name in required],
            "additionalProperties": rest,
        },
        st.dictionaries(names, inner, max_size=3),
        st.sets(names),
        st.one_of(st.just(False), inner),
    )


def arrays(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(
        lambda items, limits: {"type": "array", "items": items, **limits}, inner, bounds("minItems", "maxItems", 3)
    )


SCHEMAS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        objects(inner), arrays(inner), st.lists(inner, min_size=1, max_size=3).map(lambda several: {"anyOf": several})
    ),
    max_leaves=5,
)


@settings(max_examples=40, deadline=None)
@given(schema=SCHEMAS, seed=st.integers(0, 2**32), temperature=st.sampled_from([0.0, 0.7, 2.0]))
def test_whatever_ends_by_itself_is_valid(
    tiny: OnnxModel, schema: dict[str, Any], seed: int, temperature: float
) -> None:
    form = Format.json_schema(schema)
    try:
        text, reason, _ = answer(tiny, form, seed=seed, temperature=temperature, max_tokens=150)
    except InvalidFormat:
        return
    if reason is FinishReason.STOP:
        jsonschema.validate(json.loads(text), schema, format_checker=jsonschema.FormatChecker())
    else:
        assert reason is FinishReason.LENGTH


@settings(max_examples=30, deadline=None)
@given(
    pattern=st.sampled_from(["(the|in)+", "[0-9]{2,5}-[a-f]", "é{2}|ß", "[A-Z]{3} [0-9]"]), seed=st.integers(0, 2**32)
)
def test_a_regular_expression_matches_the_whole(tiny: OnnxModel, pattern: str, seed: int) -> None:
    text, reason, _ = answer(tiny, Format.regex(pattern), seed=seed, temperature=1.5, max_tokens=60)
    assert reason is FinishReason.LENGTH or re.fullmatch(pattern, text)


def test_scores_are_the_models_own(tiny: OnnxModel) -> None:
    """What the model would rather have written counts against a token that it had to write."""
    _, _, (free,) = answer(tiny, None, max_tokens=1)
    held = [answer(tiny, Format.regex(letter), max_tokens=1)[2][0] for letter in "QZ"]
    assert {score.entropy for score in held} == {free.entropy}
    assert min(score.logprob for score in held) < free.logprob


def test_an_answer_that_is_whole_costs_no_token_for_its_end(tiny: OnnxModel) -> None:
    text, reason, scores = answer(tiny, Format.regex("[0-9]{4}"), max_tokens=4)
    assert re.fullmatch("[0-9]{4}", text)
    assert (reason, len(scores)) == (FinishReason.STOP, 4)


def test_an_answer_that_is_cut_says_so(tiny: OnnxModel) -> None:
    text, reason, _ = answer(tiny, Format.regex("[0-9]{4}"), max_tokens=3)
    assert re.fullmatch("[0-9]{3}", text)
    assert reason is FinishReason.LENGTH


def test_a_beginning_is_part_of_the_form(tiny: OnnxModel) -> None:
    form = Format.json_schema(
        {"type": "object", "properties": {"n": {"const": 7}}, "required": ["n"], "additionalProperties": False}
    )
    assert answer(tiny, form, prefix='{"n":')[0] == " 7}"
    assert answer(tiny, form, prefix='{"n": ')[0] == "7}"
    with pytest.raises(InvalidFormat, match="beginning"):
        answer(tiny, form, prefix="Sure: ")


def test_forms_and_free_answers_share_a_model(tiny: OnnxModel) -> None:
    before = answer(tiny, None, max_tokens=20)
    with pytest.raises(InvalidFormat):
        answer(tiny, Format.json_schema({"not": {}}))
    answer(tiny, Format.json_object(), max_tokens=20)
    assert answer(tiny, None, max_tokens=20) == before


EVENT = {
    "type": "object",
    "properties": {"title": {"type": "string"}, "day": {"type": "string", "format": "date"}},
    "required": ["title", "day"],
    "additionalProperties": False,
}
REAL: list[tuple[str, dict[str, Any]]] = [
    (
        "Ann is 31. Her name and age?",
        {
            "type": "object",
            "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
            "required": ["name", "age"],
            "additionalProperties": False,
        },
    ),
    ("Is honey sweet?", {"type": "boolean"}),
    ("What is 7 times 6?", {"type": "integer", "minimum": 0, "maximum": 100}),
    ("Which is red: grass or blood?", {"enum": ["grass", "blood"]}),
    ("Name two fruits.", {"type": "array", "items": {"type": "string", "maxLength": 12}, "minItems": 2, "maxItems": 2}),
    ("The dentist is on 2026-11-24.", EVENT),
    ("Two events: lunch on 2026-01-01, dinner on 2026-01-02.", {"type": "array", "items": EVENT, "maxItems": 2}),
    (
        "Rate this film from 1 to 5.",
        {
            "type": "object",
            "properties": {"stars": {"type": "integer", "minimum": 1, "maximum": 5}},
            "required": ["stars"],
            "additionalProperties": False,
        },
    ),
    ("Who wrote Hamlet? Perhaps you do not know.", {"anyOf": [{"type": "string", "maxLength": 40}, {"type": "null"}]}),
    ("A postcode of Berlin?", {"type": "string", "pattern": "^1[0-9]{4}$"}),
    (
        "What does a kilo of apples cost?",
        {
            "type": "object",
            "properties": {
                "price": {"type": "number", "minimum": 0, "maximum": 20},
                "currency": {"enum": ["EUR", "USD"]},
            },
            "required": ["price", "currency"],
            "additionalProperties": False,
        },
    ),
    (
        "A small shirt and a large hat.",
        {
            "$defs": {"size": {"enum": ["small", "large"]}},
            "type": "object",
            "properties": {"shirt": {"$ref": "#/$defs/size"}, "hat": {"$ref": "#/$defs/size"}},
            "required": ["shirt", "hat"],
            "additionalProperties": False,
        },
    ),
]


@pytest.fixture(scope="module")
def real(smollm2: Path) -> Iterator[OnnxModel]:
    with OnnxModel.open(smollm2) as model:
        yield model


@pytest.mark.model
@pytest.mark.parametrize(("question", "schema"), REAL)
def test_the_real_model_keeps_to_a_schema(real: OnnxModel, question: str, schema: dict[str, Any]) -> None:
    text, reason, _ = answer(real, Format.json_schema(schema), question=question, max_tokens=120)
    assert reason is FinishReason.STOP
    jsonschema.validate(json.loads(text), schema, format_checker=jsonschema.FormatChecker())


@pytest.mark.model
def test_the_real_model_answers_what_it_knows(real: OnnxModel) -> None:
    name_and_age = REAL[0]
    text, _, _ = answer(real, Format.json_schema(name_and_age[1]), question=name_and_age[0])
    assert json.loads(text) == {"name": "Ann", "age": 31}
