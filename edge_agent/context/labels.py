"""Which label a record gets, and why: rules over its kind, where and whom it came from, and what it says.

Of all rules that hold, the one with the highest label counts, whatever their order: a rule that is added can make
nothing less private by standing in the wrong place. Where no rule holds and nothing else speaks, a record is personal.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import translate
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import Final, Literal

from edge_agent.context.selection import is_named
from edge_agent.context.topics import topics
from edge_agent.context.turns import ANSWERED, ASKED
from orchestrator.types import Record, Sensitivity

_CONDITIONS: Final = ("kind", "source", "sender", "person", "topic", "pattern")
_SOURCES: Final = 1024
"""Sources whose verdict is remembered: records of one source come one after the other."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that speaks for a label."""

    label: Sensitivity
    words: str
    """Why, as the user reads it: "it is about health: blood test"."""


_DEFAULT: Final = Reason(Sensitivity.PERSONAL, "nothing says otherwise")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A record has this label if all conditions hold that are given; at least one is.

    Raises:
        ValueError: it has no condition, an unknown topic, or a pattern that cannot be read.
    """

    label: Sensitivity
    name: str = ""
    """What the user calls it; by default its conditions."""
    kind: str = ""
    source: str = ""
    """A file, a folder with all in it, or another source as the record names it; `*` and `?` are wildcards, and what
    does not begin with `/` or `~` may begin at any folder."""
    sender: str = ""
    """Who wrote it: the first of a mail's or a chat message's people."""
    person: str = ""
    """Anyone it names as taking part: all words of this are among those of a name."""
    topic: str = ""
    """What it is about, as `topics` tells it."""
    pattern: str = ""
    """A regular expression, searched in title, text and place; case does not count."""

    def __post_init__(self) -> None:
        if not self.conditions:
            raise ValueError(f"{self.title} has no condition; there are {', '.join(_CONDITIONS)}")
        if self.topic and self.topic not in topics().names:
            raise ValueError(f"{self.title} has a topic that is not known; known are {', '.join(topics().names)}")
        try:
            re.compile(self.pattern)
        except re.error as error:
            raise ValueError(f"{self.title} has a pattern that is no regular expression: {error}") from None

    @property
    def conditions(self) -> dict[str, str]:
        """Those that are given."""
        return {name: value for name in _CONDITIONS if (value := getattr(self, name))}

    @property
    def title(self) -> str:
        """How it is spoken of."""
        told = ", ".join(f"{name} {value}" for name, value in self.conditions.items())
        return f"the rule '{self.name or told}'" if self.name or told else "a rule"

    def why(self, facts: Facts) -> str:
        """In words why the rule holds for a record; empty where it does not."""
        record = facts.record
        if self.kind and self.kind != record.kind:
            return ""
        if self.source and not lies_in(record.source, self.source):
            return ""
        if self.sender and not is_named(self.sender, facts.senders):
            return ""
        if self.person and not is_named(self.person, record.people):
            return ""
        return self._why_by_text(facts)

    def _why_by_text(self, facts: Facts) -> str:
        seen = facts.topics.get(self.topic, "") if self.topic else ""
        if (self.topic and not seen) or (self.pattern and not _compiled(self.pattern).search(facts.text)):
            return ""
        if self.conditions.keys() == {"topic"} and not self.name:
            return f"it is about {self.topic}: {seen}"
        return f"{self.title} says so" + (f": {seen}" if seen else "")


class Facts:
    """What rules look at in a record, each found out once."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self.text = f"{record.title}\n{record.body}\n{record.place}"

    @property
    def senders(self) -> Sequence[str]:
        """Who wrote it, where that is known."""
        return self.record.people[:1] if self.record.kind in ("mail", "chat") else ()

    @cached_property
    def topics(self) -> Mapping[str, str]:
        """What it is about, and what tells so. A question to the agent tells nothing of its user by being about health,
        and an answer has the label of what it was made from."""
        return {} if self.record.kind in (ASKED, ANSWERED) else topics().seen(self.text)


