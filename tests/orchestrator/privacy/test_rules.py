"""What a destination may be sent."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.privacy.rules import ONLY_PUBLIC, Action, EgressRules
from orchestrator.types import Sensitivity

rules = st.builds(EgressRules, personal=st.sampled_from(Action), public=st.sampled_from(Action))


def test_by_default_personal_is_redacted_and_public_goes() -> None:
    found = EgressRules()
    assert [found.action(label) for label in Sensitivity] == [Action.ALLOW, Action.REDACT, Action.KEEP]


@given(rules)
def test_private_is_kept_whatever_the_rules_say(given_rules: EgressRules) -> None:
    assert given_rules.keeps(Sensitivity.PRIVATE)
    assert given_rules.without_redaction().keeps(Sensitivity.PRIVATE)


@given(rules)
def test_a_higher_label_never_makes_a_text_freer(given_rules: EgressRules) -> None:
    careful = [list(Action).index(given_rules.action(label)) for label in Sensitivity]
    assert careful == sorted(careful, reverse=True)


@given(rules, st.sampled_from(Sensitivity))
def test_what_cannot_be_redacted_is_kept_and_all_else_is_as_it_was(
    given_rules: EgressRules, label: Sensitivity
) -> None:
    action = given_rules.action(label)
    assert given_rules.without_redaction().action(label) is (Action.KEEP if action is Action.REDACT else action)


def test_only_public() -> None:
    assert [label for label in Sensitivity if not ONLY_PUBLIC.keeps(label)] == [Sensitivity.PUBLIC]
