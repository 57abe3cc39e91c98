"""The words everyone shares: what is asked, what is decided, what comes back.

All are immutable values. Times that are durations are in milliseconds and say so; moments are timezone-aware datetimes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, Literal, overload

from orchestrator.format import Format
from orchestrator.moves import Move
from orchestrator.tools import Tool, ToolCall
from orchestrator.units import NO_ENERGY, Energy, Interval

Role = Literal["system", "user", "assistant", "tool"]
"""`tool`: what a tool that the assistant called gave back."""


class Sensitivity(StrEnum):
    """How far a text may travel. `PUBLIC < PERSONAL < PRIVATE`; private never leaves the device."""

    PUBLIC = "public"
    PERSONAL = "personal"
    PRIVATE = "private"

    @property
    def rank(self) -> int:
        """0, 1 or 2: the place in the order."""
        return _ASCENDING.index(self)

    @staticmethod
    def highest(labels: list[Sensitivity]) -> Sensitivity:
        """The most sensitive of `labels`; of none, `PUBLIC`."""
        return max(labels, key=lambda label: label.rank, default=Sensitivity.PUBLIC)


_ASCENDING: Final = tuple(Sensitivity)


class Route(StrEnum):
    """Where an answer came from. `HANDOFF`: more than one model wrote part of it."""

    LOCAL = "local"
    CLOUD = "cloud"
    HANDOFF = "handoff"


class RoutePreference(StrEnum):
    """What the caller asked for. A hard rule still wins over `CLOUD`."""

    AUTO = "auto"
    LOCAL = "local"
    CLOUD = "cloud"


class Effort(StrEnum):
    """What is done for an answer beside writing it once: docs/effort.md tells of the strategies."""

    NONE = "none"
    """It is written once."""
    BEST = "best"
    """Several samples on the device, of which the likeliest is shown."""
    VOTE = "vote"
    """Several samples on the device, which vote."""
    REBASE = "rebase"
    """A tree search on the device, line by line."""
    VERIFY = "verify"
    """The device drafts, and the cloud says that it is right or answers itself."""
    CONSULT = "consult"
    """The cloud is asked the general question, and the device answers from its private records and that."""


class FinishReason(StrEnum):
    """Why an answer ended: by itself, at the token limit, at a deadline, or at the edge of a budget."""

    STOP = "stop"
    LENGTH = "length"
    DEADLINE = "deadline"
    BUDGET = "budget"


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation, with the label of what it was made from."""

    role: Role
    text: str
    sensitivity: Sensitivity = Sensitivity.PUBLIC
    of_unknown_origin: bool = False
    """Whether nobody knows what it was made from. It has the label of the worst case, and is left out of what leaves,
    but it does not keep the rest of the conversation here."""
    tools: tuple[Tool, ...] = ()
    """Of a system message: what the assistant may call."""
    calls: tuple[ToolCall, ...] = ()
    """Of an assistant's message: what it called, after its text."""
    records: tuple[Record, ...] = ()
    """Of a question that was answered before: the records in its prompt, in their order there."""
    at: datetime | None = None
    """When it was said, where that is known; a question with `records` has it, and a system message that tells of
    earlier turns: it is of no other conversation."""
    record_id: int | None = None
    """The id under which the context store has this very turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One thing that the device knows about its user."""

    kind: str
    """event, contact, mail, note, chat, … as the importer named it."""
    title: str = ""
    body: str = ""
    people: tuple[str, ...] = ()
    time: datetime | None = None
    """When it happened or will happen."""
    end: datetime | None = None
    place: str = ""
    source: str = ""
    """Where it came from: a path, a URL or `user`."""
    thread: str = ""
    """The conversation or mail thread that it is part of."""
    position: int = 0
    """Its place in that thread."""
    sensitivity: Sensitivity = Sensitivity.PERSONAL
    id: int | None = None
    """Given by the store."""


@dataclass(frozen=True, slots=True)
class Recalled:
    """A record that recall brought, and how well it fits the question (0 to 1)."""

    record: Record
    relevance: float


