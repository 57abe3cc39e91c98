"""What a question looks like before anything ran: cheap signs of difficulty, read off its text."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Final

_REASONING: Final = re.compile(
    r"\b(explain|prove|derive|compare|contrast|analy[sz]e|evaluate|justify|discuss|argue|critique|assess|summari[sz]e"
    r"|trade-?offs?|pros and cons|implications?|step by step|differences? between|similarities"
    r"|how (?:does|do|did|would|could|can)|why)\b",
    re.IGNORECASE,
)
_LONG_OUTPUT: Final = re.compile(
    r"\b(essay|story|poem|article|report|detailed|in detail|outline|plan|itinerary|paragraphs?|letter|speech"
    r"|tutorial)\b",
    re.IGNORECASE,
)
_CODE: Final = re.compile(
    r"```|\b(?:python|javascript|typescript|java|rust|golang|sql|regex|regular expression|algorithm|recursi(?:on|ve)"
    r"|big-?o|complexity|stack trace|compile[rs]?|unit tests?|segfault|api endpoint)\b"
    r"|\b(?:def|class|import|select)\s+\w+",
    re.IGNORECASE,
)
_NUMBER: Final = re.compile(r"\d+(?:[.,]\d+)*")
_OPERATION: Final = re.compile(
    r"\d\s*[-+*/×÷^%=]\s*\d|\b(?:how (?:many|much|long|far)|percent|total|average|sum|product|square root|solve"
    r"|equation|integral|derivative|probability|remainder|divided|multipl(?:y|ied))\b",
    re.IGNORECASE,
)
_PART: Final = re.compile(r"\?|(?:^|\s)(?:\(?[a-d1-9][.)])\s|;\s|\bthen\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Features:
    """Signs of difficulty. Counts are of the question's text; nothing here holds the text itself."""

    words: int
    reasoning_cues: int
    """Verbs that ask for thought: explain, compare, prove, why, …"""
    arithmetic: bool
    """Numbers, and something to be done with them."""
    code: bool
    long_output: bool
    """Asks for an essay, a plan, a story, …"""
    parts: int
    """Sub-questions and list items."""

    @classmethod
    def of(cls, question: str) -> Features:
        """Read them off `question`. Linear in its length, well under a millisecond."""
        return cls(
            words=len(question.split()),
            reasoning_cues=len(_REASONING.findall(question)),
            arithmetic=bool(_NUMBER.search(question) and _OPERATION.search(question)),
            code=bool(_CODE.search(question)),
            long_output=bool(_LONG_OUTPUT.search(question)),
            parts=len(_PART.findall(question)),
        )

    @property
    def difficulty(self) -> float:
        """How hard this looks for a very small model, 0 to 1.

        A logistic of hand-set weights: a prior that says what is plausible. It is not fitted to anything.
        """
        score = (
            -2.2
            + 0.03 * min(self.words, 120)
            + 1.5 * min(self.reasoning_cues, 3)
            + 2.6 * self.arithmetic
            + 2.4 * self.code
            + 1.2 * self.long_output
            + 0.5 * max(0, min(self.parts, 5) - 1)
        )
        return 1 / (1 + math.exp(-score))