class Labels:
    """The rules in force: those of the user, and that every topic which `topics` knows is private.

    A rule of the user's whose only condition is a topic takes the place of that topic's own. All others add to them.
    """

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        own = tuple(rules)
        told = {rule.topic for rule in own if rule.conditions.keys() == {"topic"}}
        shipped = [Rule(topic=name, label=Sensitivity.PRIVATE) for name in topics().names if name not in told]
        self.rules: Sequence[Rule] = (*own, *shipped)

    def reasons(self, record: Record) -> Iterator[Reason]:
        """What the rules say of a record, in their order."""
        facts = Facts(record)
        for rule in self.rules:
            if why := rule.why(facts):
                yield Reason(rule.label, why)


About = Literal["source", "person"]


@dataclass(frozen=True, slots=True)
class Choice:
    """What the user chose for all that comes from a source, or that a person takes part in."""

    about: About
    name: str
    label: Sensitivity

    @property
    def reason(self) -> Reason:
        """As it is told of a record."""
        return Reason(self.label, f"you chose it for the {self.about} {self.name}")

    def holds(self, record: Record) -> bool:
        """Whether it is about a record."""
        if self.about == "person":
            return is_named(self.name, record.people)
        return record.source == self.name or record.source.startswith(os.path.join(self.name, ""))


@dataclass(frozen=True, slots=True)
class Given:
    """What was said of one record's label, by others than the rules."""

    mark: Sensitivity | None = None
    """By its source, or by what it was derived from."""
    chosen: Sensitivity | None = None
    """By the user, of this record."""


class Judge:
    """Decides on a record's label: the user's choice for it, or else for its source or its people, or else the rules.

    Of choices and rules of the same kind the highest counts. Neither a rule nor a choice for a source or a person goes
    below the label that a record came with; only a choice for the record itself does.
    """

    def __init__(self, labels: Labels, choices: Sequence[Choice] = ()) -> None:
        self._labels = labels
        self._choices = choices

    def deciding(self, record: Record, given: Given, said: Sequence[Reason] | None = None) -> Reason:
        """What decides.

        Args:
            record: as it is.
            given: what else was said of its label.
            said: what the rules say of it, where that is known already.
        """
        if given.chosen is not None:
            return _own_choice(given.chosen)
        speaking = self._chosen(record) or (list(self._labels.reasons(record)) if said is None else said)
        return _highest([*speaking, *_marked(given)])

    def speaking(self, record: Record, given: Given) -> list[Reason]:
        """All that speaks for one label or another, what decides first. Rules speak also where a choice decides."""
        deciding = self.deciding(record, given)
        own = [] if given.chosen is None else [_own_choice(given.chosen)]
        every = [*own, *self._chosen(record), *_marked(given), *self._labels.reasons(record)]
        return [deciding, *(reason for reason in every if reason != deciding)]

    def overrules(self, record: Record, decided: Reason) -> bool:
        """Whether a rule gives a record a higher label than was decided: then a choice stands against it."""
        if decided.label is Sensitivity.PRIVATE:
            return False
        return any(reason.label.rank > decided.label.rank for reason in self._labels.reasons(record))

    def _chosen(self, record: Record) -> list[Reason]:
        return [choice.reason for choice in self._choices if choice.holds(record)]


def _own_choice(label: Sensitivity) -> Reason:
    return Reason(label, "you chose it for this record")


def _marked(given: Given) -> list[Reason]:
    return [] if given.mark is None else [Reason(given.mark, "it came with this label")]


def _highest(reasons: Sequence[Reason]) -> Reason:
    """The first of those with the highest label."""
    return max(reasons, key=lambda reason: reason.label.rank, default=_DEFAULT)


@lru_cache(_SOURCES)
def lies_in(source: str, asked: str) -> bool:
    """Whether a source is the one that is `asked` for, or lies in it; see `Rule.source`."""
    expanded = str(Path(asked).expanduser()) if asked.startswith("~") else asked.rstrip("/") or "/"
    places = [source, *map(str, Path(source).parents)]
    wanted = [expanded] if expanded.startswith("/") else [expanded, f"*/{expanded}"]
    return any(_glob(pattern).match(place) for pattern in wanted for place in places)


@cache
def _glob(pattern: str) -> re.Pattern[str]:
    return re.compile(translate(pattern))


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)
