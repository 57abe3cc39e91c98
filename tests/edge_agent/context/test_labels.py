"""Which label a record gets: rules, choices and marks, and what stands against what."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.context.labels import Choice, Given, Judge, Labels, Rule, lies_in
from orchestrator.types import Record, Sensitivity

PUBLIC, PERSONAL, PRIVATE = Sensitivity
MAIL = Record(
    kind="mail",
    title="Lunch",
    body="On Friday at the Blue Door?",
    people=("Dr. Zoë Weber", "Nora Sommer"),
    source="/data/nora/mail/in.mbox",
)
LABELS = st.sampled_from(Sensitivity)


def judged(record: Record, *rules: Rule, given: Given = Given(), choices: tuple[Choice, ...] = ()) -> tuple[str, str]:  # noqa: B008
    reason = Judge(Labels(rules), choices).deciding(record, given)
    return reason.label.value, reason.words


@pytest.mark.parametrize(
    ("conditions", "holds"),
    [
        ({"kind": "mail"}, True),
        ({"kind": "note"}, False),
        ({"source": "/data/nora/mail"}, True),
        ({"source": "/data/nora/mail/"}, True),
        ({"source": "mail/*.mbox"}, True),
        ({"source": "*.mbox"}, True),
        ({"source": "/data/*/mail"}, True),
        ({"source": "ail"}, False),
        ({"source": "/data/nora/ma"}, False),
        ({"sender": "weber"}, True),
        ({"sender": "zoe weber"}, True),
        ({"sender": "nora"}, False),
        ({"person": "nora"}, True),
        ({"person": "nora weber"}, False),
        ({"topic": "health"}, False),
        ({"pattern": r"blue\s+door"}, True),
        ({"pattern": "red door"}, False),
        ({"kind": "mail", "person": "nora", "pattern": "lunch"}, True),
        ({"kind": "mail", "person": "nora", "pattern": "dinner"}, False),
    ],
)
def test_a_rule_holds_where_all_its_conditions_do(conditions: dict[str, str], holds: bool) -> None:
    found = judged(MAIL, Rule(label=PRIVATE, name="mine", **conditions))
    assert found == (("private", "the rule 'mine' says so") if holds else ("personal", "nothing says otherwise"))


def test_only_mails_and_messages_have_a_sender() -> None:
    assert judged(replace(MAIL, kind="event"), Rule(label=PRIVATE, sender="weber"))[0] == "personal"


def test_a_home_folder_may_be_written_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/data/nora")
    lies_in.cache_clear()
    assert judged(MAIL, Rule(label=PUBLIC, source="~/mail"))[0] == "public"
    lies_in.cache_clear()


def test_of_all_rules_that_hold_the_highest_label_counts_in_any_order() -> None:
    rules = [Rule(label=PUBLIC, kind="mail"), Rule(label=PRIVATE, pattern="lunch"), Rule(label=PERSONAL, kind="mail")]
    assert {judged(MAIL, *order) for order in (rules, rules[::-1])} == {("private", "the rule 'pattern lunch' says so")}


def test_a_shipped_topic_is_private_and_a_rule_about_it_alone_takes_its_place() -> None:
    note = Record(kind="note", body="Dentist on Tuesday")
    assert judged(note) == ("private", "it is about health: dentist")
    assert judged(note, Rule(label=PERSONAL, topic="health")) == ("personal", "it is about health: dentist")
    assert judged(note, Rule(label=PUBLIC, topic="health", kind="note"))[0] == "private"
    assert judged(note, Rule(label=PERSONAL, name="teeth", topic="health"))[1] == "the rule 'teeth' says so: dentist"


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({}, "a rule has no condition"),
        ({"name": "empty"}, "the rule 'empty' has no condition"),
        ({"topic": "helth"}, "known are health"),
        ({"name": "aurora", "pattern": "("}, "the rule 'aurora' has a pattern that is no regular expression"),
    ],
)
def test_a_rule_that_cannot_be_is_named(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says.replace("(", r"\(")):
        Rule(label=PRIVATE, **fields)


def test_a_choice_for_source_or_person_stands_against_rules_and_not_against_a_mark() -> None:
    rule = Rule(label=PRIVATE, kind="mail")
    here, him = Choice("source", "/data/nora/mail", PUBLIC), Choice("person", "weber", PERSONAL)
    assert judged(MAIL, rule, choices=(here,)) == ("public", "you chose it for the source /data/nora/mail")
    assert judged(MAIL, rule, choices=(here, him)) == ("personal", "you chose it for the person weber")
    assert judged(MAIL, choices=(here,), given=Given(mark=PRIVATE)) == ("private", "it came with this label")
    assert judged(MAIL, choices=(Choice("source", "/data/nora/ma", PUBLIC),))[0] == "personal"


def test_a_choice_for_the_record_itself_stands_against_all() -> None:
    found = judged(
        MAIL,
        Rule(label=PRIVATE, kind="mail"),
        choices=(Choice("person", "weber", PRIVATE),),
        given=Given(mark=PRIVATE, chosen=PUBLIC),
    )
    assert found == ("public", "you chose it for this record")


def test_all_that_speaks_is_told_what_decides_first() -> None:
    judge = Judge(Labels([Rule(label=PRIVATE, kind="mail")]), (Choice("person", "weber", PUBLIC),))
    told = [(reason.label, reason.words) for reason in judge.speaking(MAIL, Given(mark=PERSONAL))]
    assert told == [
        (PERSONAL, "it came with this label"),
        (PUBLIC, "you chose it for the person weber"),
        (PRIVATE, "the rule 'kind mail' says so"),
    ]


@given(mark=LABELS, rules=st.lists(LABELS), choices=st.lists(LABELS))
def test_nothing_but_a_choice_for_the_record_goes_below_its_mark(
    mark: Sensitivity, rules: list[Sensitivity], choices: list[Sensitivity]
) -> None:
    judge = Judge(
        Labels(Rule(label=label, kind="mail") for label in rules),
        [Choice("person", "weber", label) for label in choices],
    )
    assert judge.deciding(MAIL, Given(mark=mark)).label.rank >= mark.rank


@given(rules=st.lists(LABELS, min_size=1), more=LABELS)
def test_a_further_rule_lowers_nothing(rules: list[Sensitivity], more: Sensitivity) -> None:
    before = judged(MAIL, *(Rule(label=label, kind="mail") for label in rules))[0]
    after = judged(MAIL, *(Rule(label=label, kind="mail") for label in [*rules, more]))[0]
    assert Sensitivity(after).rank >= Sensitivity(before).rank
