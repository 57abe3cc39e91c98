"""What the core needs from the outside, as Protocols. Adapters live in edge_agent and cloud_gateway."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from orchestrator.tracing import NO_SPAN, Span
from orchestrator.types import (
    Answer,
    Decision,
    Message,
    ModelEvent,
    Recollection,
    Request,
    Sampling,
    Sensitivity,
    Spend,
    Terms,
)
from orchestrator.units import Energy

if TYPE_CHECKING:
    from orchestrator.budget.deadline import Deadline
    from orchestrator.budget.floor import PowerState
    from orchestrator.budget.pacing import Demand, Pace
    from orchestrator.budget.window import Account, Period, Window
    from orchestrator.privacy.consent import ConsentRequest
    from orchestrator.privacy.egress import Outbound
    from orchestrator.privacy.finding import Finding
    from orchestrator.routing.lesson import Lesson
    from orchestrator.routing.refusal import Refusal


class Clock(Protocol):
    """Time, injected."""

    def monotonic(self) -> float:
        """Seconds on a scale that never jumps; only differences mean anything."""
        ...

    def now(self) -> datetime:
        """The wall clock, timezone-aware. For windows and display, never for durations."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class LocalModel(Protocol):
    """A language model on this device."""

    @property
    def name(self) -> str:
        """Its catalog name."""
        ...

    @property
    def context_tokens(self) -> int:
        """Prompt and answer together may not exceed this; of a `rolling` model, the prompt."""
        ...

    @property
    def rolling(self) -> bool:
        """Whether an answer may outgrow the window, without the middle of the text then."""
        ...

    def count_tokens(self, messages: Sequence[Message], *, prefix: str = "") -> int:
        """Tokens of the rendered prompt, chat template included."""
        ...

    def generate(
        self, messages: Sequence[Message], *, sampling: Sampling, deadline: Deadline, prefix: str = ""
    ) -> AsyncIterator[ModelEvent]:
        """Stream an answer: `Started`, any number of `TextDelta`, one `Completed`.

        `prefix` is the beginning of the answer, already shown: generation goes on right behind it and does not repeat
        it. Past the deadline it ends with `FinishReason.DEADLINE`. Closing the iterator stops the work within 50 ms.

        Raises:
            ContextWindowExceeded: the prompt leaves no room for an answer.
            InferenceFailed: the runtime failed.
        """
        ...


class CloudModel(Protocol):
    """A language model behind a gateway. It takes only what privacy has cleared."""

    @property
    def name(self) -> str:
        """The model name that is asked for."""
        ...

    async def terms(self) -> Terms:
        """Its prices and its window, as the gateway states them. One cheap call that also shows that the link is up.

        Raises:
            CloudError: the gateway did not answer.
        """
        ...

    def generate(
        self,
        outbound: Outbound,
        *,
        request_id: str,
        decision_id: str,
        sampling: Sampling,
        deadline: Deadline,
        span: Span = NO_SPAN,
    ) -> AsyncIterator[ModelEvent]:
        """Stream an answer: `Started`, any number of `TextDelta`, one `Completed`.

        `decision_id` is not sent: it says for which decision the text leaves. The call is a part of `span`, whose trace
        goes along.

        Raises:
            CloudError: a typed reason; what was yielded before it stands.
        """
        ...


class ContextStore(Protocol):
    """The personal-context store, as the core sees it."""

    def recall(self, question: str, *, limit: int, now: datetime, conversation: str = "") -> Recollection:
        """The records that matter for `question`, best first; empty where nothing fits.

        `conversation` is the thread in which it is asked, where that is kept: what was said there may matter, too.
        """
        ...

    def sensitivities(self, ids: Sequence[int]) -> Mapping[int, Sensitivity]:
        """The labels of records as they are at this moment; one that was forgotten has none."""
        ...


class Embedder(Protocol):
    """Text to vectors."""

    @property
    def name(self) -> str:
        """Of the model: vectors of different models cannot be compared."""
        ...

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        ...

    def embed(self, texts: Sequence[str]) -> Iterable[Iterable[float]]:
        """One unit-length vector a text."""
        ...


