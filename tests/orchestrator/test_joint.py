"""Where one model goes on from another's text: no word twice, no space twice or missing, however the stream is cut."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.joint import Joint

TEXTS = st.text(alphabet="ab the\n.,é蜂蜜`👍\u0301", max_size=24)


def joined(prefix: str, *chunks: str) -> str:
    """What is shown behind the prefix."""
    joint = Joint(prefix)
    return "".join([*(joint.push(chunk) for chunk in chunks), joint.flush()])


@pytest.mark.parametrize(
    ("prefix", "came", "shown"),
    [
        ("Bees make ", "make honey.", "honey."),  # the last word again
        ("Bees make", " make honey.", " honey."),
        ("Bees make hon", "honey.", "ey."),  # a word that was broken off, begun anew
        ("Bees make ", "Bees make honey.", "honey."),  # all of it again
        ("Yes. Bees make ", "Bees make honey.", "honey."),  # the sentence again
        ("Bees make honey.\n\n", "Bees make honey.\n\nThey dance.", "They dance."),
        ("He said “bees make ", "bees make honey”", "honey”"),
        ("蜜蜂酿造蜂蜜", "酿造蜂蜜和蜂蜡", "和蜂蜡"),
        ("Bees make honey", "Bees make honey", ""),  # and nothing else
        ("Bees make honey ", "Bees make ho", ""),  # a repetition that was cut off
    ],
)
def test_what_is_said_again_is_dropped(prefix: str, came: str, shown: str) -> None:
    assert joined(prefix, came) == shown


@pytest.mark.parametrize(
    ("prefix", "came"),
    [
        ("This is a ", "a b c"),  # one letter, two letters: chance
        ("What it is ", "is this"),
        ("In the ", "theory of bees"),  # another word that begins alike
        ("In the", " theory of bees"),
        ("la la la ", "la la"),  # it was so before
        ("very very ", "very good"),
        ("[0, 0, 0, ", "0, 0]"),
        ("    }\n", "}\n"),
        ("  end\n", "end\n"),  # a line of code may well come twice
        ("bread", "th"),
        ("def f():\n", "    return 1"),  # indentation
        ("See example.", "com"),
        ("It costs 1,", "000"),
        ("```\nConsole.", "WriteLine()"),
        ("Call `Console.", "WriteLine`"),
        ("日本語、", "と英語"),
        ("", " anything"),
    ],
)
def test_all_else_passes_unchanged(prefix: str, came: str) -> None:
    assert joined(prefix, came) == came


@pytest.mark.parametrize(
    ("prefix", "came", "shown"),
    [
        ("Bees make ", " honey", "honey"),
        ("Bees.\n\n", "\n\nThey dance", "They dance"),
        ("Bees make honey.", "They dance", " They dance"),
        ("Bees make honey,", "wax and more", " wax and more"),
        ("Bees make honey ", "honey\n\nThey dance", "\n\nThey dance"),
    ],
)
def test_the_space_at_the_joint_is_right(prefix: str, came: str, shown: str) -> None:
    assert joined(prefix, came) == shown


def test_text_is_held_back_only_while_it_may_be_a_repetition() -> None:
    joint = Joint("Bees make honey. They ")
    assert joint.push("Th") == ""
    assert joint.push("ere") == "There"
    assert joint.push(" They ") == " They "
    assert (joint.flush(), joint.dropped) == ("", 0)


def test_what_was_dropped_is_counted() -> None:
    joint = Joint("Bees make ")
    assert (joint.push("make h"), joint.dropped) == ("h", 5)


@given(prefix=TEXTS, came=TEXTS, cuts=st.lists(st.integers(0, 24)))
def test_how_the_stream_is_cut_makes_no_difference(prefix: str, came: str, cuts: list[int]) -> None:
    edges = sorted([0, len(came), *(min(cut, len(came)) for cut in cuts)])
    chunks = [came[start:end] for start, end in itertools.pairwise(edges)]
    assert joined(prefix, *chunks) == joined(prefix, came) == joined(prefix, *came)


@given(prefix=TEXTS, came=TEXTS)
def test_only_an_end_of_what_came_is_shown_with_one_space_at_most_in_front(prefix: str, came: str) -> None:
    shown = joined(prefix, came)
    assert came.endswith(shown) or came == shown.removeprefix(" ")


@given(prefix=st.text(alphabet="abc. ", max_size=30), came=st.text(alphabet="xyz.", min_size=1, max_size=30))
def test_what_repeats_nothing_loses_nothing(prefix: str, came: str) -> None:
    assert joined(prefix, came).removeprefix(" ") == came


@given(words=st.lists(st.sampled_from(["bees", "make", "honey", "and", "wax"]), min_size=2, max_size=9, unique=False))
def test_a_model_that_begins_again_from_anywhere_near_the_end_is_trimmed(words: list[str]) -> None:
    shown, rest = "So it is: " + " ".join(words) + " ", "which we eat"
    assert joined(shown, shown + rest) == rest


def test_a_long_repetition_takes_time_that_grows_with_its_length_alone() -> None:
    prefix = "bees " * 20_000
    joint = Joint(prefix + "and wax ")
    pieces = [
        joint.push(piece) for piece in [*(prefix[at : at + 5] for at in range(0, len(prefix), 5)), "and wax ", "!"]
    ]
    assert "".join(pieces) == "!"