@dataclass(frozen=True, slots=True)
class Recollection(Sequence[Recalled]):
    """What a context store brought for a question: its records, best first."""

    records: tuple[Recalled, ...] = ()
    confidence: float = 0.0
    """The chance that they hold what was asked for, 0 to 1."""
    personal: bool = False
    """The question asks for a fact of the user's own life: where the records do not hold it, nobody else knows."""

    @overload
    def __getitem__(self, index: int) -> Recalled: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Recalled, ...]: ...
    def __getitem__(self, index: int | slice) -> Recalled | tuple[Recalled, ...]:
        return self.records[index]

    def __len__(self) -> int:
        return len(self.records)


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What one question may cost. None: no limit of its own (windows still hold)."""

    first_token_ms: float | None = None
    total_ms: float | None = None
    device_joules: float | None = None
    usd: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How tokens are chosen. Temperature 0 is greedy; the same seed gives the same tokens (law 5)."""

    temperature: float = 0.0
    top_p: float = 1.0
    min_p: float = 0.0
    seed: int = 0
    max_tokens: int = 256
    stop: tuple[str, ...] = ()
    format: Format | None = None
    """The form that the answer is held to; none by default."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens read and written."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    estimated: bool = False
    """Whether the model did not count, so that a figure was estimated for it."""
    dropped_tokens: int = 0
    """Of the text so far, what the answer outgrew the window by and the model no longer saw when it ended."""

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.estimated or other.estimated,
            self.dropped_tokens + other.dropped_tokens,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One question on its way. The last message is the user's, or what a tool gave back."""

    id: str
    """Idempotency key: whatever is retried, one id is billed once."""
    messages: tuple[Message, ...]
    budget: Budget = Budget()
    sampling: Sampling = Sampling()
    route: RoutePreference = RoutePreference.AUTO
    local_only: bool = False
    """Open no socket at all."""
    effort: Effort | None = None
    """The strategy that is asked for; None leaves it to the decision."""
    prefix: str = ""
    """The beginning of the answer, where the caller has one already: the answer goes on right behind it."""
    conversation: str = ""
    """The thread of the context store in which this conversation is kept."""
    unkept: bool = False
    """Nothing of it is to be kept on this device: no turn, and no word of what left for it."""
    history_tokens: int | None = None
    """Of one of the agent's own conversations: at most this much of the device's prompt is earlier turns, and nothing
    where the records alone answer the question. None: as much as the window has room for."""

    @property
    def question(self) -> str:
        """The text of the user's last message."""
        return next((message.text for message in reversed(self.messages) if message.role == "user"), "")

    @property
    def structured(self) -> bool:
        """Whether the answer has a form, or tools are in play: only the device's model can do that."""
        tooled = any(message.role == "tool" or message.tools or message.calls for message in self.messages)
        return tooled or self.sampling.format is not None


@dataclass(frozen=True, slots=True)
class Terms:
    """What a model asks for: prices in USD a token, and its window. Zero prices on the device."""

    context_tokens: int
    prompt_usd: float = 0.0
    completion_usd: float = 0.0
    rolling: bool = False
    """Whether an answer may outgrow the window."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What a route would do for a question, before anything ran."""

    route: Route
    quality: Interval
    """Chance that the answer is good, 0 to 1."""
    first_token_ms: Interval
    total_ms: Interval
    device_joules: Interval
    cloud_joules: Interval
    usd: Interval
    effort: Effort = Effort.NONE

    @property
    def name(self) -> str:
        """Of the route, or of the strategy where there is one."""
        return self.route.value if self.effort is Effort.NONE else self.effort.value

    @property
    def leaves(self) -> bool:
        """Whether anything leaves the device for it."""
        return self.route is Route.CLOUD or self.effort is Effort.CONSULT