class Detector(Protocol):
    """Finds in a text what tells of a person. A question waits for it: 1,000 words take at most 10 ms."""

    def find(self, text: str) -> Sequence[Finding]:
        """In the order of their starts; none overlaps another."""
        ...


class Consent(Protocol):
    """Asks the user whether something may leave, where the rules say so. The question waits for the answer."""

    async def allows(self, request: ConsentRequest) -> bool:
        """Whether it may. No answer is a no."""
        ...


class LedgerStore(Protocol):
    """Where the ledger's rows are kept. Every method is atomic, also between processes."""

    def reserve(
        self,
        reservation_id: str,
        worst: Spend,
        periods: Sequence[Period],
        *,
        expires_at: datetime,
        demand: Sequence[Demand] = (),
    ) -> Window | None:
        """Hold `worst` in every period, or in none: the window that has no room, or None when it is held.

        What is held adds its `demand` to the books, for `pacing`.

        `Window.has_room` decides on what its accounts hold. A window whose resource `worst` does not touch always has
        room, also where the truth went beyond its limit.
        """
        ...

    def settle(self, reservation_id: str, actual: Spend) -> None:
        """Replace a reservation by what was spent, in its own periods, even where that is more than was reserved.

        Settling twice, or after a refund, changes nothing. Settling after its expiry still counts.
        """
        ...

    def expire(self, now: datetime) -> None:
        """Free what a dead process left behind: reservations past their expiry hold nothing any more."""
        ...

    def totals(self, account: Account) -> tuple[float, float]:
        """Spent and reserved."""
        ...

    def demand(self, account: Account) -> Mapping[tuple[int, int], float]:
        """What was bid in its period, added up by slice and level."""
        ...

    def pace(self, account: Account) -> tuple[int, Pace] | None:
        """What its period began with, or the latest before it that has begun; and that one's `start_s`."""
        ...

    def begin(self, account: Account, pace: Pace) -> None:
        """Keep what a period begins with. The first call counts; books older than the period before may go."""
        ...


class EnergySpan(Protocol):
    """Energy from one moment on."""

    def moved(self, n_bytes: int) -> None:
        """Tell a modelled meter what memory delivered; measuring meters ignore it."""
        ...

    def read(self) -> Energy:
        """Energy of this device since the span began."""
        ...

    def stop(self) -> Energy:
        """The final figure. A stopped span takes no part of what comes later; a second call gives the same."""
        ...


class EnergyMeter(Protocol):
    """Device energy."""

    def start(self) -> EnergySpan:
        """Begin a span. Spans may overlap; what cannot be told apart is split among those that are not stopped."""
        ...


class Battery(Protocol):
    """What feeds this device. Asked once for each question, so a reading takes well under a millisecond."""

    def power(self) -> PowerState | None:
        """As it is now; None where there is no battery, or nothing is known about it."""
        ...


class Processor(Protocol):
    """What this device computes with. Asked once for each question, so a reading takes well under a millisecond."""

    def speed(self) -> float:
        """Share of its full clock that it is allowed at this moment, above 0 and at most 1."""
        ...


class Teacher(Protocol):
    """Knows what feedback has taught about the router's errors."""

    def lesson(self, decision_id: str, *, local: float, cloud: float) -> Lesson:
        """On one question, whose chances of a good answer the router gives. Asked for each, so it takes well under a
        millisecond.
        """
        ...


class Observer(Protocol):
    """Told what happens, in order. Where decisions, outcomes and traces are kept."""

    def decided(self, request: Request, decision: Decision, situation: dict[str, object]) -> None:
        """A route was chosen; `situation` is all that the choice saw, as plain JSON values, for replay."""
        ...

    def refused(self, request: Request, refusal: Refusal, situation: dict[str, object]) -> None:
        """No route was possible, for what `situation` says; `failed` follows."""
        ...

    def answered(self, decision: Decision, answer: Answer) -> None:
        """The request ended in an answer."""
        ...

    def failed(self, decision_id: str, error_type: str, message: str) -> None:
        """The request ended in a typed error."""
        ...
