"""From the body of POST /v1/chat/completions to the agent's own `Request`."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from edge_agent.serve.answerer import Defaults
from edge_agent.serve.chat_body import BudgetBody, ChatBody, Extension, read_body
from edge_agent.serve.conversation import read_conversation
from edge_agent.serve.form import Form, read_form
from edge_agent.serve.labels import Labels
from orchestrator.types import Budget, Request, RoutePreference, Sampling, Sensitivity


@dataclass(frozen=True, slots=True)
class Asked:
    """What a body asks for."""

    requests: tuple[Request, ...]
    """One a choice. They differ in their id and seed."""
    model: str
    """As the client named it."""
    form: Form
    stream: bool
    include_usage: bool


def read_chat(raw: bytes, defaults: Defaults, labels: Labels) -> Asked:
    """The request inside a body.

    Raises:
        InvalidRequest: it is not JSON, a field has a wrong type or value, or something is not supported; names it.
        ModelNotFound: the model is not served here.
    """
    body = read_body(raw)
    form = read_form(body)
    conversation = read_conversation(body, form.tools, labels)
    route = defaults.route_for(body.model)
    extension = body.edgewise or Extension()
    if conversation.prefix.sensitivity is not Sensitivity.PUBLIC:
        route = RoutePreference.LOCAL  # the beginning of the answer would go along to the cloud
    elif extension.route is not None:
        route = RoutePreference(extension.route)
    request = Request(
        id=uuid.uuid4().hex,
        messages=conversation.messages,
        budget=_budget(extension.budget, defaults.budget),
        sampling=replace(_sampling(body, defaults.sampling), format=form.format),
        route=route,
        local_only=extension.local_only or defaults.local_only,
        prefix=conversation.prefix.text,
    )
    usage = body.stream_options is not None and bool(body.stream_options.include_usage)
    return Asked(_choices(request, body.n or 1), body.model, form, bool(body.stream), usage)


def _choices(request: Request, n: int) -> tuple[Request, ...]:
    """`n` requests with seeds of their own, which share what the one may cost. Time passes for all at once."""
    if n == 1:
        return (request,)
    limits = {name: getattr(request.budget, name) for name in ("device_joules", "usd")}
    share = replace(request.budget, **{name: limit / n for name, limit in limits.items() if limit is not None})
    return tuple(
        replace(
            request,
            id=uuid.uuid4().hex,
            budget=share,
            sampling=replace(request.sampling, seed=request.sampling.seed + index),
        )
        for index in range(n)
    )


def _budget(asked: BudgetBody | None, default: Budget) -> Budget:
    if asked is None:
        return default
    given = {name: value for name, value in msgspec.structs.asdict(asked).items() if value is not None}
    return replace(default, **given)


def _sampling(body: ChatBody, default: Sampling) -> Sampling:
    given: dict[str, Any] = {
        "temperature": body.temperature,
        "top_p": body.top_p,
        "min_p": body.min_p,
        "seed": body.seed,
        "max_tokens": body.max_completion_tokens or body.max_tokens,
        "stop": (body.stop,) if isinstance(body.stop, str) else tuple(body.stop) if body.stop else None,
    }
    return replace(default, **{name: value for name, value in given.items() if value is not None})
