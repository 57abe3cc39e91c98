"""One answer in the making."""

from __future__ import annotations

from collections.abc import Sequence as Tokens

from edge_agent.slm.guidance.constraint import Constraint
from edge_agent.slm.sampling import Choice, Floats, Sampler
from edge_agent.slm.speculation.drafter import Drafter


class Sequence:
    """A prompt and what was written behind it, and how the next token is chosen.

    It knows no graph and no cache. Whoever runs the passes asks for a `draft`, computes logits behind the last token
    and behind each drafted one in a single pass, and has `accept` choose. Each choice is made from its own row, by the
    sampler that would have made it without a draft, with as many random numbers: a draft changes how many tokens a pass
    gives, and not which. For a drafted token x that is also rejection sampling (Leviathan et al. 2023, Chen et al.
    2023): the sampler draws x with the probability that the model gives it.
    """

    def __init__(
        self,
        prompt: Tokens[int],
        sampler: Sampler,
        *,
        drafter: Drafter | None = None,
        constraint: Constraint | None = None,
    ) -> None:
        """Args:
        prompt: token ids; at least one.
        sampler: chooses this answer's tokens.
        drafter: guesses ahead; without one, only what `constraint` forces is drafted.
        constraint: what the answer may be; without one, anything.
        """
        self.tokens = list(prompt)
        self.prompt_tokens = len(self.tokens)
        self._sampler = sampler
        self._drafter = drafter
        self._constraint = constraint

    @property
    def written(self) -> int:
        """Number of tokens behind the prompt."""
        return len(self.tokens) - self.prompt_tokens

    @property
    def complete(self) -> bool:
        """Whether its constraint lets nothing but an end follow."""
        return self._constraint is not None and self._constraint.complete

    def draft(self, most: int) -> list[int]:
        """Tokens proposed behind the last one, at most `most`.

        First what the constraint forces, then what the drafter makes of that, as far as the constraint allows it.
        """
        forced = self._constraint.forced()[:most] if self._constraint else []
        guess: list[int] = []
        if self._drafter and len(forced) < most:
            guess = self._drafter.propose([*self.tokens, *forced] if forced else self.tokens, most - len(forced))
        drafted = forced + guess
        if self._constraint and guess:
            drafted = drafted[: self._constraint.accepts(drafted)]
        return drafted

    def take_draft_bytes(self) -> int:
        """What memory delivered for drafts since this was last asked."""
        return self._drafter.take_bytes() if self._drafter else 0

    def accept(self, drafted: Tokens[int], logits: Floats) -> list[Choice]:
        """Choose from each row up to the first token that was not drafted, and take the tokens over.

        Args:
            drafted: what `draft` gave; empty for the first token behind the prompt.
            logits: [len(drafted) + 1, V]; row 0 is behind the last token, row i behind `drafted[i - 1]`.

        Returns:
            1 to len(drafted) + 1 choices. It ends early with the token that completes the constraint.

        Raises:
            InferenceFailed: a logit is NaN or +inf, or all are -inf.
        """
        choices: list[Choice] = []
        for row, guess in zip(logits, [*drafted, None], strict=True):
            choice = self._sampler.choose(row, self._constraint.mask() if self._constraint else None)
            choices.append(choice)
            self.tokens.append(choice.token)
            if self._constraint:
                self._constraint.advance(choice.token)
            if choice.token != guess or self.complete:
                break
        return choices
