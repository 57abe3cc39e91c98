"""What a model is tuned for. Light, so that the command line can name it."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

#: The most that a tuned model may diverge from full precision unless told otherwise, in nats a token. Within this, the
#: shipped SmolLM2 agrees with full precision 96 times of 100 and more (tests/edge_agent/slm/test_agreement.py).
MAX_KL: Final = 0.004
#: Tokens of what `Target.TURN` stands for: a question with a few records, and an answer of some sentences.
TURN_READ, TURN_WRITTEN = 512, 64


class Target(StrEnum):
    """What is to be cheap."""

    TURN = "turn"
    DECODE = "decode"
    PREFILL = "prefill"
    MEMORY = "memory"
