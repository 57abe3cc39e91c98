"""One answer held to a compiled grammar."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from llguidance import LLMatcher
from llguidance.numpy import allocate_token_bitmask, fill_next_token_bitmask
from numpy.typing import NDArray

from orchestrator.errors import InvalidFormat


class GrammarConstraint:
    """A `Constraint` on llguidance, which follows the grammar with an Earley parser over lexemes.

    Where the bytes that come next are fixed, so are the tokens: the mask leaves the one that `forced` begins with. So
    an answer does not depend on whether forced tokens are drafted.
    """

    def __init__(self, matcher: LLMatcher, vocabulary: int) -> None:
        """Args:
        matcher: of this answer alone.
        vocabulary: V, the length of a mask.
        """
        self._matcher = matcher
        self._vocabulary = vocabulary
        self._bits = allocate_token_bitmask(1, vocabulary)

    @property
    def complete(self) -> bool:
        """Whether the answer has its form and nothing can follow."""
        return self._matcher.is_stopped() and not self._matcher.is_error()

    def mask(self) -> NDArray[np.bool_]:
        """Which tokens may come next, [V]. End tokens are among them where the answer has its form.

        Raises:
            InvalidFormat: the form turned out to be too complex, or to have no way on.
        """
        fill_next_token_bitmask(self._matcher, self._bits)
        self._check()
        bits = np.unpackbits(self._bits.view(np.uint8)[0], bitorder="little", count=self._vocabulary)
        allowed = bits.view(np.bool_)
        if not allowed.any():
            raise InvalidFormat("the form of the answer leaves no way on from here", remedy="make it less strict")
        return allowed

    def advance(self, token: int) -> None:
        """`token` was written.

        Raises:
            InvalidFormat: the form turned out to be too complex.
        """
        self._matcher.consume_token(token)
        self._check()

    def forced(self) -> list[int]:
        """The tokens that must come next, as far as there is only one way; does not advance.

        Raises:
            InvalidFormat: the form turned out to be too complex.
        """
        tokens = self._matcher.compute_ff_tokens()
        self._check()
        return tokens

    def accepts(self, tokens: Sequence[int]) -> int:
        """How many of `tokens`, from the first, the form has room for one after another; does not advance.

        Where a text is forced this allows every spelling of it in tokens, and the mask only one.
        """
        return self._matcher.validate_tokens(list(tokens))

    def _check(self) -> None:
        if self._matcher.is_error():
            complaint = self._matcher.get_error().splitlines()[0]
            raise InvalidFormat(
                f"the form of the answer cannot be followed: {complaint:.200}", remedy="make it simpler"
            )
