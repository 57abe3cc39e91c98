"""The tiny vocabulary, guided."""

from __future__ import annotations

import pytest

from edge_agent.slm.guidance.guide import Guide
from edge_agent.slm.tokenizer import Tokenizer

END = 2


@pytest.fixture(scope="session")
def guide(tokenizer: Tokenizer) -> Guide:
    """Every byte is a token; 300 in all; rows of logits are longer, as some models' are."""
    return Guide(tokenizer, vocabulary=320, end_ids={END})
