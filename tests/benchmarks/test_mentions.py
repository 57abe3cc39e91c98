"""How often what the store knows is found again, counted."""

from __future__ import annotations

import re

import pytest

from benchmarks.known import Mention, main


def test_what_stands_in_brackets_has_to_be_found() -> None:
    mention = Mention("a way", "Ask [Anna M.] now.")
    assert mention.text == "Ask Anna M. now."
    assert "".join(mention.text[place] for place in sorted(mention.places)) == "AnnaM"


def test_nearly_all_of_it_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    main([])
    overall = re.search(r"overall +\d+ +(\S+) +(\S+)", capsys.readouterr().out)
    assert overall
    assert float(overall[1]) >= 0.94
    assert float(overall[2]) >= 0.99
