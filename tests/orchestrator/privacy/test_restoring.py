"""An answer comes back with names in it, whatever chunks it came in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.privacy.finding import Finding, Kind
from orchestrator.privacy.redaction import Redaction
from orchestrator.types import Sensitivity


def meeting() -> Redaction:
    """A request in which PERSON_1 is Anna, and so on up to PERSON_12."""
    redaction = Redaction()
    names = ["Anna", "Bert", "Cleo", "Dora", "Emil", "Frida", "Gerd", "Hans", "Ida", "Jörg", "Kai", "Lena"]
    text = " ".join(names)
    redaction.redact(
        text,
        [Finding(Kind.PERSON, text.index(n), text.index(n) + len(n), Sensitivity.PERSONAL, "name") for n in names],
    )
    return redaction


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("PERSON_1's", "Anna's"),
        ("PERSON_1s Haus", "Annas Haus"),
        ("person_2 and Person_3", "Bert and Cleo"),
        ("PERSON 1, Person-2, PERSON\u00a03, PERSON4", "Anna, Bert, Cleo, Dora"),
        ("**PERSON_1** _PERSON_2_ PERSON\\_3", "**Anna** _Bert_ Cleo"),
        ("PERSON_12 PERSON_1", "Lena Anna"),
        ("PERSON_13 PERSON_99 PERSON_121", "PERSON_13 PERSON_99 PERSON_121"),
        ("salesperson 1", "salesperson 1"),
        ("PERSON_1先生, 叫PERSON_2", "Anna先生, 叫Bert"),
        ("PERSON_", "PERSON_"),
    ],
)
def test_stand_ins_are_put_back_as_models_write_them(sent: str, shown: str) -> None:
    restorer = meeting().restorer()
    assert "".join(map(restorer.push, sent)) + restorer.flush() == shown


@given(
    st.lists(
        st.sampled_from(["PERSON", "person", "_", "\\", " ", "-", "1", "2", "x", "s", "'s", "ers", "é", "先", "**"])
    ),
    st.data(),
)
def test_chunks_change_nothing_and_little_is_held_back(parts: list[str], data: st.DataObject) -> None:
    text = "".join(parts)
    redaction = meeting()
    whole = redaction.restorer()
    unsplit = whole.push(text) + whole.flush()
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)))))
    restorer = redaction.restorer()
    shown = ""
    for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        shown += restorer.push(text[start:end])
        assert restorer.held <= len("PERSON\\_12")
    assert shown + restorer.flush() == unsplit
