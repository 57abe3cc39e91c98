"""Which findings matter in which text.

In a personal text all of them do: it is about the user's life, so a town or a date in it is part of that life. A public
text is mostly a question about the world, and "What is the capital of France?" without France is none. So a public
text is personal only if something in it *tells of somebody*; then all that was found in it matters, and otherwise
nothing does:

- an identifier (mail address, phone number, card, account, key, …) or a street address always tells of somebody;
- a person's name does, also one that the store does not know, but for the subject of an encyclopedic question;
- an organization or a domain does if the store knows it, but for the subject of an encyclopedic question;
- a country, town, date, age, title or nationality by itself does not: half the world shares it.

A question is encyclopedic if it asks about the world: it is one short line that opens like one ("Who wrote …"), has no
pronoun of the first or second person and no word of everyday business ("meeting", "invoice", "tomorrow"), and recall
does not take it for one about the user. A name that the store knows tells of somebody even there. These signs are
English and German: in other languages a person's name always matters.

What every home has matters in no text: the language that something is to be written in, and addresses inside a network.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from orchestrator.privacy.finding import Finding, Kind
from orchestrator.types import Sensitivity

_SHARED: Final = frozenset({Kind.GPE, Kind.NRP, Kind.DATE_TIME, Kind.AGE, Kind.TITLE})
_INSTITUTIONS: Final = frozenset({Kind.ORGANIZATION, Kind.DOMAIN_NAME})
_LONGEST_QUESTION: Final = 200
"""Characters. What is longer has a text in it."""

_ABOUT_THE_WORLD: Final = re.compile(
    r"\W*(?:(?:please|and|so|but|ok|okay|hello|hi|hey|bitte|und|aber|hallo)\W+)*"
    r"(?:in|by|for|from|to|of|at|on|with|under|during|aus|bei|für|mit|von|vor|zu|seit)?\s*"
    r"(?:who|whom|whose|what|which|when|where|why|how|was|were|did|explain|describe|summari[sz]e|define|compare|list"
    r"|wer|wen|wem|wessen|welche[mnrs]?|wann|wo|woher|wohin|warum|wieso|wie|wurden?|waren?|erkläre?|beschreibe?"
    r"|vergleiche?|definiere)\b",
    re.IGNORECASE,
)
_WE_AND_YOU: Final = re.compile(
    r"\b(?:i|me|my|mine|myself|we|us|our|ours|ourselves|you|your|yours|yourself|let's"
    r"|ich|mich|mir|meine?[mnrs]?|wir|uns|unse?re?[mnrs]?|du|dich|dir|deine?[mnrs]?|ihr|euch|eue?re?[mnrs]?|ihnen)\b",
    re.IGNORECASE,
)
_EVERYDAY: Final = re.compile(
    r"\b(?:today|tonight|tomorrow|yesterday|this (?:morning|afternoon|evening|week|weekend|month|year)"
    r"|(?:next|last) (?:week|weekend|month|\w+day)|appointments?|meetings?|invoices?|e?-?mails?|messages?|calls?|called"
    r"|calling|phone|mobile|address|lives?|living|birthday|salary|password|account|payments?|owes?|doctor|dentist"
    r"|landlord|colleague|boss|neighbou?r|classmate|boyfriend|girlfriend"
    r"|heute|gestern|morgens?|übermorgen|(?:nächste|letzte|diese)[nrs]? \w+|termine?|treffen|besprechung"
    r"|rechnung(?:en)?|nachricht(?:en)?|anruf|angerufen|telefon\w*|handy\w*|adresse|wohnt|geburtstag|gehalt|passwort"
    r"|konto|schuldet|arzt|ärztin|zahn(?:arzt|ärztin)|vermieter(?:in)?|kolleg(?:en?|in)|chef(?:in)?|nachbar(?:n|in)?"
    r"|freund(?:e|in)?)\b",
    re.IGNORECASE,
)
_LANGUAGE: Final = re.compile(
    r"\b(?:in|into|to|ins|auf)\s+(?:(?:plain|simple|british|american|brazilian)\s+)?"
    r"(?:arabic|bengali|chinese|czech|danish|dutch|english|finnish|french|german|greek|hebrew|hindi|hungarian|italian"
    r"|japanese|korean|latin|mandarin|norwegian|polish|portuguese|romanian|russian|spanish|swedish|turkish|ukrainian"
    r"|vietnamese|deutsche?|englische?|französische?|italienische?|polnische?|portugiesische?|russische?|spanische?"
    r"|türkische?)\b",
    re.IGNORECASE,
)
_INSIDE: Final = re.compile(
    r"(?<![\w.])(?:1(?:0|27)(?:\.\d{1,3}){3}|(?:192\.168|172\.(?:1[6-9]|2\d|3[01]))(?:\.\d{1,3}){2})(?![\w.]*\d)"
)
"""Addresses inside a network (RFC 1918) and of the machine itself."""


def is_encyclopedic(question: str, *, personal: bool = False) -> bool:
    """Whether a text of the user's asks about the world, so that a stranger's name in it is its subject.

    Args:
        question: the text.
        personal: whether recall takes it for a question about the user's own life.
    """
    return (
        not personal
        and len(question) <= _LONGEST_QUESTION
        and "\n" not in question.strip()
        and _ABOUT_THE_WORLD.match(question) is not None
        and _WE_AND_YOU.search(question) is None
        and _EVERYDAY.search(question) is None
    )


def without_everybodys(text: str, findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The findings in a text without guesses at what every home has."""
    if not findings:
        return ()
    everybodys = [match.span() for pattern in (_LANGUAGE, _INSIDE) for match in pattern.finditer(text)]
    return tuple(
        finding
        for finding in findings
        if finding.is_known
        or finding.label is Sensitivity.PRIVATE
        or not any(start <= finding.start and finding.end <= end for start, end in everybodys)
    )


def label_of(findings: Iterable[Finding], *, encyclopedic: bool = False) -> Sensitivity:
    """How far a text may travel that is labelled public and in which this was found.

    Args:
        findings: all that a detector found in it.
        encyclopedic: whether it is an encyclopedic question, or the answer to one.
    """
    telling = [finding.label for finding in findings if _tells_of_somebody(finding, encyclopedic=encyclopedic)]
    return Sensitivity.highest(telling)


def has_private(findings: Iterable[Finding]) -> bool:
    """Whether something was found in a text, of whatever label, that must not leave even behind a stand-in."""
    return any(finding.label is Sensitivity.PRIVATE and finding.kind not in _SHARED for finding in findings)


def _tells_of_somebody(finding: Finding, *, encyclopedic: bool) -> bool:
    if finding.kind in _SHARED:
        return False
    if finding.kind in _INSTITUTIONS:
        return finding.label is Sensitivity.PRIVATE or (finding.is_known and not encyclopedic)
    if finding.kind is Kind.PERSON:
        return finding.is_known or not encyclopedic
    return True
