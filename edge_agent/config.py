"""The agent's configuration: one YAML file in which every key has a default.

Environment variables override the file, for containers: `EDGEWISE_MODEL__NAME`, `EDGEWISE_CLOUD__TARGET`, … (two
underscores go one level down).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_settings import SettingsConfigDict

from edge_agent.context.labels import Labels
from edge_agent.driver import Encryption
from edge_agent.home import home
from edge_agent.keys import key_source
from edge_agent.sections.handoff import HandoffSection
from edge_agent.sections.privacy import PrivacySection
from edge_agent.sections.records import ContextSection, ConversationsSection
from orchestrator.budget import BatteryFloor, Below, Resource, Window, seconds_in
from orchestrator.effort.strategy import EffortRules
from orchestrator.routing.promise import Promise
from orchestrator.settings import Section, Settings, TelemetrySection
from orchestrator.types import Budget, Effort, RoutePreference, Sampling

Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
ShareOfOne = Annotated[float, Field(gt=0, lt=1)]


class ProviderSection(Section):
    """An execution provider that is told more than its name."""

    name: str
    """Short (`openvino`) or ONNX Runtime's own (`OpenVINOExecutionProvider`)."""
    device: Literal["", "cpu", "gpu", "npu"] = ""
    """Of a plug-in that offers several; by default the first."""
    options: Mapping[str, str] = {}
    """The provider's own, by ONNX Runtime's names."""


class ModelSection(Section):
    """The model on the device."""

    name: str = "smollm2-135m-instruct"
    """A catalog name; `edgewise models list` shows them."""
    threads: int | None = Field(default=None, ge=1)
    """Threads of a forward pass; by default as many as there are usable cores."""
    context_tokens: int | None = Field(default=None, ge=64)
    """A smaller window than the model's own saves memory."""
    rolling: bool = False
    """Whether an answer may outgrow the window: the model then sees the first and the latest tokens, and the receipt
    says how many it no longer saw."""
    providers: tuple[str | ProviderSection, ...] = ("cpu",)
    """Execution providers, best first; `edgewise doctor` shows those that are there."""
    speculation: bool = True
    """Draft tokens ahead, copied from the prompt and the answer, and check them together: the same answer, sooner."""
    draft: str | None = None
    """A smaller model with the same vocabulary, by name or folder, which drafts what cannot be copied."""
    batching: bool | None = None
    """Have one pass go over all answers that are being written. Nothing is drafted then. By default it is on for
    `edgewise serve`, which may have several, and off for one question at a time."""


class PrefixesSection(Section):
    """What is kept of prompts that were read, so that they need not be read again."""

    memory_mb: NotNegative = 128
    """Keys and values in memory: 46 kB a token for the default model. 0 keeps only the conversation in progress."""
    disk_mb: NotNegative = 128
    """System prompts saved for the next start. 0 saves nothing."""


class CloudSection(Section):
    """The gateway. Without a target there is no cloud, and no socket is ever opened."""

    target: str | tuple[str, ...] | None = None
    """`host:port` of the gateway; or a list of gateways that answer alike."""
    model: str = "default"
    """The model name to ask the gateway for; `default` takes the first that it lists."""
    api_key: str | None = Field(default=None, repr=False)
    """Better given as EDGEWISE_CLOUD__API_KEY than written into a file."""
    ca_file: Path | None = None
    """A private certificate authority, for TLS."""
    tls: bool = False
    allow_clear_text: bool = False
    """Send the key without TLS to another host: for a rehearsal in containers, never on a real network."""
    first_token_s: Positive = 10.0
    """How long to wait for the cloud's first token before the device takes over."""
    between_tokens_s: Positive = 5.0
    """And between tokens."""
    resume_s: Positive = 1.0
    """How long to look for a stream whose connection was lost before the device takes over."""

    @property
    def targets(self) -> tuple[str, ...]:
        """The gateways; none where there is no cloud."""
        if self.target is None:
            return ()
        return (self.target,) if isinstance(self.target, str) else self.target

    @property
    def destination(self) -> str:
        """Where text goes, as the user is asked: all of them, for any may get it."""
        return ", ".join(self.targets)


class BudgetSection(Section):
    """What one question may cost where it does not say itself. None: no limit."""

    first_token_ms: NotNegative | None = None
    total_ms: NotNegative | None = 60_000
    device_joules: NotNegative | None = None
    usd: NotNegative | None = 0.01


def _a_stretch(words: str) -> str:
    seconds_in(words)
    return words


