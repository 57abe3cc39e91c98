"""Forms compiled for one model's vocabulary."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Collection
from typing import Final

from llguidance import LLMatcher, LLParserLimits, LLTokenizer

from edge_agent.slm.guidance.grammar import grammar_of
from edge_agent.slm.guidance.grammar_constraint import GrammarConstraint
from edge_agent.slm.tokenizer import Tokenizer
from edge_agent.slm.tools.syntax import CLOSE, OPEN
from orchestrator.errors import InvalidFormat, ModelUnsupported
from orchestrator.format import Format, FormatKind

LIMITS: Final = LLParserLimits(
    initial_lexer_fuel=200_000,
    step_lexer_fuel=100_000,
    max_lexer_states=50_000,
    max_grammar_size=50_000,
    verbose_errors=False,
)
"""Compiling takes at most about a second, a step at most tens of milliseconds."""
_NOUNS: Final = {
    FormatKind.JSON_SCHEMA: "schema",
    FormatKind.REGEX: "regular expression",
    FormatKind.LARK: "grammar",
    FormatKind.TOOLS: "tools' schemas",
}
_MAX_CHARS = 200


class Guide:
    """Makes constraints. Compiled forms are kept, the last used ones. Safe to use from many threads."""

    def __init__(self, tokenizer: Tokenizer, *, vocabulary: int, end_ids: Collection[int], capacity: int = 32) -> None:
        """Args:
        tokenizer: the model's.
        vocabulary: V, the length of a row of logits.
        end_ids: tokens that end an answer.
        capacity: how many compiled forms are kept.
        """
        self._tokenizer = tokenizer
        self._vocabulary = vocabulary
        self._end_ids = sorted(end_ids)
        self._tags_are_tokens = len(tokenizer.ids_of([OPEN, CLOSE])) == 2
        self._capacity = capacity
        self._compiled: OrderedDict[Format, LLMatcher] = OrderedDict()
        self._lock = threading.Lock()
        self._trie: LLTokenizer | None = None

    def constraint(self, form: Format, *, behind: str = "") -> GrammarConstraint:
        """Holds one answer to `form`. Takes up to seconds, without the interpreter's lock.

        Args:
            form: what the answer may be.
            behind: the beginning of the answer, where there is one already.

        Raises:
            InvalidFormat: it cannot be read, asks for something that is not supported (named), is too large, nothing
                can satisfy it, or `behind` does not.
            ModelUnsupported: the tokenizer is of a kind that cannot be guided.
        """
        matcher = self._matcher(form).deep_copy()
        constraint = GrammarConstraint(matcher, self._vocabulary)
        begun = self._tokenizer.encode(behind)
        if constraint.accepts(begun) < len(begun):
            raise InvalidFormat("the beginning of the answer does not have its form")
        for token in begun:
            constraint.advance(token)
        return constraint

    def _matcher(self, form: Format) -> LLMatcher:
        """The compiled form, in front of the first token; not to be advanced."""
        with self._lock:
            if found := self._compiled.get(form):
                self._compiled.move_to_end(form)
                return found
            trie = self._trie = self._trie or self._new_trie()
        grammar = grammar_of(form, tags_are_tokens=self._tags_are_tokens)
        matcher = LLMatcher(trie, grammar, log_level=0, limits=LIMITS)
        matcher.compute_bitmask()  # only the first step shows that nothing satisfies a form
        if matcher.is_error():
            raise InvalidFormat(_explained(form, matcher.get_error()))
        with self._lock:
            self._compiled[form] = matcher
            if len(self._compiled) > self._capacity:
                self._compiled.popitem(last=False)
        return matcher

    def _new_trie(self) -> LLTokenizer:
        """The vocabulary as a prefix tree: made at the first form, since it takes a second and tens of megabytes."""
        try:
            return LLTokenizer(self._tokenizer.to_json(), n_vocab=self._vocabulary, eos_token=self._end_ids)
        except (ValueError, RuntimeError) as error:
            raise ModelUnsupported(f"the model's tokenizer cannot be guided: {error}") from error


def _explained(form: Format, complaint: str) -> str:
    """What the compiler says, in one line. It names keywords and properties, and points into the form."""
    noun = _NOUNS[form.kind]
    if complaint.startswith("NoExtension"):
        return f"the {noun}: nothing satisfies it"
    if found := re.search(r"^\s*error: (.+)$", complaint, re.MULTILINE):  # how the regular expressions' parser ends
        return f"the {noun}: {found[1]}"
    complaint = complaint.partition("failed to compile JSON schema: ")[2] or complaint
    return f"the {noun}: {complaint.splitlines()[0]:.{_MAX_CHARS}}"
