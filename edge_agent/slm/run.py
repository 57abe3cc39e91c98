"""One sequence on its way through the graph, a pass at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from edge_agent.slm.beginning import common
from edge_agent.slm.cache import KVCache
from edge_agent.slm.decoder import Decoder
from edge_agent.slm.interrupt import Interrupt
from edge_agent.slm.rounding import Rounding
from edge_agent.slm.sampling import Choice, Floats
from edge_agent.slm.sequence import Sequence
from orchestrator.errors import ContextWindowExceeded

_DRAFT = 16
"""Most tokens drafted for one pass. More cost more than they bring even where they are copied."""
_FIRST = 64
"""Most tokens that a rolling cache keeps of a text's beginning."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an answer: a token, or (`choice` is None) a part of the text that was read.

    Attributes:
        bytes_moved: what memory had to deliver: every weight once a pass, and the keys and values so far.
        dropped: tokens that a rolling cache had let go of by then.
    """

    choice: Choice | None
    bytes_moved: int
    dropped: int = 0


class Run:
    """Reads the prompt of a sequence in chunks, then writes behind it, up to the edge of the window.

    What `cache` already holds of the prompt is not computed again, and the tokens are the same as if it were. A pass
    that was interrupted or failed changes nothing and may be repeated. The pass behind a token runs only when the next
    one is asked for: an answer that ends costs no pass for what would have followed.
    """

    def __init__(self, decoder: Decoder, cache: KVCache, sequence: Sequence, *, rolling: bool = False) -> None:
        """Args:
        decoder: runs the passes.
        cache: of this sequence alone; it may hold the beginning of the prompt.
        sequence: the prompt, and how tokens are chosen.
        rolling: at the edge of the window, go on without the middle of the text.

        Raises:
            ContextWindowExceeded: the prompt fills the window.
        """
        if len(sequence.tokens) >= decoder.window:
            raise ContextWindowExceeded(f"{len(sequence.tokens)} tokens in a window of {decoder.window}")
        self.cache = cache
        self.sequence = sequence
        self._decoder = decoder
        self._rolling = rolling
        self._dropped = 0
        self.text = list(sequence.tokens)
        """What is read before anything can be written: the prompt, or what a rolling cache keeps."""
        self._reading = True
        cache.truncate(reusable(cache, self.text))

    @property
    def unread(self) -> int:
        """Tokens still to be read before anything can be written."""
        return len(self.text) - len(self.cache) if self._reading else 0

    @property
    def full(self) -> bool:
        """Whether the window has no place for the token that was chosen last."""
        return not self._reading and len(self.cache) == self._decoder.window

    def read(self, interrupt: Interrupt) -> list[Step]:
        """The next chunk of the prompt; behind the last one, the first token of the answer.

        Raises:
            Interrupted: `interrupt` was set.
            InferenceFailed: the runtime failed, or the logits are not numbers.
        """
        logits = self._decoder.read(self.cache, self.text, interrupt)
        if self.unread:
            return [Step(None, self._decoder.bytes_moved(self.cache), self._dropped)]
        self._reading = False
        return self._accept([], logits)

    def write(self, interrupt: Interrupt, rounding: Rounding | None = None) -> list[Step]:
        """One pass behind the last token: one token, or as many more as were rightly drafted.

        Args:
            rounding: tells whether a draft would change a token; asked only where there is one. Without it, nothing is
                drafted.

        Raises:
            As `read`.
        """
        most = min(_DRAFT, self._decoder.window - len(self.cache) - 1) if rounding else 0
        drafted = self.sequence.draft(most) if most else []
        if drafted and rounding and not rounding.drafts:
            drafted = []
        logits = self._decoder.write(self.cache, [self.sequence.tokens[-1], *drafted], interrupt)
        return self._accept(drafted, logits)

    def take(self, logits: Floats, *, sharing: int) -> list[Step]:
        """What a batch of `sharing` sequences computed behind the last token of this one, [1, V].

        Raises:
            InferenceFailed: the logits are not numbers.
        """
        return self._accept([], logits, sharing=sharing)

    def _accept(self, drafted: list[int], logits: Floats, *, sharing: int = 1) -> list[Step]:
        moved = self._decoder.bytes_moved(self.cache, sharing=sharing) + self.sequence.take_draft_bytes()
        choices = self.sequence.accept(drafted, logits)
        self.cache.truncate(len(self.cache) - (1 + len(drafted) - len(choices)))
        steps = [Step(choice, 0 if at else moved, self._dropped) for at, choice in enumerate(choices)]
        if self.full and self._rolling:
            self._roll()
        return steps

    def _roll(self) -> None:
        """Keep the beginning of the text and the latest part of it, half a window together, and read that anew.

        As in StreamingLLM (Xiao et al. 2023, arXiv 2309.17453) the first tokens stay, on which attention rests, and
        positions count what is kept. There the kept keys are turned to their new places; here they are computed again:
        the answer goes on exactly as behind a prompt of just these tokens, whatever the graph makes of positions and
        however it stores keys. It costs the reading of half a window for each half window that is written.
        """
        half = self._decoder.window // 2
        first = min(_FIRST, half // 4)
        text = [*self.cache.tokens, self.sequence.tokens[-1]]
        self.text = text[:first] + text[first - half :]
        self._dropped += len(text) - len(self.text)
        self._reading = True
        self.cache.truncate(reusable(self.cache, self.text))


def steps_of(
    decoder: Decoder, cache: KVCache, sequence: Sequence, interrupt: Interrupt, rounding: Rounding | None = None
) -> Iterator[Step]:
    """All steps of one sequence alone, for as long as somebody asks.

    Args:
        rounding: as of `Run.write`.

    Raises:
        ContextWindowExceeded: the prompt fills the window.
        Interrupted: `interrupt` was set.
        InferenceFailed: the runtime failed, or the logits are not numbers.
    """
    run = Run(decoder, cache, sequence)
    while not run.full:
        yield from run.read(interrupt) if run.unread else run.write(interrupt, rounding)


def reusable(cache: KVCache, prompt: list[int]) -> int:
    """How much of `cache` a prefill of `prompt` would make again, bit for bit: two tokens at least are left to it."""
    return min(cache.prefilled, common(cache.tokens, prompt), max(0, len(prompt) - 2))