class WindowSection(Section):
    """A limit over a stretch of time; stretches begin at midnight on a Monday, in UTC, and follow each other."""

    name: str
    resource: Literal["device_joules", "usd", "cloud_requests", "cloud_share"]
    limit: NotNegative
    """In the resource's unit; of `cloud_share`, the share of questions that may leave, 0 to 1."""
    per: Annotated[str, AfterValidator(_a_stretch)] = "day"
    """`minute`, `hour`, `day`, `week`, or a number of them: `90 minutes`, `2 days`."""

    @model_validator(mode="after")
    def _is_a_window(self) -> Self:
        """A limit that cannot be is refused with the file."""
        self.window()
        return self

    def window(self) -> Window:
        """As the ledger takes it."""
        return Window(self.name, Resource(self.resource), self.limit, seconds_in(self.per))


class AnswerSection(Section):
    """How answers are written."""

    max_tokens: int = Field(default=256, ge=1)
    temperature: NotNegative = 0.0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    min_p: Annotated[float, Field(ge=0, lt=1)] = 0.0
    seed: int = 0
    stop_repeating: bool = True
    """End a local answer where it begins to say the same sentences again."""

    @property
    def sampling(self) -> Sampling:
        """As the model takes it."""
        return Sampling(**self.model_dump(exclude={"stop_repeating"}))


class ConfidenceSection(Section):
    """Whether the first words of a local answer are judged before they are shown; an unsure one moves to the cloud."""

    watch: bool = True
    probe: Path | None = None
    """A probe that was fitted anew; by default the one shipped for the model, or a prior for a model without."""


class EffortSection(Section):
    """Strategies that take more trouble over an answer: docs/effort.md tells of them."""

    strategies: tuple[Literal["best", "vote", "rebase", "verify", "consult"], ...] = ()
    """Those that a decision may choose by itself; a question may ask for any."""
    samples: int = Field(default=5, ge=2, le=32)
    """That one question may take."""
    temperature: Positive = 0.5
    """Of samples, where `answer.temperature` is 0."""
    weighted: bool = True
    """Whether votes count by how likely the model found their answers."""

    def rules(self) -> EffortRules:
        """As decisions and the engine take it."""
        return EffortRules(**{**self.model_dump(), "strategies": tuple(map(Effort, self.strategies))})


class PricesSection(Section):
    """What a good answer, a second, a joule and staying at home are worth; only the ratios matter."""

    good_answer_usd: Positive = 0.01
    second_usd: NotNegative = 0.0003
    device_joule_usd: NotNegative = 0.000005
    leave_usd: NotNegative = 0.001


class PromiseSection(Section):
    """What is promised about the routes, if anything: one of the two. docs/promise.md tells of them."""

    at_most_worse: ShareOfOne | None = None
    """How much smaller the share of right answers may be than the cloud's alone: 0.02."""
    at_most_leaving: ShareOfOne | None = None
    """The share of questions that may leave the device: 0.3."""

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if self.at_most_worse is not None and self.at_most_leaving is not None:
            raise ValueError("a promise has one limit: at_most_worse or at_most_leaving")
        return self


def _a_word(value: object) -> object:
    """YAML reads `on` and `off` as truth values."""
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else value


class RoutingSection(Section):
    """How routes are chosen."""

    learning: Annotated[Literal["off", "shadow", "on"], BeforeValidator(_a_word)] = "shadow"
    """Whether feedback teaches the router: not at all, without a say, or with one once that is proved to be no loss."""

    router: str | None = None
    """A fitted router, by its name or as a file: its chances take the place of the prior of how hard a question looks.
    Best one that `edgewise train routing` fitted on questions like the user's: docs/pair.md."""
    promise: PromiseSection = PromiseSection()
    confidence: ShareOfOne = 0.9
    """The chance that the promise holds, over as many fresh questions as it was calibrated on."""

    @property
    def promised(self) -> Promise | None:
        """The promise, if there is one."""
        limits = self.promise.model_dump(exclude_none=True)
        return Promise(**limits, confidence=self.confidence) if limits else None


class EnergySection(Section):
    """How joules are told."""

    meter: Literal["auto", "rapl", "battery", "nvml", "modelled"] = "auto"
    """`auto` takes RAPL, else the battery, else the model, and adds the GPU where the language model runs on one."""
    profile: Path | None = None
    """A device profile; by default `profile.yaml` in the state folder, where `edgewise profile` writes it, and the one
    of a typical x86 laptop until then."""


class EgressSection(Section):
    """The log of what left this device."""

    keep_days: Positive = 90
    """How long an entry is kept, with what was sent."""


class ServeSection(Section):
    """`edgewise serve`."""

    host: str = "127.0.0.1"
    port: int = Field(default=8642, ge=0, le=65535)
    api_key_env: str | None = None
    """Name of the environment variable that holds the key callers must send."""
    allow_open: bool = False
    """Listen beyond this machine without a key."""


