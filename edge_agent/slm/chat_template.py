"""A conversation as the one text that a chat model was trained to continue."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NoReturn

import jinja2
from jinja2 import meta
from jinja2.sandbox import ImmutableSandboxedEnvironment

from edge_agent.slm.tools.explained import explained
from edge_agent.slm.tools.syntax import OPEN, described
from orchestrator.errors import InvalidRequest, ModelUnsupported
from orchestrator.types import Message


class ChatTemplate:
    """A model's own Jinja template, compiled once, run in Jinja's sandbox with the names that hub templates expect.

    A template that knows tools, and writes their calls as `slm.tools.syntax` does, gets them as data; any other gets
    them explained in the system's text. Text of a message that spells a control token (`<|im_end|>`) gets a space
    behind its first character: a mail that the model is shown cannot open a turn of its own.
    """

    def __init__(
        self,
        source: str,
        *,
        variables: Mapping[str, str],
        control_tokens: Sequence[str],
        now: Callable[[], datetime],
    ) -> None:
        """Args:
            source: the template.
            variables: what it may name: `bos_token`, `eos_token`, ….
            control_tokens: strings that may come only from the template itself.
            now: local time, for templates that state the date.

        Raises:
            ModelUnsupported: the template does not compile.
        """
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
        )
        environment.filters["tojson"] = _tojson
        environment.globals["raise_exception"] = _refuse
        environment.globals["strftime_now"] = lambda form: now().strftime(form)
        try:
            self._template = environment.from_string(source)
            names = meta.find_undeclared_variables(environment.parse(source))
        except jinja2.TemplateError as error:
            raise ModelUnsupported(f"the model's chat template does not compile: {error}") from error
        self._knows_tools = "tools" in names and OPEN in source
        self._variables = dict(variables)
        # The longest first, or a token that begins another would hide it.
        spelled = sorted(filter(None, control_tokens), key=len, reverse=True)
        self._control = re.compile("|".join(map(re.escape, spelled))) if spelled else None

    def render(self, messages: Sequence[Message], *, prefix: str = "") -> str:
        """The prompt: every turn, then the assistant's, opened and begun with `prefix`.

        Raises:
            InvalidRequest: the template refuses the conversation, for instance two user turns in a row.
        """
        if not self._knows_tools:
            messages = explained(messages)
        try:
            tools = [self._quoted(described(tool)) for message in messages for tool in message.tools]
            # A system message may be there for its tools alone: then the template's own text stands.
            turns = [self._turn(message) for message in messages if message.text or not message.tools]
            prompt = self._template.render(
                messages=turns, add_generation_prompt=True, tools=tools or None, **self._variables
            )
        except (jinja2.TemplateError, LookupError, TypeError, ValueError):
            # The message may quote the conversation, so it is not handed on.
            raise InvalidRequest(
                "the model's chat template refuses this conversation",
                remedy="let user and assistant take turns, with at most one system message, at the beginning",
            ) from None
        return prompt + self._plain(prefix)

    def _turn(self, message: Message) -> dict[str, Any]:
        turn: dict[str, Any] = {"role": message.role, "content": self._plain(message.text)}
        if message.calls:
            calls = [{"name": call.name, "arguments": json.loads(call.arguments)} for call in message.calls]
            turn["tool_calls"] = [{"type": "function", "function": self._quoted(call)} for call in calls]
        return turn

    def _quoted(self, value: Any) -> Any:
        """`value` with all its text as `_plain` spells it."""
        return json.loads(self._plain(json.dumps(value, ensure_ascii=False)))

    def _plain(self, text: str) -> str:
        """`text` with every control token spelled so that it is none."""
        if self._control is None:
            return text
        return self._control.sub(lambda match: f"{match[0][0]} {match[0][1:]}", text)


def _refuse(message: str) -> NoReturn:
    raise jinja2.TemplateError(message)


def _tojson(value: Any, indent: int | None = None) -> str:
    """Jinja's own filter escapes for HTML, which models were not trained on."""
    return json.dumps(value, ensure_ascii=False, indent=indent)
