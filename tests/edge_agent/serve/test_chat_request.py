"""From a body to a request: what is read, what is refused, and that each refusal names its field."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.serve.answerer import Defaults
from edge_agent.serve.chat_body import HARMLESS
from edge_agent.serve.chat_request import Asked, read_chat
from edge_agent.serve.errors import InvalidField
from edge_agent.serve.labels import Labels
from orchestrator.errors import InvalidRequest, ModelNotFound
from orchestrator.types import Budget, Request, RoutePreference, Sampling, Sensitivity

DEFAULTS = Defaults(
    local_model="little",
    budget=Budget(total_ms=5000, usd=0.01),
    sampling=Sampling(temperature=0.3, max_tokens=77),
)
USER = {"role": "user", "content": "hello"}
BASE: dict[str, Any] = {"model": "edgewise", "messages": [USER]}


def read(body: Any = None, *, defaults: Defaults = DEFAULTS, **fields: Any) -> Asked:
    raw = body if isinstance(body, bytes) else json.dumps(BASE | fields if body is None else body).encode()
    return read_chat(raw, defaults, Labels(stranger=Sensitivity.PUBLIC))


def request_of(**fields: Any) -> Request:
    (request,) = read(**fields).requests
    return request


def test_what_is_left_out_comes_from_the_server() -> None:
    request = request_of()
    assert request.budget == DEFAULTS.budget
    assert request.sampling == DEFAULTS.sampling
    assert request.route is RoutePreference.AUTO


def test_null_is_as_good_as_left_out() -> None:
    nulls = dict.fromkeys([*HARMLESS, "temperature", "stop", "seed", "max_tokens", "stream", "edgewise", "user"])
    assert request_of(**nulls).sampling == DEFAULTS.sampling


def test_a_budget_replaces_only_what_it_names() -> None:
    assert request_of(edgewise={"budget": {"usd": 0.5}}).budget == Budget(total_ms=5000, usd=0.5)


def test_no_request_lifts_the_servers_lock() -> None:
    locked = Defaults(local_model="little", local_only=True)
    assert read(defaults=locked, edgewise={"local_only": False}).requests[0].local_only


def test_a_plain_model_server_is_its_one_model() -> None:
    plain = Defaults(local_model="little", route=RoutePreference.LOCAL)
    assert plain.model_names == ("little",)
    assert read(defaults=plain, model="little").requests[0].route is RoutePreference.LOCAL


def test_parts_are_joined_and_developers_are_the_system() -> None:
    messages = [
        {"role": "developer", "content": "Be brief."},
        {"role": "system", "content": [{"type": "text", "text": "Be "}, {"type": "text", "text": "kind."}]},
        {**USER, "name": "Ann"},
    ]
    system, user = request_of(messages=messages).messages
    assert (system.role, system.text) == ("system", "Be brief.\n\nBe kind.")
    assert (user.role, user.text) == ("user", "hello")


@pytest.mark.parametrize(("stop", "wanted"), [("end", ("end",)), (["a", "b"], ("a", "b")), ([], ())])
def test_stop_is_a_string_or_several(stop: Any, wanted: tuple[str, ...]) -> None:
    assert request_of(stop=stop).sampling.stop == wanted


def test_unknown_fields_are_ignored() -> None:
    assert read(store=True, metadata={"a": "b"}, made_up=[1, {"x": None}], user="ann").model == "edgewise"


TOOL = {"type": "function", "function": {"name": "f"}}
REFUSED = [
    ({"n": 0}, "n"),
    ({"n": 17}, "n"),
    ({"logprobs": True}, "logprobs"),
    ({"top_logprobs": 5}, "top_logprobs"),
    ({"response_format": {"type": "yaml"}}, "response_format.type"),
    ({"response_format": {"type": "json_schema"}}, "response_format.json_schema.schema"),
    (
        {"response_format": {"type": "json_schema", "json_schema": {"schema": True}}},
        "response_format.json_schema.schema",
    ),
    ({"tools": [{"type": "function"}]}, "tools[0].function"),
    ({"tools": [{"type": "retrieval"}]}, "tools[0].type"),
    ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, "tools[0].function.name"),
    ({"tools": [TOOL, TOOL]}, "tools[1].function.name"),
    ({"tools": [TOOL] * 129}, "tools"),
    ({"tool_choice": "required"}, "tool_choice"),
    ({"tools": [TOOL], "tool_choice": "sometimes"}, "tool_choice"),
    ({"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "g"}}}, "tool_choice.function.name"),
    ({"tools": [TOOL], "response_format": {"type": "json_object"}}, "response_format"),
    ({"edgewise": {"regex": "a", "lark": "b"}}, "edgewise.regex"),
    ({"functions": [{}]}, "functions"),
    ({"function_call": {"name": "f"}}, "function_call"),
    ({"logit_bias": {"50256": -100}}, "logit_bias"),
    ({"presence_penalty": 0.5}, "presence_penalty"),
    ({"frequency_penalty": -0.5}, "frequency_penalty"),
    ({"audio": {"voice": "x"}}, "audio"),
    ({"modalities": ["text", "audio"]}, "modalities"),
    ({"temperature": 2.5}, "temperature"),
    ({"temperature": "hot"}, "temperature"),
    ({"top_p": 0}, "top_p"),
    ({"min_p": -1}, "min_p"),
    ({"seed": 2**64}, "seed"),
    ({"max_tokens": 0}, "max_tokens"),
    ({"max_tokens": 1.5}, "max_tokens"),
    ({"max_completion_tokens": 2**40}, "max_completion_tokens"),
    ({"stop": ""}, "stop"),
    ({"stop": ["a", ""]}, "stop[1]"),
    ({"stop": ["x"] * 17}, "stop"),
    ({"stream": "yes"}, "stream"),
    ({"model": None}, "model"),
    ({"messages": []}, "messages"),
    ({"messages": "hello"}, "messages"),
    ({"messages": [{"content": "hello"}]}, "messages[0].role"),
    ({"messages": [{"role": "user"}]}, "messages[0].content"),
    ({"messages": [USER, {"role": "function", "content": "42"}]}, "messages[1].role"),
    ({"messages": [{"role": "user", "content": 7}]}, "messages[0].content"),
    (
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
        "messages[0].content[0].type",
    ),
    ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
    ({"messages": [{"role": "assistant", "tool_calls": [{}]}, USER]}, "messages[0].tool_calls[0].id"),
    ({"continue_final_message": True}, "continue_final_message"),
    ({"messages": [USER, {"role": "assistant", "content": "x"}], "continue_final_message": False}, "messages"),
    (
        {
            "messages": [USER, {"role": "assistant", "content": "x"}],
            "continue_final_message": True,
            "add_generation_prompt": True,
        },
        "add_generation_prompt",
    ),
    ({"edgewise": {"route": "moon"}}, "edgewise.route"),
    ({"edgewise": {"rout": "local"}}, "edgewise"),
    ({"edgewise": {"budget": {"usd": -1}}}, "edgewise.budget.usd"),
    ({"edgewise": {"budget": {"dollars": 1}}}, "edgewise.budget"),
]


@pytest.mark.parametrize(("fields", "field"), REFUSED, ids=[field for _, field in REFUSED])
def test_a_refusal_names_its_field(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidField) as caught:
        read(**fields)
    assert caught.value.field == field
    assert caught.value.message.startswith(f"{field}: ")


@pytest.mark.parametrize("missing", ["model", "messages"])
def test_a_missing_field_is_named(missing: str) -> None:
    with pytest.raises(InvalidField, match=f"^{missing}: is required"):
        read({name: value for name, value in BASE.items() if name != missing})


def test_an_unknown_model_is_not_found_and_the_known_ones_are_named() -> None:
    with pytest.raises(ModelNotFound, match="little"):
        read(model="gpt-9" + "x" * 500)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"model": "edgewise", "messages": [{"role": "user", "content": "\xff"}]}',
        b'{"model": "\\ud800", "messages": []}',
        b'{"temperature": NaN}',
        b'{"x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"messages": ' + b"[" * 100_000,
    ],
)
def test_what_is_no_json_object_is_one_clear_error(raw: bytes) -> None:
    with pytest.raises(InvalidRequest):
        read(raw)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
SAMPLING = ["temperature", "top_p", "min_p", "seed", "max_tokens", "max_completion_tokens", "stop"]
FORM = ["n", "response_format", "tools", "tool_choice", "parallel_tool_calls"]
FRAME = ["model", "messages", "stream", "stream_options", "continue_final_message", "add_generation_prompt", "edgewise"]
fields = st.sampled_from([*HARMLESS, *SAMPLING, *FORM, *FRAME])


@given(st.dictionaries(fields, json_values, max_size=4), st.booleans())
def test_any_json_is_a_request_within_its_ranges_or_an_error_that_quotes_no_value(
    changes: dict[str, Any], whole: bool
) -> None:
    secret = {"role": "user", "content": "my-secret-words"}
    body = {"model": "edgewise", "messages": [secret]} | changes if whole else changes
    try:
        request = read(json.dumps(body).encode()).requests[0]
    except (InvalidRequest, ModelNotFound) as error:
        told = str(error)
    else:
        told = ""
        assert 0 <= request.sampling.temperature <= 2
        assert 0 < request.sampling.top_p <= 1
        assert 1 <= request.sampling.max_tokens < 2**31
        assert all(request.sampling.stop)
        assert request.messages
    assert "my-secret-words" not in told


@given(st.binary(max_size=60))
def test_any_bytes_end_in_one_typed_error(raw: bytes) -> None:
    with pytest.raises(InvalidRequest):
        read(raw)


texts = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=20)


@given(st.lists(st.tuples(st.sampled_from(["user", "assistant"]), texts), min_size=1), st.integers(0, 3))
def test_every_turn_arrives_as_it_was_sent(turns: list[tuple[str, str]], systems: int) -> None:
    sent = [{"role": "system", "content": "s"}] * systems + [{"role": r, "content": t} for r, t in turns]
    request = request_of(messages=sent)
    arrived = [(m.role, m.text) for m in request.messages if m.role != "system"]
    if turns[-1][0] == "assistant":
        *turns, (_, prefix) = turns
        assert request.prefix == prefix
    assert arrived == turns or (not turns and not arrived) or arrived == [("user", "")]
    assert math.isfinite(request.sampling.temperature)


def test_choices_have_seeds_of_their_own_and_share_what_they_may_cost() -> None:
    asked = read(n=3, seed=7, edgewise={"budget": {"usd": 0.3, "device_joules": 30}})
    assert [request.sampling.seed for request in asked.requests] == [7, 8, 9]
    assert {request.budget for request in asked.requests} == {Budget(total_ms=5000, usd=0.3 / 3, device_joules=10)}
    assert len({request.id for request in asked.requests}) == 3
    assert {request.messages for request in asked.requests} == {request_of().messages}