class McpSection(Section):
    """`edgewise mcp`."""

    share: Literal["public", "personal"] = "public"
    """The most sensitive label that other programs see. Personal only where none of them sends on what it reads."""


class BatterySection(Section):
    """What is left of the battery for other things."""

    floor: Annotated[float, Field(ge=0, le=1)] = 0.1
    """The charge below which the device saves, unless it is plugged in; 0 for none."""
    below: Below = Below.ESSENTIAL
    """`essential`: the route that takes the fewest joules answers, in few words; `nothing`: questions are refused."""


def _default_windows() -> tuple[WindowSection, ...]:
    return (
        WindowSection(name="device energy", resource="device_joules", limit=20_000, per="hour"),
        WindowSection(name="cloud money", resource="usd", limit=0.50, per="day"),
    )


class Config(Settings):
    """Everything that can be configured, with its default."""

    model_config = SettingsConfigDict(
        env_prefix="EDGEWISE_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        nested_model_default_partial_update=True,
    )
    reference = "docs/configuration.md"
    other_variables = ("EDGEWISE_HOME", "EDGEWISE_MODELS", "EDGEWISE_GATEWAY")

    state: Path | None = None
    """The folder of the databases; by default the home folder."""
    model: ModelSection = ModelSection()
    prefixes: PrefixesSection = PrefixesSection()
    cloud: CloudSection = CloudSection()
    route: RoutePreference = RoutePreference.AUTO
    local_only: bool = False
    """A lock: with it no command-line flag can reach the cloud."""
    budget: BudgetSection = BudgetSection()
    windows: tuple[WindowSection, ...] = Field(default_factory=_default_windows)
    pacing: bool = True
    """Let the prices of joules and dollars rise while a window is spent faster than planned."""
    battery: BatterySection = BatterySection()
    answer: AnswerSection = AnswerSection()
    confidence: ConfidenceSection = ConfidenceSection()
    handoff: HandoffSection = HandoffSection()
    effort: EffortSection = EffortSection()
    prices: PricesSection = PricesSection()
    routing: RoutingSection = RoutingSection()
    context: ContextSection = ContextSection()
    conversations: ConversationsSection = ConversationsSection()
    energy: EnergySection = EnergySection()
    egress: EgressSection = EgressSection()
    serve: ServeSection = ServeSection()
    mcp: McpSection = McpSection()
    privacy: PrivacySection = PrivacySection()
    telemetry: TelemetrySection = TelemetrySection()

    @classmethod
    def load(cls, path: Path | str | None = None) -> Config:
        """Read the file at `path`; without one, `agent.yaml` in the home folder, if it is there.

        Raises:
            ConfigError: the file is missing or broken, a key is unknown, or a value does not fit; names the key.
        """
        file = Path(path) if path is not None else home() / "agent.yaml"
        return cls.read(file if path is not None or file.exists() else None)

    @property
    def default_budget(self) -> Budget:
        """The budget of a question that brings none."""
        return Budget(**self.budget.model_dump())

    @property
    def budget_windows(self) -> tuple[Window, ...]:
        """The windows as the ledger knows them."""
        return tuple(section.window() for section in self.windows)

    @property
    def battery_floor(self) -> BatteryFloor:
        """The battery's floor as decisions know it."""
        return BatteryFloor(self.battery.floor, self.battery.below)

    @property
    def labels(self) -> Labels:
        """The rules for the labels of records."""
        return Labels(section.rule() for section in self.context.labels)

    @property
    def context_path(self) -> Path:
        """Where the personal-context store lives."""
        return self.context.path or self._state / "context.db"

    @property
    def context_encryption(self) -> Encryption:
        """How the personal-context store is opened where it is encrypted."""
        section = self.context.encryption
        return Encryption(key_source(section.key_from), required=section.required)

    @property
    def ledger_path(self) -> Path:
        """Where the ledger lives."""
        return self._state / "ledger.db"

    @property
    def journal_path(self) -> Path:
        """Where decisions and receipts live."""
        return self._state / "journal.db"

    @property
    def egress_path(self) -> Path:
        """Where it is written what left this device."""
        return self._state / "egress.db"

    @property
    def profile_path(self) -> Path:
        """Where the profile of this device is, or will be."""
        return self.energy.profile or self._state / "profile.yaml"

    @property
    def prefixes_path(self) -> Path:
        """Where system prompts are saved."""
        return self._state / "cache" / "prefixes"

    @property
    def _state(self) -> Path:
        return self.state or home()
