"""A question, read for recall: the words that matter, the moment it names, and whether it is about the asker's life."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from edge_agent.context.stopwords import STOP_WORDS
from edge_agent.context.turns import ANSWERED, ASKED, SAID
from edge_agent.context.when import Window, window

MAX_WORDS = 40
"""A pasted page is not a better query than its first content words, and would only be slow."""

_MAX_READ = 200
_EVENT = frozenset({"event"})
_MESSAGE = frozenset({"mail", "chat"})
_KINDS = {
    **dict.fromkeys(("appointment", "appointments", "calendar", "agenda", "schedule", "scheduled", "diary"), _EVENT),
    **dict.fromkeys(("event", "events", "meeting", "meetings", "plan", "plans", "planned", "busy"), _EVENT),
    **dict.fromkeys(("mail", "mails", "email", "emails", "message", "messages", "wrote"), _MESSAGE),
    **dict.fromkeys(("note", "notes"), frozenset({"note"})),
    **dict.fromkeys(("contact", "contacts"), frozenset({"contact"})),
    **dict.fromkeys(("conversation", "conversations", "chat", "chats"), frozenset({"chat", ASKED, SAID, ANSWERED})),
    **dict.fromkeys(
        ("mention", "mentioned", "talk", "talked", "discuss", "discussed"), frozenset({ASKED, SAID, ANSWERED})
    ),
    **dict.fromkeys(("answer", "answered", "suggested", "recommended", "explained", "advised"), frozenset({ANSWERED})),
    **dict.fromkeys(("promise", "promised", "agree", "agreed", "decide", "decided"), frozenset({SAID, ANSWERED})),
}
"""Words that a kind of record answers by what it is."""

_WORD = re.compile(r"[^\W_]+")
# "Tell me", "I'd like to know": the asker as one who asks, not as what is asked about.
_ASIDE = re.compile(
    r"\b(?:tell|give|show|teach|help|let|suggest|recommend|explain|read|sing|find|get|play|for)(?: to)? (?:me|us)\b"
    r"|\bhow (?:do|can|could|would|should) i\b|\bdo you know\b"
    r"|\bi(?:'d| would)? (?:like|want|need|wish|love)(?: you)? to (?:know|learn|understand|hear|see|ask)\b"
    r"|\b(?:may|can|could) i (?:please )?(?:ask|hear|have)\b|\bi(?: was|'m|'ve been)? wonder(?:ing)?\b"
)
_FIRST_PERSON = re.compile(r"\b(?:i|my|mine|myself|me|we|our|ours|us)\b")
# Requests for knowledge or for a text: "explain …", "what is a …", "why do cats …".
_GENERAL = re.compile(
    r"^(?:please |can you |could you )?(?:explain|define|describe|translate|calculate|solve|compose|summari[sz]e"
    r"|write|compare|invent|prove|list)\b"
    r"|^why (?:do|does|is|are|did)\b|^(?:what|who) (?:is|are|was|were) an? "
    r"|^(?:what|how|when|where) do (?!i\b|we\b|you\b|the\b|my\b|our\b)"
    r"|^how (?:does|did) an? |\b(?:difference between|meaning of|in the world|your|(?:are|were) you)\b"
)
# "When do I …", "What was my …": one short question for a fact. Advice, and what is wanted or needed, is no fact.
_FACT = re.compile(
    r"^(?:and |so |please |(?:can|could) you tell me |tell me |do you know |remind me )*"
    r"(?:when|where|who(?:se|m)?|which|what|how (?:much|many|long|old|often|far)|did|do|have|had|am|was|were)\b"
    r"(?:'(?:s|re|d|ve))?[^.!?;:\n]*[?.!\s]*$"
)
_ADVICE = re.compile(
    r"\b(?:should|would|could|can|may|might|must|shall|if|need|needs|want|have to|able|allowed|best|better|good"
    r"|mean|means|wrong|ways?|tips|options)\b"
)
_LONGEST_FACT, _LONGEST_QUESTION = 20, 200
"""Words and characters: who writes more tells of what they ask about."""
_OWN = re.compile(
    r"\b(?:my|mine|ours|our(?! (?:planet|earth|world|sun|moon|solar|galaxy|universe|species|bod(?:y|ies)|purpose)\b))\b"
    r"|\b(?:did|have|had|am|are|was|were|will) (?:i|we)\b|\bwhen do (?:i|we)\b"
)
_OWN_DOING = re.compile(r"\bdo (?:i|we)\b")
_ABOUT = (
    r"\b(?i:did|does|do|is|are|was|were|has|had|have|will)(?: {name})+\b(?!\s+[A-Z]|'s)"
    r"|\b{name}(?: {name})*'s\b(?!\s+[A-Z])"
)
# What was said between the asker and the one who is asked.
_SAYING = (
    r"(?:ask|asked|say|said|tell|told|talk|talked|speak|spoke|mention|mentioned|discuss|discussed|suggest|suggested"
    r"|recommend|recommended|promise|promised|answer|answered|explain|explained|advise|advised|agree|agreed|decide|decided)"
)
_OF_CONVERSATION = re.compile(
    rf"\b(?:did|have|had|what|which) (?:i|we|you) (?:\w+ ){{0,2}}{_SAYING}\b"
    rf"|\b(?:i|we) (?:\w+ )?(?:asked|told|said to|mentioned to|promised|talked to|talked with) (?:to )?you\b"
    rf"|\byou (?:\w+ )?(?:said|told|asked|mentioned|suggested|recommended|promised|answered|explained|advised)\b"
    r"|\b(?:our|this|last|previous|earlier) (?:conversation|chat|talk|discussion)\b"
    r"|\byour (?:answer|advice|suggestion)\b"
)
_EXPECTS = (
    (re.compile(r"\b(?:when|next|upcoming)\b|\bwhat (?:time|day)\b"), "event"),
    (re.compile(r"\bwho(?:'s|se)?\b|\bphone\b"), "contact"),
)
_WHEN = re.compile(r"^\W*(?:and |so |since )?(?:when|how long|what (?:time|day|date|month|year))\b")
_DEFINITE = frozenset({"the", "my", "our", "this", "that"})


@dataclass(frozen=True, slots=True)
class Term:
    """A word of the question that a record can cover."""

    word: str
    kinds: frozenset[str] = frozenset()
    """Kinds of record that cover it by what they are."""
    definite: bool = False
    """It stands with "the", "my" or the like: a certain one is meant."""


@dataclass(frozen=True, slots=True)
class Question:
    """What recall makes of a question."""

    words: tuple[str, ...]
    """All of it, in lower case and in order, as far as it is read."""
    terms: tuple[Term, ...]
    window: Window | None
    window_words: tuple[str, ...]
    """The window's own words; a record that says "Friday" covers "on Friday" as well."""
    personal: bool
    """The asker speaks of themselves: I, my, we, our."""
    general: bool
    """It asks for knowledge or for a text, as far as its form tells."""
    asks_when: bool
    """It asks for a time."""
    asks_fact: bool
    """It asks, in one short sentence, for a fact and not for advice, an explanation or a text."""
    own: bool
    """The fact is one of the asker's own life, which nobody knows whose records do not hold it."""
    expects: frozenset[str]
    """Kinds of record that such a question is answered from, as far as its form tells; they come first among equals."""
    of_conversation: bool = False
    """It asks for what was said between the asker and the agent."""

    @property
    def has_content(self) -> bool:
        """Whether it asks about something, and not just for what there is of a kind, or at a time."""
        return any(not term.kinds for term in self.terms)

    @property
    def kind_terms(self) -> frozenset[int]:
        """The terms that a record covers by its kind."""
        return frozenset(number for number, term in enumerate(self.terms) if term.kinds)


