"""One answer held to a grammar: what the parts of a constraint promise each other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.slm.guidance.constraint import Constraint
from edge_agent.slm.guidance.grammar_constraint import GrammarConstraint
from edge_agent.slm.guidance.guide import Guide
from edge_agent.slm.tokenizer import Tokenizer
from orchestrator.errors import InvalidFormat
from orchestrator.format import Format
from orchestrator.tools import Tool

PERSON = Format.json_schema(
    {
        "type": "object",
        "properties": {"name": {"type": "string", "maxLength": 5}, "age": {"type": "integer", "maximum": 99}},
        "required": ["name", "age"],
        "additionalProperties": False,
    }
)
FORMS = [
    PERSON,
    Format.json_object(),
    Format.regex("(the|then|there) [a-z]{2,4}!?"),
    Format.lark('start: "(" start ")" | /[0-9]/'),
    Format.tools([Tool("here"), Tool("there")]),
    Format.tools([Tool("there")], required=True),
]


def walk(constraint: GrammarConstraint, random: np.random.Generator, most: int) -> list[int]:
    """Write at random whatever is allowed."""
    written: list[int] = []
    while not constraint.complete and len(written) < most:
        token = int(random.choice(np.flatnonzero(constraint.mask())))
        constraint.advance(token)
        written.append(token)
    return written


@given(form=st.sampled_from(FORMS), seed=st.integers(0, 2**32), most=st.integers(0, 40))
def test_mask_forced_and_accepts_agree(guide: Guide, form: Format, seed: int, most: int) -> None:
    constraint: Constraint = guide.constraint(form)
    random = np.random.default_rng(seed)
    written = walk(guide.constraint(form), random, most)
    assert constraint.accepts(written) == len(written)
    for token in written:
        mask, forced = constraint.mask(), constraint.forced()
        assert mask is not None
        assert mask.shape == (320,)
        assert mask.dtype == np.bool_
        assert not mask[300:].any(), "no token is behind these"
        assert constraint.accepts(forced) == len(forced)
        if forced:
            assert np.flatnonzero(mask).tolist() == forced[:1]
        for other in random.integers(0, 300, 5):
            assert constraint.accepts([int(other)]) >= mask[other]
        assert not constraint.complete
        constraint.advance(token)


@given(form=st.sampled_from(FORMS), seed=st.integers(0, 2**32))
def test_following_what_is_forced_is_no_detour(guide: Guide, form: Format, seed: int) -> None:
    """A draft of forced tokens ends where single steps end: an answer does not depend on it."""
    stepwise, drafted = guide.constraint(form), guide.constraint(form)
    walk(stepwise, np.random.default_rng(seed), 5)
    walk(drafted, np.random.default_rng(seed), 5)
    forced = drafted.forced()
    for token in forced:
        assert np.flatnonzero(stepwise.mask()).tolist() == [token]
        stepwise.advance(token)
        drafted.advance(token)
    assert stepwise.forced() == drafted.forced()


def test_the_end_may_come_only_when_the_form_is_whole(guide: Guide, tokenizer: Tokenizer) -> None:
    constraint = guide.constraint(Format.regex("ab?"))
    assert not constraint.mask()[2]
    constraint.advance(tokenizer.encode("a")[0])
    assert constraint.mask()[2]
    assert not constraint.complete
    constraint.advance(tokenizer.encode("b")[0])
    assert constraint.complete
    assert np.flatnonzero(constraint.mask()).tolist() == [2]


def test_looking_ahead_does_not_advance(guide: Guide, tokenizer: Tokenizer) -> None:
    constraint = guide.constraint(PERSON)
    first = constraint.forced()
    assert tokenizer.decode(first) == '{"name": "'
    assert constraint.accepts([*first, 2]) == len(first)
    assert constraint.forced() == first


def test_a_form_that_grows_out_of_hand_ends_in_an_error(guide: Guide, tokenizer: Tokenizer) -> None:
    million = Format.lark('start: ("a"{1000}){1000}')
    with pytest.raises(InvalidFormat, match="Too many items"):
        walk(guide.constraint(million), np.random.default_rng(0), 10**6)
