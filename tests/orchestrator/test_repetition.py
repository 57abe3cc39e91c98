"""No sentence twice, and nothing taken back, however the text is cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.repetition import RepetitionGuard


def shown(pieces: list[str]) -> tuple[str, bool]:
    guard = RepetitionGuard()
    text = ""
    for piece in pieces:
        text += guard.push(piece)
        if guard.repeated:
            return text, True
    return text + guard.flush(), False


LOOP = "The windows are in the study. "


def test_a_loop_ends_after_its_first_round() -> None:
    assert shown(list("They are in the folder. " + LOOP * 5)) == ("They are in the folder. " + LOOP.strip(), True)


def test_an_unfinished_repetition_at_the_end_is_kept() -> None:
    assert shown([LOOP, "The windows"]) == (LOOP + "The windows", False)


def test_a_repetition_that_ends_the_answer_is_dropped() -> None:
    assert shown([LOOP, LOOP.strip()]) == (LOOP.strip(), False)


def test_a_sentence_that_only_begins_alike_comes_through_whole() -> None:
    text = LOOP + "The windows are in the cellar. Yes. Yes. "
    assert shown(list(text)) == (text.strip(), False)


def test_lines_count_as_sentences() -> None:
    line = "- 1 teaspoon of brown sugar\n"
    assert shown(["Take:\n", line, "- 1 cup of water\n", line, line]) == ("Take:\n" + line + "- 1 cup of water", True)


@pytest.mark.parametrize("before", [LOOP, LOOP + "The win", LOOP + "Well", LOOP * 2 + "And"])
def test_behind_what_was_shown_nothing_is_said_again(before: str) -> None:
    guard = RepetitionGuard(before)
    assert guard.push("dows of it are old. So.") + guard.flush() == "dows of it are old. So."


sentences = st.sampled_from(
    [LOOP, "A short one. ", "The windows are in the cellar! ", "Line one of the list\n", "Hm? ", "\n"]
)


@given(st.lists(sentences, max_size=8), st.data())
def test_cuts_make_no_difference(parts: list[str], data: st.DataObject) -> None:
    text = "".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=10)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    whole, cut = shown([text]), shown(pieces)
    assert whole == cut
    assert text.startswith(cut[0])
    assert cut[0] == cut[0].rstrip()


def test_a_space_that_was_let_through_does_not_come_again_before_a_line_break() -> None:
    guard = RepetitionGuard()
    assert guard.push("So it is: ") + guard.push("\n- bees") + guard.flush() == "So it is: \n- bees"