def asks_about(text: str, names: frozenset[str]) -> bool:
    """Whether the question is about somebody with one of these names, in lower case: "Felix's car", "did Felix call".

    Nobody of another surname is meant by it: "did Felix Baumgartner jump" is a question about the world.
    """
    if not names:
        return False
    name = f"(?i:{'|'.join(map(re.escape, sorted(names)))})"
    return re.search(_ABOUT.format(name=name), text.replace("’", "'")) is not None


def read(text: str, now: datetime) -> Question:
    """Read `text`. Any text can be read; one without content words gives a question without terms."""
    lowered = text.lower().replace("’", "'")
    moment = window(lowered, now)
    rest = lowered.replace(moment.phrase, " ", 1) if moment else lowered
    personal = _FIRST_PERSON.search(_ASIDE.sub(" ", lowered)) is not None
    general = _GENERAL.search(lowered.strip()) is not None
    asks_fact = not general and _asks_fact(lowered.strip())
    return Question(
        words=tuple(islice((match.group() for match in _WORD.finditer(lowered)), _MAX_READ)),
        terms=_terms(_WORD.findall(rest)),
        window=moment,
        window_words=tuple(w for w in _WORD.findall(moment.phrase) if w not in STOP_WORDS) if moment else (),
        personal=personal,
        general=general,
        asks_when=_WHEN.search(lowered) is not None,
        asks_fact=asks_fact,
        own=asks_fact and personal and _is_own(lowered, moment),
        expects=frozenset(kind for pattern, kind in _EXPECTS if pattern.search(lowered)),
        of_conversation=_OF_CONVERSATION.search(lowered) is not None,
    )


def _asks_fact(text: str) -> bool:
    """Whether `text` asks for a fact, as far as its form tells."""
    if len(text) > _LONGEST_QUESTION or len(text.split()) > _LONGEST_FACT:
        return False
    return _FACT.search(text) is not None and _ADVICE.search(text) is None


def _is_own(text: str, moment: Window | None) -> bool:
    """Whether what the asker has or does is asked for: "do I" alone may ask what people do."""
    return _OWN.search(text) is not None or (moment is not None and _OWN_DOING.search(text) is not None)


def _terms(words: list[str]) -> tuple[Term, ...]:
    terms: dict[str, Term] = {}
    for index, word in enumerate(words):
        if word in STOP_WORDS or word in terms or (len(word) == 1 and word.isascii() and word.isalpha()):
            continue
        definite = not _DEFINITE.isdisjoint(words[max(0, index - 2) : index])
        terms[word] = Term(word, _KINDS.get(word, frozenset()), definite)
        if len(terms) == MAX_WORDS:
            break
    return tuple(terms.values())