@dataclass(frozen=True, slots=True, kw_only=True)
class Spend:
    """Amounts of what windows limit."""

    device_joules: float = 0.0
    usd: float = 0.0
    cloud_requests: int = 0
    questions: int = 0
    """1 for a question, however many models share its answer."""

    def __add__(self, other: Spend) -> Spend:
        return Spend(
            device_joules=self.device_joules + other.device_joules,
            usd=self.usd + other.usd,
            cloud_requests=self.cloud_requests + other.cloud_requests,
            questions=self.questions + other.questions,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """How a decision stood between two routes that were both possible."""

    gap_usd: float
    """By how much the cloud's answer was valued above the device's, before anything was learned from feedback."""
    probability: float = 1.0
    """Of the route that was taken, above 0: below 1 where chance had a say, so that feedback teaches something new."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The route chosen for a request, why, and what it may spend at worst."""

    id: str
    request_id: str
    route: Route
    """`LOCAL` or `CLOUD`: a handoff is never decided, it happens."""
    reason: str
    """In plain words, for the user: "private record 12 is needed: stays on the device"."""
    rule: str
    """The rule or score that chose: `private_record`, `no_link`, `best_value`, …"""
    max_tokens: int
    """What fits the budget: at most the caller's own limit."""
    worst_case: Spend
    predictions: tuple[Prediction, ...]
    excluded: dict[str, str] = field(default_factory=dict)
    """Route or strategy → the plain reason why it could not be."""
    effort: Effort = Effort.NONE
    samples: int = 1
    """How many the strategy may write."""
    choice: Choice | None = None
    """None where rules and budgets left one route, or a strategy was chosen."""


@dataclass(frozen=True, slots=True)
class TokenScore:
    """How sure the model was of one token: natural-log probability, and entropy in nats."""

    logprob: float
    entropy: float


@dataclass(frozen=True, slots=True)
class Started:
    """A model has accepted the prompt."""

    model: str


@dataclass(frozen=True, slots=True)
class TextDelta:
    """More text. `text` may be empty while a character or a stop string is incomplete."""

    text: str
    tokens: tuple[TokenScore, ...] = ()
    bytes_moved: int = 0
    """What memory had to deliver to the processor for this step: weights and cache. 0 for a cloud model."""


@dataclass(frozen=True, slots=True)
class Completed:
    """The model is done. `usd` and `cloud_energy` are what the other side billed; zero on the device."""

    usage: Usage
    finish_reason: FinishReason
    usd: float = 0.0
    cloud_energy: Energy = NO_ENERGY


ModelEvent = Started | TextDelta | Completed


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Milliseconds from the question to its first shown token and to its end."""

    first_token_ms: float
    total_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Egress:
    """What left the device for this question."""

    sent: bool = False
    record_ids: tuple[int, ...] = ()
    """Where `sent`: the records that left. Otherwise: the records in the prompt, which stayed."""
    redactions: int = 0
    asked: str = ""
    """What was asked in the question's place, where that was another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EffortReceipt:
    """What a strategy did. It has no words of an answer, for it is kept with the decision."""

    strategy: Effort
    samples: int
    """Written, also in part."""
    votes: tuple[float, ...] = ()
    """Weights of the answers that were voted for, the chosen one first. Of a check: 1 for a draft that was confirmed,
    0 for one that was not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer with its receipt."""

    text: str
    route: Route
    reason: str
    finish_reason: FinishReason
    decision_id: str
    model: str
    usage: Usage
    latency: Latency
    device_energy: Energy
    cloud_energy: Energy
    usd: float
    egress: Egress
    record_ids: tuple[int, ...] = ()
    """Records that went into the prompt."""
    sensitivity: Sensitivity = Sensitivity.PUBLIC
    """The highest label of what the answer was made from."""
    effort: EffortReceipt | None = None
    """None where it was written once."""
    move: Move | None = None
    """Why what was shown went on in the cloud, if it did."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of an answer as it is shown. What was shown is never taken back."""

    text: str
    route: Route


class LinkState(StrEnum):
    """What is known about the way to the cloud."""

    NONE = "none"
    """No gateway is configured."""
    UP = "up"
    DOWN = "down"
    """It failed a moment ago and has not been seen since."""
