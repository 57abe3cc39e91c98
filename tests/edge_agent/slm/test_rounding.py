"""Which passes give the same bits."""

from __future__ import annotations

import numpy as np
import pytest

from edge_agent.slm.decoder import Decoder
from edge_agent.slm.rounding import Rounding, draft_difference
from edge_agent.slm.session import Session


@pytest.mark.parametrize("kind", ["shared", "grown"])
def test_what_is_said_to_round_alike_does(kind: str, request: pytest.FixtureRequest) -> None:
    session: Session = request.getfixturevalue(kind)
    decoder = Decoder(session, window=512, weight_bytes=0)
    difference = draft_difference(decoder)
    assert np.isfinite(difference)
    assert 0.0 <= difference < 1e-3  # no activation of these models is rounded to eight bits
    assert Rounding(decoder).drafts == (difference == 0.0)
